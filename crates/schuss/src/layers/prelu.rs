//! Rectified linear unit with trained slopes on the other side.

use super::weights::{Weight, regularizer, weight_methods, words};
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::initializers::Zeros;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "prelu",
    page: Page {
        summary: "takes what is negative times a trained slope",
        equation: "y = max(x, 0) − a max(−x, 0), with an a for each input",
        source: "He, Zhang, Ren and Sun 2015, section 2.1, https://arxiv.org/abs/1502.01852; Keras 3, keras.layers.PReLU",
        differs: "As in Keras, where a has the shape of a sample but for shared axes and starts at 0. PyTorch's PReLU has \
                  one a, or one a channel, and starts it at 0.25, as the paper. No constraint.",
    },
    settings: &[
        words("alpha_initializer", "zeros", "how a starts"),
        regularizer("alpha_regularizer", "what a adds to the loss: none, or a regularizer"),
        Setting {
            name: "shared_axes",
            default: Default::Ints(&[]),
            allowed: Allowed::Ints(1, 8),
            doc: "axes, counted from 1 behind the batch, along which there is one a: [1, 2] for one a channel",
        },
    ],
    make: |s| {
        let alpha = Weight::read(s, "alpha_initializer", "alpha_regularizer");
        alpha.check()?;
        Ok(Arc::new(PReLU { alpha, shared_axes: s.ints("shared_axes") }))
    },
};

/// y = max(x, 0) − a max(−x, 0).
///
/// `x: [batch, …]`, `y` of the same shape; parameter `alpha` of a sample's shape, with 1 for shared axes. Errors: `axis`.
#[derive(Clone, Debug)]
pub struct PReLU {
    alpha: Weight,
    shared_axes: Vec<usize>,
}

impl std::default::Default for PReLU {
    fn default() -> Self {
        Self::new()
    }
}

impl PReLU {
    /// With an a for each input, starting at 0.
    pub fn new() -> Self {
        PReLU { alpha: Weight::new(Zeros), shared_axes: Vec::new() }
    }
    /// Axes, counted from 1 behind the batch, along which there is one a.
    pub fn shared_axes(mut self, axes: &[usize]) -> Self {
        self.shared_axes = axes.to_vec();
        self
    }
    weight_methods!(alpha, alpha_initializer, alpha_regularizer);
}

impl Layer for PReLU {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let axes = self.shared_axes.iter().map(|&i| Argument::Int(i as i64)).collect();
        Settings::from_pairs([
            ("alpha_initializer", self.alpha.initializer()),
            ("alpha_regularizer", self.alpha.regularizer()),
            ("shared_axes", Argument::List(axes)),
        ])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let shape = build.graph.shape(x);
        let sample = shape.sample();
        if let Some(axis) = self.shared_axes.iter().find(|i| !(1..=sample.len()).contains(*i)) {
            let message = format!("`shared_axes` has {axis}; allowed are axes of {shape} behind the batch, from 1");
            return Err(Error::value("axis", message));
        }
        let one = |(i, n): (usize, &usize)| if self.shared_axes.contains(&(i + 1)) { 1 } else { *n };
        let sizes: Vec<usize> = sample.iter().enumerate().map(one).collect();
        let alpha = self.alpha.build(build, "alpha", &sizes)?;
        let g = &mut build.graph;
        let above = g.relu(x)?;
        let opposite = g.negative(x)?;
        let below = g.relu(opposite)?;
        let below = g.multiply(alpha, below)?;
        g.subtract(above, below)
    }
}
