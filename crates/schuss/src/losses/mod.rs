//! Losses: from a prediction and a target to one number per sample, as operations.

use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::Settings;
use crate::target::Target;
use std::fmt::Debug;
use std::sync::Arc;

/// A loss.
pub trait Loss: Debug + Send + Sync {
    /// The name in the table.
    fn kind(&self) -> &'static str;
    /// The configuration, such that the table's `make` builds the same loss from it.
    fn settings(&self) -> Settings;
    /// The loss of each sample, `[batch]`, from a prediction `[batch, …]`. Where the prediction is a softmax or a
    /// sigmoid and the loss is its cross-entropy, the loss is built on what they were given, which is stable.
    fn build(&self, graph: &mut Graph, prediction: Value, target: Target) -> Result<Value>;
}

/// A shared loss.
pub type AnyLoss = Arc<dyn Loss>;
