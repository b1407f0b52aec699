//! A branch that is left out at random.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::shape::{Dim, Shape};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "stochastic_depth",
    page: Page {
        summary: "while training, sets whole samples to 0 at random and the others up: what is added to them is left alone",
        equation: "y = x · (u ≥ p) / (1 − p), u uniform in [0, 1), one for each sample\n\
                   y = x at evaluation and prediction",
        source: "Huang, Sun, Liu, Sedra and Weinberger 2016, https://arxiv.org/abs/1603.09382",
        differs: "Samples are left out one by one, and the others divided by 1 − p, as in torchvision's \
                  StochasticDepth(mode = row); the paper leaves out whole batches and multiplies at prediction. It \
                  stands at the end of a branch, before the addition.",
    },
    settings: &[Setting {
        name: "rate",
        default: Default::Required,
        allowed: RATE,
        doc: "the probability p that a sample is left out",
    }],
    make: |s| Ok(Arc::new(StochasticDepth::new(s.f64("rate")))),
};

const RATE: Allowed = Allowed::Fraction;

/// y = x · (u ≥ p) / (1 − p), one u for each sample, while training.
///
/// `x: [batch, …]`, `y` of the same shape. Errors: `value-not-allowed`.
#[derive(Clone, Copy, Debug)]
pub struct StochasticDepth {
    rate: f64,
}

impl StochasticDepth {
    /// Leaves a sample out with this probability.
    pub fn new(rate: f64) -> Self {
        StochasticDepth { rate }
    }
}

impl Layer for StochasticDepth {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("rate", Argument::Float(self.rate))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        if !(0.0..1.0).contains(&self.rate) {
            let message = format!("`rate` is {:?}; allowed is {RATE}", self.rate);
            return Err(Error::value("value-not-allowed", message));
        }
        if !build.training || self.rate == 0.0 {
            return Ok(x);
        }
        let stream = build.stream("mask");
        let g = &mut build.graph;
        // One number for each sample, with axes of size 1 behind it.
        let rank = g.shape(x).rank();
        let each = Shape::new([vec![Dim::Batch], vec![Dim::Fixed(1); rank - 1]].concat());
        let u = g.random_uniform(&stream, &each)?;
        // Rounded to f32, so that f64 and f32 leave out the same samples.
        let rate = g.constant(f64::from(self.rate as f32))?;
        let kept = g.greater_equal(u, rate)?;
        let mask = g.scale(kept, 1.0 / (1.0 - self.rate))?;
        g.multiply(x, mask)
    }
}
