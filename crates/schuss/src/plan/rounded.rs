//! Products that round their factors themselves, so that the rounded ones need no place of their own. They stand in the
//! prepared graph only.

use crate::error::{Error, Result};
use crate::graph::ops::bfloat16::Bfloat16;
use crate::graph::ops::convolution::Convolution;
use crate::graph::ops::convolution_input::ConvolutionInput;
use crate::graph::ops::convolution_kernel::ConvolutionKernel;
use crate::graph::ops::matmul::MatMul;
use crate::graph::ops::{Derivatives, ElementwiseOperation, Operation};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;
use schuss_kernels::product::Factors;
use std::any::Any;
use std::sync::Arc;

/// A product or a convolution of factors that are rounded to bfloat16.
#[derive(Clone, Debug)]
pub struct Rounded {
    /// Of the rounded ones.
    pub product: Arc<dyn Operation>,
}

impl Rounded {
    /// What a product's factors are before they are rounded, if both are.
    pub fn factors(g: &Graph, v: Value) -> Option<[Value; 2]> {
        let convolution = g.operation::<Convolution>(v).is_some() || g.operation::<ConvolutionInput>(v).is_some();
        let product = g.operation::<MatMul>(v).is_some() || g.operation::<ConvolutionKernel>(v).is_some();
        let before = |x: Value| g.operation::<Bfloat16>(x).map(|_| g.node(x).inputs[0]);
        let inputs = &g.node(v).inputs;
        if product || convolution { Some([before(inputs[0])?, before(inputs[1])?]) } else { None }
    }

    /// An operation, and what its factors are taken as.
    pub fn split(g: &Graph, v: Value) -> (&dyn Any, Factors) {
        match g.operation::<Rounded>(v) {
            Some(rounded) => (rounded.product.as_ref(), Factors::Bf16),
            None => (g.node(v).op.as_ref(), Factors::F32),
        }
    }
}

impl Operation for Rounded {
    fn name(&self) -> &'static str {
        "rounded"
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
