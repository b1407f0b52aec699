//! The rules of all trained parameters together: which one moves which parameter, the numbers that each is given at a
//! step, and the operations behind the gradients.

use super::around::{GREATEST_SCALE, LossScale, global_norm};
use super::{Initial, Now, Optimizer, Pace, Sign, Slot, State, Tensor, Update, cautious};
use crate::error::{Error, Result};
use crate::graph::ops::input::Source;
use crate::graph::{Graph, Value};
use crate::shape::Shape;
use schuss_kernels::{Codec, Sweep, codec};
use std::ops::Range;

/// A trained parameter and its rule.
#[derive(Clone, Debug)]
struct Trained {
    name: String,
    shape: Vec<usize>,
    /// Its optimizer's place.
    optimizer: usize,
    /// Where its rule's numbers begin.
    numbers: usize,
}

/// An optimizer of the list, with its places among numbers and memory.
#[derive(Clone, Debug)]
struct Part {
    optimizer: Optimizer,
    /// Its numbers, and their copies for parameters that do not decay.
    numbers: [usize; 2],
    memory: Range<usize>,
}

/// What an update does to variables, as operations of a graph.
#[derive(Clone, Debug, Default)]
pub struct Updates {
    /// Parameters that a sweep moves: their places, and the gradients that the sweep is given.
    pub swept: Vec<(usize, Value)>,
    /// Variables that are set: the leaf that is the old value, and the new one.
    pub assigned: Vec<(Value, Value)>,
}

/// The rules of all trained parameters.
#[derive(Clone, Debug)]
pub struct Rules {
    parts: Vec<Part>,
    trained: Vec<Trained>,
    memory: Vec<f64>,
    numbers: Vec<f64>,
}

/// Elements below which an array keeps its state in full beside others that have 8 bits.
const LARGE: usize = 4096;

/// Setting leaves: what gradients are multiplied with before anything else, and the average's two factors.
const UNSCALE: &str = "unscale";
const OLD: &str = "average old";
const NEW: &str = "average new";

impl Rules {
    /// For parameters of these names and sizes.
    pub fn new(optimizer: &Optimizer, trained: &[(String, Vec<usize>)]) -> Result<Self> {
        let scale = match optimizer.around.loss_scale {
            LossScale::None => 1.0,
            LossScale::Static(scale) | LossScale::Dynamic { initial: scale, .. } => scale,
        };
        // The loss scale, the updates since it changed, the batches that gradients were added up of.
        let (mut memory, mut count) = (vec![scale, 0.0, 0.0], 0);
        let mut parts = Vec::new();
        for optimizer in std::iter::once(optimizer).chain(optimizer.groups.iter().map(|g| &g.optimizer)) {
            let (size, own) = (optimizer.count(), optimizer.rule.memory());
            parts.push(Part {
                optimizer: optimizer.clone(),
                numbers: [count, count + size],
                memory: memory.len()..memory.len() + own.len(),
            });
            memory.extend(own);
            count += 2 * size;
        }
        let of = |(name, shape): &(String, Vec<usize>)| {
            let optimizer = optimizer.groups.iter().position(|g| g.matches(name)).map_or(0, |i| i + 1);
            let part: &Part = &parts[optimizer];
            let numbers = part.numbers[usize::from(!part.optimizer.around.decays(name))];
            part.optimizer.rule.fits(shape).map_err(|e| e.at(format!("{name} {shape:?}")))?;
            Ok(Trained { name: name.clone(), shape: shape.clone(), optimizer, numbers })
        };
        let trained = trained.iter().map(of).collect::<Result<Vec<_>>>()?;
        for (i, group) in optimizer.groups.iter().enumerate() {
            if !trained.iter().any(|t| t.optimizer == i + 1) {
                let names: Vec<&str> = trained.iter().map(|t| t.name.as_str()).collect();
                let message =
                    format!("no parameter is left for group `{}`; there are {}", group.pattern, names.join(", "));
                return Err(Error::value("empty-group", message));
            }
        }
        let rules = Rules { parts, trained, memory, numbers: vec![0.0; count] };
        rules.go_together().map(|()| rules)
    }

