//! Products that round their factors themselves, so that the rounded ones need no place of their own. They stand in the
//! prepared graph only.

use crate::error::{Error, Result};
use crate::graph::ops::add::Add;
use crate::graph::ops::bfloat16::Bfloat16;
use crate::graph::ops::convolution::Convolution;
use crate::graph::ops::convolution_input::ConvolutionInput;
use crate::graph::ops::convolution_kernel::ConvolutionKernel;
use crate::graph::ops::matmul::MatMul;
use crate::graph::ops::subtract::Subtract;
use crate::graph::ops::{Derivatives, ElementwiseOperation, Operation};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;
use schuss_kernels::product::Factors;
use std::any::Any;
use std::sync::Arc;

/// A product or a convolution of factors that are rounded to bfloat16, or a product of factors that are cut into two.
#[derive(Clone, Debug)]
pub struct Rounded {
    /// Of the rounded ones.
    pub product: Arc<dyn Operation>,
    /// What they are taken as.
    pub factors: Factors,
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

    /// If a value is the sum of three products of factors that are cut into two, as `Precision::F32x3` has it: the greatest
    /// one, and what its factors are before.
    pub fn cut(g: &Graph, v: Value) -> Option<(Value, [Value; 2])> {
        let sum = |v: Value| g.operation::<Add>(v).map(|_| &g.node(v).inputs[..]);
        let &[small, great] = sum(v)? else { return None };
        let &[first, second] = sum(small)? else { return None };
        let same = |x: Value| Arc::ptr_eq(&g.node(x).op, &g.node(great).op);
        g.operation::<MatMul>(great).filter(|_| same(first) && same(second))?;
        let [x, y] = Self::factors(g, great)?;
        let [(sx, ny), (nx, sy)] = [first, second].map(|v| (g.node(v).inputs[0], g.node(v).inputs[1]));
        let near = [g.node(great).inputs[0], g.node(great).inputs[1]];
        let lacking = |small: Value, whole: Value, near: Value| {
            let rest = g.operation::<Bfloat16>(small).map(|_| g.node(small).inputs[0]);
            rest.is_some_and(|rest| g.operation::<Subtract>(rest).is_some() && g.node(rest).inputs == [whole, near])
        };
        let parts = [nx, ny] == near && lacking(sx, x, near[0]) && lacking(sy, y, near[1]);
        parts.then_some((great, [x, y]))
    }

    /// An operation, and what its factors are taken as.
    pub fn split(g: &Graph, v: Value) -> (&dyn Any, Factors) {
        match g.operation::<Rounded>(v) {
            Some(rounded) => (rounded.product.as_ref(), rounded.factors),
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
        let each = |x: &Tensor, f: &dyn Fn(f64) -> f64| Tensor::new(&x.sizes, x.data.iter().map(|x| f(*x)).collect());
        let near = |x: f64| Bfloat16.f(&[x]);
        let lacking = |x: f64| near(x - near(x));
        let product = |f: &dyn Fn(f64) -> f64, h: &dyn Fn(f64) -> f64| {
            self.product.evaluate(moment, &[&each(x[0], f), &each(x[1], h)], sizes)
        };
        let mut all = product(&near, &near);
        if self.factors == Factors::Cut {
            for small in [product(&lacking, &near), product(&near, &lacking)] {
                all.data.iter_mut().zip(&small.data).for_each(|(x, y)| *x += y);
            }
        }
        all
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Err(Error::value("prepared", "a rounded product stands in prepared graphs only, behind all derivatives"))
    }
}
