//! A compiled model with its variables.

use super::list::{List, Writes};
use super::lower::{Lowered, Store, lower};
use super::passes::{self, PASSES, Trained};
use super::prepare::prepare;
use super::{Batch, Options, Spec, Sums};
use crate::data::{Features, Pipeline, Targets};
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::graph::ops::input::Source;
use crate::model::{Objective, Variables};
use crate::optimizers::{Now, Optimizer, Update};
use crate::random::Stream;
use crate::registry::suggest;
use schuss_kernels::program::{Column, Feed, Source as Numbers, Transform};
use schuss_kernels::tape::Moment;
use schuss_kernels::{Buffer, Pool};
use std::ops::Range;

/// Samples that a step computes at once at most. A greater logical batch runs as parts of this many, whose gradients
/// are added up in order, so that memory stays bounded.
pub const MICRO_BATCH: usize = 4096;

/// Multiply-adds (about 20 µs) below which one thread does all the work sooner than several agree on who does what and
/// fetch each other's parameters.
const SERIAL: usize = 1_000_000;

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Entry {
    /// Gradients and the update.
    Update,
    /// Gradients, added up.
    Accumulate,
    /// The update from gradients that were added up.
    Apply,
    /// Loss and metrics.
    Evaluate {
        /// Have the samples weights?
        weighted: bool,
    },
    /// Outputs.
    Predict,
}

/// A plan with its memory.
struct Plan {
    entry: Entry,
    batch: usize,
    lowered: Lowered,
    arena: Buffer,
}

/// A compiled model with its variables: everything that a step needs.
///
/// Plans are made when a batch size is first met. After that a step allocates nothing and cannot fail.
pub struct Machine {
    options: Options,
    pool: Pool,
    training: Option<Objective>,
    /// Without and with weights of samples.
    evaluation: [Objective; 2],
    optimizer: Option<Optimizer>,
    variables: Variables,
    trained: Vec<usize>,
    first_sum: usize,
    sizes: Vec<usize>,
    updates: u64,
    memory: Vec<f64>,
    numbers: Vec<f64>,
    plans: Vec<Plan>,
}

impl Machine {
    /// Builds graphs and variables: initial parameters and optimizer state.
    pub fn new(spec: &Spec, options: Options) -> Result<Self> {
        if let Some(name) = options.without.iter().find(|n| !passes::names().contains(&n.as_str())) {
            return Err(Error::name("unknown-pass", format!("no pass `{name}`{}", suggest(name, &passes::names()))));
        }
        let (model, loss, metrics) = (spec.model, spec.loss, spec.metrics);
        let objective = |training, weighted| {
            let trained = |name: &str| !(spec.frozen)(name);
            Objective::new(model, loss, metrics, spec.target, weighted, training, trained)
        };
        let evaluation = [objective(false, false)?, objective(false, true)?];
        let training = spec.optimizer.map(|_| objective(true, spec.weighted)).transpose()?;
        let mut variables = Variables::new(&evaluation[0].parameters, options.seed)?;
        let trained: Vec<usize> = training.iter().flat_map(|t| t.gradients.iter().map(|g| g.0)).collect();
        if let Some(optimizer) = spec.optimizer {
            variables.add_state(optimizer, &trained)?;
        }
        let first_sum = variables.list().len();
        let sizes = (0..first_sum).map(|i| variables.read(i).len()).collect();
        let optimizer = spec.optimizer.cloned();
        let memory = optimizer.as_ref().map_or(Vec::new(), |o| o.rule.memory());
        let numbers = vec![0.0; optimizer.as_ref().map_or(0, Optimizer::count)];
        let pool = Pool::new(options.threads);
        // Once it has done something, its threads have started, and allocate nothing any more.
        pool.run(&|_| ());
        Ok(Machine {
            options,
            pool,
            training,
            evaluation,
            optimizer,
            variables,
            trained,
            first_sum,
            sizes,
            updates: 0,
            memory,
            numbers,
            plans: Vec::new(),
        })
    }

