//! The sum of sizes.

use super::{AnyRegularizer, Regularizer, factor};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Argument, Entry, Page, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyRegularizer> = Entry {
    name: "l1",
    page: Page {
        summary: "draws every weight to zero with the same force",
        equation: "L ← L + λ Σ |w|",
        source: "Tibshirani 1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x",
        differs: "As in Keras: part of the loss that is reported, once per batch, not divided by its size.",
    },
    settings: &[factor("l1", 0.01, "the factor λ")],
    make: |s| Ok(Arc::new(L1 { l1: s.f64("l1") })),
};

/// λ Σ |w|.
#[derive(Clone, Copy, Debug)]
pub struct L1 {
    /// The factor λ.
    pub l1: f64,
}

impl Regularizer for L1 {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("l1", Argument::Float(self.l1))])
    }
    fn build(&self, g: &mut Graph, w: Value) -> Result<Value> {
        let size = g.absolute(w)?;
        let sum = g.sum(size)?;
        g.scale(sum, self.l1)
    }
}
