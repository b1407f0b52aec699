//! Metrics: one number per sample, averaged over the samples with their weights.

use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::Settings;
use crate::target::Target;
use std::fmt::Debug;
use std::sync::Arc;

/// A metric.
pub trait Metric: Debug + Send + Sync {
    /// The name in the table and in histories.
    fn kind(&self) -> &'static str;
    /// The configuration.
    fn settings(&self) -> Settings;
    /// Is a greater value better?
    fn greater_is_better(&self) -> bool;
    /// The value of each sample, `[batch]`.
    fn build(&self, graph: &mut Graph, prediction: Value, target: Target) -> Result<Value>;
}

/// A shared metric.
pub type AnyMetric = Arc<dyn Metric>;
