//! Keras' first example of a convolutional network.

use super::{AnyBlueprint, Blueprint, pictures};
use crate::error::Result;
use crate::layers::{Conv2D, Dense, Dropout, Flatten, MaxPooling2D};
use crate::model::Network;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "convnet",
    page: Page {
        summary: "two 3×3 convolutions with max-pooling, dropout, and the outputs",
        equation: "conv 3×3×32, max 2, conv 3×3×64, max 2, dropout, outputs",
        source: "keras.io/examples/vision/mnist_convnet (F. Chollet, 2015)",
        differs: "",
    },
    settings: &[
        Setting {
            name: "filters",
            default: Default::Ints(&[32, 64]),
            allowed: Allowed::Ints(1, 1 << 20),
            doc: "the filters of each convolution",
        },
        Setting {
            name: "dropout",
            default: Default::Float(0.5),
            allowed: Allowed::Fraction,
            doc: "the share that is dropped before the outputs at each step of training",
        },
    ],
    make: |s| Ok(Arc::new(ConvNet { filters: s.ints("filters"), dropout: s.f64("dropout") })),
};

#[derive(Debug)]
struct ConvNet {
    filters: Vec<usize>,
    dropout: f64,
}

impl Blueprint for ConvNet {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let mut model = pictures(input)?;
        for &filters in &self.filters {
            model = model.add(Conv2D::new(filters, [3, 3]).activation("relu")).add(MaxPooling2D::new([2, 2]));
        }
        model = model.add(Flatten);
        if self.dropout > 0.0 {
            model = model.add(Dropout::new(self.dropout));
        }
        Ok(model.add(Dense::new(outputs).activation(activation)))
    }
}
