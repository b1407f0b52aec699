//! What training tells those who listen, and what they may answer.

use super::history::Row;
use super::snapshot::{Progress, Snapshot};
use crate::error::Result;
use crate::plan::Machine;

/// What happened. Epochs count from 1.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Training is about to start, or to go on.
    Start {
        /// Epochs in all.
        epochs: usize,
        /// Steps in an epoch.
        steps: usize,
        /// Samples in a batch.
        batch_size: usize,
    },
    /// It goes on from a snapshot, or starts over where there was none yet.
    Resume {
        /// In this epoch.
        epoch: usize,
        /// So many of its steps are done.
        step: usize,
    },
    /// A step was made.
    Step {
        /// In this epoch.
        epoch: usize,
        /// The step, counted from 1.
        step: usize,
        /// Steps in an epoch.
        steps: usize,
    },
    /// An epoch has ended, validation and all.
    Epoch {
        /// Its row of the history.
        row: &'a Row,
        /// Is it the best one so far?
        best: bool,
    },
    /// Someone interrupted training after the step that was just told of. What is kept now can be gone on from.
    Interrupt,
    /// Training has ended; the machine holds the weights that are kept.
    End {
        /// The epoch whose weights these are, if there is a best one.
        best: Option<usize>,
        /// Did it stop before its last epoch?
        early: bool,
    },
}

/// What a listener answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// End here, as after the last epoch: the epoch is closed, the weights to keep are kept.
    Stop,
    /// Go on, with the rate times this from the next step on; a finite number of at least 0.
    ScaleRate(f64),
    /// Break off, with an error of [`Kind::Interrupted`](crate::Kind::Interrupted), to be resumed later.
    Interrupt,
}

/// Where training stands.
#[derive(Clone, Copy)]
pub struct State<'a> {
    pub(super) machine: &'a Machine,
    pub(super) progress: &'a Progress,
    pub(super) names: &'a [String],
}

impl State<'_> {
    /// A copy of everything that is needed to go on from here.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(self.machine, self.progress)
    }
    /// How far training has come.
    pub fn progress(&self) -> &Progress {
        self.progress
    }
    /// The model and its numbers.
    pub fn machine(&self) -> &Machine {
        self.machine
    }
    /// Loss and metrics of the running epoch so far.
    pub fn running(&self) -> Vec<(String, f64)> {
        super::evaluate::means(&self.progress.running, self.names, "")
    }
}

/// A listener. A closure is one too.
///
/// ```
/// use schuss::train::{Callback, Event, Flow, State};
///
/// fn stop_at(loss: f64) -> impl Callback {
///     move |event: &Event, _: &State| {
///         Ok(match event {
///             Event::Epoch { row, .. } if row.get("loss").is_some_and(|x| x < loss) => Flow::Stop,
///             _ => Flow::Continue,
///         })
///     }
/// }
/// # stop_at(0.1);
/// ```
pub trait Callback {
    /// Hears of an event.
    fn on(&mut self, event: &Event, state: &State) -> Result<Flow>;
}

impl<F: FnMut(&Event, &State) -> Result<Flow>> Callback for F {
    fn on(&mut self, event: &Event, state: &State) -> Result<Flow> {
        self(event, state)
    }
}
