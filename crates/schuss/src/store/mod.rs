//! Files of models and runs. It reads and writes text and tensors, and looks no name up.
//!
//! A file is replaced only by a complete one ([`atomic`]); a file that is read may be anything, and gives one error.

pub mod atomic;
mod clock;
mod folder;
mod history_file;
mod keeper;
mod model_file;
mod schedule;
mod snapshot_file;
mod tensors;

pub use clock::seconds;
pub use folder::{DataRecord, RunFolder};
pub use history_file::HistoryFile;
pub use keeper::Keeper;
pub use model_file::{Description, LayerText, ModelFile, TargetText, ThingText};
pub use snapshot_file::{SnapshotFile, Written};
pub use tensors::{Numbers, Tensor, Tensors, sha256};
