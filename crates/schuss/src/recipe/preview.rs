//! The rate of every step of a run, without running it.

use super::setup::Setup;
use super::text::Recipe;
use super::{Resolved, Tables};
use crate::error::{Error, Result};
use crate::schedules::{Sequence, Span, Timetable};

/// Steps that a run may have to be shown.
const MOST: usize = 100_000_000;

/// The rate of every step of a run, as the recipe's schedule has it; without one it stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Steps in one pass over the data.
    pub steps_per_epoch: f64,
    /// `learning_rate`, and `momentum` if a part of the schedule moves it: a number for each step, where it has one.
    pub columns: Vec<(&'static str, Vec<Option<f64>>)>,
}

impl Preview {
    /// Of a run of so many steps, in one epoch unless the recipe says in how many; else of the run over the recipe's
    /// data, which are read.
    pub fn new(recipe: &Recipe, steps: Option<usize>, tables: &Tables) -> Result<Self> {
        let resolved = recipe.resolve(tables)?;
        let (rate, options) = (resolved.optimizer.learning_rate, resolved.fit_options());
        let (timetable, steps, steps_per_epoch) = match steps {
            Some(steps) => {
                check(steps)?;
                let epochs = if recipe.has("train.epochs") { options.epochs } else { 1 };
                let steps_per_epoch = steps as f64 / epochs as f64;
                (without_data(&resolved, steps, steps_per_epoch)?, steps, steps_per_epoch)
            }
            None => {
                let setup = Setup::new(resolved, tables)?;
                let (_, count) = options.steps(&setup.recipe.optimizer, setup.train.len())?;
                let steps = count.saturating_mul(options.epochs);
                check(steps)?;
                (setup.timetable()?, steps, count as f64)
            }
        };
        let paces = (0..steps as u64).map(|t| timetable.as_ref().map_or_else(Default::default, |table| table.at(t)));
        let (rates, momenta): (Vec<_>, Vec<_>) = paces.map(|p| (Some(rate * p.factor), p.momentum)).unzip();
        let mut columns = vec![("learning_rate", rates)];
        if momenta.iter().any(Option::is_some) {
            columns.push(("momentum", momenta));
        }
        Ok(Preview { steps_per_epoch, columns })
    }
    /// How many there are.
    pub fn steps(&self) -> usize {
        self.columns[0].1.len()
    }
    /// The epoch of a step; steps count from 0, epochs from 1.
    pub fn epoch(&self, step: usize) -> usize {
        1 + (step as f64 / self.steps_per_epoch) as usize
    }
}

fn check(steps: usize) -> Result<()> {
    if (1..=MOST).contains(&steps) {
        return Ok(());
    }
    let message = format!("the run has {steps} steps; allowed are 1 to {MOST}");
    Err(Error::value("value-not-allowed", message))
}

fn without_data(recipe: &Resolved, steps: usize, steps_per_epoch: f64) -> Result<Option<Timetable>> {
    let size = recipe.fit_options().samples_in_batch(&recipe.optimizer, usize::MAX)?;
    if size == usize::MAX {
        let message = "a full batch is all samples, and without data there are none; state the batch size as a number, \
             or the length of the run in epochs";
        return Err(Error::value("full-batch-without-data", message));
    }
    let span = Span {
        updates: steps as f64,
        updates_per_epoch: steps_per_epoch,
        samples_per_update: size as f64,
        learning_rate: recipe.optimizer.learning_rate,
    };
    let place = |schedule: &Sequence| schedule.for_run(&span);
    recipe.schedule.as_ref().map(place).transpose()
}
