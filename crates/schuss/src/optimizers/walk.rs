//! An optimizer on given gradients, in f64, with all that is done around its rule: what an update means.

use super::rules::{Rules, average_name};
use super::{Initial, Optimizer, Pace, Updates};
use crate::error::{Error, Result};
use crate::graph::ops::input::Source;
use crate::graph::{Graph, Reference, Tensor, Value};
use crate::shape::Shape;
use std::collections::BTreeMap;

/// A parameter to walk with: its name, sizes and where it starts.
pub type Start = (String, Vec<usize>, Vec<f64>);

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

    /// One update, from the gradient of each parameter. The error is about their counts.
    pub fn step(&mut self, gradients: &[Vec<f64>], pace: Pace) -> Result<()> {
        let fits = gradients.len() == self.names.len()
            && gradients.iter().zip(&self.shapes).all(|(g, s)| g.len() == s.iter().product::<usize>());
        if !fits {
            let counts: Vec<usize> = gradients.iter().map(Vec::len).collect();
            let message = format!("gradients of {counts:?} numbers for parameters of shapes {:?}", self.shapes);
            return Err(Error::shape("wrong-count", message));
        }
        self.t += 1;
        self.rules.set(self.t, pace);
        let mut given = BTreeMap::new();
        for ((name, shape), g) in self.names.iter().zip(&self.shapes).zip(gradients) {
            let scale = self.rules.loss_scale();
            given.insert(name.clone(), Tensor::new(shape, g.iter().map(|x| x * scale).collect()));
        }
        let wanted: Vec<Value> =
            self.updates.swept.iter().map(|s| s.1).chain(self.updates.assigned.iter().map(|a| a.1)).collect();
        let mut values = self.run(&self.graph, &given, &wanted);
        let assigned = values.split_off(self.updates.swept.len());
        for (&(i, _), gradient) in self.updates.swept.clone().iter().zip(values) {
            self.sweep(i, &gradient.data);
        }
        self.assign(&self.graph.clone(), &self.updates.assigned.clone(), assigned);
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
