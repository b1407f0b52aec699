//! Training: a loop over epochs and steps that can stop at any step and go on from there with the same bits.
//!
//! It touches no file, reads no clock and prints nothing: whoever wants to do so listens to its [`Event`]s.

mod classes;
mod evaluate;
mod event;
mod fit;
mod history;
mod options;
mod plateau;
mod sampling;
mod snapshot;
mod watch;

pub use classes::{ClassRow, class_table};
pub use evaluate::{Scores, evaluate, metric_names, predict, predict_views};
pub use event::{Callback, Event, Flow, State};
pub use fit::{Origin, Outcome, Run, check, fit};
pub use history::{History, Row};
pub use options::{BatchSize, FitOptions, Mode, Shuffle};
pub use plateau::ReduceOnPlateau;
pub use sampling::Sampling;
pub use snapshot::{Array, Progress, Snapshot, parameters, write};
pub use watch::Best;
