//! How long, in which batches, and what to keep.

use super::plateau::ReduceOnPlateau;
use super::sampling::Sampling;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::optimizers::Optimizer;
use crate::registry::Argument;
use crate::schedules::{Sequence, Span, Timetable};
use std::fmt;
use std::str::FromStr;

/// Samples in a batch, unless told otherwise.
const BATCH_SIZE: BatchSize = BatchSize::Samples(128);

/// Samples in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// So many; the last batch of an epoch may have fewer.
    Samples(usize),
    /// All of them.
    Full,
}

impl BatchSize {
    /// Samples in each batch but the last, of `samples` in all.
    pub fn of(self, samples: usize) -> usize {
        match self {
            BatchSize::Samples(n) => n.min(samples),
            BatchSize::Full => samples,
        }
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            BatchSize::Samples(n) => write!(f, "{n}"),
            BatchSize::Full => f.write_str("full"),
        }
    }
}

impl From<usize> for BatchSize {
    fn from(n: usize) -> Self {
        BatchSize::Samples(n)
    }
}

/// When the order of samples is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shuffle {
    /// Anew for every epoch.
    #[default]
    EveryEpoch,
    /// At the start, for all epochs.
    Once,
}

impl FromStr for Shuffle {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "every_epoch" => Ok(Shuffle::EveryEpoch),
            "once" => Ok(Shuffle::Once),
            _ => Err(Error::value("unknown-shuffle", format!("shuffle is `{text}`; allowed are every_epoch and once"))),
        }
    }
}

impl Shuffle {
    /// The part of the run's stream that an epoch, counted from 0, draws from.
    pub(super) fn part(self, epoch: usize) -> u64 {
        if self == Shuffle::Once { 0 } else { epoch as u64 }
    }
}

/// Is a smaller or a greater value better?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Smaller.
    Min,
    /// Greater.
    Max,
}

impl FromStr for Mode {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "min" => Ok(Mode::Min),
            "max" => Ok(Mode::Max),
            _ => Err(Error::value("unknown-mode", format!("mode is `{text}`; allowed are min and max"))),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if *self == Mode::Min { "min" } else { "max" })
    }
}

/// What [`fit`](super::fit) is told, in Keras' words. The defaults are Keras' but for the batch size, which is 32 there.
#[derive(Clone, Debug)]
pub struct FitOptions<'a> {
    /// Passes over the data.
    pub epochs: usize,
    /// Samples in a batch: unless given 128, or all for an optimizer that is made for that.
    pub batch_size: Option<BatchSize>,
    /// Leave out a last batch that has fewer samples than the others?
    pub drop_remainder: bool,
    /// Which samples an epoch takes, and in which order.
    pub sampling: Sampling,
    /// When the order of samples is drawn.
    pub shuffle: Shuffle,
    /// What every random number of the run depends on.
    pub seed: u64,
    /// Samples to validate with after each epoch. With them the weights of the epoch with the least `val_loss` are kept
    /// at the end, without them the last ones.
    pub validation: Option<&'a Dataset>,
    /// The column of the history that says which epoch is the best; unless given, `val_loss`.
    pub monitor: Option<String>,
    /// Is a smaller or a greater value of it better? Unless given, as the loss or the metric has it.
    pub mode: Option<Mode>,
    /// Stop after so many epochs in a row that were not better; none: train to the end.
    pub patience: Option<usize>,
    /// What counts as better for `patience`: by more than this. The weights that are kept are the best ones anyway.
    pub min_delta: f64,
    /// How the rate goes over the run; unless given, it stays.
    ///
    /// ```
    /// use schuss::FitOptions;
    ///
    /// let schedule = "linear(length='2 epochs') then cosine".parse()?;
    /// let options = FitOptions { epochs: 10, schedule: Some(schedule), ..FitOptions::default() };
    /// # Ok::<(), schuss::Error>(())
    /// ```
    pub schedule: Option<Sequence>,
    /// Scale the rate whenever epochs have stopped getting better?
    pub reduce_on_plateau: Option<ReduceOnPlateau>,
    /// The seconds since any fixed moment. Training reads no clock of its own; with this default, all times are 0.
    pub now: fn() -> f64,
}

impl FitOptions<'_> {
    /// Samples in each batch but the last, of `samples` in all.
    pub fn samples_in_batch(&self, optimizer: &Optimizer, samples: usize) -> Result<usize> {
        let usual = if optimizer.full_batch { BatchSize::Full } else { BATCH_SIZE };
        match self.batch_size.unwrap_or(usual).of(samples) {
            0 => Err(Error::value("batch-size", "the batch size is 0; it is at least 1, or full")),
            size => Ok(size),
        }
    }
}

impl FitOptions<'_> {
    /// How an epoch over so many samples is cut: samples in each step but the last, and steps.
    pub fn steps(&self, optimizer: &Optimizer, samples: usize) -> Result<(usize, usize)> {
        let size = self.samples_in_batch(optimizer, samples)?;
        Ok((size, if self.drop_remainder { samples / size } else { samples.div_ceil(size) }))
    }
    /// The schedule in a run over so many samples. The error says what does not fit.
    pub fn timetable(&self, optimizer: &Optimizer, samples: usize) -> Result<Option<Timetable>> {
        let Some(schedule) = &self.schedule else { return Ok(None) };
        let (size, steps) = self.steps(optimizer, samples)?;
        let has = |name: &str| matches!(optimizer.settings.get(name), Some(Argument::Float(x)) if *x > 0.0);
        if let (Some(moves), false) = (schedule.moves_momentum(), has("momentum") || has("beta_1")) {
            let message = format!(
                "schedule {moves} moves the momentum, and optimizer {} has none; give it one, or say \
                 `cycle_momentum` = false",
                optimizer.name
            );
            return Err(Error::value("schedule-without-momentum", message));
        }
        let seen = if self.drop_remainder { steps * size } else { samples };
        let span = Span {
            updates: self.epochs as f64 * steps as f64,
            updates_per_epoch: steps as f64,
            samples_per_update: seen as f64 / steps as f64,
            learning_rate: optimizer.learning_rate,
        };
        schedule.for_run(&span).map(Some)
    }
}

impl Default for FitOptions<'_> {
    fn default() -> Self {
        FitOptions {
            epochs: 1,
            batch_size: None,
            drop_remainder: false,
            sampling: Sampling::Shuffled,
            shuffle: Shuffle::default(),
            seed: 0,
            validation: None,
            monitor: None,
            mode: None,
            patience: None,
            min_delta: 0.0,
            schedule: None,
            reduce_on_plateau: None,
            now: || 0.0,
        }
    }
}
