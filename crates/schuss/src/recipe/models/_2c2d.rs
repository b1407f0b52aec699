//! DeepOBS' network of two convolutions and two dense layers.

use super::{AnyBlueprint, Blueprint, pictures};
use crate::error::Result;
use crate::layers::{Conv2D, Dense, Flatten, MaxPooling2D};
use crate::model::Network;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "2c2d",
    page: Page {
        summary: "two 5×5 convolutions with max-pooling and a dense layer of 1,024 units: DeepOBS' mnist_2c2d",
        equation: "conv 5×5×32 same, max 2, conv 5×5×64 same, max 2, 1024, outputs",
        source: "Schneider, Balles and Hennig 2019, DeepOBS, https://arxiv.org/abs/1903.05499",
        differs: "DeepOBS' start: every kernel truncated normal of deviation 0.05, every bias 0.05.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Net)),
};

#[derive(Debug)]
struct Net;

const KERNEL: &str = "truncated_normal(stddev=0.05)";
const BIAS: &str = "constant(0.05)";

impl Blueprint for Net {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let convolution = |filters| {
            let layer = Conv2D::new(filters, [5, 5]).padding("same").activation("relu");
            layer.kernel_initializer(KERNEL).bias_initializer(BIAS)
        };
        let pool = || MaxPooling2D::new([2, 2]).padding("same");
        let dense = |units, f: &str| Dense::new(units).activation(f).kernel_initializer(KERNEL).bias_initializer(BIAS);
        let model = pictures(input)?.add(convolution(32)).add(pool()).add(convolution(64)).add(pool()).add(Flatten);
        Ok(model.add(dense(1024, "relu")).add(dense(outputs, activation)))
    }
}
