//! Layers one after another.

use crate::build::{Build, Built};
use crate::error::{Error, Result};
use crate::graph::ops::input::Source;
use crate::layers::AnyLayer;
use crate::shape::Shape;

/// A layer with the name its parameters carry.
#[derive(Clone, Debug)]
pub struct NamedLayer {
    /// `dense`, `dense_1` …
    pub name: String,
    /// What it is.
    pub layer: AnyLayer,
}

/// Layers one after another. The same layer given twice under one name is shared.
#[derive(Clone, Debug)]
pub struct Sequential {
    input: Vec<usize>,
    layers: Vec<NamedLayer>,
}

impl Sequential {
    /// A model without layers on samples of these sizes.
    pub fn new(input: &[usize]) -> Self {
        Sequential { input: input.to_vec(), layers: Vec::new() }
    }
    /// Adds a layer, named as Keras does: `dense`, `dense_1`, `dense_2` …
    #[allow(clippy::should_implement_trait)] // Keras' word
    pub fn add(mut self, layer: impl crate::layers::Layer + 'static) -> Self {
        self.push(None, std::sync::Arc::new(layer));
        self
    }
    /// Adds a layer under a name of its own, or under Keras' automatic one.
    pub fn push(&mut self, name: Option<&str>, layer: AnyLayer) {
        let name = match name {
            Some(name) => name.to_owned(),
            None => match self.layers.iter().filter(|l| l.layer.kind() == layer.kind()).count() {
                0 => layer.kind().to_owned(),
                n => format!("{}_{n}", layer.kind()),
            },
        };
        self.layers.push(NamedLayer { name, layer });
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
        self.build_each(training, |_, _| ())
    }
    /// Like [`Sequential::build`], telling the shape after each layer.
    pub fn build_each(&self, training: bool, each: impl FnMut(&NamedLayer, &Shape)) -> Result<Built> {
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
        self.write(build, |_, _| ())
    }
    fn write(&self, mut build: Build, mut each: impl FnMut(&NamedLayer, &Shape)) -> Result<Built> {
        if self.input.contains(&0) {
            return Err(Error::shape("empty-input", format!("the model's input {:?} has no elements", self.input)));
        }
        let input = build.graph.input(Source::Data, "x", Shape::batch(&self.input));
        let mut x = input;
        for l in &self.layers {
            build.layer.clone_from(&l.name);
            x = l.layer.build(&mut build, x).map_err(|e| e.at(format!("layer {}", l.name)))?;
            each(l, build.graph.shape(x));
        }
        let Build { graph, parameters, buffers, assignments, penalties, .. } = build;
        Ok(Built { graph, input, output: x, parameters, buffers, assignments, penalties })
    }
}
