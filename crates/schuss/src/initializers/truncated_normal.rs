//! Normal around a mean, without its ends.

use super::scaled::cut_normal;
use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "truncated_normal",
    page: Page {
        summary: "normal around a mean, cut off at two standard deviations",
        equation: "w normal with mean m and standard deviation σ, cut off at m ∓ 2σ",
        source: "Keras 3, keras.initializers.TruncatedNormal",
        differs: "As in Keras: σ is the standard deviation before the cut, .88 σ is left. PyTorch's trunc_normal_ has σ = 1 and cuts at ∓2, whatever σ is. No seed of its own.",
    },
    settings: &[
        Setting { name: "mean", default: Default::Float(0.0), allowed: Allowed::Number, doc: "the mean m" },
        Setting {
            name: "stddev",
            default: Default::Float(0.05),
            allowed: Allowed::NotNegative,
            doc: "the standard deviation σ before the cut",
        },
    ],
    make: |s| Ok(Arc::new(TruncatedNormal { mean: s.f64("mean"), stddev: s.f64("stddev") })),
};

/// Normal around a mean, cut off at two standard deviations.
#[derive(Clone, Copy, Debug)]
pub struct TruncatedNormal {
    /// The mean m.
    pub mean: f64,
    /// The standard deviation σ before the cut.
    pub stddev: f64,
}

impl std::default::Default for TruncatedNormal {
    fn default() -> Self {
        TruncatedNormal { mean: 0.0, stddev: 0.05 }
    }
}

impl Initializer for TruncatedNormal {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("mean", Argument::Float(self.mean)), ("stddev", Argument::Float(self.stddev))])
    }
    fn fill(&self, _: &[usize], stream: Stream, out: &mut [f32]) {
        cut_normal(self.mean, self.stddev, stream, out);
    }
}
