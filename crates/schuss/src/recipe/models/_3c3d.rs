//! DeepOBS' network of three convolutions and three dense layers.

use super::{AnyBlueprint, Blueprint, decay, pictures};
use crate::error::Result;
use crate::layers::{Conv2D, Dense, Flatten, MaxPooling2D};
use crate::model::Network;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "3c3d",
    page: Page {
        summary: "three convolutions with overlapping max-pooling and dense layers of 512 and 256 units: DeepOBS' cifar10_3c3d",
        equation: "conv 5×5×64, max 3/2 same, conv 3×3×96, max 3/2 same, conv 3×3×128 same, max 3/2 same, 512, 256, \
                   outputs\nthe loss with l2 · ½‖w‖² of every kernel",
        source: "Schneider, Balles and Hennig 2019, DeepOBS, https://arxiv.org/abs/1903.05499",
        differs: "DeepOBS' start: convolutions Glorot normal, dense layers Glorot uniform, biases 0. Its decay, 0.002 \
                  · ½‖w‖², is Keras' l2(0.001), on kernels only.",
    },
    settings: &[Setting {
        name: "l2",
        default: Default::Float(0.002),
        allowed: Allowed::NotNegative,
        doc: "how much half the squared length of every kernel counts",
    }],
    make: |s| Ok(Arc::new(Net { l2: s.f64("l2") })),
};

#[derive(Debug)]
struct Net {
    l2: f64,
}

impl Blueprint for Net {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let decay = decay(self.l2);
        let convolution = |filters, size: usize, padding: &str| {
            let layer = Conv2D::new(filters, [size, size]).padding(padding).activation("relu");
            layer.kernel_initializer("glorot_normal").kernel_regularizer(decay.as_str())
        };
        let pool = || MaxPooling2D::new([3, 3]).strides([2, 2]).padding("same");
        let dense = |units, f: &str| Dense::new(units).activation(f).kernel_regularizer(decay.as_str());
        let model = pictures(input)?
            .add(convolution(64, 5, "valid"))
            .add(pool())
            .add(convolution(96, 3, "valid"))
            .add(pool())
            .add(convolution(128, 3, "same"))
            .add(pool())
            .add(Flatten);
        Ok(model.add(dense(512, "relu")).add(dense(256, "relu")).add(dense(outputs, activation)))
    }
}
