//! The natural logarithm.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = ln x, element by element: −∞ at 0, NaN below; dx = d / x.
#[derive(Clone, Debug)]
pub struct Log;

/// The line of the table.
pub const LINE: Line = Line {
    name: Log::NAME,
    summary: "ln x",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (0.5, 2.0), |g, x| g.log(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Log {
    const NAME: &'static str = "log";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Log);
    fn f(&self, x: &[f64]) -> f64 {
        x[0].ln()
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![Some(g.divide(d, x[0])?)])
    }
}

impl Graph {
    /// ln x.
    pub fn log(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Log, &[x])
    }
}
