//! Nothing at all.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "linear",
    page: Page {
        summary: "leaves x as it is",
        equation: "y = x",
        source: "Keras 3, keras.activations.linear",
        differs: "Keras' name; PyTorch's Identity.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Linear)),
};

/// y = x.
#[derive(Clone, Copy, Debug)]
pub struct Linear;

impl Activation for Linear {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, _: &mut Graph, x: Value) -> Result<Value> {
        Ok(x)
    }
}
