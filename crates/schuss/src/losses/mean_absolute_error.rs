//! The mean size of errors.

use super::{AnyLoss, Loss, error, mean};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use crate::target::Target;
use std::sync::Arc;

pub const ENTRY: Entry<AnyLoss> = Entry {
    name: "mean_absolute_error",
    page: Page {
        summary: "the mean over outputs of the size of errors",
        equation: "L = 1/n Σᵢ |pᵢ − yᵢ| over the n outputs",
        source: "Laplace 1793, Sur quelques points du système du monde, article 15",
        differs: "As in Keras and PyTorch; the derivative at an error of 0 is 0. Classes count as with \
                  mean_squared_error.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(MeanAbsoluteError)),
};

/// 1/n Σ |p − y| over the n outputs.
#[derive(Clone, Copy, Debug)]
pub struct MeanAbsoluteError;

impl Loss for MeanAbsoluteError {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let error = error(g, prediction, target)?;
        let size = g.absolute(error)?;
        mean(g, size)
    }
    fn is_regression(&self) -> bool {
        true
    }
}
