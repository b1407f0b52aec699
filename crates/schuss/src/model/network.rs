//! Layers, and which takes the outputs of which.

use crate::build::{Build, Built};
use crate::error::{Error, Result};
use crate::graph::ops::input::Source;
use crate::graph::{Graph, Value};
use crate::layers::AnyLayer;
use crate::registry::suggest;
use crate::shape::Shape;

/// What a model's input is called among the inputs of layers.
pub const INPUT: &str = "input";

/// A layer with its name and what it takes.
#[derive(Clone, Debug)]
pub struct NamedLayer {
    /// `dense`, `dense_1` …, which its parameters carry too.
    pub name: String,
    /// What it is.
    pub layer: AnyLayer,
    /// The layers whose outputs it takes, or [`INPUT`]; none are named where it takes that of the layer before alone.
    pub inputs: Vec<String>,
}

/// Layers, each with the names of those whose outputs it takes. The last one's output is the model's.
///
/// A layer stands behind all whose outputs it takes. The same layer given twice under one name is shared; the name then
/// means its last place.
///
/// ```
/// use schuss::layers::{Activation, Add, Dense};
/// use schuss::model::Network;
/// use std::sync::Arc;
///
/// let mut model = Network::new(&[16]);
/// let branch = model.connect(None, Arc::new(Dense::new(16).activation("relu")), &["input"]);
/// model.connect(None, Arc::new(Add), &["input", &branch]);
/// let model = model.add(Activation::new("relu")).add(Dense::new(10).activation("softmax"));
/// assert_eq!(model.build(true)?.graph.shape(model.build(true)?.output).to_string(), "[batch, 10]");
/// # Ok::<(), schuss::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    input: Vec<usize>,
    layers: Vec<NamedLayer>,
}

/// Layers one after another: a network each of whose layers takes the output of the one before.
pub type Sequential = Network;

