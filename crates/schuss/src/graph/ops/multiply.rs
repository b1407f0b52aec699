//! Product of two, element by element.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = a · b, element by element, broadcasting as in NumPy; da = d · b, db = d · a.
#[derive(Clone, Debug)]
pub struct Multiply;

/// The line of the table.
pub const LINE: Line = Line {
    name: Multiply::NAME,
    summary: "a · b, element by element",
    examples: || {
        let case = |a: &[usize], b: &[usize]| Example::new(&[a, b], |g, x| g.multiply(x[0], x[1]));
        vec![case(&[17], &[17]), case(&[3, 5], &[5]), case(&[3, 1], &[1, 7]), case(&[], &[2, 31])]
    },
};

impl ElementwiseOperation for Multiply {
    const NAME: &'static str = "multiply";
    const ELEMENT: tape::Element = tape::Element::Binary(tape::Binary::Multiply);
    fn f(&self, x: &[f64]) -> f64 {
        x[0] * x[1]
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let mut part = |wanted: bool, other| wanted.then(|| g.multiply(d, other)).transpose();
        Ok(vec![part(wanted[0], x[1])?, part(wanted[1], x[0])?])
    }
}

impl Graph {
    /// a · b. Multiplying by a constant 1 changes nothing.
    pub fn multiply(&mut self, a: Value, b: Value) -> Result<Value> {
        for (x, neutral) in [(a, b), (b, a)] {
            if self.constant_value(neutral) == Some(1.0) {
                return self.unchanged(Multiply::NAME, x, neutral);
            }
        }
        self.elementwise(Multiply, &[a, b])
    }
    /// A number times x.
    pub fn scale(&mut self, x: Value, factor: f64) -> Result<Value> {
        let factor = self.constant(factor)?;
        self.multiply(x, factor)
    }
}
