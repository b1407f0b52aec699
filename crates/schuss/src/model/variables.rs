//! The variable store: every number of a model that outlives a step, outside all plans.

use crate::build::Parameter;
use crate::error::{Error, Result};
use crate::optimizers::{Initial, Rules, average_name, slow_name};
use crate::random::Stream;
use schuss_kernels::{Buffer, Codec, codec};
use std::borrow::Cow;
use std::collections::HashMap;

/// A named array: a parameter, a buffer, or a number kept beside each element of a parameter.
#[derive(Clone, Debug)]
pub struct Variable {
    /// `dense/kernel`, `dense/kernel/m`.
    pub name: String,
    /// Its sizes, in Keras' logical layout.
    pub shape: Vec<usize>,
    /// What it is.
    pub role: Role,
    /// How its numbers are stored, in rows as long as its last axis.
    pub codec: Codec,
}

impl Variable {
    /// Of numbers as they are.
    fn plain(name: &str, shape: &[usize], role: Role) -> Self {
        Variable { name: name.to_owned(), shape: shape.to_vec(), role, codec: Codec::F32 }
    }
    /// How many numbers it has.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
    /// How many words of 32 bits they take.
    pub fn words(&self) -> usize {
        self.count() / self.row().max(1) * self.codec.len(self.row())
    }
    /// How many in a row.
    fn row(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }
}

/// What a variable is for. Parameters are named by their places among the variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A parameter of the model.
    Parameter,
    /// What a layer keeps from step to step without a gradient.
    Buffer,
    /// Kept beside a parameter by its rule.
    State(usize),
    /// Kept once by a rule.
    Global,
    /// The moving average of a parameter.
    Average(usize),
    /// The slow weights of a parameter.
    Slow(usize),
    /// The sum of a parameter's gradients over batches of one update.
    Gradient(usize),
}

/// All variables: the parameters first, in the model's order, then the buffers, then optimizer state.
///
/// Every write of an array goes through [`Variables::write`] or a step of a plan, and raises its version, so that
/// copies in other layouts know when they are stale.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    list: Vec<Variable>,
    /// The place of each name.
    places: HashMap<String, usize>,
    buffers: Vec<Buffer>,
    version: u64,
}

