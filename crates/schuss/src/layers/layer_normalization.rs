//! Each sample's numbers with mean 0 and variance 1.

use super::normalization::{self, AXIS, Affine};
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Argument, Entry, Page, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "layer_normalization",
    page: Page {
        summary: "gives each sample's numbers mean 0 and variance 1 over some axes, then a trained scale and shift",
        equation: "y = γ (x − mean x) / √(variance x + ε) + β",
        source: "Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450; Keras 3, keras.layers.LayerNormalization",
        differs: "Keras' names and defaults; PyTorch's LayerNorm has ε = 1e-5. No rms_scaling, no constraints.",
    },
    settings: &[
        AXIS,
        normalization::epsilon(1e-3),
        normalization::CENTER,
        normalization::SCALE,
        normalization::BETA_INITIALIZER,
        normalization::GAMMA_INITIALIZER,
        normalization::BETA_REGULARIZER,
        normalization::GAMMA_REGULARIZER,
    ],
    make: |s| {
        let axis = s.int_or_ints("axis").expect("the setting takes no word");
        let layer = LayerNormalization { axis, epsilon: s.f64("epsilon"), affine: Affine::read(s) };
        layer.affine.check()?;
        Ok(Arc::new(layer))
    },
};

/// y = γ (x − mean x) / √(variance x + ε) + β over some axes of each sample.
///
/// `x: [batch, …]`, `y` of the same shape; parameters `gamma` and `beta` of the sizes of the axes. Errors: `axis`.
#[derive(Clone, Debug)]
pub struct LayerNormalization {
    axis: Vec<i64>,
    epsilon: f64,
    affine: Affine,
}

impl Default for LayerNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl LayerNormalization {
    /// Over the last axis, as in Keras.
    pub fn new() -> Self {
        LayerNormalization { axis: vec![-1], epsilon: 1e-3, affine: Affine::new() }
    }
    /// The axes that are normalised together: from 1 (behind the batch), or from −1 (the last) backwards.
    pub fn axis(mut self, axis: &[i64]) -> Self {
        self.axis = axis.to_vec();
        self
    }
    /// What is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl Layer for LayerNormalization {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let own = [("axis", normalization::argument(&self.axis)), ("epsilon", Argument::Float(self.epsilon))];
        Settings::from_pairs(own.into_iter().chain(self.affine.settings()))
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.affine.check()?;
        let axes = normalization::axes(build.graph.shape(x), &self.axis)?;
        let y = normalization::standardized(&mut build.graph, x, &axes, self.epsilon)?;
        self.affine.build(build, y, &axes)
    }
}