    /// One update from one logical batch, adding to `sums`. After it the variables have moved, even if a number was
    /// not finite. An error is about the batch, or about memory for a plan.
    pub fn update(&mut self, batch: &Batch, learning_rate: f64, sums: &mut Sums) -> Result<()> {
        let n = batch.indices.len();
        let t = self.updates + 1;
        let optimizer = self.optimizer.as_ref().expect("a machine that updates has an optimizer");
        let now = Now { t, learning_rate, momentum: None };
        optimizer.numbers(now, true, &mut self.memory, &mut self.numbers);
        if n <= MICRO_BATCH {
            self.run(Entry::Update, batch, 0, n, sums)?;
        } else {
            self.make_sums()?;
            for sum in self.first_sum..self.sizes.len() {
                self.variables.buffers()[sum].fill(0.0);
            }
            for (part, indices) in batch.indices.chunks(MICRO_BATCH).enumerate() {
                self.run(Entry::Accumulate, &Batch { indices, ..*batch }, part * MICRO_BATCH, n, sums)?;
            }
            self.run(Entry::Apply, &Batch { indices: &[], ..*batch }, 0, n, sums)?;
        }
        self.updates = t;
        Ok(())
    }
    /// One more update from the batch that the last [`Machine::update`] was given, which is still in place: the samples
    /// are not gathered again. For measuring a step alone. `n` is the batch's size.
    pub fn update_again(&mut self, n: usize, learning_rate: f64, sums: &mut Sums) {
        let t = self.updates + 1;
        let optimizer = self.optimizer.as_ref().expect("a machine that updates has an optimizer");
        let now = Now { t, learning_rate, momentum: None };
        optimizer.numbers(now, true, &mut self.memory, &mut self.numbers);
        let place =
            self.plans.iter().position(|p| p.entry == Entry::Update && p.batch == n).expect("an update came first");
        self.step(place, &Feed::default(), 0, n, sums);
        self.updates = t;
    }
    /// Loss and metrics of a batch, without random layers and without an update, added to `sums`.
    pub fn evaluate(&mut self, batch: &Batch, sums: &mut Sums) -> Result<()> {
        for indices in batch.indices.chunks(MICRO_BATCH) {
            let weighted = batch.data.weights.is_some();
            self.run(Entry::Evaluate { weighted }, &Batch { indices, ..*batch }, 0, indices.len(), sums)?;
        }
        Ok(())
    }
    /// The outputs of a batch, row-major, appended to `out`.
    pub fn predict(&mut self, batch: &Batch, out: &mut Vec<f32>) -> Result<()> {
        let mut sums = Sums::new(self.evaluation[0].metrics.len());
        for indices in batch.indices.chunks(MICRO_BATCH) {
            let place = self.run(Entry::Predict, &Batch { indices, ..*batch }, 0, indices.len(), &mut sums)?;
            let plan = &self.plans[place];
            out.extend_from_slice(&plan.arena[plan.lowered.roots[0].clone()]);
        }
        Ok(())
    }
    /// Updates made so far: t, which random numbers and bias corrections count.
    pub fn updates(&self) -> u64 {
        self.updates
    }
    /// All numbers that outlive a step.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }
    /// For loading and restoring.
    pub fn variables_mut(&mut self) -> &mut Variables {
        &mut self.variables
    }
    /// The count of updates and the rule's memory, for a snapshot.
    pub fn progress(&self) -> (u64, &[f64]) {
        (self.updates, &self.memory)
    }
    /// Sets the count of updates and the rule's memory, when resuming. The error is about a memory of another rule.
    pub fn set_progress(&mut self, updates: u64, memory: &[f64]) -> Result<()> {
        if memory.len() != self.memory.len() {
            let (found, want) = (memory.len(), self.memory.len());
            return Err(Error::format(
                "rule-memory",
                format!("the rule's memory has {found} numbers; it must have {want}"),
            ));
        }
        self.updates = updates;
        self.memory.copy_from_slice(memory);
        Ok(())
    }
    /// Numbers in an output.
    pub fn output_width(&self) -> usize {
        self.evaluation[0].graph.shape(self.evaluation[0].output).sample().iter().product()
    }
    /// The name of the first parameter that holds a number that is not finite, or else `loss`.
    pub fn not_finite(&self) -> String {
        let bad = |i: &usize| self.variables.read(*i).iter().any(|x| !x.is_finite());
        let name = |i: usize| self.variables.list()[i].name.clone();
        self.variables.parameters().find(bad).map_or_else(|| "loss".into(), name)
    }
    /// The plan of a training step for this batch size in words: phases and kernel calls.
    pub fn describe(&mut self, batch: usize) -> Result<String> {
        let entry = if self.training.is_some() { Entry::Update } else { Entry::Evaluate { weighted: false } };
        let place = self.plan(entry, batch)?;
        let plan = &self.plans[place];
        let phases = plan.lowered.program.phases().len();
        let (threads, kib) = (plan.lowered.program.threads(), (plan.arena.len() * 4).div_ceil(1024));
        let isa = self.options.isa.name();
        let head = format!("batch {batch}, {isa}, {threads} threads, {phases} phases, arena {kib} KiB\n");
        Ok(head + &plan.lowered.program.listing())
    }

