//! The mean size of errors.

use super::{AnyMetric, Metric, error, mean};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use crate::target::Target;
use std::sync::Arc;

pub const ENTRY: Entry<AnyMetric> = Entry {
    name: "mean_absolute_error",
    page: Page {
        summary: "the mean over outputs of the size of errors",
        equation: "M = 1/n Σᵢ |pᵢ − yᵢ| over the n outputs",
        source: "Keras 3, keras.metrics.MeanAbsoluteError",
        differs: "As in Keras. Classes count as with the loss of this name.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(MeanAbsoluteError)),
};

/// 1/n Σ |p − y| over the n outputs.
#[derive(Clone, Copy, Debug)]
pub struct MeanAbsoluteError;

impl Metric for MeanAbsoluteError {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn greater_is_better(&self) -> bool {
        false
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let error = error(g, prediction, target)?;
        let absolute = g.absolute(error)?;
        mean(g, absolute)
    }
}
