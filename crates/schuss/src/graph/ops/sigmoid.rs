//! The logistic function.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = 1 / (1 + e⁻ˣ), element by element; dx = d · y · (1 − y), so the input need not be kept.
#[derive(Clone, Debug)]
pub struct Sigmoid;

/// The line of the table.
pub const LINE: Line = Line {
    name: Sigmoid::NAME,
    summary: "1 / (1 + e⁻ˣ)",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (-3.0, 3.0), |g, x| g.sigmoid(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Sigmoid);
    fn f(&self, x: &[f64]) -> f64 {
        1.0 / (1.0 + (-x[0]).exp())
    }
    fn derivative(&self, g: &mut Graph, _: &[Value], y: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let one = g.constant(1.0)?;
        let rest = g.subtract(one, y)?;
        let slope = g.multiply(y, rest)?;
        Ok(vec![Some(g.multiply(d, slope)?)])
    }
}

impl Graph {
    /// 1 / (1 + e⁻ˣ).
    pub fn sigmoid(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Sigmoid, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_out_it_is_flat() {
        assert_eq!([-1e4, 0.0, 1e4].map(|x| Sigmoid.f(&[x])), [0.0, 0.5, 1.0]);
    }
}
