//! Rectified linear unit with a slope on the other side.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "leaky_relu",
    page: Page {
        summary: "makes what is negative small",
        equation: "y = x where x ≥ 0, else a x",
        source: "Maas, Hannun and Ng 2013, Rectifier nonlinearities improve neural network acoustic models, section 2",
        differs: "Keras' activation has a = 0.2, Keras' layer LeakyReLU 0.3, PyTorch 0.01.",
    },
    settings: &[Setting {
        name: "negative_slope",
        default: Default::Float(0.2),
        allowed: Allowed::Number,
        doc: "the slope a where x is negative",
    }],
    make: |s| Ok(Arc::new(LeakyRelu { negative_slope: s.f64("negative_slope") })),
};

/// y = x where x ≥ 0, else a x.
#[derive(Clone, Copy, Debug)]
pub struct LeakyRelu {
    /// The slope a where x is negative.
    pub negative_slope: f64,
}

impl std::default::Default for LeakyRelu {
    fn default() -> Self {
        LeakyRelu { negative_slope: 0.2 }
    }
}

impl Activation for LeakyRelu {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("negative_slope", Argument::Float(self.negative_slope))])
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let (zero, small) = (g.constant(0.0)?, g.scale(x, self.negative_slope)?);
        let right = g.greater_equal(x, zero)?;
        g.select(right, x, small)
    }
}
