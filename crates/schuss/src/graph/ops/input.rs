//! Leaves: what comes from outside the graph.

use super::{Derivatives, Operation};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// Where a leaf's numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The batch: inputs, targets, weights of samples.
    Data,
    /// A parameter: trained.
    Parameter,
    /// A number that may change from step to step, such as 1/(samples in the logical batch).
    Setting,
}

/// A leaf.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where its numbers come from.
    pub source: Source,
    /// Its name there.
    pub name: String,
    shape: Shape,
}

impl Operation for Input {
    fn name(&self) -> &'static str {
        "input"
    }
    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        Ok(self.shape.clone())
    }
    fn evaluate(&self, _: &Moment, _: &[&Tensor], _: &[usize]) -> Tensor {
        unreachable!("leaves are set, not computed")
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(Vec::new())
    }
}

impl Graph {
    /// A leaf; the same one for the same source, name and shape.
    pub fn input(&mut self, source: Source, name: &str, shape: Shape) -> Value {
        self.apply(Input { source, name: name.to_owned(), shape }, &[]).expect("a leaf's shape is its own")
    }
    /// All leaves of a source, in order.
    pub fn inputs(&self, source: Source) -> Vec<(String, Value)> {
        let leaf = |v| self.operation::<Input>(v).filter(|i| i.source == source).map(|i| (i.name.clone(), v));
        self.values().filter_map(leaf).collect()
    }
}
