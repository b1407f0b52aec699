//! The fast network for CIFAR-10.

use super::{AnyBlueprint, Blueprint, pictures};
use crate::error::Result;
use crate::layers::{
    Activation, BatchNormalization, Conv2D, Dense, GlobalMaxPooling2D, MaxPooling2D, Rescaling, WhiteningConv2D,
};
use crate::model::Network;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "airbench",
    page: Page {
        summary: "the network that learns CIFAR-10 in seconds on a GPU: a whitening layer, three blocks of two convolutions",
        equation: "whitening 2×2, f; for each block: conv 3×3 same, max 2, normalise, f, conv 3×3 same, normalise, f; the \
                   greatest over the picture; outputs times 1/9",
        source: "K. Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a single GPU, https://arxiv.org/abs/2404.00498, \
                 airbench94",
        differs: "The whitening layer's bias is trained to the end, or not at all (train.freeze), there for three epochs. The \
                  last pooling goes over the whole picture, there over 3 × 3, which is the same for 32 × 32. Its optimizer, \
                  schedule and label smoothing are in recipes/cifar10-airbench.toml.",
    },
    settings: &[
        Setting {
            name: "filters",
            default: Default::Ints(&[64, 256, 256]),
            allowed: Allowed::Ints(1, 1 << 20),
            doc: "the filters of each block; each halves height and width",
        },
        Setting { name: "activation", default: Default::Text("gelu"), allowed: Allowed::Text, doc: "the function f" },
        Setting {
            name: "scale",
            default: Default::Float(1.0 / 9.0),
            allowed: Allowed::Positive,
            doc: "what the outputs are multiplied with before the softmax",
        },
    ],
    make: |s| {
        let (filters, activation, scale) = (s.ints("filters"), s.text("activation").into(), s.f64("scale"));
        Ok(Arc::new(Airbench { filters, activation, scale }))
    },
};

#[derive(Debug)]
struct Airbench {
    filters: Vec<usize>,
    activation: String,
    scale: f64,
}

impl Blueprint for Airbench {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let f = || Activation::new(self.activation.as_str());
        let convolution =
            |filters| Conv2D::new(filters, [3, 3]).padding("same").use_bias(false).kernel_initializer("dirac");
        let normalisation = || BatchNormalization::new().momentum(0.6).epsilon(1e-12).scale(false);
        let mut model = pictures(input)?.add(WhiteningConv2D::new(2, 0.0005)).add(f());
        for &filters in &self.filters {
            model = model.add(convolution(filters)).add(MaxPooling2D::new([2, 2])).add(normalisation()).add(f());
            model = model.add(convolution(filters)).add(normalisation()).add(f());
        }
        let last = Dense::new(outputs).use_bias(false);
        model = model.add(GlobalMaxPooling2D::new()).add(last).add(Rescaling { scale: self.scale, offset: 0.0 });
        Ok(if activation == "linear" { model } else { model.add(Activation::new(activation)) })
    }
}
