//! Uniform between two numbers.

use super::scaled::uniform_between;
use super::{AnyInitializer, Initializer};
use crate::error::Error;
use crate::random::Stream;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "random_uniform",
    page: Page {
        summary: "uniform between two numbers",
        equation: "w uniform in [a, b)",
        source: "Keras 3, keras.initializers.RandomUniform",
        differs: "As in Keras. No seed of its own.",
    },
    settings: &[
        Setting { name: "minval", default: Default::Float(-0.05), allowed: Allowed::Number, doc: "the lower end a" },
        Setting { name: "maxval", default: Default::Float(0.05), allowed: Allowed::Number, doc: "the upper end b" },
    ],
    make: |s| {
        let (minval, maxval) = (s.f64("minval"), s.f64("maxval"));
        if minval > maxval {
            let message = format!("`minval` {minval} is above `maxval` {maxval}");
            return Err(Error::value("value-not-allowed", message));
        }
        Ok(Arc::new(RandomUniform { minval, maxval }))
    },
};

/// Uniform between two numbers.
#[derive(Clone, Copy, Debug)]
pub struct RandomUniform {
    /// The lower end a.
    pub minval: f64,
    /// The upper end b.
    pub maxval: f64,
}

impl std::default::Default for RandomUniform {
    fn default() -> Self {
        RandomUniform { minval: -0.05, maxval: 0.05 }
    }
}

impl Initializer for RandomUniform {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("minval", Argument::Float(self.minval)), ("maxval", Argument::Float(self.maxval))])
    }
    fn fill(&self, _: &[usize], stream: Stream, out: &mut [f32]) {
        uniform_between(self.minval, self.maxval, stream, out);
    }
}
