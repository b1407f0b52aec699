//! Squares of small errors, sizes of large ones.

use super::{AnyLoss, Loss, error, mean};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::target::Target;
use std::sync::Arc;

pub const ENTRY: Entry<AnyLoss> = Entry {
    name: "huber",
    page: Page {
        summary: "the mean over outputs of half the squared error, going on straight beyond δ",
        equation: "L = 1/n Σᵢ hᵢ over the n outputs, eᵢ = |pᵢ − yᵢ|\nh = e² / 2 where e ≤ δ, else δ e − δ² / 2",
        source: "Huber 1964, equation 1.7, https://doi.org/10.1214/aoms/1177703732",
        differs: "As in Keras and PyTorch's HuberLoss; PyTorch's SmoothL1Loss is this over δ. Classes count as with \
                  mean_squared_error.",
    },
    settings: &[Setting {
        name: "delta",
        default: Default::Float(DELTA),
        allowed: Allowed::Positive,
        doc: "δ, the error up to which squares count",
    }],
    make: |s| Ok(Arc::new(Huber { delta: s.f64("delta") })),
};

const DELTA: f64 = 1.0;

/// 1/n Σ h over the n outputs, where h = e² / 2 of the error's size e up to δ, and δ e − δ² / 2 beyond.
#[derive(Clone, Copy, Debug)]
pub struct Huber {
    /// The error δ up to which squares count.
    pub delta: f64,
}

impl std::default::Default for Huber {
    fn default() -> Self {
        Huber { delta: DELTA }
    }
}

impl Loss for Huber {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("delta", Argument::Float(self.delta))])
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let error = error(g, prediction, target)?;
        let (size, delta) = (g.absolute(error)?, g.constant(self.delta)?);
        // Both pieces are m (e − m / 2) with m = min(e, δ).
        let m = g.minimum(size, delta)?;
        let half = g.scale(m, 0.5)?;
        let rest = g.subtract(size, half)?;
        let each = g.multiply(m, rest)?;
        mean(g, each)
    }
    fn is_regression(&self) -> bool {
        true
    }
}
