//! The opposite.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = −x, element by element; dx = −d.
#[derive(Clone, Debug)]
pub struct Negative;

/// The line of the table.
pub const LINE: Line = Line {
    name: Negative::NAME,
    summary: "−x",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.negative(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Negative {
    const NAME: &'static str = "negative";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Negative);
    fn f(&self, x: &[f64]) -> f64 {
        -x[0]
    }
    fn derivative(&self, g: &mut Graph, _: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![Some(g.negative(d)?)])
    }
}

impl Graph {
    /// −x. The opposite of an opposite is the value itself.
    pub fn negative(&mut self, x: Value) -> Result<Value> {
        if self.operation::<Negative>(x).is_some() {
            return Ok(self.node(x).inputs[0]);
        }
        self.elementwise(Negative, &[x])
    }
}
