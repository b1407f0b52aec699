//! How often a prediction is on the right side of a threshold.

use super::{AnyMetric, Metric, mean};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::target::Target;
use std::sync::Arc;

pub const ENTRY: Entry<AnyMetric> = Entry {
    name: "binary_accuracy",
    page: Page {
        summary: "the share of outputs that are on the right side of a threshold",
        equation: "A = 1/n Σᵢ [(pᵢ > t) = yᵢ] over the n outputs, yᵢ = 0 or 1",
        source: "Keras 3, keras.metrics.BinaryAccuracy",
        differs: "As in Keras: what is at the threshold is below it. For a model that ends in logits, or is trained \
                  with hinge, set the threshold to 0, as accuracy has it. Of samples that have weights, as while \
                  training with class weights (data.class_weight), it is the weighted mean; Keras weighs what \
                  weighted_metrics names, and not what metrics names.",
    },
    settings: &[Setting {
        name: "threshold",
        default: Default::Float(THRESHOLD),
        allowed: Allowed::Number,
        doc: "t, above which an output means 1",
    }],
    make: |s| Ok(Arc::new(BinaryAccuracy { threshold: s.f64("threshold") })),
};

const THRESHOLD: f64 = 0.5;

/// The share of outputs that are above the threshold where the target is 1, and not where it is 0.
#[derive(Clone, Copy, Debug)]
pub struct BinaryAccuracy {
    /// The threshold above which an output means 1.
    pub threshold: f64,
}

impl std::default::Default for BinaryAccuracy {
    fn default() -> Self {
        BinaryAccuracy { threshold: THRESHOLD }
    }
}

impl Metric for BinaryAccuracy {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("threshold", Argument::Float(self.threshold))])
    }
    fn greater_is_better(&self) -> bool {
        true
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let (y, threshold) = (target.numbers(g, prediction)?, g.constant(self.threshold)?);
        let answer = g.greater(prediction, threshold)?;
        let right = g.equal(answer, y)?;
        mean(g, right)
    }
}
