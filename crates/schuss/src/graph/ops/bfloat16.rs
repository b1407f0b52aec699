//! Rounding to bfloat16.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// The nearest number with 8 bits of mantissa (the first one not stored), ties to even, element by element: the upper
/// half of an f32. Its derivative is that of a staircase, 0 wherever there is one, so what is to be trained in bfloat16 is
/// differentiated first and rounded then ([`crate::graph::Precision`]).
///
/// Kalamkar et al. 2019, "A study of BFLOAT16 for deep learning training", section 3, arXiv 1905.12322.
#[derive(Clone, Debug)]
pub struct Bfloat16;

/// The line of the table.
pub const LINE: Line = Line {
    name: Bfloat16::NAME,
    summary: "the nearest number of bfloat16",
    examples: || {
        let case = |sizes: &[usize]| Example::new(&[sizes], |g, x| g.bfloat16(x[0]));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl ElementwiseOperation for Bfloat16 {
    const NAME: &'static str = "bfloat16";
    const ELEMENT: tape::Element = tape::Element::Unary(tape::Unary::Bfloat16);
    fn f(&self, x: &[f64]) -> f64 {
        // An f64 has 52 bits of mantissa in its memory, of which 7 stay.
        let (bits, dropped) = (x[0].to_bits(), 52 - 7);
        let half = (1u64 << (dropped - 1)) - 1 + ((bits >> dropped) & 1);
        if x[0].is_finite() { f64::from_bits(bits.wrapping_add(half) >> dropped << dropped) } else { x[0] }
    }
    fn derivative(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![None])
    }
}

impl Graph {
    /// The nearest number of bfloat16.
    pub fn bfloat16(&mut self, x: Value) -> Result<Value> {
        self.elementwise(Bfloat16, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_stay_and_ties_go_to_the_even() {
        for (x, y) in [
            (1.0, 1.0),
            (1.003, 1.0),
            (1.004, 1.0078125),
            (1.00390625, 1.0),
            (1.01171875, 1.015625),
            (-257.0, -256.0),
            (-259.0, -260.0),
            (0.0, 0.0),
        ] {
            assert_eq!(Bfloat16.f(&[x]), y, "{x}");
            assert_eq!(schuss_kernels::math::bfloat16(x as f32), y as f32, "{x}");
        }
        assert!(
            Bfloat16.f(&[f64::NAN]).is_nan() && schuss_kernels::math::bfloat16(f32::from_bits(0x7fff_ffff)).is_nan()
        );
        assert_eq!(Bfloat16.f(&[f64::INFINITY]), f64::INFINITY);
    }
}
