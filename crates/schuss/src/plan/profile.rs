//! Where the time of steps goes.

use super::Machine;
use schuss_kernels::program::Measured;

impl Machine {
    /// Takes the time of every kernel call of the plans that there are, from now on.
    pub fn measure(&mut self) {
        self.plans.iter_mut().for_each(|plan| plan.lowered.program.measure());
    }
    /// Phases of the plans that there are, which are one after a first step.
    pub fn phases(&self) -> usize {
        self.plans.iter().map(|plan| plan.lowered.program.phases().len()).sum()
    }
    /// What came of it, calls of one name together.
    pub fn measured(&self) -> Vec<Measured> {
        self.plans.iter().flat_map(|plan| plan.lowered.program.measured()).collect()
    }
}
