//! Keras' way to use the library: compile, fit, evaluate, predict, save, load.

use super::Tables;
use super::averaged::scores_of;
use super::description::Parts;
use super::setup::LayerSummary;
use crate::build::Parameter;
use crate::choice::Choice;
use crate::data::readers::Schema;
use crate::data::readers::file::show;
use crate::data::stages::Frame;
use crate::data::stages::Stage;
use crate::data::{Dataset, Features, Pipeline, Views};
use crate::error::{Error, Result};
use crate::graph::ops::convolution::Convolution;
use crate::graph::ops::convolution_input::ConvolutionInput;
use crate::graph::ops::matmul::MatMul;
use crate::graph::ops::sigmoid::Sigmoid;
use crate::graph::ops::softmax::Softmax;
use crate::graph::{Graph, Precision, Value};
use crate::losses::AnyLoss;
use crate::metrics::AnyMetric;
use crate::model::{Network, Sequential};
use crate::optimizers::Optimizer;
use crate::plan::{Machine, Options, Spec};
use crate::store::{ModelFile, seconds};
use crate::target::{Outputs, TargetKind};
use crate::train::{
    Array, Callback, ClassRow, FitOptions, History, Origin, Run, Scores, class_table, evaluate, fit, parameters,
    predict_views, write,
};
use schuss_kernels::Isa;
use std::path::Path;

/// A model with all that it takes to train it, measure it, and ask it.
///
/// ```
/// use schuss::{Dataset, FitOptions, Model, layers::Dense, model::Sequential};
///
/// // Which of two numbers is the greater one?
/// let x: Vec<f32> = (0..200).map(|i| ((i * 37) % 101) as f32 / 101.0).collect();
/// let y: Vec<u32> = x.chunks(2).map(|p| u32::from(p[1] > p[0])).collect();
/// let data = Dataset::classes(x, &[2], y, 2)?;
///
/// let layers = Sequential::new(&[2]).add(Dense::new(2).activation("softmax"));
/// let mut model = Model::new(layers).compile("adam(0.1)", "sparse_categorical_crossentropy", &["accuracy"])?;
/// model.fit(&data, FitOptions { epochs: 20, batch_size: Some(10.into()), ..FitOptions::default() })?;
/// assert!(model.evaluate(&data)?.metrics[0].1 > 0.9);
/// assert_eq!(model.predict(&Dataset::inputs([0.1, 0.9], &[2])?)?.len(), 2);
/// # Ok::<(), schuss::Error>(())
/// ```
pub struct Model {
    layers: Sequential,
    optimizer: Option<Optimizer>,
    loss: Option<AnyLoss>,
    metrics: Vec<AnyMetric>,
    threads: usize,
    precision: Precision,
    pipeline: Option<Pipeline>,
    views: Views,
    /// What is done to pictures before that; once fitted, it is part of the pipeline.
    stages: Vec<Stage>,
    /// What it was fitted to.
    fitted: Option<(Schema, TargetKind)>,
    /// Its numbers while there is no machine.
    weights: Vec<Array>,
    /// The machine, and whether it trains on samples that have weights.
    machine: Option<(Machine, bool)>,
}

