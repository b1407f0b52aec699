//! A sample's numbers in one row.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Entry, Page};
use crate::shape::Shape;
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "flatten",
    page: Page {
        summary: "puts all numbers of a sample in one row",
        equation: "[batch, a, b, …] becomes [batch, a · b · …]",
        source: "Keras 3, keras.layers.Flatten",
        differs: "As in Keras: row-major, the last axis fastest; channels are last.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Flatten)),
};

/// `x: [batch, a, b, …]`, `y: [batch, a · b · …]`.
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let numbers = build.graph.shape(x).sample().iter().product();
        build.graph.reshape(x, &Shape::batch(&[numbers]))
    }
}
