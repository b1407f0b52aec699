//! Passes over the list of steps, one file each. Each can be switched off; the numbers stay the same, but for `winograd`.

use super::list::List;

mod cross_entropy;
mod epilogue;
mod recompute;
mod update;
mod winograd;

pub use update::{NAME as UPDATE, Target, run as write, writes_follow_reads};

/// A pass.
pub struct Pass {
    /// The name under which it is switched off.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Does it.
    pub run: fn(&mut List),
}

/// All passes over what is computed, in their order. The update's pass runs after them, as it needs to know the
/// parameters.
pub const PASSES: &[Pass] = &[cross_entropy::PASS, recompute::PASS, epilogue::PASS, winograd::PASS];

/// A decision that the lowering is told: how many threads.
pub const SERIAL: (&str, &str) = ("serial", "a plan with little work runs on one thread");

/// And whether steps are sliced.
pub const SLICES: (&str, &str) =
    ("slices", "steps over samples take a few at a time, one step after another, in cache");

/// Every name that can be switched off, with what the pass does.
pub fn pages() -> Vec<(&'static str, &'static str)> {
    PASSES.iter().map(|p| (p.name, p.summary)).chain([(update::NAME, update::SUMMARY), SERIAL, SLICES]).collect()
}

/// Every name that can be switched off.
pub fn names() -> Vec<&'static str> {
    pages().into_iter().map(|p| p.0).collect()
}
