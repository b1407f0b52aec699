//! Measurements, and optimizers on their own.

mod bench;
mod call;
mod port;
mod surfaces;
mod trace;

pub use crate::optimizers::Dialect;
pub use bench::{Bench, Workload, workloads};
pub use port::{Parting, Port, port, spoken};
pub use surfaces::{Surface, surfaces};
pub use trace::{Gradients, Precision, TraceStep, trace};
