//! Sum of two.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = a + b, element by element, broadcasting as in NumPy; da = db = d.
#[derive(Clone, Debug)]
pub struct Add;

/// The line of the table.
pub const LINE: Line = Line {
    name: Add::NAME,
    summary: "a + b, element by element",
    examples: || {
        let case = |a: &[usize], b: &[usize]| Example::new(&[a, b], |g, x| g.add(x[0], x[1]));
        vec![case(&[17], &[17]), case(&[3, 5], &[5]), case(&[3, 1], &[1, 7]), case(&[], &[2, 31])]
    },
};

impl ElementwiseOperation for Add {
    const NAME: &'static str = "add";
    const ELEMENT: tape::Element = tape::Element::Binary(tape::Binary::Add);
    fn f(&self, x: &[f64]) -> f64 {
        x[0] + x[1]
    }
    fn derivative(&self, _: &mut Graph, _: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![Some(d), Some(d)])
    }
}

impl Graph {
    /// a + b. Adding a constant 0 adds nothing.
    pub fn add(&mut self, a: Value, b: Value) -> Result<Value> {
        for (x, neutral) in [(a, b), (b, a)] {
            if self.constant_value(neutral) == Some(0.0) {
                return self.unchanged(Add::NAME, x, neutral);
            }
        }
        self.elementwise(Add, &[a, b])
    }
}
