//! Truncated normal, of variance 2 / inputs.

use super::scaled::{Fan, truncated_normal};
use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "he_normal",
    page: Page {
        summary: "truncated normal: keeps the size of activations through layers of relu",
        equation: "w normal with mean 0, cut off at two standard deviations\nvariance 2 / inputs after the cut",
        source: "He, Zhang, Ren and Sun 2015, equation 10, https://arxiv.org/abs/1502.01852",
        differs: "As in Keras; PyTorch's kaiming_normal is not truncated. For a convolution, inputs and outputs are \
                  each times the size of the window.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(HeNormal)),
};

/// Normal, cut off at two standard deviations, of variance 2 / inputs after that.
#[derive(Clone, Copy, Debug)]
pub struct HeNormal;

impl Initializer for HeNormal {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]) {
        truncated_normal(2.0, Fan::In, shape, stream, out);
    }
}
