//! Rectified linear unit with all that Keras lets one set, as a layer.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

/// How it is written that there is no greatest value.
const NONE: &str = "none";

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "relu",
    page: Page {
        summary: "max(x, 0), with a slope below, a threshold and a greatest value if told",
        equation: "y = max_value where x ≥ max_value\ny = x where threshold ≤ x < max_value\n\
                   y = a (x − threshold) where x < threshold",
        source: "Nair and Hinton 2010, Rectified linear units improve restricted Boltzmann machines; Keras 3, \
                 keras.layers.ReLU",
        differs: "As in Keras; PyTorch's ReLU has no settings.",
    },
    settings: &[
        Setting {
            name: "max_value",
            default: Default::Text(NONE),
            allowed: Allowed::NotNegativeOr(&[NONE]),
            doc: "the greatest value, or none",
        },
        Setting {
            name: "negative_slope",
            default: Default::Float(0.0),
            allowed: Allowed::NotNegative,
            doc: "the slope a below the threshold",
        },
        Setting {
            name: "threshold",
            default: Default::Float(0.0),
            allowed: Allowed::NotNegative,
            doc: "from where x is taken as it is",
        },
    ],
    make: |s| {
        let max_value = s.f64_or_word("max_value");
        Ok(Arc::new(ReLU { max_value, negative_slope: s.f64("negative_slope"), threshold: s.f64("threshold") }))
    },
};

/// max(x, 0), with a slope below, a threshold and a greatest value if told.
///
/// `x: [batch, …]`, `y` of the same shape. Errors: `value-not-allowed`.
#[derive(Clone, Copy, Debug, std::default::Default)]
pub struct ReLU {
    max_value: Option<f64>,
    negative_slope: f64,
    threshold: f64,
}

impl ReLU {
    /// max(x, 0).
    pub fn new() -> Self {
        Self::default()
    }
    /// The greatest value.
    pub fn max_value(mut self, max_value: f64) -> Self {
        self.max_value = Some(max_value);
        self
    }
    /// The slope below the threshold.
    pub fn negative_slope(mut self, slope: f64) -> Self {
        self.negative_slope = slope;
        self
    }
    /// From where x is taken as it is.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Layer for ReLU {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([
            ("max_value", self.max_value.map_or(Argument::Text(NONE.into()), Argument::Float)),
            ("negative_slope", Argument::Float(self.negative_slope)),
            ("threshold", Argument::Float(self.threshold)),
        ])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        if let Some(max_value) = self.max_value.filter(|m| *m < self.threshold) {
            let message = format!("`max_value` {max_value} is below `threshold` {}", self.threshold);
            return Err(Error::value("value-not-allowed", message));
        }
        let g = &mut build.graph;
        let mut y = if self.negative_slope == 0.0 && self.threshold == 0.0 {
            g.relu(x)?
        } else {
            let threshold = g.constant(self.threshold)?;
            let above = g.greater_equal(x, threshold)?;
            let below = g.subtract(x, threshold)?;
            let below = g.scale(below, self.negative_slope)?;
            g.select(above, x, below)?
        };
        if let Some(max_value) = self.max_value {
            let most = g.constant(max_value)?;
            y = g.minimum(y, most)?;
        }
        Ok(y)
    }
}
