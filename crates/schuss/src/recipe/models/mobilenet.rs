//! Depthwise and 1×1 convolutions in turn: a small MobileNet.

use super::{AnyBlueprint, Blueprint, pictures};
use crate::error::Result;
use crate::layers::{Activation, BatchNormalization, Conv2D, Dense, DepthwiseConv2D, Dropout, GlobalAveragePooling2D};
use crate::model::Network;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "mobilenet",
    page: Page {
        summary: "depthwise 3×3 and 1×1 convolutions in turn: few parameters and few multiplications",
        equation: "conv 3×3; then for each stage, twice: depthwise 3×3, 1×1; mean over the picture, dropout, outputs; \
                   a normalisation and relu6 behind every convolution",
        source: "Howard et al. 2017, https://arxiv.org/abs/1704.04861",
        differs: "Small, for pictures of some 32 × 32: the first convolution does not halve them, and there are three \
                  stages of two in place of thirteen layers to 1,024 filters.",
    },
    settings: &[
        Setting {
            name: "filters",
            default: Default::Ints(&[64, 128, 256]),
            allowed: Allowed::Ints(1, 1 << 20),
            doc: "the filters of each stage; each but the first halves height and width",
        },
        Setting {
            name: "alpha",
            default: Default::Float(1.0),
            allowed: Allowed::Positive,
            doc: "what all numbers of filters are multiplied with",
        },
        Setting {
            name: "dropout",
            default: Default::Float(0.1),
            allowed: Allowed::Fraction,
            doc: "the share that is dropped before the outputs at each step of training",
        },
    ],
    make: |s| {
        let (filters, alpha, dropout) = (s.ints("filters"), s.f64("alpha"), s.f64("dropout"));
        Ok(Arc::new(MobileNet { filters, alpha, dropout }))
    },
};

#[derive(Debug)]
struct MobileNet {
    filters: Vec<usize>,
    alpha: f64,
    dropout: f64,
}

impl Blueprint for MobileNet {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let count = |filters: usize| ((filters as f64 * self.alpha).round() as usize).max(1);
        let rest = |model: Network| model.add(BatchNormalization::new()).add(Activation::new("relu6"));
        let point = |filters, size: usize| {
            Conv2D::new(count(filters), [size, size]).padding("same").use_bias(false).kernel_initializer("he_normal")
        };
        let mut model = rest(pictures(input)?.add(point(32, 3)));
        for (stage, &filters) in self.filters.iter().enumerate() {
            for layer in 0..2 {
                let stride = if stage > 0 && layer == 0 { 2 } else { 1 };
                let depth = DepthwiseConv2D::new([3, 3]).strides([stride, stride]).padding("same").use_bias(false);
                model = rest(rest(model.add(depth)).add(point(filters, 1)));
            }
        }
        model = model.add(GlobalAveragePooling2D::new());
        if self.dropout > 0.0 {
            model = model.add(Dropout::new(self.dropout));
        }
        Ok(model.add(Dense::new(outputs).activation(activation)))
    }
}
