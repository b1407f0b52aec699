//! Rectified linear unit with a ceiling.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "relu6",
    page: Page {
        summary: "cuts off what is negative or above 6",
        equation: "y = min(max(x, 0), 6)",
        source: "Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10, section 2",
        differs: "As in Keras and PyTorch; the derivative at 0 and at 6 is 0.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Relu6)),
};

/// y = min(max(x, 0), 6).
#[derive(Clone, Copy, Debug)]
pub struct Relu6;

impl Activation for Relu6 {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let (y, six) = (g.relu(x)?, g.constant(6.0)?);
        // In this order: at 6 the derivative goes to the first.
        g.minimum(six, y)
    }
}
