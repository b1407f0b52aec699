//! Some channels are left out at random.

use super::dropout::{Dropout, left_out};
use super::{AnyLayer, Layer, images};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Argument, Entry, Page, Setting, Settings};
use crate::shape::Shape;
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "spatial_dropout2d",
    page: Page {
        summary: "while training, sets whole channels of an image to 0 at random and the others up",
        equation: "y = x · (u ≥ p) / (1 − p), one u uniform in [0, 1) for each image and channel\ny = x at evaluation and \
                   prediction",
        source: "Tompson, Goroshin, Jain, LeCun and Bregler 2015, https://arxiv.org/abs/1411.4280; Keras 3, \
                 keras.layers.SpatialDropout2D",
        differs: "As in Keras and PyTorch's Dropout2d. The mask is a function of the run's seed, the layer's name, the \
                  update and the place in the batch, so there is no seed of the layer's own; no data_format.",
    },
    settings: &[Setting { doc: "the probability p that a channel is left out", ..super::dropout::RATE }],
    make: |s| Ok(Arc::new(SpatialDropout2D::new(s.f64("rate")))),
};

/// y = x · (u ≥ p) / (1 − p), while training, one u for each image and channel.
///
/// `x: [batch, height, width, channels]`, `y` of the same shape. Errors: `image-axes`, `value-not-allowed`.
#[derive(Clone, Copy, Debug)]
pub struct SpatialDropout2D {
    rate: f64,
}

impl SpatialDropout2D {
    /// Leaves a channel out with this probability.
    pub fn new(rate: f64) -> Self {
        SpatialDropout2D { rate }
    }
}

impl Layer for SpatialDropout2D {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("rate", Argument::Float(self.rate))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let (_, channels) = images::axes::<2>(build.graph.shape(x))?;
        Dropout::new(self.rate).check()?;
        left_out(build, x, self.rate, &Shape::batch(&[1, 1, channels]))
    }
}
