//! The Gaussian error linear unit.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "gelu",
    page: Page {
        summary: "x weighted by the normal distribution's share below it",
        equation: "y = x Φ(x), Φ(x) = ½ (1 + erf(x / √2)); approximate: y = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))",
        source: "Hendrycks and Gimpel 2016, section 2, https://arxiv.org/abs/1606.08415",
        differs: "As in Keras and PyTorch (whose setting is approximate=\"tanh\").",
    },
    settings: &[Setting {
        name: "approximate",
        default: Default::Bool(false),
        allowed: Allowed::Bool,
        doc: "approximate Φ by tanh?",
    }],
    make: |s| Ok(Arc::new(Gelu { approximate: s.bool("approximate") })),
};

/// y = x Φ(x).
#[derive(Clone, Copy, Debug, std::default::Default)]
pub struct Gelu {
    /// By tanh.
    pub approximate: bool,
}

impl Activation for Gelu {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("approximate", Argument::Bool(self.approximate))])
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        if !self.approximate {
            return g.gelu(x);
        }
        // x + 0.044715 x³ as x (1 + 0.044715 x²).
        let square = g.square(x)?;
        let square = g.scale(square, 0.044_715)?;
        let one = g.constant(1.0)?;
        let factor = g.add(square, one)?;
        let inner = g.multiply(x, factor)?;
        let inner = g.scale(inner, (2.0 / std::f64::consts::PI).sqrt())?;
        let curve = g.tanh(inner)?;
        let share = g.add(curve, one)?;
        let half = g.scale(x, 0.5)?;
        g.multiply(half, share)
    }
}
