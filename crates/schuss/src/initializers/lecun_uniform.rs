//! Uniform, of variance 1 / inputs.

use super::scaled::{Fan, uniform};
use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "lecun_uniform",
    page: Page {
        summary: "uniform: keeps the size of activations; for selu",
        equation: "w uniform in [−a, a), a = √(3 / inputs)\nvariance 1 / inputs",
        source: "LeCun, Bottou, Orr and Müller 1998, Efficient BackProp, equation 16",
        differs: "As in Keras. For a convolution, inputs and outputs are each times the size of the window.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(LecunUniform)),
};

/// Uniform between ∓√(3 / inputs).
#[derive(Clone, Copy, Debug)]
pub struct LecunUniform;

impl Initializer for LecunUniform {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]) {
        uniform(1.0, Fan::In, shape, stream, out);
    }
}
