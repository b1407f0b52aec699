//! The exponential function.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = eˣ, element by element; dx = d · y.
#[derive(Clone, Debug)]
pub struct Exp;

/// The line of the table.
pub const LINE: Line = Line {
    name: Exp::NAME,
    summary: "eˣ",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.exp(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Exp {
    const NAME: &'static str = "exp";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Exp);
    fn f(&self, x: &[f64]) -> f64 {
        x[0].exp()
    }
    fn derivative(&self, g: &mut Graph, _: &[Value], y: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![Some(g.multiply(d, y)?)])
    }
}

impl Graph {
    /// eˣ.
    pub fn exp(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Exp, &[x])
    }
}
