//! The normal distribution's share below a number.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};
use schuss_kernels::math;

/// y = Φ(x) = ½ (1 + erf(x / √2)), element by element; dx = d · e^(−x²/2) / √(2π).
#[derive(Clone, Debug)]
pub struct NormalCdf;

/// The line of the table.
pub const LINE: Line = Line {
    name: NormalCdf::NAME,
    summary: "Φ(x), the share of a standard normal distribution below x",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (-4.0, 4.0), |g, x| g.normal_cdf(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for NormalCdf {
    const NAME: &'static str = "normal_cdf";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::NormalCdf);
    fn f(&self, x: &[f64]) -> f64 {
        math::normal_cdf_f64(x[0])
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let square = g.square(x[0])?;
        let power = g.scale(square, -0.5)?;
        let bell = g.exp(power)?;
        let slope = g.scale(bell, 1.0 / std::f64::consts::TAU.sqrt())?;
        Ok(vec![Some(g.multiply(d, slope)?)])
    }
}

impl Graph {
    /// Φ(x), the share of a standard normal distribution below x.
    pub fn normal_cdf(&mut self, x: Value) -> Result<Value> {
        self.elementwise(NormalCdf, &[x])
    }
}