impl Model {
    /// These layers.
    pub fn new(layers: Sequential) -> Self {
        Model {
            layers,
            optimizer: None,
            loss: None,
            metrics: Vec::new(),
            threads: all_threads(),
            precision: Precision::F32,
            pipeline: None,
            views: Views::default(),
            stages: Vec::new(),
            fitted: None,
            weights: Vec::new(),
            machine: None,
        }
    }
    /// How it is trained and measured: things, or their names with or without settings (`adam`, `adam(0.01)`). A model
    /// that was trained or loaded keeps its weights; an optimizer starts anew.
    pub fn compile(
        mut self,
        optimizer: impl Into<Choice<Optimizer>>,
        loss: impl Into<Choice<AnyLoss>>,
        metrics: &[&str],
    ) -> Result<Self> {
        self.metrics = metrics.iter().map(|m| Choice::from(*m).get().cloned()).collect::<Result<_>>()?;
        self.optimizer = Some(optimizer.into().get()?.clone());
        self.loss = Some(loss.into().get()?.clone());
        self.weights = self.weights();
        self.machine = None;
        Ok(self)
    }
    /// Measures by this too: for a metric of your own.
    pub fn metric(mut self, metric: impl Into<Choice<AnyMetric>>) -> Result<Self> {
        self.metrics.push(metric.into().get()?.clone());
        self.weights = self.weights();
        self.machine = None;
        Ok(self)
    }
    /// With products of this precision while training; unless told otherwise, f32. A model that was trained keeps its
    /// weights; its optimizer starts anew.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self.weights = self.weights();
        self.machine = None;
        self
    }
    /// With so many threads; unless told otherwise, as many as the machine has. The numbers don't depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }
    /// What is done to a sample's numbers first; it is saved with the model. Unless told otherwise, pixels are divided
    /// by 255, and other numbers are taken as they are.
    pub fn pipeline(mut self, pipeline: Pipeline) -> Self {
        self.pipeline = Some(pipeline);
        self
    }

    /// With this done to pictures first, in order: augmentation, which is for training only, and what is done always. They
    /// get the numbers as the data have them, pixels from 0 to 255.
    ///
    /// ```
    /// use schuss::{Model, layers::Flatten, model::Sequential};
    ///
    /// let layers = Sequential::new(&[32, 32, 3]).add(Flatten);
    /// let model = Model::new(layers).augment(&["random_crop(padding=4)", "random_flip(mode='horizontal')"])?;
    /// # Ok::<(), schuss::Error>(())
    /// ```
    pub fn augment(mut self, stages: &[&str]) -> Result<Self> {
        self.stages = stages.iter().map(|words| Choice::from(*words).get().cloned()).collect::<Result<_>>()?;
        Ok(self)
    }

    /// Evaluates and predicts with the mean of the outputs for each picture and for its mirror image, where left and right
    /// change places. It takes twice the time; the loss is then without what layers add to it.
    pub fn flip_averaging(mut self, on: bool) -> Self {
        self.views.flip = on;
        self
    }
    /// Evaluates and predicts with the mean of the outputs for each picture (half of it) and for it moved by so many pixels
    /// down and to the right, and up and to the left (a quarter each); what comes in is reflected. It takes three times the
    /// time; the loss is then without what layers add to it. 0 for none.
    pub fn shift_averaging(mut self, pixels: usize) -> Self {
        self.views.shift = pixels;
        self
    }

    /// Trains, and says what came of each epoch. Again, it goes on from where it is.
    pub fn fit(&mut self, data: &Dataset, options: FitOptions) -> Result<History> {
        self.fit_with(data, options, &mut [])
    }
    /// Like [`Model::fit`], telling listeners of every step.
    pub fn fit_with(
        &mut self,
        data: &Dataset,
        options: FitOptions,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<History> {
        let target = data.target_kind().ok_or_else(|| no_targets("train on"))?;
        let optimizer = self.optimizer.clone().ok_or_else(uncompiled)?;
        let scale = if matches!(data.features, Features::U8(_) | Features::Stored(_)) { 1.0 / 255.0 } else { 1.0 };
        let pipeline = self.pipeline.get_or_insert(Pipeline::scale(scale)).clone();
        let pipeline = pipeline.behind(self.stages.clone(), data)?;
        self.pipeline = Some(pipeline.clone());
        self.stages.clear();
        let schema = Schema::of(&data.shape, data.classes.clone());
        self.takes(data)?;
        let fitted = (schema, target);
        if self.fitted.as_ref().is_some_and(|(_, t)| *t != target) {
            self.weights = self.weights();
            self.machine = None;
        }
        self.fitted.get_or_insert(fitted);
        let metrics = self.metrics.clone();
        let new = self.weights().is_empty();
        if new {
            self.parts()?.check_end()?;
        }
        let layers = self.layers.clone();
        let machine = self.machine(Some(data.weights.is_some()), options.seed)?;
        if new {
            adapt(machine, &layers, data, &pipeline)?;
        }
        let mut run = Run { machine, data, pipeline: &pipeline, optimizer: &optimizer, metrics: &metrics };
        let options = FitOptions { now: seconds, ..options };
        fit(&mut run, &options, Origin::Start, callbacks).map(|outcome| outcome.history)
    }
    /// Loss and metrics of all samples.
    pub fn evaluate(&mut self, data: &Dataset) -> Result<Scores> {
        data.target_kind().ok_or_else(|| no_targets("evaluate with"))?;
        self.takes(data)?;
        if !self.views.is_single() {
            let outputs = self.predict(data)?;
            return scores_of(&self.parts()?, &outputs, data, self.threads);
        }
        let (pipeline, metrics) = (self.pipeline.clone().ok_or_else(unfitted)?, self.metrics.clone());
        evaluate(self.machine(None, 0)?, data, &pipeline, &metrics)
    }
    /// How well each class is found.
    pub fn class_table(&mut self, data: &Dataset) -> Result<Vec<ClassRow>> {
        Ok(class_table(&self.predict(data)?, self.outputs()?, data))
    }
    /// The outputs for all samples, row-major.
    pub fn predict(&mut self, data: &Dataset) -> Result<Vec<f32>> {
        self.takes(data)?;
        let pipeline = self.pipeline.clone().ok_or_else(unfitted)?;
        let views = self.views;
        predict_views(self.machine(None, 0)?, data, &pipeline, views)
    }

    /// Writes the model into a file, as a whole or not at all. Equal models are equal files.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        ModelFile { description: self.parts()?.describe(), parameters: self.weights() }.write(path.as_ref())
    }
    /// Reads a model from a file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &Tables::default())
    }
    /// Like [`Model::load`], with tables that may have layers, losses and metrics of your own.
    pub fn load_with(path: impl AsRef<Path>, tables: &Tables) -> Result<Self> {
        let path = path.as_ref();
        let file = ModelFile::read(path)?;
        let rebuild = || {
            let parts = Parts::rebuild(&file.description, tables)?;
            file.check(&parts.model.build(false)?.weights())?;
            Ok(parts)
        };
        let Parts { model, loss, metrics, target, schema, pipeline } =
            rebuild().map_err(|e: Error| e.at(show(path)))?;
        Ok(Model {
            loss: Some(loss),
            metrics,
            pipeline: Some(pipeline),
            fitted: Some((schema, target)),
            weights: file.parameters,
            ..Model::new(model)
        })
    }

    /// What its outputs mean where they are for classes; the error is that it was not compiled.
    pub fn outputs(&self) -> Result<Outputs> {
        let ends = |g: &Graph, v: Value| g.operation::<Softmax>(v).is_some() || g.operation::<Sigmoid>(v).is_some();
        Ok(match self.loss.as_ref().ok_or_else(uncompiled)?.outputs() {
            Outputs::Numbers => {
                let built = self.layers.build(false)?;
                if ends(&built.graph, built.output) { Outputs::Probabilities } else { Outputs::Numbers }
            }
            told => told,
        })
    }

    /// Its layers.
    pub fn layers(&self) -> &Sequential {
        &self.layers
    }
    /// What data to read for it look like; none before it is fitted.
    pub fn schema(&self) -> Option<&Schema> {
        self.fitted.as_ref().map(|(schema, _)| schema)
    }
    /// Its parameters and buffers; none before it is fitted.
    pub fn weights(&self) -> Vec<Array> {
        match &self.machine {
            Some((machine, _)) => parameters(machine),
            None => self.weights.clone(),
        }
    }
    /// Replaces weights by these, which [`Model::weights`] of an equal model gave; others stay. An optimizer's state stays
    /// what it is. The error is about a name or a shape that the model has not.
    pub fn set_weights(&mut self, weights: &[Array]) -> Result<()> {
        let mut all = self.weights();
        for new in weights {
            let own = all.iter_mut().find(|w| w.name == new.name && w.shape == new.shape);
            let own = own.filter(|w| w.values.len() == new.values.len()).ok_or_else(|| {
                let message = format!("the model has no weights {} of shape {:?}", new.name, new.shape);
                Error::shape("other-weights", message)
            })?;
            own.values.clone_from(&new.values);
        }
        if let Some((machine, _)) = &mut self.machine {
            write(machine.variables_mut(), &all)?;
        }
        self.weights = all;
        Ok(())
    }
    /// A line for each layer.
    pub fn summary(&self) -> Result<Vec<LayerSummary>> {
        summary(&self.layers)
    }

    fn parts(&self) -> Result<Parts> {
        let (schema, target) = self.fitted.clone().ok_or_else(unfitted)?;
        Ok(Parts {
            model: self.layers.clone(),
            loss: self.loss.clone().ok_or_else(uncompiled)?,
            metrics: self.metrics.clone(),
            target,
            schema,
            pipeline: self.pipeline.clone().ok_or_else(unfitted)?,
        })
    }
    fn takes(&self, data: &Dataset) -> Result<()> {
        let found = &self.pipeline.as_ref().map_or(Ok(data.shape.clone()), |p| p.output_shape(&data.shape))?;
        let wanted = self.layers.input();
        if found != wanted {
            let message = format!("samples have shape {found:?}; the model takes {wanted:?}");
            return Err(Error::shape("sample-shape", message));
        }
        Ok(())
    }
    /// The machine; a new one with the same weights where there is none, or not one that trains as is `wanted`: with
    /// samples that have weights, or none.
    fn machine(&mut self, wanted: Option<bool>, seed: u64) -> Result<&mut Machine> {
        if self.machine.as_ref().is_none_or(|(_, weighted)| wanted.is_some_and(|w| w != *weighted)) {
            let weighted = wanted.unwrap_or(false);
            let parts = self.parts()?;
            let spec = Spec {
                model: &parts.model,
                loss: &parts.loss,
                metrics: &parts.metrics,
                optimizer: self.optimizer.as_ref(),
                target: parts.target,
                weighted,
                frozen: &|_| false,
            };
            let options = Options { seed, precision: self.precision, ..Options::new(self.threads, isa()?) };
            let mixes = parts.pipeline.mixes() && self.optimizer.is_some();
            let mut machine = if mixes { Machine::mixing(&spec, options)? } else { Machine::new(&spec, options)? };
            write(machine.variables_mut(), &self.weights())?;
            self.machine = Some((machine, weighted));
        }
        Ok(&mut self.machine.as_mut().expect("it was just made").0)
    }
}

