//! The product with itself.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = x², element by element; dx = 2 · d · x.
#[derive(Clone, Debug)]
pub struct Square;

/// The line of the table.
pub const LINE: Line = Line {
    name: Square::NAME,
    summary: "x²",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.square(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Square {
    const NAME: &'static str = "square";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Square);
    fn f(&self, x: &[f64]) -> f64 {
        x[0] * x[0]
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let twice = g.scale(x[0], 2.0)?;
        Ok(vec![Some(g.multiply(d, twice)?)])
    }
}

impl Graph {
    /// x².
    pub fn square(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Square, &[x])
    }
}
