//! The hinge's square.

use super::hinge::missing;
use super::{AnyLoss, Loss, mean};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use crate::target::{Outputs, Target, TargetKind};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLoss> = Entry {
    name: "squared_hinge",
    page: Page {
        summary: "the mean over outputs of the square of what is missing to a margin of 1 on the right side of 0",
        equation: "L = 1/n Σᵢ max(1 − yᵢ pᵢ, 0)² over the n outputs, yᵢ = ∓1",
        source: "Lee and Mangasarian 2001, SSVM, https://doi.org/10.1023/A:1011215321374",
        differs: "Targets count as with hinge: 0 is −1, whatever else is in the batch.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(SquaredHinge)),
};

/// 1/n Σ max(1 − y p, 0)² over the n outputs, where y is −1 or 1, and 0 counts as −1.
#[derive(Clone, Copy, Debug)]
pub struct SquaredHinge;

impl Loss for SquaredHinge {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let missing = missing(g, prediction, target)?;
        let square = g.square(missing)?;
        mean(g, square)
    }
    fn output(&self, target: TargetKind) -> (usize, &'static str) {
        let (TargetKind::Class(n) | TargetKind::Numbers(n)) = target;
        (n, "linear")
    }
    fn outputs(&self) -> Outputs {
        Outputs::Margins
    }
}
