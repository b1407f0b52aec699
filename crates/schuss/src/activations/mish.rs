//! x weighted by the tanh of its softplus.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "mish",
    page: Page {
        summary: "x times tanh of softplus x",
        equation: "y = x tanh(ln(1 + eˣ))",
        source: "Misra 2020, equation 1, https://arxiv.org/abs/1908.08681",
        differs: "As in Keras and PyTorch.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Mish)),
};

/// y = x · tanh(softplus x).
#[derive(Clone, Copy, Debug)]
pub struct Mish;

impl Activation for Mish {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let soft = g.softplus(x)?;
        let gate = g.tanh(soft)?;
        g.multiply(x, gate)
    }
}
