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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Reference;
    use crate::graph::ops::input::Source;

    #[test]
    fn sums_over_each_axis_and_all() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[3]));
        let all = [g.sum(x), g.sum_to(x, &Shape::fixed(&[3])), g.sum_last(x), g.mean_last(x)].map(|y| y.unwrap());
        assert_eq!(all.map(|y| g.shape(y).to_string()), ["[]", "[3]", "[batch, 1]", "[batch, 1]"]);
        let mut reference = Reference::new(&g, 2);
        reference.set(Source::Data, "x", Tensor::new(&[2, 3], vec![1.0, 2.0, 3.0, 40.0, 50.0, 60.0]));
        let found: Vec<Vec<f64>> = reference.run(&all).into_iter().map(|y| y.data).collect();
        assert_eq!(found, [vec![156.0], vec![41.0, 52.0, 63.0], vec![6.0, 150.0], vec![2.0, 50.0]]);
    }

    #[test]
    fn what_would_not_broadcast_back_is_refused() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[3]));
        for target in [Shape::batch(&[]), Shape::fixed(&[2]), Shape::batch(&[3, 3])] {
            assert_eq!(g.sum_to(x, &target).unwrap_err().code(), "shapes-differ");
        }
    }
}
