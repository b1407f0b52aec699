//! How often the prediction is right.

use super::{AnyMetric, BinaryAccuracy, Metric, scores};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use crate::target::{Outputs, Target};
use std::sync::Arc;

pub const ENTRY: Entry<AnyMetric> = Entry {
    name: "accuracy",
    page: Page {
        summary: "how often the greatest output is that of the class",
        equation: "A = 1 where argmax p = y, else 0\n\
                   of a single output, binary_accuracy: at the threshold 0.5, of logits and with hinge at 0",
        source: "Keras 3, keras.metrics.Accuracy as compile(metrics=[\"accuracy\"]) reads it",
        differs: "As in Keras, which has sparse_categorical_accuracy and categorical_accuracy for targets as index \
                  and as shares; here they are other names of this. Of equal outputs the first is the greatest. \
                  After a softmax its input is compared, which has the same order. Keras' has the threshold 0.5 for \
                  a single output whatever the loss. Of samples that have weights, as while training with class \
                  weights (data.class_weight), it is the weighted mean; Keras weighs what weighted_metrics names, \
                  and not what metrics names.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Accuracy)),
};

/// 1 where the greatest output is that of the class, else 0; of a single output, [`BinaryAccuracy`].
#[derive(Clone, Copy, Debug)]
pub struct Accuracy;

impl Metric for Accuracy {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn greater_is_better(&self) -> bool {
        true
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        self.build_of(g, prediction, target, Outputs::Probabilities)
    }
    fn build_of(&self, g: &mut Graph, prediction: Value, target: Target, outputs: Outputs) -> Result<Value> {
        if g.shape(prediction).last() == Some(1) {
            return BinaryAccuracy { threshold: outputs.threshold() }.build(g, prediction, target);
        }
        let label = target.label(g, prediction)?;
        let scores = scores(g, prediction);
        let found = g.argmax_last(scores)?;
        g.equal(found, label)
    }
}
