//! Writing layers into a graph.

use crate::error::{Error, Result};
use crate::graph::ops::input::Source;
use crate::graph::{Graph, Value};
use crate::initializers::AnyInitializer;
use crate::shape::Shape;

/// A parameter: what is trained.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// `dense/kernel`.
    pub name: String,
    /// Its sizes, in Keras' logical layout.
    pub shape: Vec<usize>,
    /// How it starts.
    pub initializer: AnyInitializer,
}

/// A graph with a model in it.
#[derive(Clone, Debug)]
pub struct Built {
    /// The operations.
    pub graph: Graph,
    /// The model's input, `[batch, …]`, the leaf `x`.
    pub input: Value,
    /// The model's output, `[batch, …]`.
    pub output: Value,
    /// All parameters, in the order in which layers asked for them.
    pub parameters: Vec<Parameter>,
    /// What the layers add to the loss besides (L1, L2), each a single number.
    pub penalties: Vec<Value>,
}

/// What a layer writes into.
#[derive(Debug)]
pub struct Build {
    /// The operations.
    pub graph: Graph,
    /// For training (dropout drops), or for evaluation and prediction?
    pub training: bool,
    pub(crate) layer: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) penalties: Vec<Value>,
    streams: Vec<String>,
}

impl Build {
    /// An empty graph.
    pub fn new(training: bool) -> Self {
        Build {
            graph: Graph::new(),
            training,
            layer: String::new(),
            parameters: Vec::new(),
            penalties: Vec::new(),
            streams: Vec::new(),
        }
    }
    /// A parameter of the layer that is being built; the same one if the layer is used again (a shared layer).
    pub fn parameter(&mut self, name: &str, shape: &[usize], initializer: &AnyInitializer) -> Result<Value> {
        let name = format!("{}/{name}", self.layer);
        if shape.contains(&0) {
            return Err(Error::shape(
                "empty-parameter",
                format!("parameter {name} of shape {shape:?} has no elements"),
            ));
        }
        match self.parameters.iter().find(|p| p.name == name) {
            Some(p) if p.shape == shape => {}
            Some(p) => {
                let message = format!("parameter {name} is used with shape {shape:?} and with {:?}", p.shape);
                return Err(Error::shape("shared-parameter-shape", message));
            }
            None => {
                self.parameters.push(Parameter {
                    name: name.clone(),
                    shape: shape.into(),
                    initializer: initializer.clone(),
                });
            }
        }
        Ok(self.graph.input(Source::Parameter, &name, Shape::fixed(shape)))
    }
    /// Adds a single number to the loss.
    pub fn penalty(&mut self, value: Value) {
        if !self.penalties.contains(&value) {
            self.penalties.push(value);
        }
    }
    /// The name of the layer's own stream of random numbers: another one each time, so that a layer that is used twice
    /// does not draw the same numbers twice.
    pub fn stream(&mut self, name: &str) -> String {
        let base = format!("{}/{name}", self.layer);
        let stream = match self.streams.iter().filter(|s| **s == base).count() {
            0 => base.clone(),
            n => format!("{base}_{n}"),
        };
        self.streams.push(base);
        stream
    }
}
