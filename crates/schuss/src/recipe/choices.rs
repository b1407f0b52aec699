//! What a library user may write for a loss, a metric, an optimizer, a schedule: the thing itself, or words.

use crate::choice::Choice;
use crate::data::stages::{self, Stage};
use crate::error::{Error, Result};
use crate::losses::{self, AnyLoss, Loss};
use crate::metrics::{self, AnyMetric, Metric};
use crate::optimizers::{self, Optimizer};
use crate::schedules::{self, Sequence};
use std::str::FromStr;
use std::sync::Arc;

impl From<&str> for Choice<AnyLoss> {
    fn from(words: &str) -> Self {
        Choice::from_words(&losses::registry(), words)
    }
}

impl<L: Loss + 'static> From<L> for Choice<AnyLoss> {
    fn from(loss: L) -> Self {
        Choice::new(loss.kind(), &loss.settings(), Arc::new(loss))
    }
}

impl From<&str> for Choice<AnyMetric> {
    fn from(words: &str) -> Self {
        Choice::from_words(&metrics::registry(), words)
    }
}

impl<M: Metric + 'static> From<M> for Choice<AnyMetric> {
    fn from(metric: M) -> Self {
        Choice::new(metric.kind(), &metric.settings(), Arc::new(metric))
    }
}

impl From<&str> for Choice<Optimizer> {
    fn from(words: &str) -> Self {
        Choice::from_words(&optimizers::registry(), words)
    }
}

impl From<Optimizer> for Choice<Optimizer> {
    fn from(optimizer: Optimizer) -> Self {
        Choice::new(optimizer.name, &optimizer.settings.clone(), optimizer)
    }
}

impl From<&str> for Choice<Stage> {
    fn from(words: &str) -> Self {
        Choice::from_words(&stages::registry(), words)
    }
}

impl FromStr for Sequence {
    type Err = Error;
    fn from_str(words: &str) -> Result<Self> {
        Sequence::from_words(&schedules::registry(), words)
    }
}
