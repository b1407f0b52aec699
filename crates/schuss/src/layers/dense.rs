//! Every output sees every input.

use super::{AnyLayer, Layer};
use crate::activations::{AnyActivation, Linear};
use crate::build::Build;
use crate::choice::Choice;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::initializers::{AnyInitializer, GlorotUniform, Zeros};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::regularizers::AnyRegularizer;
use std::sync::Arc;

/// How a regularizer that is not there is written.
const NONE: &str = "none";

const fn words(name: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: Default::Text(default), allowed: Allowed::Text, doc }
}

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
        words("activation", "linear", "the function f"),
        Setting { name: "use_bias", default: Default::Bool(true), allowed: Allowed::Bool, doc: "is there a b?" },
        words("kernel_initializer", "glorot_uniform", "how W starts"),
        words("bias_initializer", "zeros", "how b starts"),
        words("kernel_regularizer", NONE, "what W adds to the loss: none, or a regularizer, as l2(0.001)"),
        words("bias_regularizer", NONE, "what b adds to the loss: none, or a regularizer"),
    ],
    make: |s| {
        let regularizer = |name| Some(s.text(name)).filter(|words| *words != NONE).map(Choice::from);
        let layer = Dense {
            units: s.usize("units"),
            activation: s.text("activation").into(),
            use_bias: s.bool("use_bias"),
            kernel_initializer: s.text("kernel_initializer").into(),
            bias_initializer: s.text("bias_initializer").into(),
            kernel_regularizer: regularizer("kernel_regularizer"),
            bias_regularizer: regularizer("bias_regularizer"),
        };
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
    activation: Choice<AnyActivation>,
    use_bias: bool,
    kernel_initializer: Choice<AnyInitializer>,
    bias_initializer: Choice<AnyInitializer>,
    kernel_regularizer: Option<Choice<AnyRegularizer>>,
    bias_regularizer: Option<Choice<AnyRegularizer>>,
}

impl Dense {
    /// With so many outputs, linear, with a bias, starting as in Keras.
    pub fn new(units: usize) -> Self {
        Dense {
            units,
            activation: Linear.into(),
            use_bias: true,
            kernel_initializer: GlorotUniform.into(),
            bias_initializer: Zeros.into(),
            kernel_regularizer: None,
            bias_regularizer: None,
        }
    }
    /// The function f.
    pub fn activation(mut self, activation: impl Into<Choice<AnyActivation>>) -> Self {
        self.activation = activation.into();
        self
    }
    /// Is there a b?
    pub fn use_bias(mut self, yes: bool) -> Self {
        self.use_bias = yes;
        self
    }
    /// How W starts.
    pub fn kernel_initializer(mut self, initializer: impl Into<Choice<AnyInitializer>>) -> Self {
        self.kernel_initializer = initializer.into();
        self
    }
    /// How b starts.
    pub fn bias_initializer(mut self, initializer: impl Into<Choice<AnyInitializer>>) -> Self {
        self.bias_initializer = initializer.into();
        self
    }
    /// What W adds to the loss.
    pub fn kernel_regularizer(mut self, regularizer: impl Into<Choice<AnyRegularizer>>) -> Self {
        self.kernel_regularizer = Some(regularizer.into());
        self
    }
    /// What b adds to the loss.
    pub fn bias_regularizer(mut self, regularizer: impl Into<Choice<AnyRegularizer>>) -> Self {
        self.bias_regularizer = Some(regularizer.into());
        self
    }

    /// What is wrong with the words that were given.
    fn check(&self) -> Result<()> {
        self.activation.get()?;
        self.kernel_initializer.get()?;
        self.bias_initializer.get()?;
        for regularizer in [&self.kernel_regularizer, &self.bias_regularizer].into_iter().flatten() {
            regularizer.get()?;
        }
        Ok(())
    }
}

impl Layer for Dense {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let none = || Argument::Text(NONE.into());
        let regularizer = |r: &Option<Choice<_>>| r.as_ref().map_or_else(none, Choice::argument);
        Settings::from_pairs([
            ("units", Argument::Int(self.units as i64)),
            ("activation", self.activation.argument()),
            ("use_bias", Argument::Bool(self.use_bias)),
            ("kernel_initializer", self.kernel_initializer.argument()),
            ("bias_initializer", self.bias_initializer.argument()),
            ("kernel_regularizer", regularizer(&self.kernel_regularizer)),
            ("bias_regularizer", regularizer(&self.bias_regularizer)),
        ])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.check()?;
        let shape = build.graph.shape(x);
        let Some(inputs) = shape.last() else {
            let message = format!("the input is {shape} and must be [batch, …, inputs]");
            return Err(Error::shape("dense-input", message));
        };
        let kernel = build.parameter("kernel", &[inputs, self.units], self.kernel_initializer.get()?)?;
        let mut y = build.graph.matmul(x, kernel)?;
        penalize(build, kernel, &self.kernel_regularizer)?;
        if self.use_bias {
            let bias = build.parameter("bias", &[self.units], self.bias_initializer.get()?)?;
            y = build.graph.add(y, bias)?;
            penalize(build, bias, &self.bias_regularizer)?;
        }
        self.activation.get()?.build(&mut build.graph, y)
    }
}

fn penalize(build: &mut Build, parameter: Value, regularizer: &Option<Choice<AnyRegularizer>>) -> Result<()> {
    if let Some(regularizer) = regularizer {
        let penalty = regularizer.get()?.build(&mut build.graph, parameter)?;
        build.penalty(penalty);
    }
    Ok(())
}
