//! An activation as a layer of its own.

use super::{AnyLayer, Layer};
use crate::activations::AnyActivation;
use crate::build::Build;
use crate::choice::Choice;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Allowed, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "activation",
    page: Page {
        summary: "a function of each output of the layer before",
        equation: "y = f(x)",
        source: "Keras 3, keras.layers.Activation",
        differs: "As in Keras.",
    },
    settings: &[Setting {
        name: "activation",
        default: Default::Required,
        allowed: Allowed::Text,
        doc: "the function f: an activation, as relu or leaky_relu(0.1)",
    }],
    make: |s| {
        let layer = Activation::new(s.text("activation"));
        layer.activation.get()?;
        Ok(Arc::new(layer))
    },
};

/// y = f(x).
///
/// `x: [batch, …]`, `y` of the same shape.
#[derive(Clone, Debug)]
pub struct Activation {
    activation: Choice<AnyActivation>,
}

impl Activation {
    /// Of this function.
    pub fn new(activation: impl Into<Choice<AnyActivation>>) -> Self {
        Activation { activation: activation.into() }
    }
}

impl Layer for Activation {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("activation", self.activation.argument())])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.activation.get()?.build(&mut build.graph, x)
    }
}
