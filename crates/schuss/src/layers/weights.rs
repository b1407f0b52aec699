//! What layers with trained numbers have in common: how these start and what they add to the loss; the bias and the
//! activation behind a weighted sum.

use crate::activations::{AnyActivation, Linear};
use crate::build::Build;
use crate::choice::Choice;
use crate::error::Result;
use crate::graph::Value;
use crate::initializers::{AnyInitializer, GlorotUniform, Zeros};
use crate::registry::{Allowed, Argument, Default, Setting, Settings};
use crate::regularizers::AnyRegularizer;

/// How a regularizer that is not there is written.
const NONE: &str = "none";

pub(super) const ACTIVATION: Setting = words("activation", "linear", "the function f");
pub(super) const USE_BIAS: Setting =
    Setting { name: "use_bias", default: Default::Bool(true), allowed: Allowed::Bool, doc: "is there a b?" };
pub(super) const KERNEL_INITIALIZER: Setting = words("kernel_initializer", "glorot_uniform", "how W starts");
pub(super) const BIAS_INITIALIZER: Setting = words("bias_initializer", "zeros", "how b starts");
pub(super) const KERNEL_REGULARIZER: Setting =
    words("kernel_regularizer", NONE, "what W adds to the loss: none, or a regularizer, as l2(0.001)");
pub(super) const BIAS_REGULARIZER: Setting =
    words("bias_regularizer", NONE, "what b adds to the loss: none, or a regularizer");

pub(super) const fn words(name: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: Default::Text(default), allowed: Allowed::Text, doc }
}

/// A setting that names a regularizer.
pub(super) const fn regularizer(name: &'static str, doc: &'static str) -> Setting {
    words(name, NONE, doc)
}

/// A parameter that is trained.
#[derive(Clone, Debug)]
pub(super) struct Weight {
    pub initializer: Choice<AnyInitializer>,
    pub regularizer: Option<Choice<AnyRegularizer>>,
}

impl Weight {
    pub fn new(initializer: impl Into<Choice<AnyInitializer>>) -> Self {
        Weight { initializer: initializer.into(), regularizer: None }
    }
    /// From the settings of these names.
    pub fn read(s: &Settings, initializer: &str, regularizer: &str) -> Self {
        let regularizer = Some(s.text(regularizer)).filter(|words| *words != NONE).map(Choice::from);
        Weight { initializer: s.text(initializer).into(), regularizer }
    }
    pub fn initializer(&self) -> Argument {
        self.initializer.argument()
    }
    pub fn regularizer(&self) -> Argument {
        self.regularizer.as_ref().map_or_else(|| Argument::Text(NONE.into()), Choice::argument)
    }
    /// What is wrong with the words that were given.
    pub fn check(&self) -> Result<()> {
        self.initializer.get()?;
        self.regularizer.as_ref().map_or(Ok(()), |r| r.get().map(|_| ()))
    }
    /// The parameter, and what it adds to the loss.
    pub fn build(&self, build: &mut Build, name: &str, shape: &[usize]) -> Result<Value> {
        let w = build.parameter(name, shape, self.initializer.get()?)?;
        if let Some(regularizer) = &self.regularizer {
            let penalty = regularizer.get()?.build(&mut build.graph, w)?;
            build.penalty(penalty);
        }
        Ok(w)
    }
}

/// What follows a weighted sum: a bias and an activation.
#[derive(Clone, Debug)]
pub(super) struct Outputs {
    pub activation: Choice<AnyActivation>,
    pub use_bias: bool,
    pub bias: Weight,
}

impl Outputs {
    /// Linear, with a bias that starts at zero.
    pub fn new() -> Self {
        Outputs { activation: Linear.into(), use_bias: true, bias: Weight::new(Zeros) }
    }
    pub fn read(s: &Settings) -> Self {
        let bias = Weight::read(s, "bias_initializer", "bias_regularizer");
        Outputs { activation: s.text("activation").into(), use_bias: s.bool("use_bias"), bias }
    }
    pub fn check(&self) -> Result<()> {
        self.activation.get()?;
        self.bias.check()
    }
    /// f(y + b), with a b for each of so many channels.
    pub fn build(&self, build: &mut Build, mut y: Value, channels: usize) -> Result<Value> {
        if self.use_bias {
            let bias = self.bias.build(build, "bias", &[channels])?;
            y = build.graph.add(y, bias)?;
        }
        self.activation.get()?.build(&mut build.graph, y)
    }
}

/// A kernel as Keras starts it.
pub(super) fn kernel() -> Weight {
    Weight::new(GlorotUniform)
}

/// The builders' methods for what [`Outputs`] holds, in the field `outputs`.
macro_rules! output_methods {
    () => {
        /// The function f.
        pub fn activation(
            mut self,
            activation: impl Into<crate::choice::Choice<crate::activations::AnyActivation>>,
        ) -> Self {
            self.outputs.activation = activation.into();
            self
        }
        /// Is there a b?
        pub fn use_bias(mut self, yes: bool) -> Self {
            self.outputs.use_bias = yes;
            self
        }
        /// How b starts.
        pub fn bias_initializer(
            mut self,
            initializer: impl Into<crate::choice::Choice<crate::initializers::AnyInitializer>>,
        ) -> Self {
            self.outputs.bias.initializer = initializer.into();
            self
        }
        /// What b adds to the loss.
        pub fn bias_regularizer(
            mut self,
            regularizer: impl Into<crate::choice::Choice<crate::regularizers::AnyRegularizer>>,
        ) -> Self {
            self.outputs.bias.regularizer = Some(regularizer.into());
            self
        }
    };
}

/// The builders' methods for a [`Weight`] in the field of that name.
macro_rules! weight_methods {
    ($field:ident, $initializer:ident, $regularizer:ident) => {
        /// How these weights start.
        pub fn $initializer(
            mut self,
            initializer: impl Into<crate::choice::Choice<crate::initializers::AnyInitializer>>,
        ) -> Self {
            self.$field.initializer = initializer.into();
            self
        }
        /// What these weights add to the loss.
        pub fn $regularizer(
            mut self,
            regularizer: impl Into<crate::choice::Choice<crate::regularizers::AnyRegularizer>>,
        ) -> Self {
            self.$field.regularizer = Some(regularizer.into());
            self
        }
    };
}

pub(super) use {output_methods, weight_methods};