impl Network {
    /// A model without layers on samples of these sizes.
    pub fn new(input: &[usize]) -> Self {
        Network { input: input.to_vec(), layers: Vec::new() }
    }
    /// Adds a layer that takes the output of the one before, named as Keras does: `dense`, `dense_1`, `dense_2` …
    #[allow(clippy::should_implement_trait)] // Keras' word
    pub fn add(mut self, layer: impl crate::layers::Layer + 'static) -> Self {
        self.push(None, std::sync::Arc::new(layer));
        self
    }
    /// Adds a layer that takes the output of the one before, under a name of its own, or under Keras' automatic one.
    pub fn push(&mut self, name: Option<&str>, layer: AnyLayer) {
        self.connect(name, layer, &[]);
    }
    /// Adds a layer that takes the outputs of these layers, or [`INPUT`]; of the one before if there are none. Gives its
    /// name. What is wrong with the names is said when the model is built.
    pub fn connect(&mut self, name: Option<&str>, layer: AnyLayer, inputs: &[&str]) -> String {
        let kind = layer.kind();
        let automatic = |n: usize| if n == 0 { kind.to_owned() } else { format!("{kind}_{n}") };
        let free = |name: &String| !self.layers.iter().any(|l| l.name == *name);
        let name = match name {
            Some(name) => name.to_owned(),
            None => (0..).map(automatic).find(free).expect("one of the numbers is free"),
        };
        // What is taken anyway is not named, so that equal models are equal in words.
        let before = self.layers.last().map_or(INPUT, |l| &l.name);
        let inputs = if inputs == [before] { &[] } else { inputs };
        let inputs = inputs.iter().map(|&i| i.to_owned()).collect();
        self.layers.push(NamedLayer { name: name.clone(), layer, inputs });
        name
    }
    /// The sizes of a sample.
    pub fn input(&self) -> &[usize] {
        &self.input
    }
    /// The layers in order.
    pub fn layers(&self) -> &[NamedLayer] {
        &self.layers
    }
    /// Writes the model into a graph, for training or not.
    pub fn build(&self, training: bool) -> Result<Built> {
        self.build_each(training, |_, _, _| ())
    }
    /// Like [`Network::build`], telling the graph after each layer, and the layer's output in it.
    pub fn build_each(&self, training: bool, each: impl FnMut(&NamedLayer, &Graph, Value)) -> Result<Built> {
        self.write(Build::new(training), each)
    }
    /// For training that leaves those parameters and buffers as they are whose names `frozen` is true for.
    pub fn build_frozen(&self, frozen: impl Fn(&str) -> bool) -> Result<Built> {
        let built = self.build(true)?;
        let fixed: Vec<String> = built.buffers.iter().map(|b| b.name.clone()).filter(|name| frozen(name)).collect();
        if fixed.is_empty() {
            return Ok(built);
        }
        let mut build = Build::new(true);
        build.fixed = fixed;
        self.write(build, |_, _, _| ())
    }
    /// How many samples to train on its layers look at before the first step, at most.
    pub fn adapts(&self) -> Option<usize> {
        self.layers.iter().filter_map(|l| l.layer.adapts()).max()
    }
    /// What buffers start as, by name, from samples to train on, row-major. A layer that looks at samples takes the
    /// model's input, perhaps under other axes.
    pub fn adapt(&self, samples: &[f32]) -> Result<Vec<(String, Vec<f32>)>> {
        let mut shapes = vec![Some(self.input.clone())];
        let mut outputs = Vec::new();
        self.build_each(true, |_, graph, y| outputs.push(graph.shape(y).sample()))?;
        let mut all = Vec::new();
        for (l, output) in self.layers.iter().zip(outputs) {
            let input = match l.inputs.as_slice() {
                [] => shapes.last().expect("the input is one").clone(),
                [name] if name == INPUT => Some(self.input.clone()),
                _ => None,
            };
            if let Some(most) = l.layer.adapts() {
                let Some(sample) = &input else {
                    let message = "it looks at samples before the first step, and must take the model's input";
                    return Err(Error::value("adapts-behind-layers", message).at(format!("layer {}", l.name)));
                };
                let numbers = sample.iter().product::<usize>() * most;
                let found = l.layer.adapt(sample, &samples[..samples.len().min(numbers)])?;
                all.extend(found.into_iter().map(|(name, values)| (format!("{}/{name}", l.name), values)));
            }
            shapes.push(input.map(|_| output).filter(|_| ["reshape", "flatten"].contains(&l.layer.kind())));
        }
        Ok(all)
    }
    fn write(&self, mut build: Build, mut each: impl FnMut(&NamedLayer, &Graph, Value)) -> Result<Built> {
        if self.input.contains(&0) {
            return Err(Error::shape("empty-input", format!("the model's input {:?} has no elements", self.input)));
        }
        let input = build.graph.input(Source::Data, "x", Shape::batch(&self.input));
        // The model's input, then what each layer gives, and whether anything takes it.
        let mut made: Vec<(&str, Value, bool)> = vec![(INPUT, input, false)];
        for (i, l) in self.layers.iter().enumerate() {
            let place = |e: Error| e.at(format!("layer {}", l.name));
            let mut inputs = Vec::new();
            for j in self.places(i, &made).map_err(place)? {
                made[j].2 = true;
                inputs.push(made[j].1);
            }
            build.layer.clone_from(&l.name);
            let y = l.layer.build_all(&mut build, &inputs).map_err(place)?;
            each(l, &build.graph, y);
            made.push((&l.name, y, false));
        }
        let (_, output, _) = made.pop().expect("the input is one");
        if let Some((name, ..)) = made.iter().find(|m| !m.2).filter(|_| !self.layers.is_empty()) {
            let message = "nothing takes its output; name it among the `inputs` of a later layer, or leave it out";
            return Err(Error::value("unused-layer", message).at(format!("layer {name}")));
        }
        let Build { graph, parameters, buffers, assignments, penalties, .. } = build;
        Ok(Built { graph, input, output, parameters, buffers, assignments, penalties })
    }
    /// The places of what the i-th layer takes among what is there.
    fn places(&self, i: usize, made: &[(&str, Value, bool)]) -> Result<Vec<usize>> {
        let place = |name: &String| {
            made.iter().rposition(|m| m.0 == name).ok_or_else(|| {
                if self.layers[i..].iter().any(|l| l.name == *name) {
                    let message = format!(
                        "its input `{name}` is not there yet; a layer stands behind those whose outputs it takes, so \
                         that none waits for itself"
                    );
                    return Error::value("layer-order", message);
                }
                let names: Vec<&str> = made.iter().map(|m| m.0).collect();
                Error::name("unknown-input", format!("there is no layer `{name}` to take{}", suggest(name, &names)))
            })
        };
        match self.layers[i].inputs.as_slice() {
            [] => Ok(vec![made.len() - 1]),
            names => names.iter().map(place).collect(),
        }
    }
}
