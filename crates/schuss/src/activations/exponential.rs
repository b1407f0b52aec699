//! The exponential function.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "exponential",
    page: Page {
        summary: "makes x positive",
        equation: "y = eˣ",
        source: "Keras 3, keras.activations.exponential",
        differs: "As in Keras. In f32 it is infinite above 88.7.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Exponential)),
};

/// y = eˣ.
#[derive(Clone, Copy, Debug)]
pub struct Exponential;

impl Activation for Exponential {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        g.exp(x)
    }
}
