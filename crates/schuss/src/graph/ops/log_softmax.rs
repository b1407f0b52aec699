//! The logarithm of softmax.

use super::rows::{each_row, greatest_and_sum, width};
use super::{Derivatives, Example, Line, Operation};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// yᵢ = xᵢ − ln Σⱼ e^xⱼ over the last axis, computed from the greatest element: finite where softmax has run into 0.
/// dx = d − e^y · Σⱼ dⱼ, so the input need not be kept.
///
/// `x: […, n]`, `y: […, n]`. Errors: `no-rows`.
#[derive(Clone, Debug)]
pub struct LogSoftmax;

/// The line of the table.
pub const LINE: Line = Line {
    name: "log_softmax",
    summary: "x less the logarithm of the row's sum of e^x",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (-2.0, 2.0), |g, x| g.log_softmax(x[0]));
        vec![case(&[17]), case(&[3, 31]), case(&[5, 1]), case(&[2, 3, 5])]
    },
};

impl Operation for LogSoftmax {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        width(x[0]).map(|_| x[0].clone())
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        each_row(x[0], sizes, |row, y| {
            let (greatest, sum) = greatest_and_sum(row);
            y.extend(row.iter().map(|x| (x - greatest) - sum.ln()));
        })
    }
    fn vjp(&self, g: &mut Graph, _: &[Value], y: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let (softmax, total) = (g.exp(y)?, g.sum_last(d)?);
        let back = g.multiply(softmax, total)?;
        Ok(vec![Some(g.subtract(d, back)?)])
    }
}

impl Graph {
    /// x − ln Σ eˣ over the last axis.
    pub fn log_softmax(&mut self, x: Value) -> Result<Value> {
        self.apply(LogSoftmax, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_apart_logits_stay_finite() {
        let x = Tensor::new(&[2, 2], vec![1e4, -1e4, 0.0, 0.0]);
        let y = LogSoftmax.evaluate(&Moment::default(), &[&x], &[2, 2]).data;
        assert_eq!(y, [0.0, -2e4, -std::f64::consts::LN_2, -std::f64::consts::LN_2]);
    }
}
