//! Writing layers into a graph.

use crate::error::{Error, Result};
use crate::graph::ops::input::Source;
use crate::graph::{Graph, Value};
use crate::initializers::AnyInitializer;
use crate::shape::Shape;

/// A parameter: what is trained. Or a buffer: what a layer keeps from step to step without a gradient.
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
    /// All buffers, likewise.
    pub buffers: Vec<Parameter>,
    /// What a step of training sets buffers to: the leaf that is the old value, and the new one.
    pub assignments: Vec<(Value, Value)>,
    /// What the layers add to the loss besides (L1, L2), each a single number.
    pub penalties: Vec<Value>,
}

impl Built {
    /// What a model file holds: the parameters, then the buffers.
    pub fn weights(&self) -> Vec<Parameter> {
        [self.parameters.as_slice(), &self.buffers].concat()
    }
}

/// What a layer writes into.
#[derive(Debug)]
pub struct Build {
    /// The operations.
    pub graph: Graph,
    /// For training (dropout drops), or for evaluation and prediction?
    pub training: bool,
    pub(crate) layer: String,
    pub(crate) fixed: Vec<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) buffers: Vec<Parameter>,
    pub(crate) assignments: Vec<(Value, Value)>,
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
            fixed: Vec::new(),
            parameters: Vec::new(),
            buffers: Vec::new(),
            assignments: Vec::new(),
            penalties: Vec::new(),
            streams: Vec::new(),
        }
    }
    /// A parameter of the layer that is being built; the same one if the layer is used again (a shared layer).
    pub fn parameter(&mut self, name: &str, shape: &[usize], initializer: &AnyInitializer) -> Result<Value> {
        let name = format!("{}/{name}", self.layer);
        kept(&mut self.parameters, "parameter", &name, shape, initializer)?;
        Ok(self.graph.input(Source::Parameter, &name, Shape::fixed(shape)))
    }
    /// What the layer that is being built keeps from step to step without a gradient, such as moving statistics. It is
    /// a leaf like a parameter, and saved like one; no optimizer, decay or average touches it.
    pub fn buffer(&mut self, name: &str, shape: &[usize], initializer: &AnyInitializer) -> Result<Value> {
        let name = format!("{}/{name}", self.layer);
        kept(&mut self.buffers, "buffer", &name, shape, initializer)?;
        Ok(self.graph.input(Source::Parameter, &name, Shape::fixed(shape)))
    }
    /// Sets a buffer to a value once for each batch that is trained on, and never at evaluation. Everything reads the
    /// old value. A layer that is used again sets it from its first place alone.
    pub fn assign(&mut self, buffer: Value, value: Value) -> Result<()> {
        let (from, to) = (self.graph.shape(value), self.graph.shape(buffer));
        if from != to {
            let message = format!("a buffer of shape {to} is set to a value of shape {from}");
            return Err(Error::shape("buffer-shape", message));
        }
        if self.training && !self.assignments.iter().any(|a| a.0 == buffer) {
            self.assignments.push((buffer, value));
        }
        Ok(())
    }
    /// Does the layer's buffer of this name stay as it is: at evaluation, and where training was told to leave it?
    pub fn is_fixed(&self, buffer: &str) -> bool {
        !self.training || self.fixed.contains(&format!("{}/{buffer}", self.layer))
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

/// Adds to a list what is not in it, and refuses what is in it with another shape.
fn kept(
    list: &mut Vec<Parameter>,
    what: &str,
    name: &str,
    shape: &[usize],
    initializer: &AnyInitializer,
) -> Result<()> {
    initializer.check(shape).map_err(|e| e.at(format!("{what} {name}")))?;
    if shape.contains(&0) {
        return Err(Error::shape("empty-parameter", format!("{what} {name} of shape {shape:?} has no elements")));
    }
    match list.iter().find(|p| p.name == name) {
        Some(p) if p.shape == shape => {}
        Some(p) => {
            let message = format!("{what} {name} is used with shape {shape:?} and with {:?}", p.shape);
            return Err(Error::shape("shared-parameter-shape", message));
        }
        None => list.push(Parameter { name: name.into(), shape: shape.into(), initializer: initializer.clone() }),
    }
    Ok(())
}
