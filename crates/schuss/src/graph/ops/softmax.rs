//! Rows made positive with sum 1.

use super::rows::{each_row, greatest_and_sum, width};
use super::{Derivatives, Example, Line, Operation};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// yᵢ = e^xᵢ / Σⱼ e^xⱼ over the last axis, computed from the greatest element, so that nothing overflows.
/// dx = y · (d − Σⱼ dⱼ yⱼ), so the input need not be kept.
///
/// `x: […, n]`, `y: […, n]`. Errors: `no-rows`. Bridle 1990, "Probabilistic interpretation of feedforward
/// classification network outputs".
#[derive(Clone, Debug)]
pub struct Softmax;

/// The line of the table.
pub const LINE: Line = Line {
    name: "softmax",
    summary: "e^x divided by its sum over the row",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (-2.0, 2.0), |g, x| g.softmax(x[0]));
        vec![case(&[17]), case(&[3, 31]), case(&[5, 1]), case(&[2, 3, 5])]
    },
};

impl Operation for Softmax {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        width(x[0]).map(|_| x[0].clone())
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        each_row(x[0], sizes, |row, y| {
            let (greatest, sum) = greatest_and_sum(row);
            y.extend(row.iter().map(|x| (x - greatest).exp() / sum));
        })
    }
    fn vjp(&self, g: &mut Graph, _: &[Value], y: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let weighted = g.multiply(d, y)?;
        let mean = g.sum_last(weighted)?;
        let rest = g.subtract(d, mean)?;
        Ok(vec![Some(g.multiply(y, rest)?)])
    }
}

impl Graph {
    /// e^x divided by its sum over the last axis.
    pub fn softmax(&mut self, x: Value) -> Result<Value> {
        self.apply(Softmax, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_apart_logits_give_certainty() {
        let x = Tensor::new(&[3, 2], vec![1e4, -1e4, 1e4, 1e4, -1e4, -1e4]);
        let y = Softmax.evaluate(&Moment::default(), &[&x], &[3, 2]).data;
        assert_eq!(y, [1.0, 0.0, 0.5, 0.5, 0.5, 0.5]);
    }
}
