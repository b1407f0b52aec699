//! Each sample's numbers with mean square 1.

use super::normalization::{self, AXIS};
use super::weights::Weight;
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::initializers::Ones;
use crate::registry::{Argument, Entry, Page, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "rms_normalization",
    page: Page {
        summary: "gives each sample's numbers mean square 1 over some axes, then a trained scale",
        equation: "y = s x / √(mean x² + ε)",
        source: "Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467; Keras 3, keras.layers.RMSNormalization",
        differs: "As in Keras, where other axes than the last ones fail on some backends; the trained scale is named \
                  `scale`. PyTorch's RMSNorm has another ε: the smallest step of its precision.",
    },
    settings: &[AXIS, normalization::epsilon(1e-6)],
    make: |s| {
        let axis = s.int_or_ints("axis").expect("the setting takes no word");
        Ok(Arc::new(RMSNormalization { axis, epsilon: s.f64("epsilon") }))
    },
};

/// y = s x / √(mean x² + ε) over some axes of each sample.
///
/// `x: [batch, …]`, `y` of the same shape; parameter `scale` of the sizes of the axes. Errors: `axis`.
#[derive(Clone, Debug)]
pub struct RMSNormalization {
    axis: Vec<i64>,
    epsilon: f64,
}

impl Default for RMSNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl RMSNormalization {
    /// Over the last axis, as in Keras.
    pub fn new() -> Self {
        RMSNormalization { axis: vec![-1], epsilon: 1e-6 }
    }
    /// The axes that are normalised together: from 1 (behind the batch), or from −1 (the last) backwards.
    pub fn axis(mut self, axis: &[i64]) -> Self {
        self.axis = axis.to_vec();
        self
    }
    /// What is added to the mean square.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl Layer for RMSNormalization {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let axis = normalization::argument(&self.axis);
        Settings::from_pairs([("axis", axis), ("epsilon", Argument::Float(self.epsilon))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let axes = normalization::axes(build.graph.shape(x), &self.axis)?;
        let y = normalization::over_root_mean_square(&mut build.graph, x, &axes, self.epsilon)?;
        let scale = normalization::beside(build, y, &axes, "scale", &Weight::new(Ones))?;
        build.graph.multiply(y, scale)
    }
}
