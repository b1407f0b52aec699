//! A small list of operations on values with static shapes (but for one symbolic axis, the batch), and error
//! back-propagation as a transformation of it.
//!
//! A value is the output of a node; a node is an operation on earlier values, so the list is always in an order in
//! which it can be computed. Equal operations on equal values are one node.
//!
//! ```
//! use schuss::graph::ops::input::Source;
//! use schuss::graph::{Graph, Reference, Tensor, backpropagate};
//! use schuss::shape::Shape;
//!
//! let mut g = Graph::new();
//! let x = g.input(Source::Data, "x", Shape::batch(&[]));
//! let w = g.input(Source::Parameter, "w", Shape::scalar());
//! let wx = g.multiply(w, x)?;
//! let y = g.square(wx)?;
//! let loss = g.sum(y)?; // Σ (w x)²
//! let gradient = backpropagate(&mut g, loss, &[w])?; // Σ 2 w x²
//!
//! let mut reference = Reference::new(&g, 3);
//! reference.set(Source::Data, "x", Tensor::new(&[3], vec![1.0, 2.0, 3.0]));
//! reference.set(Source::Parameter, "w", Tensor::full(&[], 0.5));
//! let values = reference.run(&[loss, gradient[0]]);
//! assert_eq!((values[0].data[0], values[1].data[0]), (3.5, 14.0));
//! # Ok::<(), schuss::Error>(())
//! ```

mod backprop;
pub mod ops;
mod precision;
mod reference;
mod tensor;
mod trim;

pub use backprop::backpropagate;
pub use ops::Operation;
pub use precision::Precision;
pub use reference::{Moment, Reference};
pub use tensor::Tensor;
pub use trim::trim;

use crate::error::Result;
use crate::shape::Shape;
use ops::input::{Input, Source};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::Arc;

/// The output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u32);

impl Value {
    /// The node's place in the list.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An operation on earlier values.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is done.
    pub op: Arc<dyn Operation>,
    /// With what.
    pub inputs: Vec<Value>,
    /// What comes out.
    pub shape: Shape,
}

/// A list of operations.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    known: HashMap<(TypeId, String, Vec<Value>), Value>,
    /// The leaves by source and name.
    leaves: HashMap<Source, HashMap<String, Value>>,
}

impl Graph {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an operation, or finds the equal one that is there: of the same type, equal as `{:?}` shows it. The
    /// error is the operation's shape rule's.
    pub fn apply(&mut self, op: impl Operation, inputs: &[Value]) -> Result<Value> {
        self.apply_shared(&(Arc::new(op) as Arc<dyn Operation>), inputs)
    }

    /// Like [`Graph::apply`], for an operation of another graph.
    pub fn apply_shared(&mut self, op: &Arc<dyn Operation>, inputs: &[Value]) -> Result<Value> {
        let shapes: Vec<&Shape> = inputs.iter().map(|v| self.shape(*v)).collect();
        let shape = op.shape(&shapes).map_err(|e| e.at(op.name()))?;
        let key = ((op.as_ref() as &dyn Any).type_id(), format!("{op:?}"), inputs.to_vec());
        if let Some(&value) = self.known.get(&key) {
            return Ok(value);
        }
        let value = Value(u32::try_from(self.nodes.len()).expect("fewer than 2³² nodes"));
        if let Some(leaf) = (op.as_ref() as &dyn Any).downcast_ref::<Input>() {
            self.leaves.entry(leaf.source).or_default().entry(leaf.name.clone()).or_insert(value);
        }
        self.nodes.push(Node { op: op.clone(), inputs: inputs.to_vec(), shape });
        self.known.insert(key, value);
        Ok(value)
    }

    /// All nodes, in an order in which they can be computed.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
    /// A value's node.
    pub fn node(&self, value: Value) -> &Node {
        &self.nodes[value.index()]
    }
    /// A value's shape.
    pub fn shape(&self, value: Value) -> &Shape {
        &self.node(value).shape
    }
    /// All values, in the order of their nodes.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = Value> + use<> {
        (0..self.nodes.len() as u32).map(Value)
    }
    /// A value's operation, if it is an `O`.
    pub fn operation<O: Operation>(&self, value: Value) -> Option<&O> {
        (self.node(value).op.as_ref() as &dyn Any).downcast_ref()
    }
    /// The leaf of that name and source.
    pub fn find(&self, source: Source, name: &str) -> Option<Value> {
        self.leaves.get(&source)?.get(name).copied()
    }
    /// Which nodes are needed for these values.
    pub fn needed_for(&self, outputs: &[Value]) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        outputs.iter().for_each(|v| needed[v.index()] = true);
        for i in (0..self.nodes.len()).rev() {
            if needed[i] {
                self.nodes[i].inputs.iter().for_each(|v| needed[v.index()] = true);
            }
        }
        needed
    }
    /// One line a node, as `v3 = matmul(v0, v1) [batch, 10]`.
    pub fn listing(&self) -> String {
        let mut text = String::new();
        for (i, node) in self.nodes.iter().enumerate() {
            let inputs: Vec<String> = node.inputs.iter().map(|v| format!("v{}", v.0)).collect();
            writeln!(text, "v{i} = {:?}({}) {}", node.op, inputs.join(", "), node.shape).expect("a string takes it");
        }
        text
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.listing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::Derivatives;

    /// Looks like the operation of that name, and is another.
    #[derive(Debug)]
    struct Exp;

    impl Operation for Exp {
        fn name(&self) -> &'static str {
            "exp"
        }
        fn shape(&self, x: &[&Shape]) -> Result<Shape> {
            Ok(x[0].clone())
        }
        fn evaluate(&self, _: &Moment, x: &[&Tensor], _: &[usize]) -> Tensor {
            x[0].clone()
        }
        fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
            Ok(vec![Some(d)])
        }
    }

    #[test]
    fn equal_operations_on_equal_values_are_one_node() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[2]));
        assert_eq!(g.input(Source::Data, "x", Shape::batch(&[2])), x);
        let y = g.exp(x).unwrap();
        assert_eq!(g.exp(x).unwrap(), y);
        assert_ne!(g.apply(Exp, &[x]).unwrap(), y);
        let (minus, plus) = (g.constant(-0.0).unwrap(), g.constant(0.0).unwrap());
        assert_ne!(minus, plus);
        assert_eq!(g.nodes().len(), 5);
    }

    #[test]
    fn a_listing_has_a_line_for_each_node() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[2]));
        let y = g.relu(x).unwrap();
        g.sum(y).unwrap();
        let listing = g.listing();
        let lines: Vec<&str> = listing.lines().collect();
        assert_eq!(lines[1..], ["v1 = Relu(v0) [batch, 2]", "v2 = SumTo { target: [] }(v1) []"]);
    }

    #[test]
    fn only_what_leads_to_the_outputs_is_needed() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[2]));
        let (y, _) = (g.exp(x).unwrap(), g.tanh(x).unwrap());
        let z = g.square(y).unwrap();
        assert_eq!(g.needed_for(&[z]), [true, true, false, true]);
    }
}