/// Lets layers that look at samples before the first step do so: at the first ones, without random stages.
pub(super) fn adapt(machine: &mut Machine, model: &Network, data: &Dataset, pipeline: &Pipeline) -> Result<()> {
    /// Numbers of samples that are held for it, at most: 64 MiB.
    const MOST: usize = 1 << 24;
    let Some(samples) = model.adapts() else { return Ok(()) };
    let width = model.input().iter().product::<usize>().max(1);
    let count = data.len().min(samples).min((MOST / width).max(1));
    let (mut x, mut frame) = (vec![0.0; count * width], Frame::default());
    for (i, out) in (0..).zip(x.chunks_exact_mut(width)) {
        pipeline.make(data, i, None, &mut frame, out);
    }
    for (name, values) in model.adapt(&x)? {
        let place = machine.variables().find(&name).expect("a layer adapts its own buffers");
        machine.variables_mut().write(place, &values);
    }
    Ok(())
}

/// A line for each layer.
pub(super) fn summary(model: &Sequential) -> Result<Vec<LayerSummary>> {
    let mut lines: Vec<LayerSummary> = Vec::new();
    let mut before = 0;
    let built = model.build_each(false, |layer, graph, output| {
        let new = graph.values().skip(std::mem::replace(&mut before, graph.nodes().len()));
        lines.push(LayerSummary {
            name: layer.name.clone(),
            kind: layer.layer.kind(),
            inputs: layer.inputs.clone(),
            output: graph.shape(output).clone(),
            parameters: 0,
            buffers: 0,
            multiply_adds: new.map(|v| multiply_adds(graph, v)).sum(),
        });
    })?;
    let owner = |lines: &[LayerSummary], p: &Parameter| {
        let is = |l: &LayerSummary| p.name.strip_prefix(&l.name).is_some_and(|rest| rest.starts_with('/'));
        let longest = (0..lines.len()).filter(|&i| is(&lines[i])).rev().max_by_key(|&i| lines[i].name.len());
        longest.expect("a parameter is a layer's")
    };
    let count = |p: &Parameter| p.shape.iter().product::<usize>();
    for p in &built.parameters {
        let i = owner(&lines, p);
        lines[i].parameters += count(p);
    }
    for p in &built.buffers {
        let i = owner(&lines, p);
        lines[i].buffers += count(p);
    }
    Ok(lines)
}

