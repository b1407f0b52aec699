//! Exponential linear unit.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "elu",
    page: Page {
        summary: "bends what is negative towards −α",
        equation: "y = x where x > 0, else α (eˣ − 1)",
        source: "Clevert, Unterthiner and Hochreiter 2016, section 3, https://arxiv.org/abs/1511.07289",
        differs: "As in Keras and PyTorch.",
    },
    settings: &[Setting {
        name: "alpha",
        default: Default::Float(1.0),
        allowed: Allowed::Number,
        doc: "the depth α to which it falls",
    }],
    make: |s| Ok(Arc::new(Elu { alpha: s.f64("alpha") })),
};

/// y = x where x > 0, else α (eˣ − 1).
#[derive(Clone, Copy, Debug)]
pub struct Elu {
    /// The depth α to which it falls.
    pub alpha: f64,
}

impl std::default::Default for Elu {
    fn default() -> Self {
        Elu { alpha: 1.0 }
    }
}

impl Activation for Elu {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("alpha", Argument::Float(self.alpha))])
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        exponential_linear(g, x, self.alpha)
    }
}

/// x where x > 0, else α (eˣ − 1).
pub(super) fn exponential_linear(g: &mut Graph, x: Value, alpha: f64) -> Result<Value> {
    let (zero, one) = (g.constant(0.0)?, g.constant(1.0)?);
    let right = g.greater(x, zero)?;
    // On the right the exponential is of 0, so that it can't overflow there and spoil the derivative.
    let left = g.select(right, zero, x)?;
    let power = g.exp(left)?;
    let rest = g.subtract(power, one)?;
    let bent = g.scale(rest, alpha)?;
    g.select(right, x, bent)
}
