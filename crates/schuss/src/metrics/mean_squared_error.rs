//! The mean of squared errors.

use super::{AnyMetric, Metric, error, mean};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use crate::target::Target;
use std::sync::Arc;

pub const ENTRY: Entry<AnyMetric> = Entry {
    name: "mean_squared_error",
    page: Page {
        summary: "the mean over outputs of squared errors",
        equation: "M = 1/n Σᵢ (pᵢ − yᵢ)² over the n outputs",
        source: "Keras 3, keras.metrics.MeanSquaredError",
        differs: "As in Keras. Classes count as with the loss of this name.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(MeanSquaredError)),
};

/// 1/n Σ (p − y)² over the n outputs.
#[derive(Clone, Copy, Debug)]
pub struct MeanSquaredError;

impl Metric for MeanSquaredError {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn greater_is_better(&self) -> bool {
        false
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let error = error(g, prediction, target)?;
        let square = g.square(error)?;
        mean(g, square)
    }
}
