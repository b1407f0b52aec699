//! Residual networks for small pictures: what resnet20 and resnet32 have in common.

use super::{AnyBlueprint, Blueprint, decay, pictures};
use crate::error::Result;
use crate::layers::{
    Activation, Add, AnyLayer, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, StochasticDepth,
};
use crate::model::Network;
use crate::registry::{Allowed, Default, Page, Setting, Settings};
use std::sync::Arc;

pub(super) const fn page(summary: &'static str, equation: &'static str) -> Page {
    Page {
        summary,
        equation,
        source: "He, Zhang, Ren and Sun 2015, https://arxiv.org/abs/1512.03385, section 4.2",
        differs: "Where a block halves the picture, its input goes through a 1×1 convolution and a normalisation (the \
                  paper's option B; its networks for CIFAR take every second pixel and fill up with zeros, option A). \
                  No decay unless `l2` or the optimizer's weight_decay gives one; the paper's is 0.0001.",
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "filters",
        default: Default::Int(16),
        allowed: Allowed::Int(1, 1 << 20),
        doc: "the filters of the first stage; each later one has twice as many",
    },
    Setting {
        name: "l2",
        default: Default::Float(0.0),
        allowed: Allowed::NotNegative,
        doc: "how much half the squared length of every kernel counts",
    },
    Setting {
        name: "stochastic_depth",
        default: Default::Float(0.0),
        allowed: Allowed::Fraction,
        doc: "how often the last block is left out while training; earlier ones less often, in proportion",
    },
];

/// Three stages of so many blocks.
pub(super) fn make(blocks: usize, s: &Settings) -> AnyBlueprint {
    let (filters, l2, skipped) = (s.usize("filters"), s.f64("l2"), s.f64("stochastic_depth"));
    Arc::new(ResNet { blocks, filters, l2, skipped })
}

#[derive(Debug)]
struct ResNet {
    blocks: usize,
    filters: usize,
    l2: f64,
    skipped: f64,
}

impl ResNet {
    fn convolution(&self, filters: usize, size: usize, stride: usize) -> AnyLayer {
        let layer = Conv2D::new(filters, [size, size]).strides([stride, stride]).padding("same").use_bias(false);
        let layer = layer.kernel_initializer("he_normal");
        Arc::new(if self.l2 > 0.0 { layer.kernel_regularizer(decay(self.l2).as_str()) } else { layer })
    }
}

impl Blueprint for ResNet {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let normalisation = || Arc::new(BatchNormalization::new());
        let relu = || Arc::new(Activation::new("relu"));
        let mut model = pictures(input)?;
        model.connect(None, self.convolution(self.filters, 3, 1), &[]);
        model.connect(None, normalisation(), &[]);
        let mut x = model.connect(None, relu(), &[]);
        for (stage, block) in (0..3).flat_map(|stage| (0..self.blocks).map(move |block| (stage, block))) {
            let filters = self.filters << stage;
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            model.connect(None, self.convolution(filters, 3, stride), &[&x]);
            model.connect(None, normalisation(), &[]);
            model.connect(None, relu(), &[]);
            model.connect(None, self.convolution(filters, 3, 1), &[]);
            let mut branch = model.connect(None, normalisation(), &[]);
            if self.skipped > 0.0 {
                let depth = (stage * self.blocks + block + 1) as f64 / (3 * self.blocks) as f64;
                branch = model.connect(None, Arc::new(StochasticDepth::new(self.skipped * depth)), &[]);
            }
            if stride > 1 {
                model.connect(None, self.convolution(filters, 1, stride), &[&x]);
                x = model.connect(None, normalisation(), &[]);
            }
            model.connect(None, Arc::new(Add), &[&branch, &x]);
            x = model.connect(None, relu(), &[]);
        }
        let last = Dense::new(outputs).activation(activation).kernel_initializer("he_normal");
        let last = if self.l2 > 0.0 { last.kernel_regularizer(decay(self.l2).as_str()) } else { last };
        Ok(model.add(GlobalAveragePooling2D::new()).add(last))
    }
}
