//! Rectified linear unit.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "relu",
    page: Page {
        summary: "cuts off what is negative",
        equation: "y = max(x, 0)",
        source: "Nair and Hinton 2010, section 2, https://icml.cc/Conferences/2010/papers/432.pdf",
        differs: "The derivative at 0 is 0, as in Keras and PyTorch. Keras' negative_slope is leaky_relu, its \
                  max_value 6 is relu6.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Relu)),
};

/// y = max(x, 0).
#[derive(Clone, Copy, Debug)]
pub struct Relu;

impl Activation for Relu {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.relu(x)
    }
}
