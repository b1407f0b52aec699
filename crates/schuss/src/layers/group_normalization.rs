//! Groups of each sample's channels with mean 0 and variance 1.

use super::normalization::{self, Affine};
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::shape::Shape;
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "group_normalization",
    page: Page {
        summary: "gives groups of each sample's channels mean 0 and variance 1, then a trained scale and shift",
        equation: "y = γ (x − mean x) / √(variance x + ε) + β over all places of a group of channels",
        source: "Wu and He 2018, https://arxiv.org/abs/1803.08494; Keras 3, keras.layers.GroupNormalization",
        differs: "Keras' names and defaults; channels are last, so there is no axis. PyTorch's GroupNorm has ε = 1e-5 and \
                  no default of groups. No constraints.",
    },
    settings: &[
        Setting {
            name: "groups",
            default: Default::Int(32),
            allowed: Allowed::Int(-1, i32::MAX as i64),
            doc: "how many groups the channels are cut into; -1: each channel by itself",
        },
        normalization::epsilon(1e-3),
        normalization::CENTER,
        normalization::SCALE,
        normalization::BETA_INITIALIZER,
        normalization::GAMMA_INITIALIZER,
        normalization::BETA_REGULARIZER,
        normalization::GAMMA_REGULARIZER,
    ],
    make: |s| {
        let Some(&Argument::Int(groups)) = s.get("groups") else { unreachable!("groups are a whole number") };
        let layer = GroupNormalization { groups, epsilon: s.f64("epsilon"), affine: Affine::read(s) };
        layer.affine.check()?;
        Ok(Arc::new(layer))
    },
};

/// y = γ (x − mean x) / √(variance x + ε) + β over all places of a group of channels.
///
/// `x: [batch, …, channels]`, `y` of the same shape; parameters `gamma` and `beta` `[channels]`. Errors: `groups`.
#[derive(Clone, Debug)]
pub struct GroupNormalization {
    groups: i64,
    epsilon: f64,
    affine: Affine,
}

impl GroupNormalization {
    /// With so many groups; −1: each channel by itself.
    pub fn new(groups: i64) -> Self {
        GroupNormalization { groups, epsilon: 1e-3, affine: Affine::new() }
    }
    /// What is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl Layer for GroupNormalization {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let own = [("groups", Argument::Int(self.groups)), ("epsilon", Argument::Float(self.epsilon))];
        Settings::from_pairs(own.into_iter().chain(self.affine.settings()))
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.affine.check()?;
        let shape = build.graph.shape(x).clone();
        let channels = shape.last().unwrap_or(0);
        let groups = if self.groups == -1 { channels } else { usize::try_from(self.groups).unwrap_or(0) };
        if groups == 0 || channels == 0 || !channels.is_multiple_of(groups) {
            let message = format!("{} groups do not divide the channels, the last axis of {shape}", self.groups);
            return Err(Error::shape("groups", message));
        }
        let places = shape.sample().iter().product::<usize>() / channels;
        let g = &mut build.graph;
        let grouped = g.reshape(x, &Shape::batch(&[places, groups, channels / groups]))?;
        let y = normalization::standardized(g, grouped, &[1, 3], self.epsilon)?;
        let y = g.reshape(y, &shape)?;
        self.affine.build(build, y, &[shape.rank() - 1])
    }
}
