//! Sums over many samples in parts: what one thread sums is fixed by batch and shape, never by the number of threads, so
//! that threads can share the work and the bits stay. These operations stand in the prepared graph only.

use crate::error::{Error, Result};
use crate::graph::ops::convolution_kernel::ConvolutionKernel;
use crate::graph::ops::{Derivatives, Operation, Window};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};
use schuss_kernels::program::share;

/// Parts that the samples of a batch are cut into at most.
pub const PARTS: usize = 16;

/// x `[batch, …, n]`: the sums over all rows of each part of the batch, `[parts, n]`.
#[derive(Clone, Debug)]
pub struct SumParts {
    /// How many parts.
    pub parts: usize,
}

/// The derivative of a convolution by its kernel, for each part of the batch: `[parts, size…, channels, outputs]`.
#[derive(Clone, Debug)]
pub struct KernelParts {
    /// How many parts.
    pub parts: usize,
    /// Where the convolution's windows lie.
    pub window: Window,
    /// Parts that channels and outputs are cut into.
    pub groups: usize,
}

/// A part's samples.
fn part(x: &Tensor, parts: usize, i: usize) -> Tensor {
    let sample = x.data.len() / x.sizes[0];
    let rows = share(x.sizes[0], parts, i);
    let sizes: Vec<usize> = std::iter::once(rows.len()).chain(x.sizes[1..].iter().copied()).collect();
    Tensor::new(&sizes, x.data[rows.start * sample..rows.end * sample].to_vec())
}

pub fn not_differentiated(name: &str) -> Result<Derivatives> {
    Err(Error::value("prepared", format!("{name} stands in prepared graphs only, behind all derivatives")))
}

impl Operation for SumParts {
    fn name(&self) -> &'static str {
        "sum_parts"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(Shape::fixed(&[self.parts, x[0].last().expect("behind the batch sizes are fixed")]))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let n = sizes[1];
        let sum = |i: usize| {
            let part = part(x[0], self.parts, i);
            (0..n).map(move |c| part.data.iter().skip(c).step_by(n).sum::<f64>()).collect::<Vec<_>>()
        };
        Tensor::new(sizes, (0..self.parts).flat_map(sum).collect())
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        not_differentiated(self.name())
    }
}

impl KernelParts {
    fn whole(&self) -> ConvolutionKernel {
        ConvolutionKernel { window: self.window.clone(), groups: self.groups }
    }
}

impl Operation for KernelParts {
    fn name(&self) -> &'static str {
        "kernel_parts"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let one = self.whole().shape(x)?;
        Ok(Shape::new(std::iter::once(Dim::Fixed(self.parts)).chain(one.dims().iter().copied()).collect::<Vec<_>>()))
    }
    fn evaluate(&self, moment: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let one = |i: usize| {
            let (x, y) = (part(x[0], self.parts, i), part(x[1], self.parts, i));
            self.whole().evaluate(moment, &[&x, &y], &sizes[1..]).data
        };
        Tensor::new(sizes, (0..self.parts).flat_map(one).collect())
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        not_differentiated(self.name())
    }
}