    fn make_sums(&mut self) -> Result<()> {
        if self.sizes.len() == self.first_sum {
            self.variables.add_sums(&self.trained)?;
            let sizes: Vec<usize> = self.trained.iter().map(|&p| self.sizes[p]).collect();
            self.sizes.extend(sizes);
        }
        Ok(())
    }

    /// The place of the plan for this entry and batch size.
    fn plan(&mut self, entry: Entry, batch: usize) -> Result<usize> {
        if let Some(place) = self.plans.iter().position(|p| p.entry == entry && p.batch == batch) {
            return Ok(place);
        }
        let objective = match entry {
            Entry::Update | Entry::Accumulate | Entry::Apply => self.training.as_ref(),
            Entry::Evaluate { weighted } => Some(&self.evaluation[usize::from(weighted)]),
            Entry::Predict => Some(&self.evaluation[0]),
        };
        let objective = objective.expect("a machine that updates has a training graph");
        let lowered = self.compile(objective, entry, batch)?;
        let arena = Buffer::try_zeros(lowered.arena).ok_or_else(|| {
            let mib = lowered.arena >> 18;
            Error::value("too-large", format!("a batch of {batch} needs {mib} MiB, which there is no memory for"))
        })?;
        self.plans.push(Plan { entry, batch, lowered, arena });
        Ok(self.plans.len() - 1)
    }

    fn compile(&self, objective: &Objective, entry: Entry, batch: usize) -> Result<Lowered> {
        let (mut graph, map) = prepare(&objective.graph, batch.max(1))?;
        let parameter = |i: usize| &objective.parameters[i];
        let mut trained: Vec<Trained> = Vec::new();
        for &(place, gradient) in &objective.gradients {
            let leaf = graph.find(Source::Parameter, &parameter(place).name).expect("parameters are leaves");
            let gradient = match entry {
                // The array that it was added up in stands in the gradient's place.
                Entry::Apply => {
                    let shape = graph.shape(map[gradient.index()]).clone();
                    graph.input(Source::Parameter, &format!("sum {}", parameter(place).name), shape)
                }
                _ => map[gradient.index()],
            };
            trained.push(Trained { place, leaf, gradient });
        }
        let of = |v: Value| map[v.index()];
        let measured =
            || [objective.losses].iter().chain(&objective.metrics).chain(&objective.penalty).map(|v| of(*v)).collect();
        let (roots, writes): (Vec<Value>, Option<Writes>) = match entry {
            Entry::Update => (measured(), Some(Writes::Update)),
            Entry::Accumulate => (measured(), Some(Writes::Accumulate)),
            Entry::Apply => (Vec::new(), Some(Writes::Update)),
            Entry::Evaluate { .. } => (measured(), None),
            Entry::Predict => (vec![of(objective.output)], None),
        };
        let trained = if writes.is_some() { trained } else { Vec::new() };
        let gradients: Vec<Value> = trained.iter().map(|t| t.gradient).collect();
        let mut list = List::new(&graph, batch.max(1), &roots, &gradients);
        let on = |name: &str| !self.options.without.iter().any(|n| n == name);
        PASSES.iter().filter(|p| on(p.name)).for_each(|p| (p.run)(&mut list));
        if let Some(writes) = writes {
            passes::write_gradients(&mut list, &trained, writes, on(passes::UPDATE));
        }
        let sum_of = |place: usize| {
            let i = self.trained.iter().position(|p| *p == place).expect("trained");
            self.first_sum + i
        };
        let place_of = |name: &str| match name.strip_prefix("sum ") {
            Some(name) => sum_of(self.variables.find(name).expect("parameters are variables")),
            None => self.variables.find(name).expect("parameters are variables"),
        };
        let states = |place: usize| self.variables.state_of(place);
        let store = Store { place: &place_of, states: &states, sum: &sum_of, sizes: &self.sizes };
        let sweep = self.optimizer.as_ref().map(|o| match o.rule.update() {
            Update::Elementwise(sweep) => sweep,
            Update::Graph(_) => unreachable!(),
        });
        let alone = on(passes::SERIAL.0) && work(&list) < SERIAL;
        let threads = if alone { 1 } else { self.options.threads };
        Ok(lower(&list, &trained, sweep, &store, self.options.isa, threads))
    }

