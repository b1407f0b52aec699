//! How often the class is among the best.

use super::{AnyMetric, Metric, scores};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::target::Target;
use std::sync::Arc;

pub const ENTRY: Entry<AnyMetric> = Entry {
    name: "top_k_categorical_accuracy",
    page: Page {
        summary: "how often the class is among the k greatest outputs",
        equation: "A = 1 where fewer than k outputs are greater than that of the class, else 0",
        source: "Keras 3, keras.metrics.TopKCategoricalAccuracy",
        differs: "As in Keras; its sparse_top_k_categorical_accuracy is another name of this. After a softmax its \
                  input is compared, which has the same order. Of samples that have weights, as while training with \
                  class weights (data.class_weight), it is the weighted mean; Keras weighs what weighted_metrics \
                  names, and not what metrics names.",
    },
    settings: &[Setting {
        name: "k",
        default: Default::Int(K),
        allowed: Allowed::Int(1, i32::MAX as i64),
        doc: "how many places count",
    }],
    make: |s| Ok(Arc::new(TopKCategoricalAccuracy { k: s.usize("k") })),
};

const K: i64 = 5;

/// 1 where fewer than k outputs are greater than that of the class, else 0.
#[derive(Clone, Copy, Debug)]
pub struct TopKCategoricalAccuracy {
    /// How many places count.
    pub k: usize,
}

impl std::default::Default for TopKCategoricalAccuracy {
    fn default() -> Self {
        TopKCategoricalAccuracy { k: K as usize }
    }
}

impl Metric for TopKCategoricalAccuracy {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("k", Argument::Int(self.k as i64))])
    }
    fn greater_is_better(&self) -> bool {
        true
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        let label = target.label(g, prediction)?;
        g.in_top_k(scores(g, prediction), label, self.k)
    }
}
