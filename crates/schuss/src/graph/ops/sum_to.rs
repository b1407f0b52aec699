//! Sums over the axes along which a smaller shape would broadcast.

use super::rows::{width, with_width};
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y = Σ x over the axes along which `target` broadcasts to x's shape: the derivative of
/// [`super::broadcast_to::BroadcastTo`], and the one way to sum.
#[derive(Clone, Debug)]
pub struct SumTo {
    /// The shape of the output.
    pub target: Shape,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "sum_to",
    summary: "sums over the axes along which a smaller shape would broadcast",
    examples: || {
        let case = |from: &'static [usize], to: &'static [usize]| {
            Example::new(&[from], move |g, x| {
                let target = Example::target(g.shape(x[0]), from, to);
                g.sum_to(x[0], &target)
            })
        };
        vec![case(&[3], &[]), case(&[3, 5], &[5]), case(&[3, 17], &[3, 1]), case(&[2, 3, 2], &[1, 1, 2])]
    },
};

impl Operation for SumTo {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        if !self.target.broadcasts_to(x[0]) {
            return Err(Error::shape("shapes-differ", format!("shape {} does not sum to {}", x[0], self.target)));
        }
        Ok(self.target.clone())
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut y = Tensor::full(sizes, 0.0);
        let places: Vec<usize> = y.places_in(&x[0].sizes).collect();
        x[0].data.iter().zip(places).for_each(|(v, place)| y.data[place] += v);
        y
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let shape = g.shape(x[0]).clone();
        Ok(vec![Some(g.broadcast_to(d, &shape)?)])
    }
}

impl Graph {
    /// Sums `x` to `target`.
    pub fn sum_to(&mut self, x: Value, target: &Shape) -> Result<Value> {
        if self.shape(x) == target {
            return Ok(x);
        }
        self.apply(SumTo { target: target.clone() }, &[x])
    }
    /// Σ x over everything.
    pub fn sum(&mut self, x: Value) -> Result<Value> {
        self.sum_to(x, &Shape::scalar())
    }
    /// Σ x over the last axis, which stays with size 1. The batch is not summed over that way.
    pub fn sum_last(&mut self, x: Value) -> Result<Value> {
        width(self.shape(x)).map_err(|e| e.at("sum_last"))?;
        let target = with_width(self.shape(x), 1);
        self.sum_to(x, &target)
    }
    /// The mean of x over the last axis, which stays with size 1.
    pub fn mean_last(&mut self, x: Value) -> Result<Value> {
        let n = width(self.shape(x)).map_err(|e| e.at("mean_last"))?;
        let sum = self.sum_last(x)?;
        self.scale(sum, 1.0 / n as f64)
    }
}
