//! Training steps to be timed: the same models on the same kind of data under the same names as other libraries are
//! timed with.

use crate::data::{Dataset, Pipeline};
use crate::error::Result;
use crate::layers::Dense;
use crate::losses::{AnyLoss, SparseCategoricalCrossentropy};
use crate::model::{Role, Sequential, Variable};
use crate::optimizers::{self, Optimizer, Pace};
use crate::plan::{Batch, Machine, Options, Spec, Sums};
use crate::random::Stream;
use crate::registry::{Argument, Entry, Page, Registry};
use crate::target::TargetKind;
use std::sync::Arc;

/// Classes of every workload.
const CLASSES: usize = 10;

/// What is timed.
#[derive(Clone, Copy, Debug)]
pub enum Workload {
    /// Whole training steps of a model.
    Training {
        /// Numbers of a sample.
        inputs: usize,
        /// Units of each hidden layer.
        hidden: &'static [usize],
        /// Samples in a step.
        batch: usize,
        /// The optimizer's name.
        optimizer: &'static str,
        /// Its rate.
        learning_rate: f64,
        /// What gradients are scaled to, all together; 0 for nothing.
        global_clipnorm: f64,
    },
    /// Updates of arrays whose gradients are given.
    Update {
        /// Arrays.
        tensors: usize,
        /// Their sizes.
        shape: [usize; 2],
    },
}

/// Every workload. Adding one: its entry, and its name here.
pub fn workloads() -> Registry<Workload> {
    Registry::new("workload", [TINY, LOGREG, MLP, MLP_CLIPPED, WIDEMLP, ADAM10M])
}

const fn page(summary: &'static str) -> Page {
    Page { summary, equation: "", source: "", differs: "" }
}

const TINY: Entry<Workload> = Entry {
    name: "tiny",
    page: page("64-32-10, batch 16, plain descent: all overhead"),
    settings: &[],
    make: |_| Ok(training(64, &[32], 16, "sgd", 0.1, 0.0)),
};

const LOGREG: Entry<Workload> = Entry {
    name: "logreg",
    page: page("784-10, batch 32, plain descent"),
    settings: &[],
    make: |_| Ok(training(784, &[], 32, "sgd", 0.1, 0.0)),
};

const MLP: Entry<Workload> = Entry {
    name: "mlp",
    page: page("784-512-512-10, batch 128, Adam"),
    settings: &[],
    make: |_| Ok(training(784, &[512, 512], 128, "adam", 0.001, 0.0)),
};

const MLP_CLIPPED: Entry<Workload> = Entry {
    name: "mlp_clipped",
    page: page("mlp with global_clipnorm = 1: gradients reach memory, and are scaled before they are used"),
    settings: &[],
    make: |_| Ok(training(784, &[512, 512], 128, "adam", 0.001, 1.0)),
};

const WIDEMLP: Entry<Workload> = Entry {
    name: "widemlp",
    page: page("784-2048-2048-10, batch 256, Adam: products and the update"),
    settings: &[],
    make: |_| Ok(training(784, &[2048, 2048], 256, "adam", 0.001, 0.0)),
};

const ADAM10M: Entry<Workload> = Entry {
    name: "adam10m",
    page: page("the update of 10 arrays of a million numbers by Adam, or another rule, from given gradients; no model"),
    settings: &[],
    make: |_| Ok(Workload::Update { tensors: 10, shape: [1000, 1000] }),
};

const fn training(
    inputs: usize,
    hidden: &'static [usize],
    batch: usize,
    optimizer: &'static str,
    learning_rate: f64,
    global_clipnorm: f64,
) -> Workload {
    Workload::Training { inputs, hidden, batch, optimizer, learning_rate, global_clipnorm }
}

/// A workload that is ready to be timed: its batch lies in place as f32.
pub struct Bench {
    machine: Machine,
    /// Samples in a step; none where gradients are given.
    batch: Option<usize>,
    /// Bytes that an update reads and writes at least: θ, g and what the rule keeps.
    bytes: usize,
    optimizer: &'static str,
    sums: Sums,
}

impl Workload {
    /// Builds what is timed and makes a first step. Where gradients are given, another optimizer may stand in Adam's
    /// place.
    pub fn start(self, optimizer: Option<&str>, options: Options) -> Result<Bench> {
        match self {
            Workload::Training { inputs, hidden, batch, optimizer, learning_rate, global_clipnorm } => {
                let settings = [("learning_rate", learning_rate), ("global_clipnorm", global_clipnorm)];
                let settings = settings.map(|(name, x)| (name.to_owned(), Argument::Float(x)));
                let optimizer = optimizers::registry().make(optimizer, &settings)?;
                Bench::training(inputs, hidden, batch, &optimizer, options)
            }
            Workload::Update { tensors, shape } => {
                let optimizer = optimizers::registry().make(optimizer.unwrap_or("adam"), &[])?;
                Bench::update(tensors, &shape, &optimizer, options)
            }
        }
    }
}

