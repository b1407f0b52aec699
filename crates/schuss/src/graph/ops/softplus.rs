//! A smooth max(x, 0), and the cross-entropy of a logit that is made of it.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = ln(1 + eˣ), element by element, computed as max(x, 0) + ln(1 + e^−|x|), which neither overflows nor loses
/// small results; dx = d · sigmoid x.
///
/// Dugas, Bengio, Bélisle, Nadeau and Garcia 2001, "Incorporating second-order functional knowledge".
#[derive(Clone, Debug)]
pub struct Softplus;

/// The line of the table.
pub const LINE: Line = Line {
    name: Softplus::NAME,
    summary: "ln(1 + eˣ)",
    examples: || {
        let case = |sizes: &[usize]| Example::within(&[sizes], (-3.0, 3.0), |g, x| g.softplus(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Softplus {
    const NAME: &'static str = "softplus";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Softplus);
    fn f(&self, x: &[f64]) -> f64 {
        x[0].max(0.0) + (-x[0].abs()).exp().ln_1p()
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let slope = g.sigmoid(x[0])?;
        Ok(vec![Some(g.multiply(d, slope)?)])
    }
}

impl Graph {
    /// ln(1 + eˣ).
    pub fn softplus(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Softplus, &[x])
    }
    /// −y · ln σ(z) − (1 − y) · ln(1 − σ(z)) of the logit z and the target y, element by element, where σ is the
    /// sigmoid: softplus(z) − y · z, which is exact where σ(z) has run into 0 or 1.
    pub fn sigmoid_cross_entropy(&mut self, logits: Value, target: Value) -> Result<Value> {
        let (all, hit) = (self.softplus(logits)?, self.multiply(target, logits)?);
        self.subtract(all, hit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_out_it_is_max_of_x_and_0() {
        assert_eq!([-1e4, 1e4].map(|x| Softplus.f(&[x])), [0.0, 1e4]);
        assert_eq!(Softplus.f(&[0.0]), std::f64::consts::LN_2);
        // ln(1 + e⁻⁴⁰) is e⁻⁴⁰ to 17 digits; 1 + e⁻⁴⁰ is 1.
        assert_eq!(Softplus.f(&[-40.0]), (-40f64).exp());
    }

    #[test]
    fn cross_entropy_of_certain_logits() {
        for (z, y, expected) in [(1e4, 1.0, 0.0), (1e4, 0.0, 1e4), (-1e4, 0.0, 0.0), (-1e4, 1.0, 1e4)] {
            let mut g = Graph::new();
            let (z, y) = (g.constant(z).unwrap(), g.constant(y).unwrap());
            let loss = g.sigmoid_cross_entropy(z, y).unwrap();
            assert_eq!(g.constant_value(loss), Some(expected));
        }
    }
}
