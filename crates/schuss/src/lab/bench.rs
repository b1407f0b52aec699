//! Training steps to be timed: the same models on the same kind of data under the same names as other libraries are
//! timed with.

use crate::choice::Choice;
use crate::data::{Dataset, Pipeline};
use crate::error::{Error, Result};
use crate::layers::{
    Activation, Add, BatchNormalization, Conv2D, Dense, Dropout, Flatten, GlobalAveragePooling2D, MaxPooling2D,
};
use crate::losses::{AnyLoss, SparseCategoricalCrossentropy};
use crate::model::{Network, Role, Variable};
use crate::optimizers::{self, Optimizer, Pace};
use crate::plan::{Batch, Machine, Options, Spec, Sums};
use crate::random::Stream;
use crate::registry::{Argument, Entry, Page, Registry};
use crate::target::TargetKind;
use schuss_kernels::program::Measured;
use std::sync::Arc;

/// Classes of every workload.
const CLASSES: usize = 10;

/// What is timed.
#[derive(Clone, Copy, Debug)]
pub enum Workload {
    /// Whole training steps of a model.
    Training {
        /// The sizes of a sample.
        input: &'static [usize],
        /// Adds the layers.
        layers: fn(Network) -> Network,
        /// Samples in a step.
        batch: usize,
        /// The optimizer's name.
        optimizer: &'static str,
        /// Its settings.
        settings: &'static [(&'static str, f64)],
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
    let entries = [TINY, LOGREG, MLP, MLP_CLIPPED, WIDEMLP, CONVNET, CNN3C3D, RESNET20, ADAM10M];
    Registry::new("workload", entries)
}

const fn page(summary: &'static str) -> Page {
    Page { summary, equation: "", source: "", differs: "" }
}

const SGD: (&str, &[(&str, f64)]) = ("sgd", &[("learning_rate", 0.1)]);
const ADAM: (&str, &[(&str, f64)]) = ("adam", &[("learning_rate", 0.001)]);

const TINY: Entry<Workload> = Entry {
    name: "tiny",
    page: page("64-32-10, batch 16, plain descent: all overhead"),
    settings: &[],
    make: |_| Ok(training(&[64], |m| dense(m, &[32]), 16, SGD)),
};

const LOGREG: Entry<Workload> = Entry {
    name: "logreg",
    page: page("784-10, batch 32, plain descent"),
    settings: &[],
    make: |_| Ok(training(&[784], |m| dense(m, &[]), 32, SGD)),
};

const MLP: Entry<Workload> = Entry {
    name: "mlp",
    page: page("784-512-512-10, batch 128, Adam"),
    settings: &[],
    make: |_| Ok(training(&[784], |m| dense(m, &[512, 512]), 128, ADAM)),
};

const MLP_CLIPPED: Entry<Workload> = Entry {
    name: "mlp_clipped",
    page: page("mlp with global_clipnorm = 1: gradients reach memory, and are scaled before they are used"),
    settings: &[],
    make: |_| {
        let adam = ("adam", &[("learning_rate", 0.001), ("global_clipnorm", 1.0)] as &[_]);
        Ok(training(&[784], |m| dense(m, &[512, 512]), 128, adam))
    },
};

const WIDEMLP: Entry<Workload> = Entry {
    name: "widemlp",
    page: page("784-2048-2048-10, batch 256, Adam: products and the update"),
    settings: &[],
    make: |_| Ok(training(&[784], |m| dense(m, &[2048, 2048]), 256, ADAM)),
};

const CONVNET: Entry<Workload> = Entry {
    name: "convnet",
    page: page("Keras' mnist_convnet on 28 × 28 pixels, batch 128, Adam"),
    settings: &[],
    make: |_| Ok(training(&[28, 28, 1], convnet, 128, ADAM)),
};

const CNN3C3D: Entry<Workload> = Entry {
    name: "cnn3c3d",
    page: page("DeepOBS' 3c3d on 32 × 32 pixels of three colours, batch 128, Nesterov's momentum"),
    settings: &[],
    make: |_| Ok(training(&[32, 32, 3], cnn3c3d, 128, ("nag", &[("learning_rate", 0.01), ("momentum", 0.9)]))),
};

const RESNET20: Entry<Workload> = Entry {
    name: "resnet20",
    page: page("a residual network of 20 layers on 32 × 32 pixels of three colours, batch 128, momentum"),
    settings: &[],
    make: |_| Ok(training(&[32, 32, 3], resnet20, 128, ("momentum", &[("learning_rate", 0.01), ("momentum", 0.9)]))),
};

