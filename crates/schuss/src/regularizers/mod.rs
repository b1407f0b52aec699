//! Regularizers: what a parameter adds to the loss. One file each.

use crate::choice::Choice;
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Registry, Setting, Settings};
use std::fmt::Debug;
use std::sync::Arc;

mod l1;
mod l1_l2;
mod l2;

pub use l1::L1;
pub use l1_l2::L1L2;
pub use l2::L2;

/// The table of regularizers. Adding one: a file, its two lines above, and its line here.
pub fn registry() -> Registry<AnyRegularizer> {
    Registry::new("regularizer", [l1::ENTRY, l2::ENTRY, l1_l2::ENTRY])
}

/// A regularizer.
pub trait Regularizer: Debug + Send + Sync {
    /// The name in the table.
    fn kind(&self) -> &'static str;
    /// The configuration, such that the table's `make` builds the same regularizer from it.
    fn settings(&self) -> Settings {
        Settings::default()
    }
    /// What the parameter `w` adds to the loss: a single number.
    fn build(&self, graph: &mut Graph, w: Value) -> Result<Value>;
}

/// A shared regularizer.
pub type AnyRegularizer = Arc<dyn Regularizer>;

impl From<&str> for Choice<AnyRegularizer> {
    fn from(words: &str) -> Self {
        Choice::from_words(&registry(), words)
    }
}

impl<R: Regularizer + 'static> From<R> for Choice<AnyRegularizer> {
    fn from(r: R) -> Self {
        Choice::new(r.kind(), &r.settings(), Arc::new(r))
    }
}

const fn factor(name: &'static str, default: f64, doc: &'static str) -> Setting {
    Setting { name, default: Default::Float(default), allowed: Allowed::NotNegative, doc }
}
