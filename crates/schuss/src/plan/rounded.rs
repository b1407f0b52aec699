//! A product that rounds its factors itself, so that the rounded ones need no place of their own. It stands in the prepared
//! graph only.

use crate::error::{Error, Result};
use crate::graph::ops::bfloat16::Bfloat16;
use crate::graph::ops::matmul::MatMul;
use crate::graph::ops::{Derivatives, ElementwiseOperation, Operation};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// A matrix product of factors that are rounded to bfloat16.
#[derive(Clone, Debug)]
pub struct RoundedProduct {
    /// Which of them lies transposed.
    pub product: MatMul,
}

impl RoundedProduct {
    /// In the place of a product of two rounded values: itself, and what they are before they are rounded.
    pub fn of(g: &Graph, v: Value) -> Option<(Self, [Value; 2])> {
        let product = g.operation::<MatMul>(v)?.clone();
        let before = |x: Value| g.operation::<Bfloat16>(x).map(|_| g.node(x).inputs[0]);
        let [x, y] = [g.node(v).inputs[0], g.node(v).inputs[1]];
        Some((RoundedProduct { product }, [before(x)?, before(y)?]))
    }
}

impl Operation for RoundedProduct {
    fn name(&self) -> &'static str {
        "rounded_product"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        self.product.shape(x)
    }
    fn evaluate(&self, moment: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let round = |x: &Tensor| Tensor::new(&x.sizes, x.data.iter().map(|x| Bfloat16.f(&[*x])).collect());
        self.product.evaluate(moment, &[&round(x[0]), &round(x[1])], sizes)
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Err(Error::value("prepared", "a rounded product stands in prepared graphs only, behind all derivatives"))
    }
}
