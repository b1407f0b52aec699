//! Cross-entropy of one of several classes.

use super::{AnyLoss, FROM_LOGITS, LABEL_SMOOTHING, Loss, clipped, logits, smoothed};
use crate::error::Result;
use crate::graph::ops::softmax::Softmax;
use crate::graph::{Graph, Value};
use crate::registry::{Argument, Entry, Page, Settings};
use crate::target::{Outputs, Target, TargetKind};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLoss> = Entry {
    name: "categorical_crossentropy",
    page: Page {
        summary: "the surprise of the class that came, when each was held for p probable",
        equation: "L = −Σᵢ yᵢ ln pᵢ over the n classes, p = softmax z\n\
                   with label smoothing, y (1 − s) + s / n in place of y",
        source: "Good 1952, https://doi.org/10.1111/j.2517-6161.1952.tb00104.x; \
                 label smoothing: Szegedy et al. 2016, section 7, https://arxiv.org/abs/1512.00567",
        differs: "After a softmax, and from logits, computed as Σ y (ln Σ e^z − z), with its full derivative for \
                  every z. Keras clips p at 1e-7, where a sure error has no derivative any more; so does this where \
                  the probabilities come from elsewhere, after dividing each row by its sum. A class counts as 1 at \
                  its output and 0 elsewhere.",
    },
    settings: &[FROM_LOGITS, LABEL_SMOOTHING],
    make: |s| {
        let (from_logits, label_smoothing) = (s.bool("from_logits"), s.f64("label_smoothing"));
        Ok(Arc::new(CategoricalCrossentropy { from_logits, label_smoothing }))
    },
};

/// −Σ y ln p over the classes, on the logits where there are any.
#[derive(Clone, Copy, Debug, Default)]
pub struct CategoricalCrossentropy {
    /// Is the prediction what a softmax would be given?
    pub from_logits: bool,
    /// s: y (1 − s) + s / n in place of y.
    pub label_smoothing: f64,
}

impl Loss for CategoricalCrossentropy {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let smoothing = ("label_smoothing", Argument::Float(self.label_smoothing));
        Settings::from_pairs([("from_logits", Argument::Bool(self.from_logits)), smoothing])
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let y = target.distribution(g, prediction)?;
        let classes = g.shape(y).last().expect("one for each class");
        let y = smoothed(g, y, self.label_smoothing, 1.0 / classes as f64)?;
        surprise(g, prediction, y, self.from_logits)
    }
    fn output(&self, target: TargetKind) -> (usize, &'static str) {
        let (TargetKind::Class(n) | TargetKind::Numbers(n)) = target;
        (n, if self.from_logits { "linear" } else { "softmax" })
    }
    fn outputs(&self) -> Outputs {
        if self.from_logits { Outputs::SoftmaxLogits } else { Outputs::Probabilities }
    }
}

/// −Σ y ln p, `[batch]`, of predictions and targets `[batch, classes]`.
pub(super) fn surprise(g: &mut Graph, prediction: Value, y: Value, from_logits: bool) -> Result<Value> {
    if let Some(z) = logits::<Softmax>(g, prediction, from_logits)? {
        return g.softmax_cross_entropy(z, y);
    }
    let sum = g.sum_last(prediction)?;
    let share = g.divide(prediction, sum)?;
    let p = clipped(g, share)?;
    let log = g.log(p)?;
    let each = g.multiply(y, log)?;
    let total = g.sum_last(each)?;
    let total = g.negative(total)?;
    g.drop_last(total)
}