    /// An error where rules and what is around them do not.
    fn go_together(&self) -> Result<()> {
        let searches = |part: &Part| matches!(part.optimizer.rule.update(), Update::Search(_));
        if let Some(part) = self.parts.iter().find(|part| self.parts.len() > 1 && searches(part)) {
            let name = part.optimizer.name;
            let message = format!("{name} searches with all parameters together; with it there are no groups");
            return Err(Error::value("search-with-groups", message));
        }
        if self.main().around.lookahead > 0 {
            let mut g = Graph::new();
            for i in 0..self.trained.len() {
                let (theta, states) = (self.theta(&mut g, i), self.states(&mut g, i));
                if self.optimizer(i).rule.evaluated(&mut g, theta, &states)?.is_some() {
                    let name = self.optimizer(i).name;
                    let message = format!(
                        "`lookahead_steps` can't be had with {name}, which evaluates with weights of its own; leave one out"
                    );
                    return Err(Error::value("two-kinds-of-weights", message));
                }
            }
        }
        Ok(())
    }

    fn optimizer(&self, tensor: usize) -> &Optimizer {
        &self.parts[self.trained[tensor].optimizer].optimizer
    }
    /// The optimizer as a whole.
    pub fn main(&self) -> &Optimizer {
        &self.parts[0].optimizer
    }
    /// What is kept beside a parameter.
    pub fn slots(&self, tensor: usize) -> Vec<Slot> {
        self.optimizer(tensor).rule.slots(&self.trained[tensor].shape)
    }
    /// How a slot of a parameter is stored.
    pub fn codec(&self, tensor: usize, slot: &Slot) -> Codec {
        let shape = &self.trained[tensor].shape;
        // The rows are those of the parameter; short ones and short arrays gain nothing.
        let long = shape.last().is_some_and(|&n| n >= codec::BLOCK);
        let large = shape.iter().product::<usize>() >= LARGE;
        match (self.optimizer(tensor).around.state, slot.compact) {
            (State::Bf16, Some(_)) if long => Codec::Bf16,
            (State::Int8, Some(Sign::Any)) if long && large => Codec::Signed8,
            (State::Int8, Some(Sign::Positive)) if long && large => Codec::Positive8,
            _ => Codec::F32,
        }
    }
    /// What is kept once, with the names that variables have.
    pub fn globals(&self) -> Vec<(String, f64)> {
        let mut all = Vec::new();
        for (i, part) in self.parts.iter().enumerate() {
            if let Update::Graph(rule) = part.optimizer.rule.update() {
                for slot in rule.globals() {
                    let Initial::Number(initial) = slot.initial else { unreachable!("a global is a number") };
                    all.push((global(i, slot.name), initial));
                }
            }
        }
        all
    }
    /// The sweep that moves a parameter, if one does.
    pub fn sweep(&self, tensor: usize) -> Option<Sweep> {
        let optimizer = self.optimizer(tensor);
        match optimizer.rule.update() {
            Update::Elementwise(sweep) if !optimizer.around.cautious => Some(sweep),
            _ => None,
        }
    }
    /// Where the numbers of a parameter's sweep begin.
    pub fn place(&self, tensor: usize) -> usize {
        self.trained[tensor].numbers
    }
    /// The numbers of all rules, as [`Rules::set`] left them.
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }
    /// What rules keep from step to step.
    pub fn memory(&self) -> &[f64] {
        &self.memory
    }
    /// The same, to be set when resuming.
    pub fn memory_mut(&mut self) -> &mut [f64] {
        &mut self.memory
    }
    /// Computes the numbers of update `t`.
    pub fn set(&mut self, t: u64, pace: Pace) {
        for part in &self.parts {
            let optimizer = &part.optimizer;
            let weight_decay = optimizer.around.decoupled();
            let learning_rate = optimizer.learning_rate * pace.factor;
            let now = Now { t, learning_rate, momentum: pace.momentum, weight_decay };
            let [decayed, plain] = part.numbers;
            let memory = &mut self.memory[part.memory.clone()];
            if optimizer.rule.shrinks() {
                // Both from the same memory, which moves on once: a rule has at most 8 numbers of it.
                let size = plain - decayed;
                let mut before = [0.0; 8];
                let before = &mut before[..memory.len()];
                before.copy_from_slice(memory);
                let now = Now { weight_decay: 0.0, ..now };
                optimizer.numbers(now, before, &mut self.numbers[plain..plain + size]);
            }
            optimizer.numbers(now, memory, &mut self.numbers[decayed..plain]);
            if !optimizer.rule.shrinks() {
                self.numbers.copy_within(decayed..plain, plain);
                self.numbers[plain] = 1.0;
            }
        }
    }
    /// The value of a setting leaf that [`Rules::updates`] or [`Rules::averages`] made, at update `t`.
    pub fn setting(&self, leaf: &str, t: u64) -> Option<f64> {
        let ema = || self.main().around.ema.filter(|_| t > 1).unwrap_or(0.0);
        match leaf {
            UNSCALE => Some(1.0 / self.loss_scale()),
            OLD => Some(ema()),
            NEW => Some(1.0 - ema()),
            _ => leaf.strip_prefix("number ").and_then(|i| i.parse::<usize>().ok()).map(|i| self.numbers[i]),
        }
    }
    /// What the loss is multiplied with.
    pub fn loss_scale(&self) -> f64 {
        self.memory[0]
    }
    /// Batches that gradients were added up of, towards the next update.
    pub fn batches(&self) -> usize {
        self.memory[2] as usize
    }
    /// Sets it.
    pub fn set_batches(&mut self, batches: usize) {
        self.memory[2] = batches as f64;
    }
    /// Changes a dynamic loss scale after gradients that were `finite` or not, and the update that was made of them.
    pub fn scaled(&mut self, finite: bool) {
        let LossScale::Dynamic { growth, .. } = self.main().around.loss_scale else { return };
        let [scale, since, ..] = &mut self.memory[..] else { unreachable!("it has both") };
        *since += 1.0;
        if !finite {
            (*scale, *since) = ((*scale * 0.5).max(f64::MIN_POSITIVE), 0.0);
        } else if *since >= growth as f64 {
            (*scale, *since) = ((*scale * 2.0).min(GREATEST_SCALE), 0.0);
        }
    }

    /// Writes the operations of an update, from each parameter's gradient. Leaves are named as variables are: `kernel`,
    /// `kernel/m`.
    pub fn updates(&self, g: &mut Graph, gradients: &[Value]) -> Result<Updates> {
        let around = &self.main().around;
        let mut gradients = gradients.to_vec();
        if around.loss_scale != LossScale::None {
            let unscale = g.input(Source::Setting, UNSCALE, Shape::scalar());
            gradients = gradients.iter().map(|&x| g.multiply(x, unscale)).collect::<Result<_>>()?;
        }
        gradients = around.clipped(g, &gradients)?;
        let mut updates = Updates::default();
        for (p, part) in self.parts.iter().enumerate() {
            let own: Vec<usize> = (0..self.trained.len()).filter(|&i| self.trained[i].optimizer == p).collect();
            let around = &part.optimizer.around;
            let mut tensors = Vec::new();
            for &i in &own {
                let t = &self.trained[i];
                let theta = self.theta(g, i);
                let gradient = around.with_l2(g, &t.name, theta, gradients[i])?;
                let states = self.states(g, i);
                let shrinks = part.optimizer.rule.shrinks() && around.decays(&t.name);
                let decay = if shrinks { around.decoupled() } else { 0.0 };
                tensors.push(Tensor { theta, gradient, states, decay });
            }
            let scalar = |g: &mut Graph, i: usize| g.input(Source::Setting, &format!("number {i}"), Shape::scalar());
            let rule = match part.optimizer.rule.update() {
                Update::Elementwise(sweep) if around.cautious => {
                    let recording = sweep.recording();
                    for (&i, mut tensor) in own.iter().zip(tensors) {
                        let old = tensor.clone();
                        let place = self.trained[i].numbers;
                        let numbers: Vec<Value> = (1..sweep.at()).map(|k| scalar(g, place + k)).collect();
                        let keep = around.decays(&self.trained[i].name).then(|| scalar(g, place));
                        cautious::build(g, &recording, keep, &numbers, &mut tensor)?;
                        updates.assigned.push((old.theta, tensor.theta));
                        updates.assigned.extend(old.states.into_iter().zip(tensor.states));
                    }
                    continue;
                }
                Update::Elementwise(_) => {
                    updates.swept.extend(own.iter().zip(&tensors).map(|(&i, t)| (i, t.gradient)));
                    continue;
                }
                Update::Graph(rule) => rule,
                Update::Search(_) => continue,
            };
            let numbers: Vec<Value> = (0..rule.numbers()).map(|i| scalar(g, part.numbers[0] + 1 + i)).collect();
            let names: Vec<String> = rule.globals().iter().map(|slot| global(p, slot.name)).collect();
            let mut globals: Vec<Value> =
                names.iter().map(|n| g.input(Source::Parameter, n, Shape::scalar())).collect();
            let old: Vec<Value> = tensors
                .iter()
                .flat_map(|t| std::iter::once(t.theta).chain(t.states.clone()))
                .chain(globals.clone())
                .collect();
            for (&i, tensor) in own.iter().zip(&mut tensors) {
                if around.decays(&self.trained[i].name) && !part.optimizer.rule.shrinks() {
                    let keep = scalar(g, self.trained[i].numbers);
                    tensor.theta = g.multiply(tensor.theta, keep)?;
                }
            }
            rule.build(g, &numbers, &mut tensors, &mut globals)?;
            let new = tensors.iter().flat_map(|t| std::iter::once(t.theta).chain(t.states.clone())).chain(globals);
            updates.assigned.extend(old.into_iter().zip(new).filter(|(old, new)| old != new));
        }
        updates.swept.sort_by_key(|s| s.0);
        Ok(updates)
    }

    /// Does the optimizer keep averages of weights beside them?
    pub fn keeps_averages(&self) -> bool {
        self.main().around.ema.is_some()
    }
    /// Writes the operations that follow an update: averages of the weights.
    pub fn averages(&self, g: &mut Graph) -> Result<Updates> {
        let mut updates = Updates::default();
        let (old, new) =
            (g.input(Source::Setting, OLD, Shape::scalar()), g.input(Source::Setting, NEW, Shape::scalar()));
        for i in 0..self.trained.len() {
            let theta = self.theta(g, i);
            let average =
                g.input(Source::Parameter, &average_name(&self.trained[i].name), Shape::fixed(&self.trained[i].shape));
            let (kept, added) = (g.multiply(average, old)?, g.multiply(theta, new)?);
            updates.assigned.push((average, g.add(kept, added)?));
        }
        Ok(updates)
    }
    /// Writes where a sharpness-aware step takes its gradient: θ + ρ g / (‖g‖ + 1e-12), the norm over all parameters.
    pub fn climb(&self, g: &mut Graph, gradients: &[Value]) -> Result<Updates> {
        let unscale = g.input(Source::Setting, UNSCALE, Shape::scalar());
        let gradients = gradients.iter().map(|&x| g.multiply(x, unscale)).collect::<Result<Vec<_>>>()?;
        let (rho, little) = (g.constant(self.main().around.sam_rho)?, g.constant(1e-12)?);
        let norm = global_norm(g, &gradients)?;
        let norm = g.add(norm, little)?;
        let share = g.divide(rho, norm)?;
        let mut updates = Updates::default();
        for (i, &gradient) in gradients.iter().enumerate() {
            let theta = self.theta(g, i);
            let way = g.multiply(gradient, share)?;
            updates.assigned.push((theta, g.add(theta, way)?));
        }
        Ok(updates)
    }
    /// Are there slow weights, which follow after this update?
    pub fn follows(&self, t: u64) -> bool {
        let every = self.main().around.lookahead;
        every > 0 && t.is_multiple_of(every)
    }
    /// Writes how slow weights follow; the weights are set to them then.
    pub fn slow(&self, g: &mut Graph) -> Result<Updates> {
        let alpha = g.constant(self.main().around.lookahead_alpha)?;
        let mut updates = Updates::default();
        for i in 0..self.trained.len() {
            let (theta, slow) = (self.theta(g, i), self.slow_leaf(g, i));
            updates.assigned.push((slow, super::whole::average(g, slow, theta, alpha)?));
        }
        Ok(updates)
    }
    fn slow_leaf(&self, g: &mut Graph, tensor: usize) -> Value {
        let t = &self.trained[tensor];
        g.input(Source::Parameter, &slow_name(&t.name), Shape::fixed(&t.shape))
    }
    /// What the first rule keeps, for a search.
    pub fn main_memory(&mut self) -> &mut [f64] {
        &mut self.memory[self.parts[0].memory.clone()]
    }
    /// What a rule may depend on at update `t`.
    pub fn now(&self, t: u64, pace: Pace) -> Now {
        let learning_rate = self.main().learning_rate * pace.factor;
        Now { t, learning_rate, momentum: pace.momentum, weight_decay: 0.0 }
    }
    /// The weights to evaluate with, where they are not those that are trained.
    pub fn evaluated(&self, g: &mut Graph) -> Result<Option<Vec<Value>>> {
        let mut any = false;
        let mut all = Vec::new();
        for i in 0..self.trained.len() {
            if self.keeps_averages() {
                any = true;
                let t = &self.trained[i];
                all.push(g.input(Source::Parameter, &average_name(&t.name), Shape::fixed(&t.shape)));
                continue;
            }
            if self.main().around.lookahead > 0 {
                any = true;
                all.push(self.slow_leaf(g, i));
                continue;
            }
            let (theta, states) = (self.theta(g, i), self.states(g, i));
            let value = self.optimizer(i).rule.evaluated(g, theta, &states)?;
            any |= value.is_some();
            all.push(value.unwrap_or(theta));
        }
        Ok(any.then_some(all))
    }

    fn theta(&self, g: &mut Graph, tensor: usize) -> Value {
        let t = &self.trained[tensor];
        g.input(Source::Parameter, &t.name, Shape::fixed(&t.shape))
    }
    fn states(&self, g: &mut Graph, tensor: usize) -> Vec<Value> {
        let t = &self.trained[tensor];
        let leaf = |slot: Slot| {
            let shape = slot.shape.as_deref().unwrap_or(&t.shape);
            g.input(Source::Parameter, &format!("{}/{}", t.name, slot.name), Shape::fixed(shape))
        };
        self.slots(tensor).into_iter().map(leaf).collect()
    }
}

/// The name of the average of a parameter.
pub fn average_name(name: &str) -> String {
    format!("{name}/average")
}

/// The name of the slow weights of a parameter.
pub fn slow_name(name: &str) -> String {
    format!("{name}/slow")
}

/// The name of a number that is kept once, by the p-th optimizer.
fn global(p: usize, name: &str) -> String {
    if p == 0 { format!("optimizer/{name}") } else { format!("optimizer_{p}/{name}") }
}
