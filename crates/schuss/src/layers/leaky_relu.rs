//! Rectified linear unit with a slope on the other side, as a layer.

use super::{AnyLayer, Layer};
use crate::activations::{self, Activation};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "leaky_relu",
    page: Page {
        summary: "makes what is negative small",
        equation: "y = x where x ≥ 0, else a x",
        source: "Maas, Hannun and Ng 2013, Rectifier nonlinearities improve neural network acoustic models, section 2; \
                 Keras 3, keras.layers.LeakyReLU",
        differs: "As in Keras, whose activation of that name has another slope, 0.2; PyTorch's is 0.01.",
    },
    settings: &[Setting {
        name: "negative_slope",
        default: Default::Float(0.3),
        allowed: Allowed::NotNegative,
        doc: "the slope a where x is negative",
    }],
    make: |s| Ok(Arc::new(LeakyReLU::new(s.f64("negative_slope")))),
};

/// y = x where x ≥ 0, else a x.
///
/// `x: [batch, …]`, `y` of the same shape.
#[derive(Clone, Copy, Debug)]
pub struct LeakyReLU {
    negative_slope: f64,
}

impl LeakyReLU {
    /// With this slope where x is negative; Keras' default is 0.3.
    pub fn new(negative_slope: f64) -> Self {
        LeakyReLU { negative_slope }
    }
}

impl Layer for LeakyReLU {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("negative_slope", Argument::Float(self.negative_slope))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        activations::LeakyRelu { negative_slope: self.negative_slope }.build(&mut build.graph, x)
    }
}
