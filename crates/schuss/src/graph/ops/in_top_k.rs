//! Whether a label is among the k best.

use super::rows::width;
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y = 1 if fewer than k scores of the row are greater than the score of its label, else 0. A label that shares its
/// score with others counts as the best of them. A label that is no class index, or whose score is NaN, is not among
/// the k best. The derivative is 0 everywhere.
///
/// `scores: […, classes]`, `labels: […]` (class indices), `y: […]`. Errors: `no-rows`, `shapes-differ`, `k-not-positive`.
/// As Keras' `in_top_k`.
#[derive(Clone, Debug)]
pub struct InTopK {
    /// How many places count.
    pub k: usize,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "in_top_k",
    summary: "1 where the label's score is among the k best of the row",
    examples: || {
        let case = |k, sizes: &[usize]| {
            let (rows, classes) = (&sizes[..sizes.len() - 1], sizes[sizes.len() - 1]);
            Example::new(&[sizes, rows], move |g, x| g.in_top_k(x[0], x[1], k)).index(1, classes)
        };
        vec![case(1, &[17]), case(3, &[7, 5]), case(5, &[3, 31]), case(2, &[5, 1]), case(2, &[2, 3, 7])]
    },
};

impl Operation for InTopK {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        width(x[0])?;
        if self.k == 0 {
            return Err(Error::value("k-not-positive", "k must be at least 1"));
        }
        if *x[1] != x[0].without_last(1) {
            let message = format!("labels {} are not one for each row of scores {}", x[1], x[0]);
            return Err(Error::shape("shapes-differ", message));
        }
        Ok(x[1].clone())
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let (_, n) = x[0].rows();
        Tensor::from_fn(sizes, |i| {
            let (row, label) = (&x[0].data[i * n..(i + 1) * n], x[1].data[i]);
            let own = (0..n).find(|j| *j as f64 == label).map_or(f64::NAN, |j| row[j]);
            let better = row.iter().filter(|score| **score > own).count();
            f64::from(!own.is_nan() && better < self.k)
        })
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![None, None])
    }
}

impl Graph {
    /// 1 where fewer than k scores of the last axis are greater than the label's, else 0.
    pub fn in_top_k(&mut self, scores: Value, labels: Value, k: usize) -> Result<Value> {
        self.apply(InTopK { k }, &[scores, labels])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;

    fn of(k: usize, scores: [f64; 4], label: f64) -> f64 {
        let (scores, label) = (Tensor::new(&[4], scores.into()), Tensor::new(&[], vec![label]));
        InTopK { k }.evaluate(&Moment::default(), &[&scores, &label], &[]).data[0]
    }

    #[test]
    fn only_greater_scores_come_before_the_label() {
        let scores = [1.0, 3.0, 3.0, 2.0];
        let table = |k| [0.0, 1.0, 2.0, 3.0].map(|label| of(k, scores, label));
        assert_eq!(table(1), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(table(2), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(table(3), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(table(9), [1.0; 4]);
    }

    #[test]
    fn what_is_no_label_or_no_score_does_not_count() {
        for (scores, label) in
            [([1.0; 4], 4.0), ([1.0; 4], -1.0), ([1.0; 4], 0.5), ([1.0, f64::NAN, 1.0, 1.0], 1.0), ([1.0; 4], f64::NAN)]
        {
            assert_eq!(of(4, scores, label), 0.0);
        }
        // A NaN elsewhere is not greater.
        assert_eq!(of(1, [1.0, f64::NAN, 0.0, 0.0], 0.0), 1.0);
    }

    #[test]
    fn shapes_and_k_are_checked() {
        let mut g = Graph::new();
        let scores = g.input(Source::Data, "scores", Shape::batch(&[3]));
        let labels = g.input(Source::Data, "labels", Shape::batch(&[]));
        let column = g.input(Source::Data, "column", Shape::batch(&[1]));
        assert!(g.in_top_k(scores, labels, 1).is_ok());
        assert_eq!(g.in_top_k(scores, column, 1).unwrap_err().code(), "shapes-differ");
        assert_eq!(g.in_top_k(scores, labels, 0).unwrap_err().code(), "k-not-positive");
        assert_eq!(g.in_top_k(labels, labels, 1).unwrap_err().code(), "no-rows");
    }
}
