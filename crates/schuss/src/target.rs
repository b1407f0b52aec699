//! What a model is to hit: one of several classes, or numbers.

use crate::graph::Value;

/// What a sample's target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// One of so many classes, as an index: `[batch]`.
    Class(usize),
    /// So many numbers: `[batch, n]`.
    Numbers(usize),
}

/// A target in a graph.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The value: `[batch]` of class indices, or `[batch, n]` of numbers.
    pub value: Value,
    /// Which of the two.
    pub kind: TargetKind,
}
