//! Uniform, of variance 2 / (inputs + outputs).

use super::scaled::{Fan, uniform};
use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "glorot_uniform",
    page: Page {
        summary: "uniform: keeps the size of activations and of gradients from layer to layer",
        equation: "w uniform in [−a, a), a = √(6 / (inputs + outputs))\nvariance 2 / (inputs + outputs)",
        source: "Glorot and Bengio 2010, equation 16, https://proceedings.mlr.press/v9/glorot10a.html",
        differs: "As in Keras, where it is every kernel's default; PyTorch calls it xavier_uniform. For a \
                  convolution, inputs and outputs are each times the size of the window.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(GlorotUniform)),
};

/// Uniform between ∓√(6 / (inputs + outputs)).
#[derive(Clone, Copy, Debug)]
pub struct GlorotUniform;

impl Initializer for GlorotUniform {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]) {
        uniform(1.0, Fan::Average, shape, stream, out);
    }
}
