//! Distance from zero.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = |x|, element by element; dx = d · sign x, which is 0 at 0.
#[derive(Clone, Debug)]
pub struct Absolute;

/// The line of the table.
pub const LINE: Line = Line {
    name: Absolute::NAME,
    summary: "|x|",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.absolute(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Absolute {
    const NAME: &'static str = "absolute";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Absolute);
    fn f(&self, x: &[f64]) -> f64 {
        x[0].abs()
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let sign = g.sign(x[0])?;
        Ok(vec![Some(g.multiply(d, sign)?)])
    }
}

impl Graph {
    /// |x|.
    pub fn absolute(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Absolute, &[x])
    }
}
