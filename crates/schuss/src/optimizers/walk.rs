//! An optimizer on given gradients, in f64, with all that is done around its rule: what an update means.

use super::rules::{Rules, average_name, slow_name};
use super::search::Point;
use super::{Initial, Optimizer, Pace, State, Update, Updates};
use crate::error::{Error, Result};
use crate::graph::ops::input::Source;
use crate::graph::{Graph, Reference, Tensor, Value};
use crate::shape::Shape;
use std::collections::BTreeMap;

/// A parameter to walk with: its name, sizes and where it starts.
pub type Start = (String, Vec<usize>, Vec<f64>);

/// The loss of parameters, and its gradient.
pub type Evaluate<'a> = dyn FnMut(&[Vec<f64>]) -> (f64, Vec<Vec<f64>>) + 'a;

/// An optimizer on given gradients, in f64.
///
/// ```
/// use schuss::optimizers::{self, Pace, Walk};
///
/// let sgd = optimizers::registry().make("sgd", &[])?;
/// let mut walk = Walk::new(&sgd, vec![("theta".into(), vec![2], vec![1.0, -1.0])])?;
/// walk.step(&[vec![0.5, 0.5]], Pace::default())?;
/// assert_eq!(walk.theta(0), [0.995, -1.005]);
/// # Ok::<(), schuss::Error>(())
/// ```
pub struct Walk {
    rules: Rules,
    names: Vec<String>,
    shapes: Vec<Vec<usize>>,
    /// All variables, by name.
    variables: BTreeMap<String, Tensor>,
    /// The update's graph; its gradients are data leaves.
    graph: Graph,
    updates: Updates,
    t: u64,
}

impl Walk {
    /// At the start.
    pub fn new(optimizer: &Optimizer, tensors: Vec<Start>) -> Result<Self> {
        let trained: Vec<_> = tensors.iter().map(|(name, shape, _)| (name.clone(), shape.clone())).collect();
        let rules = Rules::new(optimizer, &trained)?;
        let around = std::iter::once(optimizer).chain(optimizer.groups.iter().map(|g| &g.optimizer)).map(|o| &o.around);
        if let Some(state) = around.map(|a| a.state).find(|state| *state != State::F32) {
            let message = format!("`state` is {}, which f32 arithmetic has; with f64 allowed is f32", state.name());
            return Err(Error::value("state-in-f64", message));
        }
        let mut variables = BTreeMap::new();
        for (i, (name, shape, start)) in tensors.iter().enumerate() {
            if start.len() != shape.iter().product::<usize>() {
                let message = format!("{name} has {} numbers; its shape {shape:?} holds another count", start.len());
                return Err(Error::shape("wrong-count", message));
            }
            for slot in rules.slots(i) {
                let state = match slot.initial {
                    Initial::Number(x) => Tensor::full(slot.shape.as_deref().unwrap_or(shape), x),
                    Initial::Parameter => Tensor::new(shape, start.clone()),
                    Initial::Diagonal(x) => {
                        let sizes = slot.shape.as_deref().unwrap_or(shape);
                        let n = sizes[0];
                        Tensor::new(sizes, (0..n * n).map(|i| if i / n == i % n { x } else { 0.0 }).collect())
                    }
                };
                variables.insert(format!("{name}/{}", slot.name), state);
            }
            if rules.keeps_averages() {
                variables.insert(average_name(name), Tensor::new(shape, start.clone()));
            }
            if rules.main().around.lookahead > 0 {
                variables.insert(slow_name(name), Tensor::new(shape, start.clone()));
            }
            variables.insert(name.clone(), Tensor::new(shape, start.clone()));
        }
        variables.extend(rules.globals().into_iter().map(|(name, x)| (name, Tensor::full(&[], x))));
        let mut graph = Graph::new();
        let leaf = |(name, shape): &(String, Vec<usize>)| graph.input(Source::Data, name, Shape::fixed(shape));
        let gradients: Vec<Value> = trained.iter().map(leaf).collect();
        let updates = rules.updates(&mut graph, &gradients)?;
        let (names, shapes) = trained.into_iter().unzip();
        Ok(Walk { rules, names, shapes, variables, graph, updates, t: 0 })
    }

