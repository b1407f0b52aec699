//! Every channel with mean 0 and variance 1 over the batch.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::choice::Choice;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::initializers::{AnyInitializer, Ones, Zeros};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

const fn words(name: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: Default::Text(default), allowed: Allowed::Text, doc }
}

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "batch_normalization",
    page: Page {
        summary: "gives every channel mean 0 and variance 1 over the batch; at evaluation, over batches that were seen",
        equation: "training: y = γ · (x − μ) / √(σ² + ε) + β, μ and σ² of the batch, over all axes but the last;\n\
                   m ← a m + (1 − a) μ, v ← a v + (1 − a) σ²\n\
                   evaluation: y = γ · (x − m) / √(v + ε) + β",
        source: "Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167, algorithms 1 and 2; \
                 Keras 3, keras.layers.BatchNormalization",
        differs: "Keras' names and defaults; the axis is the last, the variance σ² divides by the count n, in v too. \
                  PyTorch's momentum is 1 − a, its ε is 1e-5, and its v divides by n − 1. m and v move once with each \
                  batch, from its first 4,096 samples. Where train.freeze names moving_mean or moving_variance, the \
                  layer works as at evaluation (Keras: trainable = False). No renorm, no synchronized, no mask.",
    },
    settings: &[
        Setting {
            name: "momentum",
            default: Default::Float(0.99),
            allowed: MOMENTUM,
            doc: "a: how much of the moving statistics stays at each step",
        },
        Setting {
            name: "epsilon",
            default: Default::Float(0.001),
            allowed: EPSILON,
            doc: "ε: what is added to the variance",
        },
        Setting { name: "center", default: Default::Bool(true), allowed: Allowed::Bool, doc: "is there a β?" },
        Setting { name: "scale", default: Default::Bool(true), allowed: Allowed::Bool, doc: "is there a γ?" },
        words("beta_initializer", "zeros", "how β starts"),
        words("gamma_initializer", "ones", "how γ starts"),
        words("moving_mean_initializer", "zeros", "how m starts"),
        words("moving_variance_initializer", "ones", "how v starts"),
    ],
    make: |s| {
        let layer = BatchNormalization {
            momentum: s.f64("momentum"),
            epsilon: s.f64("epsilon"),
            center: s.bool("center"),
            scale: s.bool("scale"),
            beta_initializer: s.text("beta_initializer").into(),
            gamma_initializer: s.text("gamma_initializer").into(),
            moving_mean_initializer: s.text("moving_mean_initializer").into(),
            moving_variance_initializer: s.text("moving_variance_initializer").into(),
        };
        layer.check()?;
        Ok(Arc::new(layer))
    },
};

const MOMENTUM: Allowed = Allowed::Fraction;
const EPSILON: Allowed = Allowed::Positive;

/// y = γ · (x − μ) / √(σ² + ε) + β.
///
/// `x: [batch, …, channels]`, `y` of the same shape; parameters `gamma` γ and `beta` β, buffers `moving_mean` m and
/// `moving_variance` v, each `[channels]`. Errors: `normalization-input`, `value-not-allowed`.
///
/// ```
/// use schuss::{layers::{BatchNormalization, Dense}, model::Sequential};
///
/// let model = Sequential::new(&[784]).add(Dense::new(32).use_bias(false)).add(BatchNormalization::new().momentum(0.9));
/// let built = model.build(true)?;
/// assert_eq!(built.parameters[1].name, "batch_normalization/gamma");
/// assert_eq!(built.buffers[1].name, "batch_normalization/moving_variance");
/// # Ok::<(), schuss::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchNormalization {
    momentum: f64,
    epsilon: f64,
    center: bool,
    scale: bool,
    beta_initializer: Choice<AnyInitializer>,
    gamma_initializer: Choice<AnyInitializer>,
    moving_mean_initializer: Choice<AnyInitializer>,
    moving_variance_initializer: Choice<AnyInitializer>,
}

impl std::default::Default for BatchNormalization {
    fn default() -> Self {
        BatchNormalization {
            momentum: 0.99,
            epsilon: 0.001,
            center: true,
            scale: true,
            beta_initializer: Zeros.into(),
            gamma_initializer: Ones.into(),
            moving_mean_initializer: Zeros.into(),
            moving_variance_initializer: Ones.into(),
        }
    }
}

