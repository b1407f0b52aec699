//! Sums that belong together in one pass over what is summed: of every channel the sum and the squared deviations, whence mean
//! and variance, and on the way back the sum of derivatives and that of derivatives times centred numbers. First those of each
//! sample, while it is in cache, then those of all samples from them (Chan, Golub and LeVeque 1983, Algorithms for computing the
//! sample variance). These operations stand in the prepared graph only.

use super::chunks::not_differentiated;
use crate::error::Result;
use crate::graph::ops::{Derivatives, Operation};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};

/// x `[batch, …, n]`: of each sample the sums over its places, then those of the squared distances from its own means,
/// `[batch, 2 n]`. Given u as large as x and m `[n]`, too: the latter of x (u − m).
#[derive(Clone, Debug)]
pub struct SampleMoments;

/// Of [`SampleMoments`] what it comes to over all samples, `[n]`.
#[derive(Clone, Debug)]
pub struct AllMoments {
    /// Of what.
    pub of: Of,
}

/// Which sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Of {
    /// The first ones.
    Sums,
    /// The latter ones.
    Products,
    /// Squared distances from the means over all samples, given their sums; samples have so many places.
    Deviations {
        /** How many. */
        places: usize,
    },
}

impl Operation for SampleMoments {
    fn name(&self) -> &'static str {
        "sample_moments"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let n = x[0].last().expect("behind the batch sizes are fixed");
        Ok(Shape::new(vec![x[0].dims()[0], Dim::Fixed(2 * n)]))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let (n, len) = (sizes[1] / 2, x[0].data.len() / sizes[0]);
        Tensor::from_fn(sizes, |i| {
            let (sample, c) = (i / (2 * n), i % n);
            let column = |x: &Tensor| -> Vec<f64> {
                x.data[sample * len..(sample + 1) * len].iter().skip(c).step_by(n).copied().collect()
            };
            let own = column(x[0]);
            let sum: f64 = own.iter().sum();
            let mean = sum / own.len() as f64;
            match x {
                _ if i / n % 2 == 0 => sum,
                [_, u, m] => own.iter().zip(column(u)).map(|(x, u)| x * (u - m.data[c])).sum(),
                _ => own.iter().map(|x| (x - mean).powi(2)).sum(),
            }
        })
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        not_differentiated(self.name())
    }
}

impl Operation for AllMoments {
    fn name(&self) -> &'static str {
        "all_moments"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(Shape::fixed(&[x[0].last().expect("behind the batch sizes are fixed") / 2]))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let (n, samples) = (sizes[0], x[0].sizes[0]);
        let column = |c: usize| x[0].data.iter().skip(c).step_by(2 * n);
        Tensor::from_fn(sizes, |c| match self.of {
            Of::Sums => column(c).sum(),
            Of::Products => column(c + n).sum(),
            Of::Deviations { places } => {
                let mean = x[1].data[c] / samples as f64;
                column(c + n).sum::<f64>() + column(c).map(|s| (s - mean).powi(2) / places as f64).sum::<f64>()
            }
        })
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        not_differentiated(self.name())
    }
}
