//! A factor and a summand for all numbers.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "rescaling",
    page: Page {
        summary: "multiplies all numbers, and adds to them",
        equation: "y = scale · x + offset",
        source: "Keras 3, keras.layers.Rescaling",
        differs: "One number for all channels. Pixels are divided by 255 before a model sees them, unless the pipeline says \
                  otherwise.",
    },
    settings: &[
        Setting { name: "scale", default: Default::Required, allowed: Allowed::Number, doc: "the factor" },
        Setting { name: "offset", default: Default::Float(0.0), allowed: Allowed::Number, doc: "the summand" },
    ],
    make: |s| Ok(Arc::new(Rescaling { scale: s.f64("scale"), offset: s.f64("offset") })),
};

/// y = scale · x + offset.
///
/// `x: [batch, …]`, `y` of the same shape.
#[derive(Clone, Copy, Debug)]
pub struct Rescaling {
    /// The factor.
    pub scale: f64,
    /// The summand.
    pub offset: f64,
}

impl Layer for Rescaling {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("scale", Argument::Float(self.scale)), ("offset", Argument::Float(self.offset))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let y = build.graph.scale(x, self.scale)?;
        if self.offset == 0.0 {
            return Ok(y);
        }
        let offset = build.graph.constant(self.offset)?;
        build.graph.add(y, offset)
    }
}
