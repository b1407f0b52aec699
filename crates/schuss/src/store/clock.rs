//! The clock of runs.

use std::sync::OnceLock;
use std::time::Instant;

/// Seconds since this was first asked for.
pub fn seconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}