impl Bench {
    /// A model and a batch: inputs uniform in [0, 1), any class as target.
    fn training(inputs: usize, hidden: &[usize], n: usize, optimizer: &Optimizer, options: Options) -> Result<Self> {
        let mut model = Sequential::new(&[inputs]);
        for &units in hidden {
            model = model.add(Dense::new(units).activation("relu"));
        }
        let model = model.add(Dense::new(CLASSES).activation("softmax"));
        let loss: AnyLoss = Arc::new(SparseCategoricalCrossentropy { from_logits: false });
        let (x, y) = (Stream::named(options.seed, "x"), Stream::named(options.seed, "y"));
        let features: Vec<f32> = (0..n * inputs).map(|i| x.uniform(i as u64) as f32).collect();
        let labels: Vec<u32> = (0..n).map(|i| y.below(i as u64, CLASSES) as u32).collect();
        let data = Dataset::classes(features, &[inputs], labels, CLASSES)?;
        let spec = Spec {
            model: &model,
            loss: &loss,
            metrics: &[],
            optimizer: Some(optimizer),
            target: TargetKind::Class(CLASSES),
            weighted: false,
            frozen: &|_| false,
        };
        let mut machine = Machine::new(&spec, options)?;
        let mut sums = Sums::new(0);
        let indices: Vec<u32> = (0..n as u32).collect();
        let batch = Batch { data: &data, pipeline: &Pipeline::scale(1.0), indices: &indices, draws: None };
        machine.update(&batch, Pace::default(), &mut sums)?;
        let bytes = bytes(&machine);
        Ok(Bench { machine, batch: Some(n), bytes, optimizer: optimizer.name, sums })
    }
    /// Arrays and their gradients.
    fn update(tensors: usize, shape: &[usize], optimizer: &Optimizer, options: Options) -> Result<Self> {
        let (size, stream) = (shape.iter().product::<usize>() as u64, Stream::named(options.seed, "gradient"));
        let array = |i: usize| (format!("array_{i}"), shape.to_vec(), vec![1.0; size as usize]);
        let mut machine = Machine::of_tensors(&(0..tensors).map(array).collect::<Vec<_>>(), optimizer, options)?;
        for i in 0..tensors {
            let stream = stream.part(i as u64);
            for (j, g) in machine.gradient_mut(i)?.iter_mut().enumerate() {
                *g = stream.uniform(j as u64) as f32 - 0.5;
            }
        }
        machine.apply(Pace::default())?;
        let bytes = bytes(&machine);
        Ok(Bench { machine, batch: None, bytes, optimizer: optimizer.name, sums: Sums::new(0) })
    }
    /// One whole training step: forward, loss, backward, update; or the update alone.
    pub fn step(&mut self) {
        match self.batch {
            Some(n) => self.machine.update_again(n, Pace::default(), &mut self.sums).expect("plans are made"),
            None => self.sums.finite &= self.machine.apply(Pace::default()).expect("plans are made"),
        }
    }
    /// The mean loss over all steps so far.
    pub fn loss(&self) -> f64 {
        self.sums.loss / self.sums.samples as f64
    }
    /// Samples in a step; 1 where there are none.
    pub fn batch(&self) -> usize {
        self.batch.unwrap_or(1)
    }
    /// Is it an update alone?
    pub fn is_update(&self) -> bool {
        self.batch.is_none()
    }
    /// The name of its optimizer.
    pub fn optimizer(&self) -> &'static str {
        self.optimizer
    }
    /// Bytes that an update reads and writes at least.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// θ and states are read and written, gradients read.
fn bytes(machine: &Machine) -> usize {
    let list = machine.variables().list();
    let count = |v: &Variable| {
        let numbers: usize = v.shape.iter().product();
        numbers * if v.role == Role::Parameter { 3 } else { 2 }
    };
    4 * list.iter().map(count).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schuss_kernels::Isa;

    #[test]
    fn a_step_learns_the_batch_by_heart() {
        for name in ["tiny", "logreg", "mlp", "mlp_clipped"] {
            let options = Options { threads: 1, isa: Isa::detect(), without: Vec::new(), seed: 0 };
            let mut bench = workloads().make(name, &[]).unwrap().start(None, options).unwrap();
            let first = bench.loss();
            for _ in 0..100 {
                bench.step();
            }
            assert_eq!(bench.sums.samples, 101 * bench.batch());
            assert!(bench.sums.finite && bench.loss() < 0.9 * first, "{name}: {first} to {}", bench.loss());
        }
    }
}
