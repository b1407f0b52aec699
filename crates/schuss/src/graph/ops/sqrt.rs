//! The square root.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = √x, element by element: NaN below 0; dx = d / 2y, which is not finite at 0.
#[derive(Clone, Debug)]
pub struct Sqrt;

/// The line of the table.
pub const LINE: Line = Line {
    name: Sqrt::NAME,
    summary: "√x",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (0.5, 2.0), |g, x| g.sqrt(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Sqrt {
    const NAME: &'static str = "sqrt";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Sqrt);
    fn f(&self, x: &[f64]) -> f64 {
        x[0].sqrt()
    }
    fn derivative(&self, g: &mut Graph, _: &[Value], y: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let twice = g.scale(y, 2.0)?;
        Ok(vec![Some(g.divide(d, twice)?)])
    }
}

impl Graph {
    /// √x.
    pub fn sqrt(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Sqrt, &[x])
    }
}
