//! The convolutional network that read cheques.

use super::{AnyBlueprint, Blueprint, pictures};
use crate::error::Result;
use crate::layers::{AveragePooling2D, Conv2D, Dense, Flatten};
use crate::model::Network;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "lenet5",
    page: Page {
        summary: "two convolutions with mean pooling, then dense layers of 120 and 84 units",
        equation: "conv 5×5×6 same, mean 2, conv 5×5×16, mean 2, 120, 84, outputs",
        source: "LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition, \
                 section II.B",
        differs: "Every map of the second convolution sees all of the first, pooling has no weights of its own, and \
                  the last layer is dense with a softmax in place of radial bases, as has become usual. `same` gives \
                  28 × 28 pictures the border that the paper gave them.",
    },
    settings: &[Setting {
        name: "activation",
        default: Default::Text("tanh"),
        allowed: Allowed::Text,
        doc: "the function of every layer but the last",
    }],
    make: |s| Ok(Arc::new(LeNet5 { activation: s.text("activation").into() })),
};

#[derive(Debug)]
struct LeNet5 {
    activation: String,
}

impl Blueprint for LeNet5 {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let f = self.activation.as_str();
        let model = pictures(input)?
            .add(Conv2D::new(6, [5, 5]).padding("same").activation(f))
            .add(AveragePooling2D::new([2, 2]))
            .add(Conv2D::new(16, [5, 5]).activation(f))
            .add(AveragePooling2D::new([2, 2]))
            .add(Flatten)
            .add(Dense::new(120).activation(f))
            .add(Dense::new(84).activation(f));
        Ok(model.add(Dense::new(outputs).activation(activation)))
    }
}
