//! What a model is to hit: one of several classes, or numbers; and what it gives for that.

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

/// What the numbers mean that a model gives for a class, as its loss takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// Probabilities.
    Probabilities,
    /// What a softmax makes probabilities of.
    SoftmaxLogits,
    /// What a sigmoid makes a probability of, each.
    SigmoidLogits,
    /// How far they are on one side of 0 or on the other.
    Margins,
    /// Numbers that come near to 1 for the class, and to 0 elsewhere.
    Numbers,
}

impl Outputs {
    /// Above this a single output means class 1.
    pub fn threshold(self) -> f64 {
        match self {
            Outputs::Probabilities | Outputs::Numbers => 0.5,
            Outputs::SoftmaxLogits | Outputs::SigmoidLogits | Outputs::Margins => 0.0,
        }
    }
    /// The class that a sample's outputs say: the greatest, the first of equal ones; of a single one class 1 from above
    /// the threshold.
    pub fn class(self, outputs: &[f32]) -> usize {
        match outputs {
            [x] => usize::from(f64::from(*x) > self.threshold()),
            _ => (1..outputs.len()).fold(0, |best, i| if outputs[i] > outputs[best] { i } else { best }),
        }
    }
    /// The probabilities that a sample's outputs stand for; none where they stand for no probabilities.
    pub fn probabilities(self, outputs: &[f32]) -> Option<Vec<f32>> {
        let all = || outputs.iter().map(|&x| f64::from(x));
        match self {
            Outputs::Probabilities => Some(outputs.to_vec()),
            Outputs::SigmoidLogits => Some(all().map(|z| (1.0 / (1.0 + (-z).exp())) as f32).collect()),
            Outputs::SoftmaxLogits => {
                let most = all().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = all().map(|z| (z - most).exp()).sum();
                Some(all().map(|z| ((z - most).exp() / sum) as f32).collect())
            }
            Outputs::Margins | Outputs::Numbers => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_outputs_mean_the_first_and_one_output_means_above_the_threshold() {
        assert_eq!(Outputs::Probabilities.class(&[0.5, 0.5, 0.1]), 0);
        let one = |outputs: Outputs| [-0.1, 0.0, 0.1, 0.5, 0.51].map(|x| outputs.class(&[x]));
        for outputs in [Outputs::Probabilities, Outputs::Numbers] {
            assert_eq!(one(outputs), [0, 0, 0, 0, 1]);
        }
        for outputs in [Outputs::SigmoidLogits, Outputs::SoftmaxLogits, Outputs::Margins] {
            assert_eq!(one(outputs), [0, 0, 1, 1, 1]);
        }
    }

    #[test]
    fn logits_are_made_probabilities_of_and_margins_are_not() {
        assert_eq!(Outputs::SigmoidLogits.probabilities(&[0.0, 1000.0, -1000.0]), Some(vec![0.5, 1.0, 0.0]));
        assert_eq!(Outputs::SoftmaxLogits.probabilities(&[1000.0, 1000.0]), Some(vec![0.5, 0.5]));
        assert_eq!(Outputs::Probabilities.probabilities(&[0.25]), Some(vec![0.25]));
        assert_eq!(Outputs::Margins.probabilities(&[0.25]), None);
    }
}
