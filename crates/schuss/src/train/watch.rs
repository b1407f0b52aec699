//! Which epoch is the best, and when to stop waiting for a better one.

use super::history::Row;
use super::options::{FitOptions, Mode};
use super::snapshot::Array;
use crate::error::{Error, Result};
use crate::metrics::AnyMetric;
use crate::registry::suggest;

/// The best epoch so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Best {
    /// The epoch, counted from 1, and its value.
    pub epoch: Option<(usize, f64)>,
    /// Its weights.
    pub weights: Vec<Array>,
    /// The value that `patience` compares with.
    pub reference: Option<f64>,
    /// Epochs in a row that were not better.
    pub wait: usize,
}

/// What is watched.
#[derive(Debug)]
pub(super) struct Watch {
    monitor: String,
    mode: Mode,
    patience: Option<usize>,
    min_delta: f64,
}

/// What an epoch's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Is it the best so far?
    pub best: bool,
    /// Is it time to stop?
    pub stop: bool,
}

/// Is a smaller or a greater value of this column better? `names` are those of loss and metrics.
pub(super) fn mode_of(monitor: &str, names: &[String], metrics: &[AnyMetric], has_validation: bool) -> Result<Mode> {
    let prefixes: &[&str] = if has_validation { &["", "val_"] } else { &[""] };
    let columns = prefixes.iter().flat_map(|p| names.iter().map(move |n| format!("{p}{n}"))).collect::<Vec<_>>();
    let Some(place) = columns.iter().position(|c| *c == monitor) else {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let message = format!("monitor: the history has no column `{monitor}`{}", suggest(monitor, &columns));
        return Err(Error::name("unknown-monitor", message));
    };
    let greater = (place % names.len()).checked_sub(1).is_some_and(|i| metrics[i].greater_is_better());
    Ok(if greater { Mode::Max } else { Mode::Min })
}

impl Watch {
    /// From the options; none if nothing is watched. `names` are those of loss and metrics.
    pub fn new(options: &FitOptions, names: &[String], metrics: &[AnyMetric]) -> Result<Option<Self>> {
        let refuse = |code, message: &str| Err(Error::value(code, message));
        if options.patience == Some(0) {
            return refuse("patience-zero", "patience is 0; it is at least 1, the epochs to wait for a better one");
        }
        if !(options.min_delta.is_finite() && options.min_delta >= 0.0) {
            let found = options.min_delta;
            return Err(Error::value(
                "min-delta",
                format!("min_delta is {found}; it is a finite number of at least 0"),
            ));
        }
        let monitor = match (&options.monitor, options.validation) {
            (Some(name), _) => name.clone(),
            (None, Some(_)) => "val_loss".into(),
            (None, None) if options.patience.is_some() => {
                let message = "patience waits for a better val_loss, and there is no validation set; give one \
                     (validation), or watch another column (monitor)";
                return refuse("patience-without-validation", message);
            }
            (None, None) => return Ok(None),
        };
        let usual = mode_of(&monitor, names, metrics, options.validation.is_some())?;
        let mode = options.mode.unwrap_or(usual);
        Ok(Some(Watch { monitor, mode, patience: options.patience, min_delta: options.min_delta }))
    }
    /// Judges an epoch; `weights` are copied if it is the best.
    pub fn judge(&self, best: &mut Best, row: &Row, weights: impl FnOnce() -> Vec<Array>) -> Verdict {
        let value = row.get(&self.monitor).expect("the monitor is a column");
        let gain = |from: f64| if self.mode == Mode::Min { from - value } else { value - from };
        let is_best = best.epoch.is_none_or(|(_, old)| gain(old) > 0.0 || old.is_nan());
        if is_best {
            best.epoch = Some((row.epoch, value));
            best.weights = weights();
        }
        if best.reference.is_none_or(|old| gain(old) > self.min_delta || old.is_nan()) {
            best.reference = Some(value);
            best.wait = 0;
        } else {
            best.wait += 1;
        }
        Verdict { best: is_best, stop: self.patience.is_some_and(|p| best.wait >= p) }
    }
}
