//! Snapshots and the best model so far, written while training goes on.

use super::folder::RunFolder;
use super::model_file::{Description, ModelFile};
use super::schedule::Schedule;
use super::seconds;
use super::snapshot_file::{SnapshotFile, Written};
use crate::error::Result;
use crate::train::{Array, Callback, Event, Flow, State};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

/// Keeps `checkpoints/last.safetensors`, which a run goes on from, and `checkpoints/best.safetensors`, the model of the
/// best epoch. Both are copied between two steps and written by a thread of its own.
pub struct Keeper {
    last: PathBuf,
    best: PathBuf,
    description: Description,
    written: Written,
    every: f64,
    schedule: Schedule,
    epochs: usize,
    job: Option<JoinHandle<Result<f64>>>,
    copying: f64,
    best_epoch: Option<usize>,
}

impl Keeper {
    /// For a run folder; a snapshot every so many seconds. `description` goes into the best model's file.
    pub fn new(folder: &RunFolder, every: f64, description: Description, written: Written) -> Self {
        Keeper {
            last: folder.last(),
            best: folder.best(),
            description,
            written,
            every,
            schedule: Schedule::new(every, seconds(), 0),
            epochs: 0,
            job: None,
            copying: 0.0,
            best_epoch: None,
        }
    }
    /// Starts to write where training stands. One is written at a time.
    fn take(&mut self, state: &State) -> Result<()> {
        self.wait()?;
        let now = seconds();
        let file = SnapshotFile { written: self.written.clone(), snapshot: state.snapshot() };
        let best = &state.progress().best;
        let epoch = best.epoch.map(|(epoch, _)| epoch);
        let model = (epoch != self.best_epoch).then(|| self.model(&best.weights));
        self.best_epoch = epoch;
        self.schedule.taken(now);
        self.copying = seconds() - now;
        let (last, best) = (self.last.clone(), self.best.clone());
        self.job = Some(thread::spawn(move || {
            let now = seconds();
            file.write(&last)?;
            model.map_or(Ok(()), |m| m.write(&best))?;
            Ok(seconds() - now)
        }));
        Ok(())
    }
    fn model(&self, weights: &[Array]) -> ModelFile {
        ModelFile { description: self.description.clone(), parameters: weights.to_vec() }
    }
    /// Waits until all is written.
    fn wait(&mut self) -> Result<()> {
        if let Some(job) = self.job.take() {
            let writing = job.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            self.schedule.paid(self.copying + writing);
        }
        Ok(())
    }
    fn is_free(&self) -> bool {
        self.job.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Callback for Keeper {
    fn on(&mut self, event: &Event, state: &State) -> Result<Flow> {
        let progress = state.progress();
        match *event {
            Event::Start { epochs, .. } => {
                let variables = state.machine().variables();
                let numbers: usize = variables.list().iter().map(|v| v.count()).sum();
                self.schedule = Schedule::new(self.every, seconds(), 4 * numbers);
                self.epochs = epochs;
            }
            Event::Step { .. } if self.schedule.is_due(seconds()) && self.is_free() => self.take(state)?,
            Event::Epoch { .. } if progress.epoch == self.epochs || progress.stopped => self.take(state)?,
            Event::Epoch { .. } if self.schedule.has_time(seconds()) && self.is_free() => self.take(state)?,
            Event::Interrupt => {
                self.take(state)?;
                self.wait()?;
            }
            Event::End { .. } => {
                self.wait()?;
                let best = &progress.best;
                if best.epoch.map(|(epoch, _)| epoch) != self.best_epoch {
                    self.model(&best.weights).write(&self.best)?;
                }
            }
            _ => {}
        }
        Ok(Flow::Continue)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            // Training ended with an error of its own, which is the one that is reported.
            let _ = job.join();
        }
    }
}
