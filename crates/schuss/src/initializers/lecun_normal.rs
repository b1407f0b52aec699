//! Truncated normal, of variance 1 / inputs.

use super::scaled::{Fan, truncated_normal};
use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "lecun_normal",
    page: Page {
        summary: "truncated normal: keeps the size of activations; for selu",
        equation: "w normal with mean 0, cut off at two standard deviations\nvariance 1 / inputs after the cut",
        source: "LeCun, Bottou, Orr and Müller 1998, Efficient BackProp, equation 16",
        differs: "As in Keras. For a convolution, inputs and outputs are each times the size of the window.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(LecunNormal)),
};

/// Normal, cut off at two standard deviations, of variance 1 / inputs after that.
#[derive(Clone, Copy, Debug)]
pub struct LecunNormal;

impl Initializer for LecunNormal {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]) {
        truncated_normal(1.0, Fan::In, shape, stream, out);
    }
}
