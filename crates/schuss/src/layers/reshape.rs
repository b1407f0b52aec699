//! A sample's numbers under other axes.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::shape::Shape;
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "reshape",
    page: Page {
        summary: "puts the numbers of a sample under other axes",
        equation: "[batch, a, b, …] becomes [batch, c, d, …], where a · b · … = c · d · …",
        source: "Keras 3, keras.layers.Reshape",
        differs: "As in Keras, but every axis is given: there is no −1.",
    },
    settings: &[Setting {
        name: "target_shape",
        default: Default::Required,
        allowed: Allowed::Ints(1, i32::MAX as i64),
        doc: "the axes of a sample, without the batch",
    }],
    make: |s| Ok(Arc::new(Reshape::new(&s.ints("target_shape")))),
};

/// `x: [batch, …]`, `y: [batch, target…]`, with as many numbers. Errors: `reshape-sizes`.
#[derive(Clone, Debug)]
pub struct Reshape {
    target: Vec<usize>,
}

impl Reshape {
    /// To these sizes of a sample.
    pub fn new(target: &[usize]) -> Self {
        Reshape { target: target.to_vec() }
    }
}

impl Layer for Reshape {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let sizes = self.target.iter().map(|&n| Argument::Int(n as i64)).collect();
        Settings::from_pairs([("target_shape", Argument::List(sizes))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        build.graph.reshape(x, &Shape::batch(&self.target))
    }
}
