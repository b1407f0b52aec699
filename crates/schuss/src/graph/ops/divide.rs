//! Quotient of two.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = a / b, element by element, broadcasting as in NumPy: ±∞ or NaN where b is 0; da = d / b, db = −(d / b) · y.
#[derive(Clone, Debug)]
pub struct Divide;

/// The line of the table.
pub const LINE: Line = Line {
    name: Divide::NAME,
    summary: "a / b, element by element",
    examples: || {
        let case = |a: &[usize], b: &[usize]| Example::within(&[a, b], (0.5, 2.0), |g, x| g.divide(x[0], x[1]));
        vec![case(&[17], &[17]), case(&[3, 5], &[5]), case(&[3, 1], &[1, 7]), case(&[], &[2, 31])]
    },
};

impl ElementwiseOperation for Divide {
    const NAME: &'static str = "divide";
    const ELEMENT: tape::Element = tape::Element::Binary(tape::Binary::Divide);
    fn f(&self, x: &[f64]) -> f64 {
        x[0] / x[1]
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], y: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let da = g.divide(d, x[1])?;
        let mut part_b = || {
            let toward = g.multiply(da, y)?;
            g.negative(toward)
        };
        Ok(vec![Some(da), wanted[1].then(&mut part_b).transpose()?])
    }
}

impl Graph {
    /// a / b. Dividing by a constant 1 changes nothing.
    pub fn divide(&mut self, a: Value, b: Value) -> Result<Value> {
        if self.constant_value(b) == Some(1.0) {
            return self.unchanged(Divide::NAME, a, b);
        }
        self.elementwise(Divide, &[a, b])
    }
}
