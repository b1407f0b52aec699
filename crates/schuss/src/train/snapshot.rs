//! Everything that a run needs to go on from a step as if it had never stopped.

use super::history::History;
use super::watch::Best;
use crate::error::{Error, Result};
use crate::model::Variables;
use crate::plan::{Machine, Sums};

/// A named array, outside of any model.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// `dense/kernel`.
    pub name: String,
    /// Its sizes, in Keras' logical layout.
    pub shape: Vec<usize>,
    /// Its numbers, row-major.
    pub values: Vec<f32>,
}

/// How far training has come: all that is not an array.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Epochs that are done.
    pub epoch: usize,
    /// Steps of the next epoch that are done.
    pub step: usize,
    /// What these steps add up to.
    pub running: Sums,
    /// What came of the epochs.
    pub history: History,
    /// The best epoch so far, and for how long there was no better one.
    pub best: Best,
    /// Is training to end before its last epoch?
    pub stopped: bool,
    /// What listeners have scaled the rate by.
    pub scale: f64,
    /// The rate of the last step, schedule and all.
    pub learning_rate: f64,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Samples trained on so far.
    pub samples: u64,
}

impl Progress {
    /// At the start, with so many metrics.
    pub fn new(metrics: usize) -> Self {
        Progress {
            epoch: 0,
            step: 0,
            running: Sums::new(metrics),
            history: History::default(),
            best: Best::default(),
            stopped: false,
            scale: 1.0,
            learning_rate: 0.0,
            seconds: 0.0,
            samples: 0,
        }
    }
}

/// Everything that a run needs to go on from a step as if it had never stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// How far training has come; the best weights so far are in it.
    pub progress: Progress,
    /// Updates made.
    pub updates: u64,
    /// What the optimizer's rule keeps from step to step.
    pub memory: Vec<f64>,
    /// All variables: parameters, buffers and optimizer state.
    pub variables: Vec<Array>,
}

impl Snapshot {
    pub(super) fn take(machine: &Machine, progress: &Progress) -> Self {
        let (updates, memory) = machine.progress();
        let variables = copy(machine.variables(), 0..machine.variables().list().len());
        Snapshot { progress: progress.clone(), updates, memory: memory.to_vec(), variables }
    }
    /// Gives the machine back its numbers. The error is about numbers of another model or optimizer.
    pub(super) fn restore(&self, machine: &mut Machine, metrics: usize) -> Result<()> {
        let found = (self.variables.len(), self.progress.running.metrics.len());
        let wanted = (machine.variables().list().len(), metrics);
        if found != wanted {
            let message = format!(
                "the snapshot has {} variables and {} metrics; the model and its optimizer have {} and {}",
                found.0, found.1, wanted.0, wanted.1
            );
            return Err(Error::format("snapshot-of-another-model", message));
        }
        write(machine.variables_mut(), &self.variables)?;
        machine.set_progress(self.updates, &self.memory)
    }
}

/// Copies of the variables at these places.
fn copy(variables: &Variables, places: impl IntoIterator<Item = usize>) -> Vec<Array> {
    let array = |place: usize| {
        let v = &variables.list()[place];
        Array { name: v.name.clone(), shape: v.shape.clone(), values: variables.numbers(place).into_owned() }
    };
    places.into_iter().map(array).collect()
}

/// Copies of a model's parameters and buffers.
pub fn parameters(machine: &Machine) -> Vec<Array> {
    copy(machine.variables(), machine.variables().weights())
}

/// Writes arrays into the variables of their names; all must be there, of that shape.
pub fn write(variables: &mut Variables, arrays: &[Array]) -> Result<()> {
    for array in arrays {
        let fits = |place: &usize| variables.list()[*place].shape == array.shape;
        let place = variables.find(&array.name).filter(fits).ok_or_else(|| {
            let message = format!("the model has no variable {} of shape {:?}", array.name, array.shape);
            Error::format("snapshot-of-another-model", message)
        })?;
        variables.write(place, &array.values);
    }
    Ok(())
}
