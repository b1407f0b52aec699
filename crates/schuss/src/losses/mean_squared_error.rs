//! The mean of squared errors.

use super::{AnyLoss, Loss, error, mean};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use crate::target::Target;
use std::sync::Arc;

pub const ENTRY: Entry<AnyLoss> = Entry {
    name: "mean_squared_error",
    page: Page {
        summary: "the mean over outputs of squared errors",
        equation: "L = 1/n Σᵢ (pᵢ − yᵢ)² over the n outputs",
        source: "Legendre 1805, Nouvelles méthodes pour la détermination des orbites des comètes, appendix",
        differs: "As in Keras and PyTorch. Classes count as 1 at their output and 0 elsewhere; one of two classes \
                  with a single output as 0 or 1.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(MeanSquaredError)),
};

/// 1/n Σ (p − y)² over the n outputs.
#[derive(Clone, Copy, Debug)]
pub struct MeanSquaredError;

impl Loss for MeanSquaredError {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let error = error(g, prediction, target)?;
        let square = g.square(error)?;
        mean(g, square)
    }
    fn is_regression(&self) -> bool {
        true
    }
}
