//! The slope of the Gaussian error linear unit: one function, as both of its parts come from one power of e.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};
use schuss_kernels::math;

/// y = Φ(x) + x φ(x), element by element, with φ(x) = e^(−x²/2) / √(2π); dx = d · φ(x) (2 − x²).
#[derive(Clone, Debug)]
pub struct GeluSlope;

/// The line of the table.
pub const LINE: Line = Line {
    name: GeluSlope::NAME,
    summary: "the derivative of x Φ(x)",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (-4.0, 4.0), |g, x| g.gelu_slope(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for GeluSlope {
    const NAME: &'static str = "gelu_slope";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::GeluSlope);
    fn f(&self, x: &[f64]) -> f64 {
        math::gelu_slope_f64(x[0])
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let square = g.square(x[0])?;
        let power = g.scale(square, -0.5)?;
        let bell = g.exp(power)?;
        let two = g.constant(2.0)?;
        let factor = g.subtract(two, square)?;
        let slope = g.multiply(bell, factor)?;
        let slope = g.scale(slope, 1.0 / std::f64::consts::TAU.sqrt())?;
        Ok(vec![Some(g.multiply(d, slope)?)])
    }
}

impl Graph {
    /// The derivative of x Φ(x).
    pub fn gelu_slope(&mut self, x: Value) -> Result<Value> {
        self.elementwise(GeluSlope, &[x])
    }
}
