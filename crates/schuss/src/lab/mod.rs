//! Measurements, and optimizers on their own.

mod bench;
mod surfaces;
mod trace;

pub use bench::{Bench, Workload, workloads};
pub use surfaces::{Surface, surfaces};
pub use trace::{Gradients, Precision, TraceStep, trace};
