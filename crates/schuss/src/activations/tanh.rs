//! The hyperbolic tangent.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "tanh",
    page: Page {
        summary: "presses x between −1 and 1",
        equation: "y = tanh x = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)",
        source: "LeCun, Bottou, Orr and Müller 1998, Efficient BackProp, section 4.4",
        differs: "As everywhere.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Tanh)),
};

/// y = tanh x.
#[derive(Clone, Copy, Debug)]
pub struct Tanh;

impl Activation for Tanh {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.tanh(x)
    }
}
