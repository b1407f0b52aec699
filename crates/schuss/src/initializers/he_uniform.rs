//! Uniform, of variance 2 / inputs.

use super::scaled::{Fan, uniform};
use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "he_uniform",
    page: Page {
        summary: "uniform: keeps the size of activations through layers of relu",
        equation: "w uniform in [−a, a), a = √(6 / inputs)\nvariance 2 / inputs",
        source: "He, Zhang, Ren and Sun 2015, equation 10, https://arxiv.org/abs/1502.01852",
        differs: "As in Keras; PyTorch calls it kaiming_uniform, and its Linear starts with limits √(1 / inputs) \
                  instead. For a convolution, inputs and outputs are each times the size of the window.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(HeUniform)),
};

/// Uniform between ∓√(6 / inputs).
#[derive(Clone, Copy, Debug)]
pub struct HeUniform;

impl Initializer for HeUniform {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]) {
        uniform(2.0, Fan::In, shape, stream, out);
    }
}
