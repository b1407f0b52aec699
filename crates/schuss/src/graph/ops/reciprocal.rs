//! One divided by it.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = 1/x, element by element: ±∞ at ±0; dx = −d · y².
#[derive(Clone, Debug)]
pub struct Reciprocal;

/// The line of the table.
pub const LINE: Line = Line {
    name: Reciprocal::NAME,
    summary: "1/x",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (0.5, 2.0), |g, x| g.reciprocal(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Reciprocal {
    const NAME: &'static str = "reciprocal";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Reciprocal);
    fn f(&self, x: &[f64]) -> f64 {
        x[0].recip()
    }
    fn derivative(&self, g: &mut Graph, _: &[Value], y: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let (square, opposite) = (g.square(y)?, g.negative(d)?);
        Ok(vec![Some(g.multiply(opposite, square)?)])
    }
}

impl Graph {
    /// 1/x.
    pub fn reciprocal(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Reciprocal, &[x])
    }
}
