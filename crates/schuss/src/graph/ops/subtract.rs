//! Difference of two.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = a − b, element by element, broadcasting as in NumPy; da = d, db = −d.
#[derive(Clone, Debug)]
pub struct Subtract;

/// The line of the table.
pub const LINE: Line = Line {
    name: Subtract::NAME,
    summary: "a − b, element by element",
    examples: || {
        let case = |a: &[usize], b: &[usize]| Example::new(&[a, b], |g, x| g.subtract(x[0], x[1]));
        vec![case(&[17], &[17]), case(&[3, 5], &[5]), case(&[3, 1], &[1, 7]), case(&[], &[2, 31])]
    },
};

impl ElementwiseOperation for Subtract {
    const NAME: &'static str = "subtract";
    const ELEMENT: tape::Element = tape::Element::Binary(tape::Binary::Subtract);
    fn f(&self, x: &[f64]) -> f64 {
        x[0] - x[1]
    }
    fn derivative(&self, g: &mut Graph, _: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        Ok(vec![Some(d), wanted[1].then(|| g.negative(d)).transpose()?])
    }
}

impl Graph {
    /// a − b. Subtracting a constant 0 subtracts nothing.
    pub fn subtract(&mut self, a: Value, b: Value) -> Result<Value> {
        if self.constant_value(b) == Some(0.0) {
            return self.unchanged(Subtract::NAME, a, b);
        }
        self.elementwise(Subtract, &[a, b])
    }
}