/// Multiply-adds of a product or a convolution, for one sample; 0 of anything else.
fn multiply_adds(g: &Graph, v: Value) -> usize {
    let inputs = &g.node(v).inputs;
    let numbers = |v: Value| g.shape(v).len(1);
    // What of the second factor an element of a product, or of what is turned back, is a sum over.
    let over = |w: Value| numbers(w) / g.shape(w).last().unwrap_or(1).max(1);
    if let Some(product) = g.operation::<MatMul>(v) {
        let sizes = g.shape(inputs[1]).sizes(1);
        let inner = if product.transpose_b { sizes.last() } else { sizes.iter().rev().nth(1) };
        return numbers(v) * inner.copied().unwrap_or(1);
    }
    match (g.operation::<Convolution>(v), g.operation::<ConvolutionInput>(v)) {
        (Some(_), _) => numbers(v) * over(inputs[1]),
        (_, Some(_)) => numbers(inputs[0]) * over(inputs[1]),
        _ => 0,
    }
}

/// The instruction set to run: what `SCHUSS_ISA` names, else the best.
pub(super) fn isa() -> Result<Isa> {
    Isa::chosen().map_err(|message| Error::value("bad-isa", message))
}

/// As many threads as the machine has.
pub(super) fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

fn uncompiled() -> Error {
    Error::value("not-compiled", "the model has no optimizer; call compile first")
}

fn unfitted() -> Error {
    Error::value("not-fitted", "the model was not trained yet; call fit first, or load one")
}

fn no_targets(what: &str) -> Error {
    Error::value("no-targets", format!("samples to {what} have targets; these have none"))
}
