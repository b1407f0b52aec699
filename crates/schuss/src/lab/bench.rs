//! Training steps to be timed: the same models on the same kind of data under the same names as other libraries are
//! timed with.

use crate::data::{Dataset, Pipeline};
use crate::error::Result;
use crate::layers::Dense;
use crate::losses::{AnyLoss, SparseCategoricalCrossentropy};
use crate::model::Sequential;
use crate::optimizers::{self, Pace};
use crate::plan::{Batch, Machine, Options, Spec, Sums};
use crate::random::Stream;
use crate::registry::{Argument, Entry, Page, Registry};
use crate::target::TargetKind;
use std::sync::Arc;

/// Classes of every workload.
const CLASSES: usize = 10;

/// A model, with the batch and the optimizer that it is timed with.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Numbers of a sample.
    pub inputs: usize,
    /// Units of each hidden layer.
    pub hidden: &'static [usize],
    /// Samples in a step.
    pub batch: usize,
    /// The optimizer's name.
    pub optimizer: &'static str,
    /// Its rate.
    pub learning_rate: f64,
}

/// Every workload. Adding one: its entry, and its name here.
pub fn workloads() -> Registry<Workload> {
    Registry::new("workload", [TINY, LOGREG, MLP, WIDEMLP])
}

const fn page(summary: &'static str) -> Page {
    Page { summary, equation: "", source: "", differs: "" }
}

const TINY: Entry<Workload> = Entry {
    name: "tiny",
    page: page("64-32-10, batch 16, plain descent: all overhead"),
    settings: &[],
    make: |_| Ok(Workload { inputs: 64, hidden: &[32], batch: 16, optimizer: "sgd", learning_rate: 0.1 }),
};

const LOGREG: Entry<Workload> = Entry {
    name: "logreg",
    page: page("784-10, batch 32, plain descent"),
    settings: &[],
    make: |_| Ok(Workload { inputs: 784, hidden: &[], batch: 32, optimizer: "sgd", learning_rate: 0.1 }),
};

const MLP: Entry<Workload> = Entry {
    name: "mlp",
    page: page("784-512-512-10, batch 128, Adam"),
    settings: &[],
    make: |_| Ok(Workload { inputs: 784, hidden: &[512, 512], batch: 128, optimizer: "adam", learning_rate: 0.001 }),
};

const WIDEMLP: Entry<Workload> = Entry {
    name: "widemlp",
    page: page("784-2048-2048-10, batch 256, Adam: products and the update"),
    settings: &[],
    make: |_| Ok(Workload { inputs: 784, hidden: &[2048, 2048], batch: 256, optimizer: "adam", learning_rate: 0.001 }),
};

/// A workload that is ready to be timed: its batch lies in place as f32.
pub struct Bench {
    machine: Machine,
    workload: Workload,
    sums: Sums,
}

impl Workload {
    /// Builds the model, draws a batch (inputs uniform in [0, 1), any class as target) and makes a first step with it.
    pub fn start(self, options: Options) -> Result<Bench> {
        let mut model = Sequential::new(&[self.inputs]);
        for &units in self.hidden {
            model = model.add(Dense::new(units).activation("relu"));
        }
        let model = model.add(Dense::new(CLASSES).activation("softmax"));
        let loss: AnyLoss = Arc::new(SparseCategoricalCrossentropy { from_logits: false });
        let rate = ("learning_rate".to_owned(), Argument::Float(self.learning_rate));
        let optimizer = optimizers::registry().make(self.optimizer, &[rate])?;
        let (x, y) = (Stream::named(options.seed, "x"), Stream::named(options.seed, "y"));
        let features: Vec<f32> = (0..self.batch * self.inputs).map(|i| x.uniform(i as u64) as f32).collect();
        let labels: Vec<u32> = (0..self.batch).map(|i| y.below(i as u64, CLASSES) as u32).collect();
        let data = Dataset::classes(features, &[self.inputs], labels, CLASSES)?;
        let spec = Spec {
            model: &model,
            loss: &loss,
            metrics: &[],
            optimizer: Some(&optimizer),
            target: TargetKind::Class(CLASSES),
            weighted: false,
            frozen: &|_| false,
        };
        let mut machine = Machine::new(&spec, options)?;
        let mut sums = Sums::new(0);
        let indices: Vec<u32> = (0..self.batch as u32).collect();
        let batch = Batch { data: &data, pipeline: &Pipeline::Scale { factor: 1.0 }, indices: &indices };
        machine.update(&batch, Pace::default(), &mut sums)?;
        Ok(Bench { machine, workload: self, sums })
    }
}

impl Bench {
    /// One whole training step: forward, loss, backward, update.
    pub fn step(&mut self) {
        self.machine.update_again(self.workload.batch, Pace::default(), &mut self.sums).expect("plans are made");
    }
    /// The mean loss over all steps so far.
    pub fn loss(&self) -> f64 {
        self.sums.loss / self.sums.samples as f64
    }
    /// Samples in a step.
    pub fn batch(&self) -> usize {
        self.workload.batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schuss_kernels::Isa;

    #[test]
    fn a_step_learns_the_batch_by_heart() {
        for name in ["tiny", "logreg", "mlp"] {
            let options = Options { threads: 1, isa: Isa::detect(), without: Vec::new(), seed: 0 };
            let mut bench = workloads().make(name, &[]).unwrap().start(options).unwrap();
            let first = bench.loss();
            for _ in 0..100 {
                bench.step();
            }
            assert_eq!(bench.sums.samples, 101 * bench.batch());
            assert!(bench.sums.finite && bench.loss() < 0.9 * first, "{name}: {first} to {}", bench.loss());
        }
    }
}