    /// Runs one program over the samples, which are `position` and after of a logical batch of `logical`.
    fn run(&mut self, entry: Entry, batch: &Batch, position: usize, logical: usize, sums: &mut Sums) -> Result<usize> {
        let place = self.plan(entry, batch.indices.len())?;
        let mut columns = [None; 3];
        let leaves = self.plans[place].lowered.leaves.iter().filter(|l| l.1 == Source::Data);
        for ((name, _, at), slot) in leaves.zip(&mut columns) {
            *slot = Some(column(batch, name, *at)?);
        }
        let none = Column { source: Numbers::F32(&[]), width: 0, transform: Transform::Scale(1.0), to: 0 };
        let count = columns.iter().flatten().count();
        let columns = columns.map(|c| c.unwrap_or(none));
        let feed = Feed { columns: &columns[..count], indices: batch.indices };
        self.step(place, &feed, position, logical, sums);
        if entry != Entry::Predict && !batch.indices.is_empty() {
            sums.weight += match &batch.data.weights {
                Some(w) => batch.indices.iter().map(|&i| f64::from(w[i as usize])).sum(),
                None => batch.indices.len() as f64,
            };
        }
        Ok(place)
    }

    /// Runs a plan on what `feed` brings and adds up what it measures.
    fn step(&mut self, place: usize, feed: &Feed, position: usize, logical: usize, sums: &mut Sums) {
        let Plan { entry, batch: n, lowered, arena } = &mut self.plans[place];
        for (slot, x) in arena[lowered.numbers..].iter_mut().zip(&self.numbers) {
            *slot = *x as f32;
        }
        for (name, _, at) in lowered.leaves.iter().filter(|l| l.1 == Source::Setting) {
            arena[*at] = match name.as_str() {
                "scale" => (1.0 / logical as f64) as f32,
                "share" => f32::from(u8::from(position == 0)),
                other => unreachable!("no setting {other}"),
            };
        }
        let moment = Moment { seed: self.options.seed, update: self.updates, position: position as u64 };
        sums.finite &= lowered.program.run(&self.pool, arena, self.variables.buffers(), feed, &moment);
        if matches!(entry, Entry::Update | Entry::Accumulate | Entry::Evaluate { .. }) {
            let total = |r: &Range<usize>| arena[r.clone()].iter().map(|&x| f64::from(x)).sum::<f64>();
            sums.loss += total(&lowered.roots[0]);
            for (sum, root) in sums.metrics.iter_mut().zip(&lowered.roots[1..]) {
                *sum += total(root);
            }
            if let Some(root) = lowered.roots.get(1 + sums.metrics.len()) {
                sums.penalty += total(root) * *n as f64;
            }
            sums.samples += *n;
            sums.finite &= sums.loss.is_finite();
        }
    }

    /// The stream of random numbers of a run, for whoever shuffles its data.
    pub fn stream(&self, name: &str) -> Stream {
        Stream::named(self.options.seed, name)
    }
}

/// Multiply-adds of a list, roughly.
fn work(list: &List) -> usize {
    use super::list::Kernel;
    let of = |step: &super::list::Step| {
        let (rows, cols) = list.frame(step);
        let inner = match &step.kernel {
            Kernel::Product { a, transpose_a, .. } => {
                let (a_rows, a_cols) = list.matrix(*a);
                if *transpose_a { a_rows } else { a_cols }
            }
            Kernel::Sum { x } => list.sum_axes(*x, step.base.expect("a sum is a value")).summed,
            _ => 4,
        };
        rows * cols * (inner + 4 * step.chain.len() + 8 * usize::from(step.write.is_some()))
    };
    list.steps.iter().map(of).sum()
}

/// The numbers of a leaf of the batch.
fn column<'a>(batch: &Batch<'a>, name: &str, to: usize) -> Result<Column<'a>> {
    let data = batch.data;
    let as_they_are = Transform::Scale(1.0);
    Ok(match name {
        "x" => {
            let source = match &data.features {
                Features::U8(v) => Numbers::U8(v),
                Features::F32(v) => Numbers::F32(v),
            };
            let transform = match batch.pipeline {
                Pipeline::Scale { factor } => Transform::Scale(*factor),
                Pipeline::Standardize { mean, factor } => Transform::Affine { mean, factor },
            };
            Column { source, width: data.shape.iter().product(), transform, to }
        }
        "y" => match &data.targets {
            Targets::Classes(v) => Column { source: Numbers::U32(v), width: 1, transform: as_they_are, to },
            Targets::Numbers { width, values } => {
                Column { source: Numbers::F32(values), width: *width, transform: as_they_are, to }
            }
            Targets::None => return Err(Error::value("no-targets", "the data have no targets to compare with")),
        },
        "weight" => match &data.weights {
            Some(w) => Column { source: Numbers::F32(w), width: 1, transform: as_they_are, to },
            None => return Err(Error::value("no-weights", "the samples have no weights")),
        },
        other => unreachable!("no leaf {other} of a batch"),
    })
}
