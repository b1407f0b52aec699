//! Where an update is in a run.

use crate::error::{Error, Result};
use crate::length::Length;

/// A run, as schedules see it. Updates are counted with fractions: a third of a run of 100 is 33.3 of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// In the whole run.
    pub updates: f64,
    /// In one pass over the data.
    pub updates_per_epoch: f64,
    /// In the mean: the last batch of an epoch may be smaller.
    pub samples_per_update: f64,
    /// The optimizer's own rate.
    pub learning_rate: f64,
}

/// An update's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// The update, counted from 0 at the start of the schedule, after its warm-up.
    pub update: f64,
    /// How many the schedule has.
    pub updates: f64,
    /// The run it is a part of.
    pub span: Span,
}

impl Position {
    /// A length in updates.
    pub fn updates_of(&self, length: Length) -> f64 {
        match length {
            Length::Steps(n) => n,
            Length::Epochs(n) => n * self.span.updates_per_epoch,
            Length::Samples(n) => n / self.span.samples_per_update,
            Length::Percent(n) => n * self.span.updates / 100.0,
        }
    }
    /// A length in updates; none is all that the schedule has.
    pub fn updates_or_rest(&self, length: Option<Length>) -> f64 {
        length.map_or(self.updates, |l| self.updates_of(l))
    }
    /// How much of so many updates is done, at most all; nothing where there are none, as behind a warmup that lasts for the
    /// whole run.
    pub fn done(&self, of: f64) -> f64 {
        match self.update < of {
            _ if self.updates <= 0.0 => 0.0,
            true => self.update / of,
            false => 1.0,
        }
    }
    /// The factor that makes this rate of the optimizer's own.
    pub fn factor_of(&self, rate: f64) -> f64 {
        rate / self.span.learning_rate
    }
}

/// An error if lengths do not grow.
pub(super) fn increasing(setting: &str, start: &Position, lengths: &[Length]) -> Result<()> {
    let updates: Vec<f64> = lengths.iter().map(|l| start.updates_of(*l)).collect();
    match updates.windows(2).find(|pair| pair[0] >= pair[1]) {
        None => Ok(()),
        Some(pair) => {
            let message =
                format!("`{setting}` has {} before {} steps; they stand in increasing order", pair[0], pair[1]);
            Err(Error::value("not-increasing", message))
        }
    }
}
