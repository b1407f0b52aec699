//! The variable store: every number of a model that outlives a step, outside all plans.

use crate::build::Parameter;
use crate::error::{Error, Result};
use crate::optimizers::{Initial, Optimizer};
use crate::random::Stream;
use schuss_kernels::Buffer;

/// A named array: a parameter, or a number kept beside each of its elements.
#[derive(Clone, Debug)]
pub struct Variable {
    /// `dense/kernel`, `dense/kernel/m`.
    pub name: String,
    /// Its sizes, in Keras' logical layout.
    pub shape: Vec<usize>,
    /// For state: the parameter it belongs to (its place among the variables) and its place in the rule's list.
    pub state_of: Option<(usize, usize)>,
}

/// All variables: the parameters first, in the model's order, then their optimizer state.
///
/// Every write of an array goes through [`Variables::write`] or a step of a plan, and raises its version, so that
/// copies in other layouts know when they are stale.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    list: Vec<Variable>,
    buffers: Vec<Buffer>,
    version: u64,
}

impl Variables {
    /// Parameters as their initializers draw them under this seed.
    pub fn new(parameters: &[Parameter], seed: u64) -> Result<Self> {
        let mut all = Variables::default();
        for p in parameters {
            let place = all.push(Variable { name: p.name.clone(), shape: p.shape.clone(), state_of: None })?;
            p.initializer.fill(&p.shape, Stream::named(seed, &p.name), &mut all.buffers[place]);
        }
        Ok(all)
    }
    /// Adds the optimizer's state for these parameters, at its initial values.
    pub fn add_state(&mut self, optimizer: &Optimizer, trained: &[usize]) -> Result<()> {
        for &p in trained {
            for (i, slot) in optimizer.rule.slots(&self.list[p].shape.clone()).iter().enumerate() {
                let name = format!("{}/{}", self.list[p].name, slot.name);
                let shape = slot.shape.clone().unwrap_or_else(|| self.list[p].shape.clone());
                let place = self.push(Variable { name, shape, state_of: Some((p, i)) })?;
                match slot.initial {
                    Initial::Number(x) => self.buffers[place].fill(x as f32),
                    Initial::Parameter => {
                        let (from, to) = self.buffers.split_at_mut(place);
                        to[0].copy_from_slice(&from[p]);
                    }
                }
            }
        }
        Ok(())
    }
    fn push(&mut self, variable: Variable) -> Result<usize> {
        let len = variable.shape.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
        let buffer = len.and_then(Buffer::try_zeros).ok_or_else(|| {
            let message = format!("variable {} of shape {:?} does not fit in memory", variable.name, variable.shape);
            Error::value("too-large", message)
        })?;
        self.list.push(variable);
        self.buffers.push(buffer);
        Ok(self.list.len() - 1)
    }
    /// The list.
    pub fn list(&self) -> &[Variable] {
        &self.list
    }
    /// The place of the variable of that name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|v| v.name == name)
    }
    /// The places of the parameters.
    pub fn parameters(&self) -> impl Iterator<Item = usize> {
        (0..self.list.len()).filter(|&i| self.list[i].state_of.is_none())
    }
    /// The places of a parameter's state, in the rule's order.
    pub fn state_of(&self, parameter: usize) -> Vec<usize> {
        let of = |i: &usize| matches!(self.list[*i].state_of, Some((p, _)) if p == parameter);
        (0..self.list.len()).filter(of).collect()
    }
    /// The numbers, row-major in the logical layout.
    pub fn read(&self, place: usize) -> &[f32] {
        &self.buffers[place]
    }
    /// Replaces the numbers. Panics if their count differs: callers check shapes first.
    pub fn write(&mut self, place: usize, numbers: &[f32]) {
        self.buffers[place].copy_from_slice(numbers);
        self.version += 1;
    }
    /// Changes whenever any number may have changed.
    pub fn version(&self) -> u64 {
        self.version
    }
    /// Adds an array for each of the parameters, in which gradients are added up over a logical batch that is cut; it is
    /// no variable: no list has it, no file. Gives the first one's place among the arrays.
    pub(crate) fn add_sums(&mut self, trained: &[usize]) -> Result<usize> {
        let first = self.buffers.len();
        for &p in trained {
            let buffer = Buffer::try_zeros(self.buffers[p].len());
            self.buffers.push(buffer.ok_or_else(|| Error::value("too-large", "the gradients do not fit in memory"))?);
        }
        Ok(first)
    }
    /// For a step of a plan: the arrays of all variables, in their order, then those of [`Variables::add_sums`].
    pub(crate) fn buffers(&mut self) -> &mut [Buffer] {
        self.version += 1;
        &mut self.buffers
    }
}
