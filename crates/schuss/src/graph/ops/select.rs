//! One or the other, by a condition.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = a where the condition is not 0, else b, element by element, all three broadcasting as in NumPy; da = d where the
/// condition is not 0, db = d where it is. What is not chosen does no harm: an infinite or NaN b where a is chosen
/// reaches neither y nor the derivatives.
#[derive(Clone, Debug)]
pub struct Select;

/// The line of the table.
pub const LINE: Line = Line {
    name: Select::NAME,
    summary: "a where the condition is not 0, else b",
    examples: || {
        let case = |condition: &[usize], a: &[usize], b: &[usize]| {
            Example::new(&[condition, a, b], |g, x| g.select(x[0], x[1], x[2])).index(0, 2)
        };
        vec![
            case(&[17], &[17], &[17]),
            case(&[3, 1], &[31], &[3, 31]),
            case(&[1, 7], &[3, 1], &[]),
            case(&[], &[5], &[5]),
        ]
    },
};

impl ElementwiseOperation for Select {
    const NAME: &'static str = "select";
    const ELEMENT: tape::Element = tape::Element::Select;
    fn f(&self, x: &[f64]) -> f64 {
        if x[0] != 0.0 { x[1] } else { x[2] }
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let zero = g.constant(0.0)?;
        let mut part = |wanted: bool, a, b| wanted.then(|| g.select(x[0], a, b)).transpose();
        Ok(vec![None, part(wanted[1], d, zero)?, part(wanted[2], zero, d)?])
    }
}

impl Graph {
    /// a where the condition is not 0, else b.
    pub fn select(&mut self, condition: Value, a: Value, b: Value) -> Result<Value> {
        self.elementwise(Select, &[condition, a, b])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::ops::input::Source;
    use crate::graph::{Graph, Reference, Tensor, backpropagate};
    use crate::shape::Shape;

    #[test]
    fn what_is_not_chosen_does_no_harm() {
        // ln x where x > 0, else x: at 0 the logarithm and the cotangent that reaches it are 0 · ∞ without `select`.
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::fixed(&[2]));
        let zero = g.constant(0.0).unwrap();
        let (positive, log) = (g.greater(x, zero).unwrap(), g.log(x).unwrap());
        let y = g.select(positive, log, x).unwrap();
        let sum = g.sum(y).unwrap();
        let through = backpropagate(&mut g, sum, &[log]).unwrap()[0];
        let mut reference = Reference::new(&g, 1);
        reference.set(Source::Data, "x", Tensor::new(&[2], vec![0.0, 1.0]));
        let found = reference.run(&[y, through]);
        assert_eq!((&found[0].data, &found[1].data), (&vec![0.0, 0.0], &vec![0.0, 1.0]));
    }
}
