//! What a recipe comes to, once the data are there: sets, model, pipeline.

use super::description::Parts;
use super::{Resolved, Tables};
use crate::data::stages::Epoch;
use crate::data::{self, ClassWeights, Dataset, FileRecord, Pipeline, Step, Task};
use crate::error::{Error, Result};
use crate::graph::Precision;
use crate::metrics;
use crate::model::Sequential;
use crate::plan::{Machine, Options, Spec};
use crate::random::Stream;
use crate::schedules::Timetable;
use crate::shape::Shape;
use crate::target::TargetKind;
use crate::train::{self, FitOptions};
use schuss_kernels::Buffer;

/// A recipe with its data and its model, ready to be trained.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The recipe, complete.
    pub recipe: Resolved,
    /// What is trained on.
    pub train: Dataset,
    /// What says which epoch is the best.
    pub validation: Option<Dataset>,
    /// What is measured at the end, and selects nothing.
    pub test: Option<Dataset>,
    /// What was read.
    pub files: Vec<FileRecord>,
    /// What there is to say about what was read, a line each.
    pub notes: Vec<String>,
    /// The greatest number that a feature has where features are pixels.
    highest: f32,
    pub(super) parts: Parts,
}

/// A line of a model's summary.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSummary {
    /// `dense_1`.
    pub name: String,
    /// `dense`.
    pub kind: &'static str,
    /// The layers whose outputs it takes; none are named where it takes that of the layer before alone.
    pub inputs: Vec<String>,
    /// What comes out of it.
    pub output: Shape,
    /// Its parameters; those of a shared layer count at its first place.
    pub parameters: usize,
    /// Numbers of its buffers, which are not trained.
    pub buffers: usize,
    /// Multiply-adds of its products and convolutions, for one sample at prediction.
    pub multiply_adds: usize,
}

/// Refuses a model whose parameters have no room in memory, for samples of at least these sizes, before those are read. What
/// else is wrong is told once they are.
fn has_room(recipe: &Resolved, shape: &[usize]) -> Result<()> {
    let stages = recipe.augment.iter().cloned().map(Step::Stage).collect();
    let Ok(input) = Pipeline::new(stages).output_shape(shape) else { return Ok(()) };
    let built = recipe.layers(&input, TargetKind::Class(2)).and_then(|model| model.build(false));
    let Ok(built) = built else { return Ok(()) };
    let count = |shape: &[usize]| shape.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
    for parameter in &built.parameters {
        // A step has its gradient beside it.
        let room = count(&parameter.shape).and_then(|n| n.checked_mul(2)).and_then(Buffer::try_zeros);
        if room.is_none() {
            let (name, of) = (&parameter.name, &parameter.shape);
            let message = format!("parameter {name} of shape {of:?}, for samples {input:?}, does not fit in memory");
            return Err(Error::value("too-large", message));
        }
    }
    Ok(())
}

