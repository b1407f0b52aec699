//! The logistic function.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "sigmoid",
    page: Page {
        summary: "presses x between 0 and 1",
        equation: "y = 1 / (1 + e⁻ˣ)",
        source: "Rumelhart, Hinton and Williams 1986, Learning representations by back-propagating errors, equation 2",
        differs: "As everywhere. The losses that are a sigmoid's cross-entropy look through it, so it loses nothing \
                  where it is flat.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Sigmoid)),
};

/// y = 1 / (1 + e⁻ˣ).
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

impl Activation for Sigmoid {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.sigmoid(x)
    }
}
