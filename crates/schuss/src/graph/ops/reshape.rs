//! The same numbers under other axes.

use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y = x, its elements in the same (row-major) order, under the axes of `target`. The batch stays the first axis, and
/// a sample keeps its number of elements.
#[derive(Clone, Debug)]
pub struct Reshape {
    /// The shape of the output.
    pub target: Shape,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "reshape",
    summary: "the same numbers under other axes",
    examples: || {
        let case = |from: &'static [usize], to: &'static [usize]| {
            Example::new(&[from], move |g, x| {
                let target = Example::target(g.shape(x[0]), from, to);
                g.reshape(x[0], &target)
            })
        };
        vec![case(&[], &[1, 1]), case(&[6], &[2, 3]), case(&[3, 5, 7], &[3, 35]), case(&[3, 31], &[3, 31, 1])]
    },
};

impl Operation for Reshape {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let (from, to) = (x[0], &self.target);
        let elements = |s: &Shape| s.sample().iter().try_fold(1usize, |n, size| n.checked_mul(*size));
        if from.has_batch() != to.has_batch() || elements(from) != elements(to) {
            let what = "the batch must stay, and the number of elements of a sample";
            return Err(Error::shape("reshape-sizes", format!("shape {from} does not become {to}: {what}")));
        }
        Ok(to.clone())
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        Tensor::new(sizes, x[0].data.clone())
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let shape = g.shape(x[0]).clone();
        Ok(vec![Some(g.reshape(d, &shape)?)])
    }
}

impl Graph {
    /// The elements of `x` under the axes of `target`.
    pub fn reshape(&mut self, x: Value, target: &Shape) -> Result<Value> {
        if self.operation::<Reshape>(x).is_some() {
            let from = self.node(x).inputs[0];
            return self.reshape(from, target);
        }
        if self.shape(x) == target {
            return Ok(x);
        }
        let op = Reshape { target: target.clone() };
        if let Some(number) = self.constant_value(x) {
            op.shape(&[self.shape(x)]).map_err(|e| e.at(op.name()))?;
            return self.filled(number, target);
        }
        self.apply(op, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;

    #[test]
    fn the_batch_and_the_number_of_elements_must_stay() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[6]));
        assert!(g.reshape(x, &Shape::batch(&[2, 3])).is_ok());
        for target in [Shape::fixed(&[6]), Shape::batch(&[5]), Shape::fixed(&[1, 6]), Shape::scalar()] {
            assert_eq!(g.reshape(x, &target).unwrap_err().code(), "reshape-sizes");
        }
    }

    #[test]
    fn there_and_back_is_nothing() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[6]));
        let y = g.reshape(x, &Shape::batch(&[2, 3])).unwrap();
        assert_eq!(g.reshape(y, &Shape::batch(&[6])).unwrap(), x);
    }
}
