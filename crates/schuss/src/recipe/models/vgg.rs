//! Blocks of 3×3 convolutions, each followed by pooling: a small VGG.

use super::{AnyBlueprint, Blueprint, pictures};
use crate::error::Result;
use crate::layers::{Activation, BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D};
use crate::model::Network;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "vgg",
    page: Page {
        summary: "blocks of two 3×3 convolutions, each block followed by max-pooling, and a dense layer",
        equation: "for each block: (conv 3×3 same, normalise, relu) twice, max 2, dropout; then units, outputs",
        source: "Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556",
        differs: "Small: three blocks in place of five, one dense layer in place of two of 4,096, and a batch \
                  normalisation behind every convolution, which the paper did not have yet.",
    },
    settings: &[
        Setting {
            name: "filters",
            default: Default::Ints(&[32, 64, 128]),
            allowed: Allowed::Ints(1, 1 << 20),
            doc: "the filters of each block; each halves height and width",
        },
        Setting {
            name: "units",
            default: Default::Int(256),
            allowed: Allowed::Int(1, i32::MAX as i64),
            doc: "the units of the dense layer",
        },
        Setting {
            name: "dropout",
            default: Default::Float(0.3),
            allowed: Allowed::Fraction,
            doc: "the share that is dropped behind each block and the dense layer at each step of training",
        },
    ],
    make: |s| Ok(Arc::new(Vgg { filters: s.ints("filters"), units: s.usize("units"), dropout: s.f64("dropout") })),
};

#[derive(Debug)]
struct Vgg {
    filters: Vec<usize>,
    units: usize,
    dropout: f64,
}

impl Blueprint for Vgg {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let mut model = pictures(input)?;
        let dropped = |model: Network| if self.dropout > 0.0 { model.add(Dropout::new(self.dropout)) } else { model };
        for &filters in &self.filters {
            for _ in 0..2 {
                let convolution = Conv2D::new(filters, [3, 3]).padding("same").use_bias(false);
                model = model.add(convolution.kernel_initializer("he_normal"));
                model = model.add(BatchNormalization::new()).add(Activation::new("relu"));
            }
            model = dropped(model.add(MaxPooling2D::new([2, 2])));
        }
        model = model.add(Flatten).add(Dense::new(self.units).activation("relu").kernel_initializer("he_normal"));
        Ok(dropped(model).add(Dense::new(outputs).activation(activation)))
    }
}
