//! Rectified linear unit.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = max(x, 0), element by element; NaN stays NaN. dx = d where y > 0, else 0, so the input need not be kept.
///
/// Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".
#[derive(Clone, Debug)]
pub struct Relu;

/// The line of the table.
pub const LINE: Line = Line {
    name: Relu::NAME,
    summary: "max(x, 0)",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.relu(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Relu {
    const NAME: &'static str = "relu";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Relu);
    fn f(&self, x: &[f64]) -> f64 {
        if x[0] < 0.0 { 0.0 } else { x[0] }
    }
    fn derivative(&self, g: &mut Graph, _: &[Value], y: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let zero = g.constant(0.0)?;
        let passes = g.greater(y, zero)?;
        Ok(vec![Some(g.multiply(d, passes)?)])
    }
}

impl Graph {
    /// max(x, 0).
    pub fn relu(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Relu, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_passes_at_zero_and_nan_is_not_hidden() {
        assert_eq!(Relu.f(&[0.0]), 0.0);
        assert_eq!(Relu.f(&[-1e4]), 0.0);
        assert!(Relu.f(&[f64::NAN]).is_nan());
    }
}
