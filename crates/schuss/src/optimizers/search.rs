//! Rules that ask for the loss and its gradient at several places in a step.

use super::Now;
use crate::error::Result;

/// Where a search stands: all trained parameters in a row, what is kept beside them, and the function.
pub trait Point {
    /// How many numbers θ has.
    fn count(&self) -> usize;
    /// θ.
    fn theta(&self, out: &mut [f64]);
    /// Puts θ elsewhere.
    fn set_theta(&mut self, theta: &[f64]);
    /// A state of all parameters in a row, by its place among the slots; of a state that keeps several, which one.
    fn state(&self, slot: usize, row: usize, out: &mut [f64]);
    /// Replaces it.
    fn set_state(&mut self, slot: usize, row: usize, numbers: &[f64]);
    /// The loss where θ is, and its gradient: on the same samples and with the same random numbers each time.
    fn evaluate(&mut self, gradient: &mut [f64]) -> Result<f64>;
}

/// A rule that searches.
pub trait SearchRule {
    /// One step. `memory` is that of [`super::Rule::memory`].
    fn search(&self, now: Now, memory: &mut [f64], point: &mut dyn Point) -> Result<()>;
}
