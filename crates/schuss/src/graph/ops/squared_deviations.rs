//! How far numbers are from their mean, squared and summed: what a variance is made of.

use super::rows::width;
use super::{Derivatives, Example, Line, Operation};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};

/// `x: [batch, …, n]`, `y: [n]`: y = Σ (x − μ)² over all axes but the last, μ the mean over them.
///
/// The derivative is 2 (x − μ): that μ moves with x changes nothing, as Σ (x − μ) is 0. Written with sums alone, a graph
/// would carry that 0 along.
#[derive(Clone, Debug)]
pub struct SquaredDeviations;

/// The line of the table.
pub const LINE: Line = Line {
    name: "squared_deviations",
    summary: "the sum over all axes but the last of squared distances from the mean",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.squared_deviations(x[0]));
        vec![case(&[3, 17]), case(&[1, 5]), case(&[2, 3, 2, 3])]
    },
};

impl Operation for SquaredDeviations {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(Shape::fixed(&[width(x[0])?]))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let n = sizes[0];
        let column = |c: usize| x[0].data.iter().skip(c).step_by(n);
        Tensor::from_fn(sizes, |c| {
            let mean = column(c).sum::<f64>() / column(c).count() as f64;
            column(c).map(|x| (x - mean).powi(2)).sum()
        })
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let mean = g.mean_rows(x[0])?;
        let centred = g.subtract(x[0], mean)?;
        let twice = g.scale(d, 2.0)?;
        Ok(vec![Some(g.multiply(centred, twice)?)])
    }
}

impl Graph {
    /// Σ (x − μ)² over all axes but the last.
    pub fn squared_deviations(&mut self, x: Value) -> Result<Value> {
        self.apply(SquaredDeviations, &[x])
    }
    /// How many rows of the last axis x has: a single number, known to the plan alone where they are samples.
    pub fn count_rows(&mut self, x: Value) -> Result<Value> {
        let shape = self.shape(x).clone();
        width(&shape).map_err(|e| e.at("count_rows"))?;
        let rows =
            |dims: &[Dim]| -> usize { dims.iter().map(|d| if let Dim::Fixed(n) = d { *n } else { 1 }).product() };
        let inner = rows(&shape.dims()[..shape.rank() - 1]) as f64;
        if !shape.has_batch() {
            return self.constant(inner);
        }
        let ones = self.filled(inner, &Shape::batch(&[]))?;
        self.sum(ones)
    }
    /// The mean over all axes but the last, `[n]`.
    pub fn mean_rows(&mut self, x: Value) -> Result<Value> {
        let n = width(self.shape(x)).map_err(|e| e.at("mean_rows"))?;
        let (sum, count) = (self.sum_to(x, &Shape::fixed(&[n]))?, self.count_rows(x)?);
        self.divide(sum, count)
    }
    /// The variance over all axes but the last, `[n]`: the mean of squared distances from the mean.
    pub fn variance_rows(&mut self, x: Value) -> Result<Value> {
        let (sum, count) = (self.squared_deviations(x)?, self.count_rows(x)?);
        self.divide(sum, count)
    }
}
