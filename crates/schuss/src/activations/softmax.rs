//! Rows made positive with sum 1.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "softmax",
    page: Page {
        summary: "makes the numbers of the last axis probabilities",
        equation: "yᵢ = e^xᵢ / Σⱼ e^xⱼ over the last axis",
        source: "Bridle 1990, Probabilistic interpretation of feedforward classification network outputs",
        differs: "Over the last axis only; Keras has a setting axis. The losses that are its cross-entropy look \
                  through it, so it loses nothing where it is flat.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Softmax)),
};

/// yᵢ = e^xᵢ / Σⱼ e^xⱼ over the last axis.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

impl Activation for Softmax {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.softmax(x)
    }
}
