//! The wide residual network of 16 layers and width 4.

use super::{AnyBlueprint, Blueprint, decay, pictures};
use crate::error::Result;
use crate::layers::{Activation, Add, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D};
use crate::model::Network;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "wideresnet16-4",
    page: Page {
        summary: "a residual network of 16 layers with four times the filters, normalised before each convolution",
        equation: "conv 3×3×16; stages of 64, 128 and 256 filters, 2 blocks each: x + F(x), F = (normalise, relu, conv \
                   3×3) twice; normalise, relu, mean over the picture, outputs",
        source: "Zagoruyko and Komodakis 2016, https://arxiv.org/abs/1605.07146; as DeepOBS' svhn_wrn164, \
                 https://arxiv.org/abs/1903.05499",
        differs: "DeepOBS' form: the 1×1 convolution beside the first block of a stage takes what is normalised; \
                  momentum 0.9 and ε 1e-5 of the normalisation; Glorot uniform kernels; decay 0.0005 · ½‖w‖² on \
                  kernels.",
    },
    settings: &[
        Setting {
            name: "width",
            default: Default::Int(4),
            allowed: Allowed::Int(1, 1 << 16),
            doc: "how many times 16, 32 and 64 filters a stage has",
        },
        Setting {
            name: "l2",
            default: Default::Float(0.0005),
            allowed: Allowed::NotNegative,
            doc: "how much half the squared length of every kernel counts",
        },
    ],
    make: |s| Ok(Arc::new(Net { width: s.usize("width"), l2: s.f64("l2") })),
};

#[derive(Debug)]
struct Net {
    width: usize,
    l2: f64,
}

/// Blocks in each stage.
const BLOCKS: usize = 2;

impl Blueprint for Net {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let convolution = |filters, size: usize, stride: usize| {
            let layer = Conv2D::new(filters, [size, size]).strides([stride, stride]).padding("same").use_bias(false);
            Arc::new(if self.l2 > 0.0 { layer.kernel_regularizer(decay(self.l2).as_str()) } else { layer })
        };
        let normalisation = || Arc::new(BatchNormalization::new().momentum(0.9).epsilon(1e-5));
        let relu = || Arc::new(Activation::new("relu"));
        let mut model = pictures(input)?;
        let mut x = model.connect(None, convolution(16, 3, 1), &[]);
        for stage in 0..3 {
            let filters = (16 * self.width) << stage;
            for block in 0..BLOCKS {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                model.connect(None, normalisation(), &[&x]);
                let normal = model.connect(None, relu(), &[]);
                let shortcut =
                    if block == 0 { model.connect(None, convolution(filters, 1, stride), &[&normal]) } else { x };
                model.connect(None, convolution(filters, 3, stride), &[&normal]);
                model.connect(None, normalisation(), &[]);
                model.connect(None, relu(), &[]);
                let branch = model.connect(None, convolution(filters, 3, 1), &[]);
                x = model.connect(None, Arc::new(Add), &[&branch, &shortcut]);
            }
        }
        model.connect(None, normalisation(), &[]);
        let last = Dense::new(outputs).activation(activation);
        let last = if self.l2 > 0.0 { last.kernel_regularizer(decay(self.l2).as_str()) } else { last };
        Ok(model.add(Activation::new("relu")).add(GlobalAveragePooling2D::new()).add(last))
    }
}