impl Setup {
    /// Reads the data, cuts them into training, validation and test part, and makes the model.
    pub fn new(recipe: Resolved, tables: &Tables) -> Result<Self> {
        Self::read(recipe, tables, true)
    }
    /// The same; if not `sure`, targets are refused that may be no classes at all.
    pub(super) fn read(recipe: Resolved, tables: &Tables, sure: bool) -> Result<Self> {
        let mut options = tables.data_options();
        options.settings.clone_from(&recipe.reader);
        if let Some(shape) = data::least_shape(recipe.data.text("name"), &options)? {
            has_room(&recipe, &shape)?;
        }
        let task = if recipe.loss.is_regression() { Task::Numbers } else { Task::Classes };
        let loaded = data::open(recipe.data.text("name"), task, &options)?;
        match loaded.doubt {
            Some(doubt) if !sure => Err(doubt),
            _ => Self::of(recipe, loaded),
        }
    }
    fn of(mut recipe: Resolved, mut loaded: data::Loaded) -> Result<Self> {
        let seed = recipe.data.usize("seed") as u64;
        let split = |data: Dataset, share: &str| match recipe.data.f64(share) {
            0.0 => Ok((data, None)),
            fraction => {
                let (rest, part) =
                    data.split(fraction, Stream::named(seed, share)).map_err(|e| e.at(format!("data.{share}")))?;
                Ok::<_, Error>((rest, Some(part)))
            }
        };
        let (train, test) = match loaded.test.take() {
            Some(test) => (loaded.train, Some(test)),
            None => split(loaded.train, "test")?,
        };
        let (train, validation) = match loaded.validation.take() {
            Some(validation) => (train, Some(validation)),
            None => split(train, "validation")?,
        };
        let highest = loaded.scale.map_or(1.0, |scale| 1.0 / scale);
        loaded.train = train;
        let pipeline = loaded.pipeline(&loaded.train);
        let stages = recipe.augment.clone();
        let pipeline = pipeline.behind(stages, &loaded.train).map_err(|e| e.at("data.augment"))?;
        let train = match recipe.data.text("class_weight") {
            "" => loaded.train,
            words => {
                let weighted = words.parse::<ClassWeights>().and_then(|w| loaded.train.with_class_weights(&w));
                weighted.map_err(|e| e.at("data.class_weight"))?
            }
        };
        let target = train.target_kind().expect("data for training have targets");
        let metrics = recipe.metrics.get_or_insert_with(|| metrics::for_target(target).into_iter().collect()).clone();
        let shape = pipeline.output_shape(&loaded.schema.shape)?;
        recipe.views().of(&shape).map_err(|e| e.at("train"))?;
        let model = recipe.layers(&shape, target)?;
        let (loss, schema) = (recipe.loss.clone(), loaded.schema);
        let parts = Parts { model, loss, metrics, target, schema, pipeline };
        Ok(Setup { recipe, train, validation, test, files: loaded.files, notes: loaded.notes, highest, parts })
    }
    /// The model.
    pub fn model(&self) -> &Sequential {
        &self.parts.model
    }
    /// The model with its first parameters, buffers that layers took from the data, and its optimizer's state.
    pub fn machine(&self) -> Result<Machine> {
        let frozen = self.frozen()?;
        let spec = Spec {
            model: &self.parts.model,
            loss: &self.parts.loss,
            metrics: &self.parts.metrics,
            optimizer: Some(&self.recipe.optimizer),
            target: self.parts.target,
            weighted: self.train.weights.is_some(),
            frozen: &|name| frozen.as_ref().is_some_and(|f| f.is_match(name)),
        };
        let options = Options {
            seed: self.recipe.train.usize("seed") as u64,
            precision: Precision::from_name(self.recipe.train.text("precision"))?,
            ..Options::new(self.recipe.threads(), super::model::isa()?)
        };
        let mixes = self.parts.pipeline.mixes();
        let mut machine = if mixes { Machine::mixing(&spec, options)? } else { Machine::new(&spec, options)? };
        super::model::adapt(&mut machine, &self.parts.model, &self.train, &self.parts.pipeline)?;
        Ok(machine)
    }
    /// What stays as it is: nothing, or the parameters that the expression matches.
    fn frozen(&self) -> Result<Option<regex_lite::Regex>> {
        let words = self.recipe.train.text("freeze");
        if words.is_empty() {
            return Ok(None);
        }
        let expression = regex_lite::Regex::new(words).map_err(|e| {
            Error::value("bad-expression", format!("train.freeze: `{words}` is no regular expression: {e}"))
        })?;
        let built = self.parts.model.build(false)?;
        let names: Vec<&str> = built.parameters.iter().map(|p| p.name.as_str()).collect();
        let buffer = built.buffers.iter().any(|b| expression.is_match(&b.name));
        match names.iter().filter(|n| expression.is_match(n)).count() {
            0 if buffer => Ok(Some(expression)),
            0 => {
                let message = format!("train.freeze: `{words}` matches no parameter; there are {}", names.join(", "));
                Err(Error::value("nothing-frozen", message))
            }
            n if n == names.len() => {
                let message = format!("train.freeze: `{words}` matches every parameter; nothing would be trained");
                Err(Error::value("all-frozen", message))
            }
            _ => Ok(Some(expression)),
        }
    }
    /// A picture of the first samples that training takes: each as it was read, then as it is in the first epochs. In PNG.
    pub fn contact_sheet(&self, samples: usize, epochs: usize) -> Result<Vec<u8>> {
        let seed = self.recipe.train.usize("seed") as u64;
        let order = self.recipe.fit_options().sampling.order(&self.train, Stream::named(seed, "shuffle").part(0));
        let first = &order[..samples.min(order.len())];
        let run = Stream::named(seed, "augment");
        let epochs: Vec<Epoch> = (0..epochs as u64).map(|e| Epoch::new(run, e)).collect();
        data::contact_sheet(&self.train, &self.parts.pipeline, first, &epochs, self.highest)
            .map_err(|e| e.at(self.recipe.data.text("name")))
    }
    /// Bytes of the samples in memory, targets and weights among them.
    pub fn data_bytes(&self) -> usize {
        [Some(&self.train), self.validation.as_ref(), self.test.as_ref()]
            .into_iter()
            .flatten()
            .map(Dataset::bytes)
            .sum()
    }
    /// Is there a part to validate with after each epoch?
    pub fn validates(&self) -> bool {
        self.validation.is_some()
    }
    /// Samples of the largest set that is evaluated.
    pub fn evaluated(&self) -> usize {
        [self.validation.as_ref(), self.test.as_ref()].into_iter().flatten().map(Dataset::len).max().unwrap_or(1)
    }
    /// Samples in each batch but the last.
    pub fn batch_size(&self) -> Result<usize> {
        self.recipe.fit_options().samples_in_batch(&self.recipe.optimizer, self.train.len())
    }
    /// The recipe's schedule, if it has one, in this run.
    pub fn timetable(&self) -> Result<Option<Timetable>> {
        self.recipe.fit_options().timetable(&self.recipe.optimizer, self.train.len())
    }
    /// What training is told.
    pub(super) fn fit_options(&self) -> FitOptions<'_> {
        FitOptions { validation: self.validation.as_ref(), ..self.recipe.fit_options() }
    }
    /// Refuses what training would refuse before its first step, so that nothing is made for a run that can't start.
    pub(super) fn check(&self) -> Result<()> {
        self.parts.check_end()?;
        train::check(&self.fit_options(), &self.train, &self.recipe.optimizer, &self.parts.metrics)
    }
    /// A line for each layer.
    pub fn summary(&self) -> Result<Vec<LayerSummary>> {
        super::model::summary(&self.parts.model)
    }
}