    /// One update, from the gradient of each parameter. The error is about their counts, or about an optimizer that asks
    /// for several.
    pub fn step(&mut self, gradients: &[Vec<f64>], pace: Pace) -> Result<()> {
        let optimizer = self.rules.main();
        if !optimizer.evaluates_once() {
            return Err(optimizer.needs_a_function());
        }
        self.update(gradients, pace)
    }
    /// One update of an optimizer that may ask for several gradients.
    pub fn step_with(&mut self, evaluate: &mut Evaluate, pace: Pace) -> Result<()> {
        let rule = self.rules.main().rule.clone();
        if let Update::Search(search) = rule.update() {
            self.t += 1;
            let now = self.rules.now(self.t, pace);
            let mut memory = self.rules.main_memory().to_vec();
            search.search(now, &mut memory, &mut At { walk: self, evaluate })?;
            self.rules.main_memory().copy_from_slice(&memory);
            return self.follow();
        }
        let (_, mut gradients) = evaluate(&self.parameters());
        if self.rules.main().around.sam_rho > 0.0 {
            let mut g = Graph::new();
            let shapes = self.names.iter().zip(&self.shapes);
            let leaves: Vec<Value> =
                shapes.map(|(name, shape)| g.input(Source::Data, name, Shape::fixed(shape))).collect();
            let climb = self.rules.climb(&mut g, &leaves)?.assigned;
            let wanted: Vec<Value> = climb.iter().map(|a| a.1).collect();
            let start: Vec<Tensor> = self.names.iter().map(|name| self.variables[name].clone()).collect();
            let values = self.run(&g, &self.scaled(&gradients), &wanted);
            self.assign(&g, &climb, values);
            (_, gradients) = evaluate(&self.parameters());
            for (name, start) in self.names.iter().zip(start) {
                self.variables.insert(name.clone(), start);
            }
        }
        self.update(&gradients, pace)
    }
    fn parameters(&self) -> Vec<Vec<f64>> {
        self.names.iter().map(|name| self.variables[name].data.clone()).collect()
    }
    /// Gradients as a scaled loss has them.
    fn scaled(&self, gradients: &[Vec<f64>]) -> BTreeMap<String, Tensor> {
        let scale = self.rules.loss_scale();
        let each = self.names.iter().zip(&self.shapes).zip(gradients);
        let of = |((name, shape), g): ((&String, &Vec<usize>), &Vec<f64>)| {
            (name.clone(), Tensor::new(shape, g.iter().map(|x| x * scale).collect()))
        };
        each.map(of).collect()
    }
    fn update(&mut self, gradients: &[Vec<f64>], pace: Pace) -> Result<()> {
        let fits = gradients.len() == self.names.len()
            && gradients.iter().zip(&self.shapes).all(|(g, s)| g.len() == s.iter().product::<usize>());
        if !fits {
            let counts: Vec<usize> = gradients.iter().map(Vec::len).collect();
            let message = format!("gradients of {counts:?} numbers for parameters of shapes {:?}", self.shapes);
            return Err(Error::shape("wrong-count", message));
        }
        self.t += 1;
        self.rules.set(self.t, pace);
        let given = self.scaled(gradients);
        let wanted: Vec<Value> =
            self.updates.swept.iter().map(|s| s.1).chain(self.updates.assigned.iter().map(|a| a.1)).collect();
        let mut values = self.run(&self.graph, &given, &wanted);
        let assigned = values.split_off(self.updates.swept.len());
        for (&(i, _), gradient) in self.updates.swept.clone().iter().zip(values) {
            self.sweep(i, &gradient.data);
        }
        self.assign(&self.graph.clone(), &self.updates.assigned.clone(), assigned);
        self.follow()
    }
    /// What follows an update.
    fn follow(&mut self) -> Result<()> {
        if self.rules.follows(self.t) {
            let mut g = Graph::new();
            let slow = self.rules.slow(&mut g)?.assigned;
            let wanted: Vec<Value> = slow.iter().map(|a| a.1).collect();
            let values = self.run(&g, &BTreeMap::new(), &wanted);
            self.assign(&g, &slow, values);
            for name in &self.names {
                let value = self.variables[&slow_name(name)].clone();
                self.variables.insert(name.clone(), value);
            }
        }
        if self.rules.keeps_averages() {
            let mut g = Graph::new();
            let averages = self.rules.averages(&mut g)?.assigned;
            let wanted: Vec<Value> = averages.iter().map(|a| a.1).collect();
            let values = self.run(&g, &BTreeMap::new(), &wanted);
            self.assign(&g, &averages, values);
            let every = self.rules.main().around.ema_overwrite;
            if every > 0 && self.t.is_multiple_of(every) {
                for name in &self.names {
                    let value = self.variables[&average_name(name)].clone();
                    self.variables.insert(name.clone(), value);
                }
            }
        }
        Ok(())
    }

