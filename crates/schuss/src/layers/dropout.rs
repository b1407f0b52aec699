//! Some inputs are left out at random.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::shape::Shape;
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "dropout",
    page: Page {
        summary: "while training, sets inputs to 0 at random and the others up, so that the mean stays",
        equation: "y = x · (u ≥ p) / (1 − p), u uniform in [0, 1)\ny = x at evaluation and prediction",
        source: "Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014, \
                 https://jmlr.org/papers/v15/srivastava14a.html",
        differs: "Inverted, as in Keras and PyTorch; the paper scales at prediction instead. The mask is a function of \
                  the run's seed, the layer's name, the update and the place in the batch, so there is no seed of the \
                  layer's own; no noise_shape.",
    },
    settings: &[RATE],
    make: |s| Ok(Arc::new(Dropout::new(s.f64("rate")))),
};

pub(super) const RATE: Setting = Setting {
    name: "rate",
    default: Default::Required,
    allowed: Allowed::Fraction,
    doc: "the probability p that an input is left out",
};

/// y = x · (u ≥ p) / (1 − p), while training.
///
/// `x: [batch, …]`, `y` of the same shape. Errors: `value-not-allowed`.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    rate: f64,
}

impl Dropout {
    /// Leaves an input out with this probability.
    pub fn new(rate: f64) -> Self {
        Dropout { rate }
    }
    pub(super) fn check(self) -> Result<()> {
        if !(0.0..1.0).contains(&self.rate) {
            let message = format!("`rate` is {:?}; allowed is {}", self.rate, RATE.allowed);
            return Err(Error::value("value-not-allowed", message));
        }
        Ok(())
    }
}

/// x · (u ≥ p) / (1 − p) while training, with a u for each place of `shape`, which broadcasts to x.
pub(super) fn left_out(build: &mut Build, x: Value, rate: f64, shape: &Shape) -> Result<Value> {
    if !build.training || rate == 0.0 {
        return Ok(x);
    }
    let stream = build.stream("mask");
    let g = &mut build.graph;
    let u = g.random_uniform(&stream, shape)?;
    // Rounded to f32, so that f64 and f32 leave out the same inputs.
    let p = g.constant(f64::from(rate as f32))?;
    let kept = g.greater_equal(u, p)?;
    let mask = g.scale(kept, 1.0 / (1.0 - rate))?;
    g.multiply(x, mask)
}

impl Layer for Dropout {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("rate", Argument::Float(self.rate))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.check()?;
        let shape = build.graph.shape(x).clone();
        left_out(build, x, self.rate, &shape)
    }
}
