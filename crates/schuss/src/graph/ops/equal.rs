//! Where one is equal.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = 1 where a = b, else 0 (also where one is NaN), element by element, broadcasting as in NumPy. The derivative is
/// 0 everywhere.
#[derive(Clone, Debug)]
pub struct Equal;

/// The line of the table.
pub const LINE: Line = Line {
    name: Equal::NAME,
    summary: "1 where a = b, else 0",
    examples: || {
        let case = |a: &[usize], b: &[usize]| Example::new(&[a, b], |g, x| g.equal(x[0], x[1]));
        vec![case(&[17], &[17]), case(&[3, 5], &[5]), case(&[3, 1], &[1, 7]), case(&[], &[2, 31])]
    },
};

impl ElementwiseOperation for Equal {
    const NAME: &'static str = "equal";
    const ELEMENT: tape::Element = tape::Element::Binary(tape::Binary::Equal);
    fn f(&self, x: &[f64]) -> f64 {
        f64::from(x[0] == x[1])
    }
    fn derivative(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![None, None])
    }
}

impl Graph {
    /// 1 where a = b, else 0.
    pub fn equal(&mut self, a: Value, b: Value) -> Result<Value> {
        self.elementwise(Equal, &[a, b])
    }
}
