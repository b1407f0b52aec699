//! Metrics: one number per sample, averaged over the samples with their weights. One file each.

use crate::error::Result;
use crate::graph::ops::softmax::Softmax;
use crate::graph::{Graph, Value};
use crate::registry::{Registry, Settings};
use crate::target::{Outputs, Target, TargetKind};
use std::fmt::Debug;
use std::sync::Arc;

mod accuracy;
mod binary_accuracy;
mod mean_absolute_error;
mod mean_squared_error;
mod top_k_categorical_accuracy;

pub use accuracy::Accuracy;
pub use binary_accuracy::BinaryAccuracy;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_squared_error::MeanSquaredError;
pub use top_k_categorical_accuracy::TopKCategoricalAccuracy;

/// The table of metrics. Adding one: a file, its two lines above, and its line here.
pub fn registry() -> Registry<AnyMetric> {
    let entries = [
        accuracy::ENTRY,
        binary_accuracy::ENTRY,
        mean_absolute_error::ENTRY,
        mean_squared_error::ENTRY,
        top_k_categorical_accuracy::ENTRY,
    ];
    Registry::new("metric", entries).with_aliases(&[
        ("acc", "accuracy"),
        ("categorical_accuracy", "accuracy"),
        ("mae", "mean_absolute_error"),
        ("mse", "mean_squared_error"),
        ("sparse_categorical_accuracy", "accuracy"),
        ("sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy"),
    ])
}

/// What is reported where nothing is asked for: how often a class is right; for numbers the loss says it all.
pub fn for_target(target: TargetKind) -> Option<AnyMetric> {
    matches!(target, TargetKind::Class(_)).then(|| Arc::new(Accuracy) as AnyMetric)
}

/// A metric.
pub trait Metric: Debug + Send + Sync {
    /// The name in the table and in histories.
    fn kind(&self) -> &'static str;
    /// The configuration, such that the table's `make` builds the same metric from it.
    fn settings(&self) -> Settings {
        Settings::default()
    }
    /// Is a greater value better?
    fn greater_is_better(&self) -> bool;
    /// The value of each sample, `[batch]`.
    fn build(&self, graph: &mut Graph, prediction: Value, target: Target) -> Result<Value>;
    /// The same of a prediction that means this, where that makes a difference.
    fn build_of(&self, graph: &mut Graph, prediction: Value, target: Target, _: Outputs) -> Result<Value> {
        self.build(graph, prediction, target)
    }
}

/// A shared metric.
pub type AnyMetric = Arc<dyn Metric>;

/// The mean over outputs, `[batch]`, of `[batch, outputs]`.
fn mean(g: &mut Graph, x: Value) -> Result<Value> {
    let column = g.mean_last(x)?;
    g.drop_last(column)
}

/// Prediction less target, `[batch, outputs]`.
fn error(g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
    let y = target.numbers(g, prediction)?;
    g.subtract(prediction, y)
}

/// Numbers in the order of the predictions, but without equal ones where a softmax has run into 0 or 1: what it was
/// given.
fn scores(g: &Graph, prediction: Value) -> Value {
    match g.operation::<Softmax>(prediction) {
        Some(_) => g.node(prediction).inputs[0],
        None => prediction,
    }
}
