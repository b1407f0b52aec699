//! On which side of zero.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = −1 where x < 0, 1 where x > 0, else 0 (also for NaN), element by element. The derivative is 0 everywhere.
#[derive(Clone, Debug)]
pub struct Sign;

/// The line of the table.
pub const LINE: Line = Line {
    name: Sign::NAME,
    summary: "−1, 0 or 1, as x is below, at or above 0",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.sign(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Sign {
    const NAME: &'static str = "sign";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Sign);
    fn f(&self, x: &[f64]) -> f64 {
        f64::from(x[0] > 0.0) - f64::from(x[0] < 0.0)
    }
    fn derivative(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![None])
    }
}

impl Graph {
    /// −1, 0 or 1, as x is below, at or above 0.
    pub fn sign(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Sign, &[x])
    }
}
