//! One input less another.

use super::{AnyLayer, Layer, merge};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "subtract",
    page: Page {
        summary: "its first input less its second",
        equation: "y = a − b",
        source: "Keras 3, keras.layers.Subtract",
        differs: "As in Keras: an axis of size 1 is repeated. Inputs have as many axes as each other. There are two.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Subtract)),
};

/// y = a − b.
///
/// Inputs `[batch, …]` of equal sizes, or 1 where others are greater. Errors: `layer-inputs`, `merge-shapes`.
#[derive(Clone, Copy, Debug)]
pub struct Subtract;

impl Layer for Subtract {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.build_all(build, &[x])
    }
    fn build_all(&self, build: &mut Build, inputs: &[Value]) -> Result<Value> {
        if inputs.len() > 2 {
            let message = format!("{} takes two inputs and is given {}", self.kind(), inputs.len());
            return Err(Error::value("layer-inputs", message));
        }
        merge::fold(&mut build.graph, self.kind(), inputs, |g, a, b| g.subtract(a, b))
    }
}
