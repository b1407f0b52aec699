//! A smooth rectified linear unit.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "softplus",
    page: Page {
        summary: "a relu without its corner",
        equation: "y = ln(1 + eˣ)",
        source: "Dugas, Bengio, Bélisle, Nadeau and Garcia 2001, Incorporating second-order functional knowledge for \
                 better option pricing",
        differs: "PyTorch has a β, which is 1 here, and is x itself above 20.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Softplus)),
};

/// y = ln(1 + eˣ).
#[derive(Clone, Copy, Debug)]
pub struct Softplus;

impl Activation for Softplus {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.softplus(x)
    }
}
