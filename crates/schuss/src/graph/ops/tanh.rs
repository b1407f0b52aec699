//! The hyperbolic tangent.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = tanh x, element by element; dx = d · (1 − y²), so the input need not be kept.
#[derive(Clone, Debug)]
pub struct Tanh;

/// The line of the table.
pub const LINE: Line = Line {
    name: Tanh::NAME,
    summary: "tanh x",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (-2.0, 2.0), |g, x| g.tanh(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Tanh {
    const NAME: &'static str = "tanh";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Tanh);
    fn f(&self, x: &[f64]) -> f64 {
        x[0].tanh()
    }
    fn derivative(&self, g: &mut Graph, _: &[Value], y: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let (one, square) = (g.constant(1.0)?, g.square(y)?);
        let slope = g.subtract(one, square)?;
        Ok(vec![Some(g.multiply(d, slope)?)])
    }
}

impl Graph {
    /// tanh x.
    pub fn tanh(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Tanh, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_out_it_is_flat() {
        assert_eq!([-1e4, 0.0, 1e4].map(|x| Tanh.f(&[x])), [-1.0, 0.0, 1.0]);
    }
}
