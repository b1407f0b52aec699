//! Data sets: typed columns in memory, cut into batches by index; and the readers that fill them from files.

mod ahead;
mod dataset;
mod pipeline;
pub mod readers;
mod sheet;
mod split;
pub mod stages;
mod stored;
mod views;
mod weights;

pub(crate) use dataset::named_twice;
pub use dataset::{Dataset, Features, Targets};
pub use pipeline::{Pipeline, PipelineText, Step, StepText};
pub use readers::{FileRecord, Loaded, Options, Samples, Schema, Task, least_shape, open, open_for};
pub use sheet::contact_sheet;
pub use stored::{Source, Stored};
pub use views::Views;
pub use weights::ClassWeights;
