//! Cross-entropy of yes or no.

use super::{AnyLoss, FROM_LOGITS, LABEL_SMOOTHING, Loss, clipped, logits, mean, smoothed};
use crate::error::Result;
use crate::graph::ops::sigmoid::Sigmoid;
use crate::graph::{Graph, Value};
use crate::registry::{Argument, Entry, Page, Settings};
use crate::target::{Outputs, Target, TargetKind};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLoss> = Entry {
    name: "binary_crossentropy",
    page: Page {
        summary: "the mean over outputs of the surprise of yes or no, when yes was held for p probable",
        equation: "L = −1/n Σᵢ (yᵢ ln pᵢ + (1 − yᵢ) ln(1 − pᵢ)) over the n outputs, p = 1 / (1 + e⁻ᶻ)\n\
                   with label smoothing, y (1 − s) + s / 2 in place of y",
        source: "Good 1952, https://doi.org/10.1111/j.2517-6161.1952.tb00104.x; \
                 label smoothing: Szegedy et al. 2016, section 7, https://arxiv.org/abs/1512.00567",
        differs: "After a sigmoid, and from logits, computed as softplus(z) − y z, with its full derivative for every \
                  z. Keras clips p at 1e-7, where a sure error has no derivative any more; so does this where the \
                  probabilities come from elsewhere. Classes count as with mean_squared_error.",
    },
    settings: &[FROM_LOGITS, LABEL_SMOOTHING],
    make: |s| {
        let (from_logits, label_smoothing) = (s.bool("from_logits"), s.f64("label_smoothing"));
        Ok(Arc::new(BinaryCrossentropy { from_logits, label_smoothing }))
    },
};

/// −1/n Σ (y ln p + (1 − y) ln(1 − p)) over the n outputs, on the logits where there are any.
#[derive(Clone, Copy, Debug, Default)]
pub struct BinaryCrossentropy {
    /// Is the prediction what a sigmoid would be given?
    pub from_logits: bool,
    /// s: y (1 − s) + s / 2 in place of y.
    pub label_smoothing: f64,
}

impl Loss for BinaryCrossentropy {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let smoothing = ("label_smoothing", Argument::Float(self.label_smoothing));
        Settings::from_pairs([("from_logits", Argument::Bool(self.from_logits)), smoothing])
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let y = target.numbers(g, prediction)?;
        let y = smoothed(g, y, self.label_smoothing, 0.5)?;
        let each = match logits::<Sigmoid>(g, prediction, self.from_logits)? {
            Some(z) => g.sigmoid_cross_entropy(z, y)?,
            None => {
                let one = g.constant(1.0)?;
                let p = clipped(g, prediction)?;
                let (not_p, not_y) = (g.subtract(one, p)?, g.subtract(one, y)?);
                let (yes, no) = (g.log(p)?, g.log(not_p)?);
                let (yes, no) = (g.multiply(y, yes)?, g.multiply(not_y, no)?);
                let sum = g.add(yes, no)?;
                g.negative(sum)?
            }
        };
        mean(g, each)
    }
    fn output(&self, target: TargetKind) -> (usize, &'static str) {
        let units = match target {
            TargetKind::Class(2) => 1,
            TargetKind::Class(n) | TargetKind::Numbers(n) => n,
        };
        (units, if self.from_logits { "linear" } else { "sigmoid" })
    }
    fn outputs(&self) -> Outputs {
        if self.from_logits { Outputs::SigmoidLogits } else { Outputs::Probabilities }
    }
}
