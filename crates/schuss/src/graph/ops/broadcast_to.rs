//! Repeats along axes of size 1 and new leading axes.

use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y = x, repeated to a shape it broadcasts to (NumPy's rule). The derivative is [`super::sum_to::SumTo`].
#[derive(Clone, Debug)]
pub struct BroadcastTo {
    /// The shape of the output.
    pub target: Shape,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "broadcast_to",
    summary: "repeats along axes of size 1 and new leading axes",
    examples: || {
        let case = |from: &'static [usize], to: &'static [usize]| {
            Example::new(&[from], move |g, x| {
                let target = Example::target(g.shape(x[0]), from, to);
                g.broadcast_to(x[0], &target)
            })
        };
        vec![case(&[], &[3]), case(&[5], &[3, 5]), case(&[3, 1], &[3, 17]), case(&[1, 1, 2], &[2, 3, 2])]
    },
};

impl Operation for BroadcastTo {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let (from, to) = (x[0], &self.target);
        if !from.broadcasts_to(to) {
            return Err(Error::shape("shapes-differ", format!("shape {from} does not broadcast to {to}")));
        }
        Ok(to.clone())
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut places = x[0].places_in(sizes);
        Tensor::from_fn(sizes, |_| x[0].data[places.next().expect("as many places as elements")])
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let shape = g.shape(x[0]).clone();
        Ok(vec![Some(g.sum_to(d, &shape)?)])
    }
}

impl Graph {
    /// Repeats `x` to `target`.
    pub fn broadcast_to(&mut self, x: Value, target: &Shape) -> Result<Value> {
        if self.shape(x) == target {
            return Ok(x);
        }
        let op = BroadcastTo { target: target.clone() };
        let from = if self.operation::<BroadcastTo>(x).is_some() { self.node(x).inputs[0] } else { x };
        // Through x first: what x does not broadcast to is an error, whatever its own input broadcasts to.
        op.shape(&[self.shape(x)]).map_err(|e| e.at(op.name()))?;
        self.apply(op, &[from])
    }
    /// The same number everywhere.
    pub fn filled(&mut self, value: f64, shape: &Shape) -> Result<Value> {
        let number = self.constant(value)?;
        self.broadcast_to(number, shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;

    #[test]
    fn twice_is_once() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::fixed(&[3, 1]));
        let wide = g.broadcast_to(x, &Shape::fixed(&[3, 5])).unwrap();
        let deep = g.broadcast_to(wide, &Shape::fixed(&[2, 3, 5])).unwrap();
        assert_eq!(g.node(deep).inputs, [x]);
        // To what x would fit and the repeated x doesn't, it is refused.
        assert_eq!(g.broadcast_to(wide, &Shape::fixed(&[3, 7])).unwrap_err().code(), "shapes-differ");
    }

    #[test]
    fn an_axis_neither_1_nor_equal_is_refused() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[3]));
        for target in [Shape::batch(&[5]), Shape::fixed(&[3]), Shape::fixed(&[2, 3]), Shape::scalar()] {
            assert_eq!(g.broadcast_to(x, &target).unwrap_err().code(), "shapes-differ");
        }
    }
}
