//! A rate that falls whenever an epoch's value has stopped getting better.

use super::event::{Callback, Event, Flow, State};
use super::options::{FitOptions, Mode};
use super::watch::mode_of;
use crate::error::{Error, Result};
use crate::metrics::AnyMetric;

/// When the rate is scaled, and by what. Words and defaults are those of Keras' ReduceLROnPlateau; unlike there, it goes
/// with a schedule: both scale the optimizer's `learning_rate`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceOnPlateau {
    /// The column of the history that should get better; unless given, `val_loss`.
    pub monitor: Option<String>,
    /// Is a smaller or a greater value of it better? Unless given, as the loss or the metric has it.
    pub mode: Option<Mode>,
    /// What the rate is multiplied by, from 0 to below 1.
    pub factor: f64,
    /// After so many epochs in a row that were not better.
    pub patience: usize,
    /// Better means by more than this.
    pub min_delta: f64,
    /// Epochs after a reduction that do not count.
    pub cooldown: usize,
    /// The rate does not fall below this, but for what a schedule does to it.
    pub min_lr: f64,
}

impl Default for ReduceOnPlateau {
    fn default() -> Self {
        ReduceOnPlateau {
            monitor: None,
            mode: None,
            factor: 0.1,
            patience: 10,
            min_delta: 1e-4,
            cooldown: 0,
            min_lr: 0.0,
        }
    }
}

impl ReduceOnPlateau {
    /// What the rate is multiplied by after each of the epochs with these values.
    pub fn factors(&self, mode: Mode, learning_rate: f64, values: &[f64]) -> Vec<f64> {
        let (mut rate, mut best, mut wait, mut cooldown) = (learning_rate, None, 0, 0usize);
        let better = |value: f64, best: f64| match mode {
            Mode::Min => value + self.min_delta < best,
            Mode::Max => value - self.min_delta > best,
        };
        let mut factor = |value: &f64| {
            if cooldown > 0 {
                cooldown -= 1;
                wait = 0;
            }
            if best.is_none_or(|best| better(*value, best)) {
                best = Some(*value);
                wait = 0;
            } else if cooldown == 0 {
                wait += 1;
                if wait >= self.patience && rate > self.min_lr {
                    let old = rate;
                    rate = (old * self.factor).max(self.min_lr);
                    (cooldown, wait) = (self.cooldown, 0);
                    return rate / old;
                }
            }
            1.0
        };
        values.iter().map(&mut factor).collect()
    }
}

/// The listener. It keeps nothing: what it has seen is the history, so a resumed run goes on as it would have.
#[derive(Debug)]
pub(super) struct Plateau<'a> {
    settings: &'a ReduceOnPlateau,
    monitor: String,
    mode: Mode,
    learning_rate: f64,
}

impl<'a> Plateau<'a> {
    /// From the options, if they ask for it. `names` are those of loss and metrics.
    pub fn new(
        options: &'a FitOptions,
        names: &[String],
        metrics: &[AnyMetric],
        learning_rate: f64,
    ) -> Result<Option<Self>> {
        let Some(settings) = &options.reduce_on_plateau else { return Ok(None) };
        let ReduceOnPlateau { factor, min_delta, min_lr, .. } = *settings;
        let fits = |x: f64| x.is_finite() && x >= 0.0;
        if !(0.0..1.0).contains(&factor) || !fits(min_delta) || !fits(min_lr) {
            let message = format!(
                "reduce_on_plateau: factor is {factor}, min_delta {min_delta}, min_lr {min_lr}; allowed are a factor \
                 from 0 to below 1 and finite numbers of at least 0"
            );
            return Err(Error::value("reduce-on-plateau", message));
        }
        let has_validation = options.validation.is_some();
        if settings.monitor.is_none() && !has_validation {
            let message = "reduce_on_plateau waits for a better val_loss, and there is no validation set; give one \
                 (validation), or watch another column (reduce_on_plateau.monitor)";
            return Err(Error::value("plateau-without-validation", message));
        }
        let monitor = settings.monitor.clone().unwrap_or_else(|| "val_loss".into());
        let usual = mode_of(&monitor, names, metrics, has_validation).map_err(|e| e.at("reduce_on_plateau"))?;
        let mode = settings.mode.unwrap_or(usual);
        Ok(Some(Plateau { settings, monitor, mode, learning_rate }))
    }
}

impl Callback for Plateau<'_> {
    fn on(&mut self, event: &Event, state: &State) -> Result<Flow> {
        let Event::Epoch { .. } = event else { return Ok(Flow::Continue) };
        let values = state.progress().history.get(&self.monitor);
        let factors = self.settings.factors(self.mode, self.learning_rate, &values);
        Ok(match factors.last() {
            Some(&factor) if factor != 1.0 => Flow::ScaleRate(factor),
            _ => Flow::Continue,
        })
    }
}
