//! All ones.

use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "ones",
    page: Page {
        summary: "1 everywhere",
        equation: "w = 1",
        source: "Keras 3, keras.initializers.Ones",
        differs: "As in Keras.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Ones)),
};

/// 1 everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Ones;

impl Initializer for Ones {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn fill(&self, _: &[usize], _: Stream, out: &mut [f32]) {
        out.fill(1.0);
    }
}
