//! Normal around a mean.

use super::scaled::normal_around;
use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "random_normal",
    page: Page {
        summary: "normal around a mean",
        equation: "w normal with mean m and standard deviation σ",
        source: "Keras 3, keras.initializers.RandomNormal",
        differs: "As in Keras. The numbers are a function of the run's seed and the parameter's name, so there is no seed of its own.",
    },
    settings: &[
        Setting { name: "mean", default: Default::Float(0.0), allowed: Allowed::Number, doc: "the mean m" },
        Setting {
            name: "stddev",
            default: Default::Float(0.05),
            allowed: Allowed::NotNegative,
            doc: "the standard deviation σ",
        },
    ],
    make: |s| Ok(Arc::new(RandomNormal { mean: s.f64("mean"), stddev: s.f64("stddev") })),
};

/// Normal around a mean.
#[derive(Clone, Copy, Debug)]
pub struct RandomNormal {
    /// The mean m.
    pub mean: f64,
    /// The standard deviation σ.
    pub stddev: f64,
}

impl std::default::Default for RandomNormal {
    fn default() -> Self {
        RandomNormal { mean: 0.0, stddev: 0.05 }
    }
}

impl Initializer for RandomNormal {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("mean", Argument::Float(self.mean)), ("stddev", Argument::Float(self.stddev))])
    }
    fn fill(&self, _: &[usize], stream: Stream, out: &mut [f32]) {
        normal_around(self.mean, self.stddev, stream, out);
    }
}
