//! What element-wise operations have in common: NumPy's broadcasting, and a derivative that is summed back.

use super::broadcast_to::BroadcastTo;
use super::{Derivatives, Operation, tape};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;
use std::fmt::Debug;

/// An operation whose output element is a function of the input elements at its place.
pub trait ElementwiseOperation: Debug + Send + Sync + 'static {
    /// The name in the table.
    const NAME: &'static str;
    /// The instruction that computes it in a kernel.
    const ELEMENT: tape::Element;
    /// The function, in f64.
    fn f(&self, x: &[f64]) -> f64;
    /// The derivatives times `d`, of the output's (broadcast) shape; see [`Operation::vjp`]. They are summed back to
    /// the inputs' shapes by the caller.
    fn derivative(&self, g: &mut Graph, x: &[Value], y: Value, d: Value, wanted: &[bool]) -> Result<Derivatives>;
}

impl<T: ElementwiseOperation> Operation for T {
    fn name(&self) -> &'static str {
        T::NAME
    }
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        inputs.iter().try_fold(Shape::scalar(), |s, i| s.broadcast(i))
    }
    fn evaluate(&self, _: &Moment, inputs: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut places: Vec<_> = inputs.iter().map(|t| t.places_in(sizes)).collect();
        let mut x = vec![0.0; inputs.len()];
        Tensor::from_fn(sizes, |_| {
            for ((x, t), place) in x.iter_mut().zip(inputs).zip(&mut places) {
                *x = t.data[place.next().expect("as many places as elements")];
            }
            self.f(&x)
        })
    }
    fn vjp(
        &self,
        graph: &mut Graph,
        inputs: &[Value],
        output: Value,
        d: Value,
        wanted: &[bool],
    ) -> Result<Derivatives> {
        let mut parts = self.derivative(graph, inputs, output, d, wanted)?;
        for ((part, input), wanted) in parts.iter_mut().zip(inputs).zip(wanted) {
            *part = match *part {
                Some(p) if *wanted => {
                    let shape = graph.shape(*input).clone();
                    Some(graph.sum_to(p, &shape)?)
                }
                _ => None,
            };
        }
        Ok(parts)
    }
    fn element(&self) -> Option<tape::Element> {
        Some(T::ELEMENT)
    }
}

impl Graph {
    /// Applies an element-wise operation. Of constants alone it is a constant; an input that was only repeated is read
    /// where it lies, as long as the output keeps its shape.
    pub fn elementwise<T: ElementwiseOperation>(&mut self, op: T, inputs: &[Value]) -> Result<Value> {
        let shape_of = |g: &Graph, inputs: &[Value]| {
            let shapes: Vec<&Shape> = inputs.iter().map(|v| g.shape(*v)).collect();
            op.shape(&shapes).map_err(|e| e.at(T::NAME))
        };
        let shape = shape_of(self, inputs)?;
        let constants: Option<Vec<f64>> = inputs.iter().map(|v| self.constant_value(*v)).collect();
        if let Some(y) = constants.map(|x| op.f(&x)).filter(|y| !y.is_nan()) {
            return self.filled(y, &shape);
        }
        let mut inputs = inputs.to_vec();
        for i in 0..inputs.len() {
            let repeated = inputs[i];
            if self.operation::<BroadcastTo>(repeated).is_some() {
                inputs[i] = self.node(repeated).inputs[0];
                if !shape_of(self, &inputs).is_ok_and(|s| s == shape) {
                    inputs[i] = repeated;
                }
            }
        }
        self.apply(op, &inputs)
    }

    /// `x` at the shape that it and `neutral` broadcast to: what `name` gives when `neutral` changes no element.
    pub(super) fn unchanged(&mut self, name: &str, x: Value, neutral: Value) -> Result<Value> {
        let shape = self.shape(x).broadcast(self.shape(neutral)).map_err(|e| e.at(name))?;
        self.broadcast_to(x, &shape)
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::ops::{add::Add, input::Source};
    use crate::graph::{Graph, Reference, Tensor};
    use crate::shape::Shape;

    #[test]
    fn broadcasting_follows_numpy() {
        let mut g = Graph::new();
        let a = g.input(Source::Data, "a", Shape::batch(&[1]));
        let b = g.input(Source::Data, "b", Shape::fixed(&[3]));
        let y = g.subtract(a, b).unwrap();
        assert_eq!(*g.shape(y), Shape::batch(&[3]));
        let mut reference = Reference::new(&g, 2);
        reference.set(Source::Data, "a", Tensor::new(&[2, 1], vec![10.0, 20.0]));
        reference.set(Source::Data, "b", Tensor::new(&[3], vec![1.0, 2.0, 3.0]));
        assert_eq!(reference.run(&[y]), [Tensor::new(&[2, 3], vec![9.0, 8.0, 7.0, 19.0, 18.0, 17.0])]);
    }

    #[test]
    fn shapes_that_do_not_broadcast_are_refused_by_name() {
        let mut g = Graph::new();
        let a = g.input(Source::Data, "a", Shape::fixed(&[2]));
        let b = g.input(Source::Data, "b", Shape::batch(&[]));
        for error in [g.add(a, b).unwrap_err(), g.maximum(a, b).unwrap_err(), g.select(a, b, b).unwrap_err()] {
            assert_eq!(error.code(), "shapes-differ");
        }
        assert!(g.add(a, b).unwrap_err().message().starts_with("add: shapes [2] and [batch]"));
    }

    #[test]
    fn constants_are_computed_at_once() {
        let mut g = Graph::new();
        let (two, three) = (g.constant(2.0).unwrap(), g.constant(3.0).unwrap());
        let wide = g.broadcast_to(two, &Shape::batch(&[5])).unwrap();
        let sum = g.add(wide, three).unwrap();
        assert_eq!((g.constant_value(sum), g.shape(sum)), (Some(5.0), &Shape::batch(&[5])));
        // No constant is NaN: 0/0 stays an operation.
        let zero = g.constant(0.0).unwrap();
        let nan = g.divide(zero, zero).unwrap();
        assert_eq!(g.constant_value(nan), None);
    }

    #[test]
    fn what_changes_nothing_is_not_done() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[5]));
        let (zero, one) = (g.constant(0.0).unwrap(), g.constant(1.0).unwrap());
        for y in [g.add(x, zero), g.add(zero, x), g.subtract(x, zero), g.multiply(one, x), g.divide(x, one)] {
            assert_eq!(y.unwrap(), x);
        }
        let opposite = g.negative(x).unwrap();
        assert_eq!(g.negative(opposite).unwrap(), x);
        // But the shape is that of both.
        let zeros = g.filled(0.0, &Shape::batch(&[1, 5])).unwrap();
        let y = g.input(Source::Data, "y", Shape::fixed(&[5]));
        let sum = g.add(y, zeros).unwrap();
        assert_eq!(*g.shape(sum), Shape::batch(&[1, 5]));
    }

    #[test]
    fn what_was_only_repeated_is_read_where_it_lies() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[5]));
        let bias = g.input(Source::Parameter, "bias", Shape::fixed(&[5]));
        let wide = g.broadcast_to(bias, &Shape::batch(&[5])).unwrap();
        let sum = g.add(x, wide).unwrap();
        assert_eq!(g.node(sum).inputs, [x, bias]);
        let twice = g.add(wide, bias).unwrap();
        assert_eq!((g.node(twice).inputs.as_slice(), g.shape(twice)), ([wide, bias].as_slice(), &Shape::batch(&[5])));
        assert!(g.operation::<Add>(twice).is_some());
    }
}