    /// A parameter: where its next gradient is taken.
    pub fn theta(&self, tensor: usize) -> &[f64] {
        &self.variables[&self.names[tensor]].data
    }
    /// The weights to evaluate with, where they are not θ.
    pub fn evaluated(&self) -> Result<Option<Vec<Vec<f64>>>> {
        let mut g = Graph::new();
        let values = self.rules.evaluated(&mut g)?;
        Ok(values.map(|v| self.run(&g, &BTreeMap::new(), &v).into_iter().map(|t| t.data).collect()))
    }
    /// Everything that is kept from step to step, by name, θ among it.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.variables.iter().map(|(name, t)| (name.as_str(), t.data.as_slice()))
    }

    fn sweep(&mut self, i: usize, gradient: &[f64]) {
        let sweep = self.rules.sweep(i).expect("it is swept");
        let name = &self.names[i];
        let names: Vec<String> = self.rules.slots(i).iter().map(|s| format!("{name}/{}", s.name)).collect();
        let mut states: Vec<Vec<f64>> = names.iter().map(|n| self.variables[n].data.clone()).collect();
        let at = &self.rules.numbers()[self.rules.place(i)..][..sweep.at()];
        let theta = &mut self.variables.get_mut(name).expect("it has a value").data;
        sweep.reference(at, theta, gradient, &mut states);
        for (name, state) in names.iter().zip(states) {
            self.variables.get_mut(name).expect("it has a value").data = state;
        }
    }
    fn run(&self, graph: &Graph, given: &BTreeMap<String, Tensor>, wanted: &[Value]) -> Vec<Tensor> {
        let mut reference = Reference::new(graph, 1);
        for (name, _) in graph.inputs(Source::Data) {
            reference.set(Source::Data, &name, given[&name].clone());
        }
        for (name, _) in graph.inputs(Source::Parameter) {
            reference.set(Source::Parameter, &name, self.variables[&name].clone());
        }
        for (name, _) in graph.inputs(Source::Setting) {
            let x = self.rules.setting(&name, self.t).expect("a setting of the update");
            reference.set(Source::Setting, &name, Tensor::full(&[], x));
        }
        reference.run(wanted)
    }
    fn assign(&mut self, graph: &Graph, assigned: &[(Value, Value)], values: Vec<Tensor>) {
        let names: BTreeMap<Value, String> =
            graph.inputs(Source::Parameter).into_iter().map(|(name, v)| (v, name)).collect();
        for ((leaf, _), value) in assigned.iter().zip(values) {
            self.variables.insert(names[leaf].clone(), value);
        }
    }
}

/// The parameters of a walk, in a row.
struct At<'a, 'e> {
    walk: &'a mut Walk,
    evaluate: &'a mut Evaluate<'e>,
}

impl At<'_, '_> {
    fn slot(&self, tensor: usize, slot: usize) -> String {
        format!("{}/{}", self.walk.names[tensor], self.walk.rules.slots(tensor)[slot].name)
    }
    /// Each parameter's range in the row.
    fn ranges(&self) -> Vec<std::ops::Range<usize>> {
        let mut from = 0;
        let of = |shape: &Vec<usize>| {
            let start = from;
            from += shape.iter().product::<usize>();
            start..from
        };
        self.walk.shapes.iter().map(of).collect()
    }
}

impl Point for At<'_, '_> {
    fn count(&self) -> usize {
        self.ranges().last().map_or(0, |r| r.end)
    }
    fn theta(&self, out: &mut [f64]) {
        out.copy_from_slice(&self.walk.parameters().concat());
    }
    fn set_theta(&mut self, theta: &[f64]) {
        for (i, range) in self.ranges().into_iter().enumerate() {
            let name = &self.walk.names[i];
            self.walk.variables.get_mut(name).expect("it has a value").data.copy_from_slice(&theta[range]);
        }
    }
    fn state(&self, slot: usize, row: usize, out: &mut [f64]) {
        for (i, range) in self.ranges().into_iter().enumerate() {
            let len = range.len();
            out[range].copy_from_slice(&self.walk.variables[&self.slot(i, slot)].data[row * len..][..len]);
        }
    }
    fn set_state(&mut self, slot: usize, row: usize, numbers: &[f64]) {
        for (i, range) in self.ranges().into_iter().enumerate() {
            let (len, name) = (range.len(), self.slot(i, slot));
            let state = &mut self.walk.variables.get_mut(&name).expect("it has a value").data;
            state[row * len..][..len].copy_from_slice(&numbers[range]);
        }
    }
    fn evaluate(&mut self, gradient: &mut [f64]) -> Result<f64> {
        let (loss, gradients) = (self.evaluate)(&self.walk.parameters());
        gradient.copy_from_slice(&gradients.concat());
        Ok(loss)
    }
}
