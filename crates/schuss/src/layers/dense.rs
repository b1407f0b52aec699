//! Every output sees every input.

use super::weights::{self, Outputs, Weight, output_methods, weight_methods};
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "dense",
    page: Page {
        summary: "every output is a weighted sum of every input, through an activation",
        equation: "y = f(x · W + b)",
        source: "Rosenblatt 1958, The perceptron; Keras 3, keras.layers.Dense",
        differs: "Keras' names, defaults and layout: W is [inputs, units]. PyTorch's Linear keeps the transpose of W \
                  and starts W and b uniform between ∓√(1 / inputs). No constraints, no lora_rank.",
    },
    settings: &[
        Setting {
            name: "units",
            default: Default::Required,
            allowed: Allowed::Int(1, i32::MAX as i64),
            doc: "how many outputs",
        },
        weights::ACTIVATION,
        weights::USE_BIAS,
        weights::KERNEL_INITIALIZER,
        weights::BIAS_INITIALIZER,
        weights::KERNEL_REGULARIZER,
        weights::BIAS_REGULARIZER,
    ],
    make: |s| {
        let kernel = Weight::read(s, "kernel_initializer", "kernel_regularizer");
        let layer = Dense { units: s.usize("units"), kernel, outputs: Outputs::read(s) };
        layer.check()?;
        Ok(Arc::new(layer))
    },
};

/// y = f(x · W + b).
///
/// `x: [batch, …, inputs]`, `y: [batch, …, units]`; parameters `kernel` W `[inputs, units]` and `bias` b `[units]`.
/// Errors: `dense-input`, and what is wrong with the words that were given.
///
/// ```
/// use schuss::{initializers::HeNormal, layers::Dense, model::Sequential};
///
/// let hidden = Dense::new(512).activation("relu").kernel_initializer(HeNormal).kernel_regularizer("l2(0.0001)");
/// let model = Sequential::new(&[784]).add(hidden).add(Dense::new(10).activation("sofmax"));
/// let error = model.build(true).unwrap_err().to_string();
/// assert!(error.starts_with("layer dense_1: no activation `sofmax`; did you mean `softmax`?"));
/// ```
#[derive(Clone, Debug)]
pub struct Dense {
    units: usize,
    kernel: Weight,
    outputs: Outputs,
}

impl Dense {
    /// With so many outputs, linear, with a bias, starting as in Keras.
    pub fn new(units: usize) -> Self {
        Dense { units, kernel: weights::kernel(), outputs: Outputs::new() }
    }
    output_methods!();
    weight_methods!(kernel, kernel_initializer, kernel_regularizer);

    /// What is wrong with the words that were given.
    fn check(&self) -> Result<()> {
        self.kernel.check()?;
        self.outputs.check()
    }
}

impl Layer for Dense {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([
            ("units", Argument::Int(self.units as i64)),
            ("activation", self.outputs.activation.argument()),
            ("use_bias", Argument::Bool(self.outputs.use_bias)),
            ("kernel_initializer", self.kernel.initializer()),
            ("bias_initializer", self.outputs.bias.initializer()),
            ("kernel_regularizer", self.kernel.regularizer()),
            ("bias_regularizer", self.outputs.bias.regularizer()),
        ])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.check()?;
        let shape = build.graph.shape(x);
        let Some(inputs) = shape.last() else {
            let message = format!("the input is {shape} and must be [batch, …, inputs]");
            return Err(Error::shape("dense-input", message));
        };
        let kernel = self.kernel.build(build, "kernel", &[inputs, self.units])?;
        let y = build.graph.matmul(x, kernel)?;
        self.outputs.build(build, y, self.units)
    }
}
