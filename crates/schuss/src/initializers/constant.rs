//! One number everywhere.

use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "constant",
    page: Page {
        summary: "the same number everywhere",
        equation: "w = c",
        source: "Keras 3, keras.initializers.Constant",
        differs: "As in Keras.",
    },
    settings: &[Setting { name: "value", default: Default::Float(0.0), allowed: Allowed::Number, doc: "the number c" }],
    make: |s| Ok(Arc::new(Constant { value: s.f64("value") })),
};

/// The same number everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Constant {
    /// The number.
    pub value: f64,
}

impl Initializer for Constant {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("value", Argument::Float(self.value))])
    }
    fn fill(&self, _: &[usize], _: Stream, out: &mut [f32]) {
        out.fill(self.value as f32);
    }
}
