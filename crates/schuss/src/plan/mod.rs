//! The graph compiled for a batch size, a precision, an instruction set and a number of threads, and the step that
//! runs it.

mod chunks;
mod list;
mod lower;
mod machine;
mod moments;
mod passes;
mod prepare;
mod profile;
mod rounded;
mod search;

pub use machine::{MICRO_BATCH, Machine};
pub use search::Evaluate;

use crate::data::stages::Epoch;
use crate::data::{Dataset, Pipeline};
use crate::graph::Precision;
use crate::losses::AnyLoss;
use crate::metrics::AnyMetric;
use crate::model::Sequential;
use crate::optimizers::Optimizer;
use crate::target::TargetKind;

/// Every pass that can be switched off, and what it does.
pub fn passes() -> Vec<(&'static str, &'static str)> {
    passes::pages()
}

/// Threads at most: of more than a machine has cores, none is of use, and some systems fail at many.
pub const MOST_THREADS: usize = 1024;

/// How plans are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads of the pool, [`MOST_THREADS`] at most.
    pub threads: usize,
    /// The instruction set.
    pub isa: schuss_kernels::Isa,
    /// Passes that are switched off, by name.
    pub without: Vec<String>,
    /// The seed that random operations count under.
    pub seed: u64,
    /// What products of a step of training are computed in. Evaluation and prediction are f32.
    pub precision: Precision,
}

impl Options {
    /// So many threads, all passes, the seed 0, f32.
    pub fn new(threads: usize, isa: schuss_kernels::Isa) -> Self {
        Options { threads: threads.min(MOST_THREADS), isa, without: Vec::new(), seed: 0, precision: Precision::F32 }
    }
}

/// What a step adds up over its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    /// Σ loss · weight.
    pub loss: f64,
    /// What the layers add to the loss (L1, L2) at each batch, times its samples, so that it averages like the loss.
    pub penalty: f64,
    /// Σ metric · weight, in the order of the metrics.
    pub metrics: Vec<f64>,
    /// Σ weight (the number of samples when there are no weights).
    pub weight: f64,
    /// Samples.
    pub samples: usize,
    /// Was every number finite that the step made: loss, gradients as far as they reached a parameter, parameters?
    pub finite: bool,
}

/// Bytes that a machine takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Of what outlives a step: parameters, buffers, what the optimizer keeps.
    pub variables: usize,
    /// Of what lives within a step of training: a batch, outputs of layers, gradients.
    pub step: usize,
    /// The same of an evaluation, which may go through more samples at once; it takes the step's place.
    pub evaluation: usize,
    /// Of what kernels work in, and of the plans themselves.
    pub scratch: usize,
}

impl Memory {
    /// The most at a time, where a snapshot is kept while steps go on: a copy of all variables and the bytes of its file. If a
    /// run validates, snapshots are also taken when an evaluation has just taken its memory, and the best weights are kept.
    pub fn most(&self, validates: bool) -> usize {
        let together = match validates {
            true => self.step.max(self.evaluation) + 3 * self.variables,
            false => (self.step + 2 * self.variables).max(self.evaluation),
        };
        self.variables + together + self.scratch
    }
}

/// A batch: samples of a data set, by index.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The samples.
    pub data: &'a Dataset,
    /// What is done to them.
    pub pipeline: &'a Pipeline,
    /// Which ones, in this order.
    pub indices: &'a [u32],
    /// The epoch whose random numbers the pipeline's stages draw, while training.
    pub draws: Option<Epoch>,
}

/// What a machine is made for.
pub struct Spec<'a> {
    /// The model.
    pub model: &'a Sequential,
    /// The loss.
    pub loss: &'a AnyLoss,
    /// The metrics.
    pub metrics: &'a [AnyMetric],
    /// The optimizer; none for evaluation and prediction only.
    pub optimizer: Option<&'a Optimizer>,
    /// What a target is.
    pub target: TargetKind,
    /// Has every sample to train on a weight? Evaluation weighs samples where the data have weights.
    pub weighted: bool,
    /// Parameters that stay as they are, by name.
    pub frozen: &'a dyn Fn(&str) -> bool,
}

impl Sums {
    /// Nothing again.
    pub fn clear(&mut self) {
        let Sums { loss, penalty, metrics, weight, samples, finite } = self;
        (*loss, *penalty, *weight, *samples, *finite) = (0.0, 0.0, 0.0, 0, true);
        metrics.fill(0.0);
    }
    /// Adds what another step measured.
    pub fn add(&mut self, other: &Sums) {
        self.loss += other.loss;
        self.penalty += other.penalty;
        self.metrics.iter_mut().zip(&other.metrics).for_each(|(sum, x)| *sum += x);
        self.weight += other.weight;
        self.samples += other.samples;
        self.finite &= other.finite;
    }
    /// Nothing yet, of so many metrics.
    pub fn new(metrics: usize) -> Self {
        Sums { loss: 0.0, penalty: 0.0, metrics: vec![0.0; metrics], weight: 0.0, samples: 0, finite: true }
    }
}