impl BatchNormalization {
    /// As in Keras.
    pub fn new() -> Self {
        Self::default()
    }
    /// a: how much of the moving statistics stays at each step.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }
    /// ε: what is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
    /// Is there a β?
    pub fn center(mut self, yes: bool) -> Self {
        self.center = yes;
        self
    }
    /// Is there a γ?
    pub fn scale(mut self, yes: bool) -> Self {
        self.scale = yes;
        self
    }
    /// How γ starts.
    pub fn gamma_initializer(mut self, initializer: impl Into<Choice<AnyInitializer>>) -> Self {
        self.gamma_initializer = initializer.into();
        self
    }
    /// How β starts.
    pub fn beta_initializer(mut self, initializer: impl Into<Choice<AnyInitializer>>) -> Self {
        self.beta_initializer = initializer.into();
        self
    }

    /// What is wrong with what was given.
    fn check(&self) -> Result<()> {
        let refuse = |name: &str, x: f64, allowed: Allowed| {
            Err(Error::value("value-not-allowed", format!("`{name}` is {x:?}; allowed is {allowed}")))
        };
        if !(0.0..1.0).contains(&self.momentum) {
            return refuse("momentum", self.momentum, MOMENTUM);
        }
        if !(self.epsilon.is_finite() && self.epsilon > 0.0) {
            return refuse("epsilon", self.epsilon, EPSILON);
        }
        for initializer in [
            &self.beta_initializer,
            &self.gamma_initializer,
            &self.moving_mean_initializer,
            &self.moving_variance_initializer,
        ] {
            initializer.get()?;
        }
        Ok(())
    }
}

impl Layer for BatchNormalization {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([
            ("momentum", Argument::Float(self.momentum)),
            ("epsilon", Argument::Float(self.epsilon)),
            ("center", Argument::Bool(self.center)),
            ("scale", Argument::Bool(self.scale)),
            ("beta_initializer", self.beta_initializer.argument()),
            ("gamma_initializer", self.gamma_initializer.argument()),
            ("moving_mean_initializer", self.moving_mean_initializer.argument()),
            ("moving_variance_initializer", self.moving_variance_initializer.argument()),
        ])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.check()?;
        let shape = build.graph.shape(x).clone();
        let Some(channels) = shape.last().filter(|n| shape.rank() >= 2 && *n > 0) else {
            let message = format!("the input is {shape} and must be [batch, …, channels]");
            return Err(Error::shape("normalization-input", message));
        };
        let channels = [channels];
        let gamma =
            if self.scale { Some(build.parameter("gamma", &channels, self.gamma_initializer.get()?)?) } else { None };
        let beta =
            if self.center { Some(build.parameter("beta", &channels, self.beta_initializer.get()?)?) } else { None };
        let moving_mean = build.buffer("moving_mean", &channels, self.moving_mean_initializer.get()?)?;
        let moving_variance = build.buffer("moving_variance", &channels, self.moving_variance_initializer.get()?)?;
        if build.is_fixed("moving_mean") || build.is_fixed("moving_variance") {
            // One factor and one summand for each channel, so that they can join what comes before.
            let g = &mut build.graph;
            let factor = self.factor(g, moving_variance, gamma)?;
            let shift = g.multiply(moving_mean, factor)?;
            let shift = match beta {
                Some(beta) => g.subtract(beta, shift)?,
                None => g.negative(shift)?,
            };
            let y = g.multiply(x, factor)?;
            return g.add(y, shift);
        }
        let g = &mut build.graph;
        let mean = g.mean_rows(x)?;
        let centred = g.subtract(x, mean)?;
        let variance = g.variance_rows(x)?;
        let factor = self.factor(g, variance, gamma)?;
        let mut y = g.multiply(centred, factor)?;
        if let Some(beta) = beta {
            y = g.add(y, beta)?;
        }
        for (moving, now) in [(moving_mean, mean), (moving_variance, variance)] {
            let g = &mut build.graph;
            let (kept, added) = (g.scale(moving, self.momentum)?, g.scale(now, 1.0 - self.momentum)?);
            let next = g.add(kept, added)?;
            build.assign(moving, next)?;
        }
        Ok(y)
    }
}

impl BatchNormalization {
    /// γ / √(σ² + ε).
    fn factor(&self, g: &mut Graph, variance: Value, gamma: Option<Value>) -> Result<Value> {
        let epsilon = g.constant(self.epsilon)?;
        let sum = g.add(variance, epsilon)?;
        let root = g.sqrt(sum)?;
        match gamma {
            Some(gamma) => g.divide(gamma, root),
            None => g.reciprocal(root),
        }
    }
}
