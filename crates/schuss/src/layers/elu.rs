//! Exponential linear unit, as a layer.

use super::{AnyLayer, Layer};
use crate::activations::{self, Activation};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "elu",
    page: Page {
        summary: "bends what is negative towards −α",
        equation: "y = x where x > 0, else α (eˣ − 1)",
        source: "Clevert, Unterthiner and Hochreiter 2016, section 3, https://arxiv.org/abs/1511.07289; Keras 3, \
                 keras.layers.ELU",
        differs: "As in Keras and PyTorch.",
    },
    settings: &[Setting {
        name: "alpha",
        default: Default::Float(1.0),
        allowed: Allowed::Number,
        doc: "the depth α to which it falls",
    }],
    make: |s| Ok(Arc::new(ELU::new(s.f64("alpha")))),
};

/// y = x where x > 0, else α (eˣ − 1).
///
/// `x: [batch, …]`, `y` of the same shape.
#[derive(Clone, Copy, Debug)]
pub struct ELU {
    alpha: f64,
}

impl ELU {
    /// Falling to this depth; Keras' default is 1.
    pub fn new(alpha: f64) -> Self {
        ELU { alpha }
    }
}

impl Layer for ELU {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("alpha", Argument::Float(self.alpha))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        activations::Elu { alpha: self.alpha }.build(&mut build.graph, x)
    }
}