impl Variables {
    /// Parameters and buffers as their initializers draw them under this seed.
    pub fn new(parameters: &[Parameter], buffers: &[Parameter], seed: u64) -> Result<Self> {
        let mut all = Variables::default();
        for (list, role) in [(parameters, Role::Parameter), (buffers, Role::Buffer)] {
            for p in list {
                let place = all.push(Variable::plain(&p.name, &p.shape, role))?;
                p.initializer.fill(&p.shape, Stream::named(seed, &p.name), &mut all.buffers[place]);
            }
        }
        Ok(all)
    }
    /// Adds a parameter with these numbers. The error is about their count, or about memory.
    pub fn push_parameter(&mut self, name: &str, shape: &[usize], start: &[f32]) -> Result<usize> {
        if shape.iter().product::<usize>() != start.len() {
            let message = format!("{name} has {} numbers; its shape {shape:?} holds another count", start.len());
            return Err(Error::shape("wrong-count", message));
        }
        let place = self.push(Variable::plain(name, shape, Role::Parameter))?;
        self.buffers[place].copy_from_slice(start);
        Ok(place)
    }
    /// Adds what an update keeps from step to step for these parameters, at its initial values.
    pub fn add_state(&mut self, rules: &Rules, trained: &[usize]) -> Result<()> {
        for (i, &p) in trained.iter().enumerate() {
            let Variable { name, shape, .. } = self.list[p].clone();
            for slot in rules.slots(i) {
                let shape = slot.shape.as_ref().unwrap_or(&shape);
                let plain = Variable::plain(&format!("{name}/{}", slot.name), shape, Role::State(p));
                let codec = rules.codec(i, &slot);
                let place = self.push(Variable { codec, ..plain })?;
                match slot.initial {
                    Initial::Number(x) if codec != Codec::F32 => {
                        let count = self.list[place].count();
                        self.write(place, &vec![x as f32; count]);
                    }
                    Initial::Number(x) => self.buffers[place].fill(x as f32),
                    Initial::Parameter => self.copy(p, place),
                    Initial::Diagonal(x) => {
                        let n = slot.shape.as_ref().map_or(0, |shape| shape[0]);
                        self.buffers[place].fill(0.0);
                        (0..n).for_each(|i| self.buffers[place][i * (n + 1)] = x as f32);
                    }
                }
            }
        }
        for (name, x) in rules.globals() {
            let place = self.push(Variable::plain(&name, &[], Role::Global))?;
            self.buffers[place].fill(x as f32);
        }
        for &p in trained.iter().filter(|_| rules.keeps_averages()) {
            let Variable { name, shape, .. } = self.list[p].clone();
            let place = self.push(Variable::plain(&average_name(&name), &shape, Role::Average(p)))?;
            self.copy(p, place);
        }
        for &p in trained.iter().filter(|_| rules.main().around.lookahead > 0) {
            let Variable { name, shape, .. } = self.list[p].clone();
            let place = self.push(Variable::plain(&slow_name(&name), &shape, Role::Slow(p)))?;
            self.copy(p, place);
        }
        for &p in trained.iter().filter(|_| rules.main().around.accumulation > 1) {
            let Variable { name, shape, .. } = self.list[p].clone();
            self.push(Variable::plain(&format!("{name}/gradient"), &shape, Role::Gradient(p)))?;
        }
        Ok(())
    }
    /// Copies the numbers of one variable to another of the same size.
    pub(crate) fn copy(&mut self, from: usize, to: usize) {
        let [from, to] = self.buffers.get_disjoint_mut([from, to]).expect("two variables");
        to.copy_from_slice(from);
        self.version += 1;
    }
    fn push(&mut self, variable: Variable) -> Result<usize> {
        let len = variable.shape.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
        let len = len.map(|n| n / variable.row().max(1) * variable.codec.len(variable.row()));
        let buffer = len.and_then(Buffer::try_zeros).ok_or_else(|| {
            let message = format!("variable {} of shape {:?} does not fit in memory", variable.name, variable.shape);
            Error::value("too-large", message)
        })?;
        self.places.entry(variable.name.clone()).or_insert(self.list.len());
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
        self.places.get(name).copied()
    }
    /// The places of the parameters.
    pub fn parameters(&self) -> impl Iterator<Item = usize> {
        self.with_role(Role::Parameter)
    }
    /// The places of what a model file holds: the parameters, then the buffers.
    pub fn weights(&self) -> impl Iterator<Item = usize> {
        self.with_role(Role::Parameter).chain(self.with_role(Role::Buffer))
    }
    /// The places of a parameter's state, in the rule's order.
    pub fn state_of(&self, parameter: usize) -> Vec<usize> {
        self.with_role(Role::State(parameter)).collect()
    }
    /// The place of a parameter's average, if one is kept.
    pub fn average_of(&self, parameter: usize) -> Option<usize> {
        self.with_role(Role::Average(parameter)).next()
    }
    /// The place of a parameter's slow weights, if they are kept.
    pub fn slow_of(&self, parameter: usize) -> Option<usize> {
        self.with_role(Role::Slow(parameter)).next()
    }
    /// The place where a parameter's gradients are added up over several batches, if that is kept.
    pub fn gradient_of(&self, parameter: usize) -> Option<usize> {
        self.with_role(Role::Gradient(parameter)).next()
    }
    fn with_role(&self, role: Role) -> impl Iterator<Item = usize> {
        (0..self.list.len()).filter(move |&i| self.list[i].role == role)
    }
    /// The numbers, row-major in the logical layout. Panics where they are stored in fewer bits, as only state is: see
    /// [`Variables::numbers`].
    pub fn read(&self, place: usize) -> &[f32] {
        assert!(self.list.get(place).is_none_or(|v| v.codec == Codec::F32), "its numbers are packed");
        &self.buffers[place]
    }
    /// The numbers of any variable.
    pub fn numbers(&self, place: usize) -> Cow<'_, [f32]> {
        let v = &self.list[place];
        match v.codec {
            Codec::F32 => Cow::Borrowed(&self.buffers[place]),
            _ => Cow::Owned(codec::unpacked(v.codec, &self.buffers[place], v.row())),
        }
    }
    /// Replaces the numbers; where they are stored in fewer bits, by the nearest of those. Panics if their count
    /// differs: callers check shapes first.
    pub fn write(&mut self, place: usize, numbers: &[f32]) {
        let v = &self.list[place];
        match v.codec {
            Codec::F32 => self.buffers[place].copy_from_slice(numbers),
            _ => codec::pack_nearest(v.codec, numbers, v.row(), &mut self.buffers[place]),
        }
        self.version += 1;
    }
    /// Changes whenever any number may have changed.
    pub fn version(&self) -> u64 {
        self.version
    }
    /// Adds an array of the size of each of these; it is no variable: no list has it, no file. Gives their places.
    pub(crate) fn add_hidden(&mut self, like: &[usize]) -> Result<Vec<usize>> {
        let mut places = Vec::new();
        for &p in like {
            let buffer = Buffer::try_zeros(self.buffers[p].len());
            self.buffers.push(buffer.ok_or_else(|| Error::value("too-large", "the gradients do not fit in memory"))?);
            places.push(self.buffers.len() - 1);
        }
        Ok(places)
    }
    /// How many numbers each array has, also those that are no variables.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.buffers.iter().map(|b| b.len()).collect()
    }
    /// For a step of a plan: the arrays of all variables, in their order, then those of [`Variables::add_hidden`].
    pub(crate) fn buffers(&mut self) -> &mut [Buffer] {
        self.version += 1;
        &mut self.buffers
    }
}
