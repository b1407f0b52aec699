//! How far a prediction is from the right side of the margin.

use super::{AnyLoss, Loss, mean};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use crate::target::{Outputs, Target, TargetKind};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLoss> = Entry {
    name: "hinge",
    page: Page {
        summary: "the mean over outputs of what is missing to a margin of 1 on the right side of 0",
        equation: "L = 1/n Σᵢ max(1 − yᵢ pᵢ, 0) over the n outputs, yᵢ = ∓1",
        source: "Cortes and Vapnik 1995, https://doi.org/10.1007/BF00994018",
        differs: "A target of 0 counts as −1. Keras does that only where every target of the batch is 0 or 1, so there \
                  a sample's loss depends on its neighbours. A class counts as 1 at its output and −1 elsewhere.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Hinge)),
};

/// 1/n Σ max(1 − y p, 0) over the n outputs, where y is −1 or 1, and 0 counts as −1.
#[derive(Clone, Copy, Debug)]
pub struct Hinge;

impl Loss for Hinge {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let missing = missing(g, prediction, target)?;
        mean(g, missing)
    }
    fn output(&self, target: TargetKind) -> (usize, &'static str) {
        let (TargetKind::Class(n) | TargetKind::Numbers(n)) = target;
        (n, "linear")
    }
    fn outputs(&self) -> Outputs {
        Outputs::Margins
    }
}

/// max(1 − y p, 0), `[batch, outputs]`.
pub(super) fn missing(g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
    let y = target.numbers(g, prediction)?;
    let one = g.constant(1.0)?;
    let sign = match target.kind {
        TargetKind::Class(_) => {
            let double = g.scale(y, 2.0)?;
            g.subtract(double, one)?
        }
        TargetKind::Numbers(_) => {
            let (zero, minus_one) = (g.constant(0.0)?, g.constant(-1.0)?);
            let none = g.equal(y, zero)?;
            g.select(none, minus_one, y)?
        }
    };
    let margin = g.multiply(sign, prediction)?;
    let missing = g.subtract(one, margin)?;
    g.relu(missing)
}
