//! The sum of squares.

use super::{AnyRegularizer, Regularizer, factor};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Argument, Entry, Page, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyRegularizer> = Entry {
    name: "l2",
    page: Page {
        summary: "draws every weight to zero in proportion to its size",
        equation: "L ← L + λ Σ w²",
        source: "Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634",
        differs: "As in Keras: part of the loss that is reported, once per batch, not divided by its size. PyTorch's \
                  weight_decay adds λ w to the gradient, where this adds 2 λ w: half of it is the same.",
    },
    settings: &[factor("l2", 0.01, "the factor λ")],
    make: |s| Ok(Arc::new(L2 { l2: s.f64("l2") })),
};

/// λ Σ w².
#[derive(Clone, Copy, Debug)]
pub struct L2 {
    /// The factor λ.
    pub l2: f64,
}

impl Regularizer for L2 {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("l2", Argument::Float(self.l2))])
    }
    fn build(&self, g: &mut Graph, w: Value) -> Result<Value> {
        let square = g.square(w)?;
        let sum = g.sum(square)?;
        g.scale(sum, self.l2)
    }
}
