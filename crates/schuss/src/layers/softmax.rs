//! Rows made positive with sum 1, as a layer.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "softmax",
    page: Page {
        summary: "makes the numbers of the last axis probabilities",
        equation: "yᵢ = e^xᵢ / Σⱼ e^xⱼ over the last axis",
        source: "Bridle 1990, Probabilistic interpretation of feedforward classification network outputs; Keras 3, \
                 keras.layers.Softmax",
        differs: "Over the last axis only; Keras has a setting axis, and a mask.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Softmax)),
};

/// yᵢ = e^xᵢ / Σⱼ e^xⱼ over the last axis.
///
/// `x: [batch, …, n]`, `y` of the same shape. Errors: `no-rows`.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

impl Layer for Softmax {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        build.graph.softmax(x)
    }
}
