//! The sum of several inputs.

use super::{AnyLayer, Layer, merge};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "add",
    page: Page {
        summary: "the sum of its inputs",
        equation: "y = a + b + …",
        source: "Keras 3, keras.layers.Add",
        differs: "As in Keras: an axis of size 1 is repeated. Inputs have as many axes as each other.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Add)),
};

/// y = a + b + …
///
/// Inputs `[batch, …]` of equal sizes, or 1 where others are greater. Errors: `layer-inputs`, `merge-shapes`.
#[derive(Clone, Copy, Debug)]
pub struct Add;

impl Layer for Add {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.build_all(build, &[x])
    }
    fn build_all(&self, build: &mut Build, inputs: &[Value]) -> Result<Value> {
        merge::fold(&mut build.graph, self.kind(), inputs, |g, a, b| g.add(a, b))
    }
}
