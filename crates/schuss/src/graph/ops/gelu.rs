//! The Gaussian error linear unit.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};
use schuss_kernels::math;

/// y = x Φ(x), element by element, Φ the share of a standard normal distribution below x; dx = d · gelu_slope x.
#[derive(Clone, Debug)]
pub struct Gelu;

/// The line of the table.
pub const LINE: Line = Line {
    name: Gelu::NAME,
    summary: "x Φ(x), Φ(x) the share of a standard normal distribution below x",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (-4.0, 4.0), |g, x| g.gelu(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Gelu {
    const NAME: &'static str = "gelu";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Gelu);
    fn f(&self, x: &[f64]) -> f64 {
        x[0] * math::normal_cdf_f64(x[0])
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let slope = g.gelu_slope(x[0])?;
        Ok(vec![Some(g.multiply(d, slope)?)])
    }
}

impl Graph {
    /// x Φ(x), Φ(x) the share of a standard normal distribution below x.
    pub fn gelu(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Gelu, &[x])
    }
}
