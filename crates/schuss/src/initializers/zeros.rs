//! All zeros.

use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "zeros",
    page: Page {
        summary: "0 everywhere",
        equation: "w = 0",
        source: "Keras 3, keras.initializers.Zeros",
        differs: "As in Keras.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Zeros)),
};

/// 0 everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Zeros;

impl Initializer for Zeros {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn fill(&self, _: &[usize], _: Stream, out: &mut [f32]) {
        out.fill(0.0);
    }
}
