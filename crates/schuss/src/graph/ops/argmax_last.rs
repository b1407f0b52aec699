//! The place of the greatest element of each row.

use super::rows::{each_row, width};
use super::{Derivatives, Example, Line, Operation};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y = the index, as a number, of the greatest element over the last axis: the first of equal ones. A NaN is not
/// greater than anything. The derivative is 0 everywhere.
///
/// `x: […, n]`, `y: […]`. Errors: `no-rows`.
#[derive(Clone, Debug)]
pub struct ArgmaxLast;

/// The line of the table.
pub const LINE: Line = Line {
    name: "argmax_last",
    summary: "the place of the greatest element of each row",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.argmax_last(x[0]));
        vec![case(&[17]), case(&[3, 31]), case(&[5, 1]), case(&[2, 3, 5])]
    },
};

impl Operation for ArgmaxLast {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        width(x[0]).map(|_| x[0].without_last(1))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        each_row(x[0], sizes, |row, y| {
            let greatest = (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
            y.push(greatest as f64);
        })
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![None])
    }
}

impl Graph {
    /// The index of the greatest element over the last axis, which goes: the first of equal ones.
    pub fn argmax_last(&mut self, x: Value) -> Result<Value> {
        self.apply(ArgmaxLast, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_ones() {
        let x = Tensor::new(&[3, 3], vec![1.0, 4.0, 4.0, -1.0, -2.0, -3.0, 0.0, f64::NAN, 7.0]);
        assert_eq!(ArgmaxLast.evaluate(&Moment::default(), &[&x], &[3]).data, [1.0, 0.0, 2.0]);
    }
}
