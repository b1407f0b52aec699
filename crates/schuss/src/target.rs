//! What a model is to hit: one of several classes, or numbers.

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::shape::Dim;
use std::fmt;

/// What a sample's target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// One of so many classes, as an index: `[batch]`.
    Class(usize),
    /// So many numbers: `[batch, n]`.
    Numbers(usize),
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            TargetKind::Class(n) => write!(f, "one of {n} classes"),
            TargetKind::Numbers(1) => f.write_str("a number"),
            TargetKind::Numbers(n) => write!(f, "{n} numbers"),
        }
    }
}

/// A target in a graph.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The value: `[batch]` of class indices, or `[batch, n]` of numbers.
    pub value: Value,
    /// Which of the two.
    pub kind: TargetKind,
}

/// How a target is laid beside a prediction `[batch, outputs]`. What does not fit is one error, `target-shape`, that
/// says what the prediction must be.
impl Target {
    /// A number for each output, `[batch, outputs]`: numbers as they are; a class as 1 at its output and 0 elsewhere,
    /// or, if there are two classes and one output, as 0 or 1.
    pub fn numbers(self, graph: &mut Graph, prediction: Value) -> Result<Value> {
        match (self.kind, outputs(graph, prediction)) {
            (TargetKind::Class(2), Some(1)) => graph.append_last(self.value),
            _ => self.distribution(graph, prediction),
        }
    }
    /// A share of each class, `[batch, outputs]`, with an output for each class: numbers as they are, a class as 1 at
    /// its output and 0 elsewhere.
    pub fn distribution(self, graph: &mut Graph, prediction: Value) -> Result<Value> {
        match (self.kind, outputs(graph, prediction)) {
            (TargetKind::Class(n), Some(outputs)) if n == outputs => graph.one_hot(self.value, n),
            (TargetKind::Numbers(n), Some(outputs)) if n == outputs => Ok(self.value),
            _ => Err(self.misfit(graph, prediction)),
        }
    }
    /// The index of a class, `[batch]`, with an output for each class: a class as it is, a single number as an index,
    /// several numbers as the place of the greatest.
    pub fn label(self, graph: &mut Graph, prediction: Value) -> Result<Value> {
        match (self.kind, outputs(graph, prediction)) {
            (TargetKind::Class(n), Some(outputs)) if n == outputs => Ok(self.value),
            (TargetKind::Numbers(1), Some(_)) => graph.drop_last(self.value),
            (TargetKind::Numbers(n), Some(outputs)) if n == outputs => graph.argmax_last(self.value),
            _ => Err(self.misfit(graph, prediction)),
        }
    }
    /// The error that this prediction does not fit.
    pub fn misfit(self, graph: &Graph, prediction: Value) -> Error {
        let (found, target) = (graph.shape(prediction), self.kind);
        let message = match (target, outputs(graph, prediction)) {
            (_, None) => {
                format!("the prediction is {found} and must be [batch, outputs]; a layer `flatten` makes it that")
            }
            (TargetKind::Class(n) | TargetKind::Numbers(n), _) => {
                format!("the prediction is {found} and must be [batch, {n}], as the target is {target}")
            }
        };
        Error::shape("target-shape", message)
    }
}

/// How many outputs a prediction `[batch, outputs]` has.
fn outputs(graph: &Graph, prediction: Value) -> Option<usize> {
    match graph.shape(prediction).dims() {
        [Dim::Batch, Dim::Fixed(n)] => Some(*n),
        _ => None,
    }
}
