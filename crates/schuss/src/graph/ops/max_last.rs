//! The greatest element of each row.

use super::rows::{each_row, width, with_width};
use super::{Derivatives, Example, Line, Operation};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y = max x over the last axis, which stays with size 1. Equal greatest elements share the derivative in equal parts,
/// as in JAX; PyTorch's `amax` does the same. What becomes of a NaN is not promised.
///
/// `x: […, n]`, `y: […, 1]`. Errors: `no-rows`.
#[derive(Clone, Debug)]
pub struct MaxLast;

/// The line of the table.
pub const LINE: Line = Line {
    name: "max_last",
    summary: "the greatest element of each row",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.max_last(x[0]));
        vec![case(&[17]), case(&[3, 31]), case(&[5, 1]), case(&[2, 3, 5])]
    },
};

impl Operation for MaxLast {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        width(x[0]).map(|_| with_width(x[0], 1))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        each_row(x[0], sizes, |row, y| y.push(row.iter().copied().fold(f64::NEG_INFINITY, f64::max)))
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], y: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let greatest = g.equal(x[0], y)?;
        let count = g.sum_last(greatest)?;
        let share = g.divide(d, count)?;
        Ok(vec![Some(g.multiply(greatest, share)?)])
    }
}

impl Graph {
    /// The greatest over the last axis, which stays with size 1. Equal greatest elements share the derivative.
    pub fn max_last(&mut self, x: Value) -> Result<Value> {
        self.apply(MaxLast, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;
    use crate::graph::{Reference, backpropagate};

    #[test]
    fn equal_greatest_elements_share_the_derivative() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[3]));
        let y = g.max_last(x).unwrap();
        let sum = g.sum(y).unwrap();
        let dx = backpropagate(&mut g, sum, &[x]).unwrap()[0];
        let mut reference = Reference::new(&g, 2);
        reference.set(Source::Data, "x", Tensor::new(&[2, 3], vec![1.0, 4.0, 4.0, -1e4, -2e4, -3e4]));
        let found = reference.run(&[y, dx]);
        assert_eq!(found[0], Tensor::new(&[2, 1], vec![4.0, -1e4]));
        assert_eq!(found[1].data, [0.0, 0.5, 0.5, 1.0, 0.0, 0.0]);
    }
}
