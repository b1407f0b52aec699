//! Truncated normal, of variance 2 / (inputs + outputs).

use super::scaled::{Fan, truncated_normal};
use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "glorot_normal",
    page: Page {
        summary: "truncated normal: keeps the size of activations and of gradients from layer to layer",
        equation: "w normal with mean 0, cut off at two standard deviations\nvariance 2 / (inputs + outputs) after \
                   the cut",
        source: "Glorot and Bengio 2010, equation 16, https://proceedings.mlr.press/v9/glorot10a.html",
        differs: "As in Keras; PyTorch's xavier_normal is not truncated. For a convolution, inputs and outputs are \
                  each times the size of the window.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(GlorotNormal)),
};

/// Normal, cut off at two standard deviations, of variance 2 / (inputs + outputs) after that.
#[derive(Clone, Copy, Debug)]
pub struct GlorotNormal;

impl Initializer for GlorotNormal {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]) {
        truncated_normal(1.0, Fan::Average, shape, stream, out);
    }
}
