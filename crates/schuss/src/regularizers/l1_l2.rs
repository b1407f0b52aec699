//! Sizes and squares together.

use super::{AnyRegularizer, L1, L2, Regularizer, factor};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::registry::{Argument, Entry, Page, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyRegularizer> = Entry {
    name: "l1_l2",
    page: Page {
        summary: "l1 and l2 together",
        equation: "L ← L + λ₁ Σ |w| + λ₂ Σ w²",
        source: "Zou and Hastie 2005, elastic net, https://doi.org/10.1111/j.1467-9868.2005.00503.x",
        differs: "As in Keras, both factors are 0 unless given; that neither is given is an error here.",
    },
    settings: &[factor("l1", 0.0, "the factor λ₁ of sizes"), factor("l2", 0.0, "the factor λ₂ of squares")],
    make: |s| match (s.f64("l1"), s.f64("l2")) {
        (0.0, 0.0) => Err(Error::value("nothing-to-do", "l1 and l2 are both 0; one of them must be above 0")),
        (l1, l2) => Ok(Arc::new(L1L2 { l1, l2 })),
    },
};

/// λ₁ Σ |w| + λ₂ Σ w².
#[derive(Clone, Copy, Debug)]
pub struct L1L2 {
    /// The factor λ₁ of sizes.
    pub l1: f64,
    /// The factor λ₂ of squares.
    pub l2: f64,
}

impl Regularizer for L1L2 {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("l1", Argument::Float(self.l1)), ("l2", Argument::Float(self.l2))])
    }
    fn build(&self, g: &mut Graph, w: Value) -> Result<Value> {
        let (sizes, squares) = (L1 { l1: self.l1 }.build(g, w)?, L2 { l2: self.l2 }.build(g, w)?);
        g.add(sizes, squares)
    }
}