const ADAM10M: Entry<Workload> = Entry {
    name: "adam10m",
    page: page("the update of 10 arrays of a million numbers by Adam, or another rule, from given gradients; no model"),
    settings: &[],
    make: |_| Ok(Workload::Update { tensors: 10, shape: [1000, 1000] }),
};

const fn training(
    input: &'static [usize],
    layers: fn(Network) -> Network,
    batch: usize,
    (optimizer, settings): (&'static str, &'static [(&'static str, f64)]),
) -> Workload {
    Workload::Training { input, layers, batch, optimizer, settings }
}

fn dense(mut model: Network, hidden: &[usize]) -> Network {
    for &units in hidden {
        model = model.add(Dense::new(units).activation("relu"));
    }
    model.add(Dense::new(CLASSES).activation("softmax"))
}

fn convnet(model: Network) -> Network {
    let pool = || MaxPooling2D::new([2, 2]);
    let model = model.add(Conv2D::new(32, [3, 3]).activation("relu")).add(pool());
    let model = model.add(Conv2D::new(64, [3, 3]).activation("relu")).add(pool());
    dense(model.add(Flatten).add(Dropout::new(0.5)), &[])
}

fn cnn3c3d(model: Network) -> Network {
    let pool = || MaxPooling2D::new([3, 3]).strides([2, 2]).padding("same");
    let model = model.add(Conv2D::new(64, [5, 5]).activation("relu")).add(pool());
    let model = model.add(Conv2D::new(96, [3, 3]).activation("relu")).add(pool());
    let model = model.add(Conv2D::new(128, [3, 3]).padding("same").activation("relu")).add(pool());
    dense(model.add(Flatten), &[512, 256])
}

fn resnet20(mut model: Network) -> Network {
    let convolution = |filters, size: usize, stride: usize| {
        Arc::new(Conv2D::new(filters, [size, size]).strides([stride, stride]).padding("same").use_bias(false))
    };
    let relu = || Arc::new(Activation::new("relu"));
    let normalised = |model: &mut Network, layer, x: &[&str]| {
        model.connect(None, layer, x);
        model.connect(None, Arc::new(BatchNormalization::new()), &[])
    };
    normalised(&mut model, convolution(16, 3, 1), &[]);
    let mut x = model.connect(None, relu(), &[]);
    for (filters, block) in [16, 32, 64].into_iter().flat_map(|filters| (0..3).map(move |block| (filters, block))) {
        let stride = if filters > 16 && block == 0 { 2 } else { 1 };
        normalised(&mut model, convolution(filters, 3, stride), &[&x]);
        model.connect(None, relu(), &[]);
        let branch = normalised(&mut model, convolution(filters, 3, 1), &[]);
        if stride > 1 {
            x = normalised(&mut model, convolution(filters, 1, stride), &[&x]);
        }
        model.connect(None, Arc::new(Add), &[&branch, &x]);
        x = model.connect(None, relu(), &[]);
    }
    dense(model.add(GlobalAveragePooling2D::new()), &[])
}

/// A workload that is ready to be timed: its batch lies in place as f32 once a first step was made.
pub struct Bench {
    machine: Machine,
    /// Samples in a step; none where gradients are given.
    batch: Option<usize>,
    /// Bytes that an update reads and writes at least: θ, g and what the rule keeps.
    bytes: usize,
    optimizer: &'static str,
    sums: Sums,
    /// What the first step puts in place.
    first: Option<Dataset>,
}

impl Workload {
    /// Builds what is timed; with another optimizer, and settings of it as `state = 'int8'`, in place of its own (of Adam,
    /// where gradients are given). Errors: `settings-of-no-optimizer`,
    /// `several-passes`, and those of optimizers.
    pub fn start(self, optimizer: Option<&str>, given: &[String], options: Options) -> Result<Bench> {
        let asked = |name: &str| {
            let words = if given.is_empty() { name.to_owned() } else { format!("{name}({})", given.join(", ")) };
            Choice::from_words(&optimizers::registry(), &words).get().cloned()
        };
        match self {
            Workload::Training { optimizer: own, .. } if optimizer.is_none() && !given.is_empty() => {
                let message =
                    format!("this work trains with {own} as it is; settings are for an optimizer that is named, too");
                Err(Error::value("settings-of-no-optimizer", message))
            }
            Workload::Training { input, layers, batch, optimizer: own, settings } => {
                let settings = settings.iter().map(|(name, x)| ((*name).to_owned(), Argument::Float(*x)));
                let optimizer = match optimizer {
                    Some(name) => asked(name)?,
                    None => optimizers::registry().make(own, &settings.collect::<Vec<_>>())?,
                };
                if !optimizer.evaluates_once() {
                    let message = format!("{} takes several passes for a step; what is timed is one", optimizer.name);
                    return Err(Error::value("several-passes", message));
                }
                Bench::training(&layers(Network::new(input)), batch, &optimizer, options)
            }
            Workload::Update { tensors, shape } => {
                Bench::update(tensors, &shape, &asked(optimizer.unwrap_or("adam"))?, options)
            }
        }
    }
}

impl Bench {
    /// A model and a batch: inputs uniform in [0, 1), any class as target.
    fn training(model: &Network, n: usize, optimizer: &Optimizer, options: Options) -> Result<Self> {
        let loss: AnyLoss = Arc::new(SparseCategoricalCrossentropy { from_logits: false });
        let (x, y) = (Stream::named(options.seed, "x"), Stream::named(options.seed, "y"));
        let inputs: usize = model.input().iter().product();
        let features: Vec<f32> = (0..n * inputs).map(|i| x.uniform(i as u64) as f32).collect();
        let labels: Vec<u32> = (0..n).map(|i| y.below(i as u64, CLASSES) as u32).collect();
        let data = Dataset::classes(features, model.input(), labels, CLASSES)?;
        let spec = Spec {
            model,
            loss: &loss,
            metrics: &[],
            optimizer: Some(optimizer),
            target: TargetKind::Class(CLASSES),
            weighted: false,
            frozen: &|_| false,
        };
        let machine = Machine::new(&spec, options)?;
        let bytes = bytes(&machine);
        Ok(Bench { machine, batch: Some(n), bytes, optimizer: optimizer.name, sums: Sums::new(0), first: Some(data) })
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
        Ok(Bench { machine, batch: None, bytes, optimizer: optimizer.name, sums: Sums::new(0), first: None })
    }
    /// Makes the plan of a step, which else the first step does.
    pub fn prepare(&mut self) -> Result<()> {
        self.batch.map_or(Ok(()), |n| self.machine.prepare(n))
    }
    /// One whole training step: forward, loss, backward, update; or the update alone.
    pub fn step(&mut self) {
        if let (Some(data), Some(n)) = (self.first.take(), self.batch) {
            let indices: Vec<u32> = (0..n as u32).collect();
            let batch = Batch { data: &data, pipeline: &Pipeline::scale(1.0), indices: &indices, draws: None };
            return self.machine.update(&batch, Pace::default(), &mut self.sums).expect("the batch fits the model");
        }
        match self.batch {
            Some(n) => self.machine.update_again(n, Pace::default(), &mut self.sums).expect("plans are made"),
            None => self.sums.finite &= self.machine.apply(Pace::default()).expect("plans are made"),
        }
    }
    /// Takes the time of every kernel call from now on.
    pub fn measure(&mut self) {
        self.machine.measure();
    }
    /// What came of it, calls of one name together.
    pub fn measured(&self) -> Vec<Measured> {
        self.machine.measured()
    }
    /// How often all threads meet in a step of training.
    pub fn phases(&self) -> usize {
        self.machine.phases()
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
    let words = |v: &Variable| v.words() * if v.role == Role::Parameter { 3 } else { 2 };
    4 * list.iter().map(words).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schuss_kernels::Isa;

    #[test]
    fn models_have_the_parameters_of_their_layers() {
        // Weights, biases, γ and β of the layers, added up by hand.
        for (name, count) in [("mlp", 669_706), ("convnet", 34_826), ("cnn3c3d", 895_210), ("resnet20", 272_474)] {
            let options = Options::new(1, Isa::detect());
            let Workload::Training { input, layers, .. } = workloads().make(name, &[]).unwrap() else { panic!() };
            let built = layers(Network::new(input)).build(true).unwrap();
            let found: usize = built.parameters.iter().map(|p| p.shape.iter().product::<usize>()).sum();
            assert_eq!(found, count, "{name} {options:?}");
        }
    }

    #[test]
    fn a_step_learns_the_batch_by_heart() {
        for name in ["tiny", "logreg", "mlp", "mlp_clipped"] {
            let options = Options::new(1, Isa::detect());
            let mut bench = workloads().make(name, &[]).unwrap().start(None, &[], options).unwrap();
            bench.step();
            let first = bench.loss();
            for _ in 0..100 {
                bench.step();
            }
            assert_eq!(bench.sums.samples, 101 * bench.batch());
            assert!(bench.sums.finite && bench.loss() < 0.9 * first, "{name}: {first} to {}", bench.loss());
        }
    }
}
