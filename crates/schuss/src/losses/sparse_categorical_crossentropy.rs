//! Cross-entropy of one of several classes, given by its index.

use super::categorical_crossentropy::surprise;
use super::{AnyLoss, FROM_LOGITS, Loss};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::registry::{Argument, Entry, Page, Settings};
use crate::target::{Outputs, Target, TargetKind};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLoss> = Entry {
    name: "sparse_categorical_crossentropy",
    page: Page {
        summary: "the surprise of the class that came, given by its index",
        equation: "L = −ln pᵧ of the class y, p = softmax z",
        source: "Good 1952, https://doi.org/10.1111/j.2517-6161.1952.tb00104.x",
        differs: "As categorical_crossentropy here: stable after a softmax and from logits, where Keras clips p at \
                  1e-7. A target that is a single number is an index; one that is no index gives NaN, which stops a \
                  training (Keras: a loss of 0 or an error, by backend). No ignore_class.",
    },
    settings: &[FROM_LOGITS],
    make: |s| Ok(Arc::new(SparseCategoricalCrossentropy { from_logits: s.bool("from_logits") })),
};

/// −ln p of the class, on the logits where there are any.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparseCategoricalCrossentropy {
    /// Is the prediction what a softmax would be given?
    pub from_logits: bool,
}

impl Loss for SparseCategoricalCrossentropy {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("from_logits", Argument::Bool(self.from_logits))])
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        match (target.kind, g.shape(prediction).last()) {
            (TargetKind::Numbers(1), Some(classes)) => {
                let label = target.label(g, prediction)?;
                let y = g.one_hot(label, classes)?;
                let loss = surprise(g, prediction, y, self.from_logits)?;
                // 1 of an index, 0 of anything else.
                let found = g.sum_last(y)?;
                let found = g.drop_last(found)?;
                g.divide(loss, found)
            }
            (TargetKind::Numbers(_), _) => {
                let mend = "for shares of classes there is categorical_crossentropy";
                let message = format!("the target is {} and must be a class or its index; {mend}", target.kind);
                Err(Error::value("not-a-label", message))
            }
            (TargetKind::Class(_), _) => {
                let y = target.distribution(g, prediction)?;
                surprise(g, prediction, y, self.from_logits)
            }
        }
    }
    fn output(&self, target: TargetKind) -> (usize, &'static str) {
        let (TargetKind::Class(n) | TargetKind::Numbers(n)) = target;
        let softmax = matches!(target, TargetKind::Class(_)) && !self.from_logits;
        (n, if softmax { "softmax" } else { "linear" })
    }
    fn outputs(&self) -> Outputs {
        if self.from_logits { Outputs::SoftmaxLogits } else { Outputs::Probabilities }
    }
    fn takes_index(&self) -> bool {
        true
    }
}
