//! Measurements.

mod bench;

pub use bench::{Bench, Workload, workloads};
