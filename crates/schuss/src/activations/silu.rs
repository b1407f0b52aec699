//! The sigmoid-weighted linear unit, also called swish.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "silu",
    page: Page {
        summary: "x times its sigmoid",
        equation: "y = x / (1 + e⁻ˣ)",
        source: "Elfwing, Uchibe and Doya 2018, equation 5, https://arxiv.org/abs/1702.03118",
        differs: "As in Keras and PyTorch; swish is an alias.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Silu)),
};

/// y = x · sigmoid x.
#[derive(Clone, Copy, Debug)]
pub struct Silu;

impl Activation for Silu {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let gate = g.sigmoid(x)?;
        g.multiply(x, gate)
    }
}
