//! A compiled model with its variables.

use super::list::{List, Writes};
use super::lower::{Lowered, Store, lower};
use super::passes::{self, PASSES, Target};
use super::prepare::prepare;
use super::{Batch, Memory, Options, Spec, Sums};
use crate::data::stages::{Frame, Sizes};
use crate::data::{Features, Step, Targets};
use crate::error::{Error, Result};
use crate::graph::ops::input::{Input, Source};
use crate::graph::{Graph, Value};
use crate::model::{Objective, Variables};
use crate::optimizers::{LossScale, Optimizer, Pace, Rules, Updates};
use crate::random::Stream;
use crate::registry::suggest;
use crate::shape::Shape;
use crate::target::TargetKind;
use schuss_kernels::program::{Column, Feed, Maker, Source as Numbers, Transform};
use schuss_kernels::tape::Moment;
use schuss_kernels::{Buffer, Pool};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Samples that a step computes at once at most. A greater logical batch runs as parts of this many, whose gradients
/// are added up in order, so that memory stays bounded.
pub const MICRO_BATCH: usize = 4096;
/// Numbers that a layer's outputs have at most, where samples are evaluated.
const EVALUATED: usize = 1 << 22;

/// Multiply-adds (about 8 µs) below which one thread does all the work sooner than several agree on who does what and
/// fetch each other's parameters.
const SERIAL: usize = 400_000;

/// What leaves are called that are the arrays gradients were added up in, before the parameter's name.
const SUM: &str = "sum ";

/// A parameter without a model: its name, sizes, and numbers at the start.
pub type Array = (String, Vec<usize>, Vec<f32>);

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Entry {
    /// Gradients and the update.
    Update,
    /// Gradients, added up.
    Accumulate {
        /// Are buffers set, too? In the first part of a batch that is cut, and where there are any.
        buffers: bool,
    },
    /// The update from gradients that were added up.
    Apply,
    /// What follows an update: averages of the weights.
    Average,
    /// What follows some updates: slow weights.
    Slow,
    /// To where a sharpness-aware step takes its gradient, from one that was added up.
    Climb,
    /// The weights to evaluate with, where they are not those that are trained.
    Show,
    /// Loss and metrics.
    Evaluate {
        /// Have the samples weights?
        weighted: bool,
    },
    /// Outputs.
    Predict,
}

/// A plan with its memory.
pub(super) struct Plan {
    entry: Entry,
    batch: usize,
    pub(super) lowered: Lowered,
}

/// A compiled model with its variables: everything that a step needs.
///
/// Plans are made when a batch size is first met. After that a step allocates nothing and cannot fail.
pub struct Machine {
    options: Options,
    pool: Pool,
    training: Option<Objective>,
    /// Without and with weights of samples; none where there is no model.
    evaluation: Option<[Objective; 2]>,
    rules: Option<Rules>,
    pub(super) variables: Variables,
    pub(super) trained: Vec<usize>,
    /// Where gradients are added up, once that was needed.
    pub(super) sums: Vec<usize>,
    /// Where weights wait while others are tried, once that was needed.
    pub(super) saved: Vec<usize>,
    /// For what is measured more than once a step.
    pub(super) scratch: Sums,
    /// Where the weights are that take turns with the trained ones, once that was needed.
    others: Vec<usize>,
    /// Do the weights to evaluate with stand in the place of the trained ones?
    shown: bool,
    updates: u64,
    pub(super) plans: Vec<Plan>,
    /// What plans compute in, one at a time: nothing in it outlives a step.
    arena: Buffer,
    /// The plan whose numbers stand in it.
    latest: usize,
    /// Where each thread has the sample that it brings through the pipeline.
    frames: Arc<[Mutex<Frame>]>,
    /// Are samples, and their targets, mixed while training?
    mixed: bool,
}

impl Machine {
    /// Builds graphs and variables: initial parameters and optimizer state.
    pub fn new(spec: &Spec, options: Options) -> Result<Self> {
        Self::of_spec(spec, options, false)
    }
    /// As [`Machine::new`], for training on samples that are mixed: a target is a share of each class then.
    pub fn mixing(spec: &Spec, options: Options) -> Result<Self> {
        match spec.target {
            TargetKind::Class(_) => Self::of_spec(spec, options, true),
            TargetKind::Numbers(_) => {
                let message = format!("mixed samples need targets that are classes; the target is {}", spec.target);
                Err(Error::value("mixed-numbers", message))
            }
        }
    }
    fn of_spec(spec: &Spec, options: Options, mixed: bool) -> Result<Self> {
        let (model, loss, metrics) = (spec.model, spec.loss, spec.metrics);
        let objective = |training, weighted| {
            let trained = |name: &str| !(spec.frozen)(name);
            let target = match spec.target {
                TargetKind::Class(n) if training && mixed => TargetKind::Numbers(n),
                target => target,
            };
            Objective::new(model, loss, metrics, target, weighted, training, trained)
        };
        let evaluation = [objective(false, false)?, objective(false, true)?];
        let training = spec.optimizer.map(|_| -> Result<Objective> {
            let training = objective(true, spec.weighted)?;
            let tiles = schuss_kernels::product::tiles(options.isa);
            let precision = options.precision.chosen(&training.graph, tiles);
            training.in_precision(precision)
        });
        let training = training.transpose()?;
        let variables = Variables::new(&evaluation[0].parameters, &evaluation[0].buffers, options.seed)?;
        let trained: Vec<usize> = training.iter().flat_map(|t| t.gradients.iter().map(|g| g.0)).collect();
        Machine {
            mixed,
            training,
            evaluation: Some(evaluation),
            ..Self::bare(variables, trained, spec.optimizer, options)?
        }
        .started()
    }
    /// No model: parameters and an optimizer, for [`Machine::apply`].
    pub fn of_tensors(tensors: &[Array], optimizer: &Optimizer, options: Options) -> Result<Self> {
        let mut variables = Variables::default();
        for (name, shape, start) in tensors {
            variables.push_parameter(name, shape, start)?;
        }
        let trained = (0..tensors.len()).collect();
        let mut machine = Self::bare(variables, trained, Some(optimizer), options)?.started()?;
        machine.make_sums()?;
        Ok(machine)
    }
    fn bare(
        mut variables: Variables,
        trained: Vec<usize>,
        optimizer: Option<&Optimizer>,
        options: Options,
    ) -> Result<Self> {
        if let Some(name) = options.without.iter().find(|n| !passes::names().contains(&n.as_str())) {
            return Err(Error::name("unknown-pass", format!("no pass `{name}`{}", suggest(name, &passes::names()))));
        }
        let named = |&p: &usize| (variables.list()[p].name.clone(), variables.list()[p].shape.clone());
        let names: Vec<_> = trained.iter().map(named).collect();
        let rules = optimizer.map(|o| Rules::new(o, &names)).transpose()?;
        if let Some(rules) = &rules {
            variables.add_state(rules, &trained)?;
        }
        let pool = Pool::new(options.threads);
        let frames = (0..pool.threads()).map(|_| Mutex::default()).collect();
        let (training, evaluation, sums, others, plans) = (None, None, Vec::new(), Vec::new(), Vec::new());
        let (shown, updates, saved, scratch) = (false, 0, Vec::new(), Sums::new(0));
        Ok(Machine {
            options,
            pool,
            training,
            evaluation,
            rules,
            variables,
            trained,
            sums,
            saved,
            scratch,
            others,
            shown,
            updates,
            plans,
            arena: Buffer::zeros(0),
            latest: 0,
            frames,
            mixed: false,
        })
    }
    fn started(self) -> Result<Self> {
        // Once the pool has done something, its threads have started, and allocate nothing any more.
        self.pool.run(&|_| ());
        Ok(self)
    }

    /// A step's gradients from one logical batch, adding to `sums`, and an update where as many batches as it takes have
    /// come. After it the variables have moved, even if a number was not finite. Buffers move once with each batch, also
    /// where its gradients are only added up or its update is left out; with a batch that is cut, in its first part. An
    /// error is about the batch, or about memory for a plan.
    pub fn update(&mut self, batch: &Batch, pace: Pace, sums: &mut Sums) -> Result<()> {
        let n = batch.indices.len();
        self.show_trained();
        if !self.rules_mut().main().evaluates_once() {
            return self.update_several(batch, pace, sums);
        }
        let around = &self.rules_mut().main().around;
        let (batches, dynamic) = (around.accumulation, matches!(around.loss_scale, LossScale::Dynamic { .. }));
        let t = self.updates + 1;
        if n <= MICRO_BATCH && batches == 1 && !dynamic {
            self.rules_mut().set(t, pace);
            self.run(Entry::Update, batch, 0, n, sums)?;
        } else {
            self.make_sums()?;
            let before = self.rules_mut().batches();
            self.gradients(batch, before, batches, true, sums)?;
            self.rules_mut().set_batches((before + 1) % batches);
            if before + 1 < batches {
                return Ok(());
            }
            if dynamic && !self.gradients_are_finite() {
                self.rules_mut().scaled(false);
                return Ok(());
            }
            self.rules_mut().set(t, pace);
            let place = self.plan(Entry::Apply, 0)?;
            self.step(place, &Feed::default(), 0, n, sums);
            self.rules_mut().scaled(true);
        }
        self.follow(t)
    }
    /// Adds up the gradients of a batch, one of several for an update of which `before` have come. Buffers move if asked
    /// to.
    pub(super) fn gradients(
        &mut self,
        batch: &Batch,
        before: usize,
        batches: usize,
        buffers: bool,
        sums: &mut Sums,
    ) -> Result<()> {
        if before == 0 {
            self.sums.iter().for_each(|&sum| self.variables.buffers()[sum].fill(0.0));
        }
        let n = batch.indices.len();
        let keeps = buffers && self.training.as_ref().is_some_and(|o| !o.assignments.is_empty());
        for (part, indices) in batch.indices.chunks(MICRO_BATCH).enumerate() {
            let position = before * n + part * MICRO_BATCH;
            let entry = Entry::Accumulate { buffers: keeps && part == 0 };
            self.run(entry, &Batch { indices, ..*batch }, position, n * batches, sums)?;
        }
        Ok(())
    }
    pub(super) fn gradients_are_finite(&self) -> bool {
        self.sums.iter().all(|&s| self.variables.read(s).iter().all(|x| x.is_finite()))
    }
    /// One more update from the batch that the last [`Machine::update`] was given, which is still in place: the samples
    /// are not gathered again. For measuring a step alone. `n` is the batch's size.
    pub fn update_again(&mut self, n: usize, pace: Pace, sums: &mut Sums) -> Result<()> {
        super::search::once(self)?;
        let t = self.updates + 1;
        self.rules_mut().set(t, pace);
        let place =
            self.plans.iter().position(|p| p.entry == Entry::Update && p.batch == n).expect("an update came first");
        self.step(place, &Feed::default(), 0, n, sums);
        self.follow(t)
    }
    /// The gradient of the i-th trained parameter, which [`Machine::apply`] takes.
    pub fn gradient_mut(&mut self, i: usize) -> Result<&mut [f32]> {
        self.make_sums()?;
        let place = self.sums[i];
        Ok(&mut self.variables.buffers()[place])
    }
    /// One update from the gradients of [`Machine::gradient_mut`]. True if every number was finite.
    pub fn apply(&mut self, pace: Pace) -> Result<bool> {
        super::search::once(self)?;
        self.make_sums()?;
        let t = self.updates + 1;
        self.rules_mut().set(t, pace);
        let place = self.plan(Entry::Apply, 0)?;
        let mut sums = Sums::new(0);
        self.step(place, &Feed::default(), 0, 1, &mut sums);
        self.follow(t)?;
        Ok(sums.finite)
    }
    /// What follows an update.
    pub(super) fn follow(&mut self, t: u64) -> Result<()> {
        self.updates = t;
        if self.rules_mut().follows(t) {
            let place = self.plan(Entry::Slow, 0)?;
            self.step(place, &Feed::default(), 0, 1, &mut Sums::new(0));
            for &p in &self.trained {
                let slow = self.variables.slow_of(p).expect("slow weights are kept");
                self.variables.copy(slow, p);
            }
        }
        let rules = self.rules.as_ref().expect("a machine that updates has rules");
        if !rules.keeps_averages() {
            return Ok(());
        }
        let every = rules.main().around.ema_overwrite;
        let place = self.plan(Entry::Average, 0)?;
        self.step(place, &Feed::default(), 0, 1, &mut Sums::new(0));
        if every > 0 && t.is_multiple_of(every) {
            for &p in &self.trained {
                let average = self.variables.average_of(p).expect("averages are kept");
                self.variables.copy(average, p);
            }
        }
        Ok(())
    }
    /// Puts the weights to evaluate with in the place of the trained ones, where they are others: averages.
    pub fn show_evaluated(&mut self) -> Result<()> {
        let Some(rules) = self.rules.as_ref().filter(|_| !self.shown) else { return Ok(()) };
        if rules.evaluated(&mut Graph::new())?.is_none() {
            return Ok(());
        }
        if self.others.is_empty() {
            self.others = self.variables.add_hidden(&self.trained)?;
        }
        let place = self.plan(Entry::Show, 0)?;
        self.step(place, &Feed::default(), 0, 1, &mut Sums::new(0));
        self.swap();
        self.shown = true;
        Ok(())
    }
    /// Puts the trained weights back into their place.
    pub fn show_trained(&mut self) {
        if self.shown {
            self.swap();
            self.shown = false;
        }
    }
    fn swap(&mut self) {
        for (&p, &other) in self.trained.iter().zip(&self.others) {
            self.variables.buffers().swap(p, other);
        }
    }
    pub(super) fn rules_mut(&mut self) -> &mut Rules {
        self.rules.as_mut().expect("a machine that updates has rules")
    }
    /// Loss and metrics of a batch, without random layers and without an update, added to `sums`.
    pub fn evaluate(&mut self, batch: &Batch, sums: &mut Sums) -> Result<()> {
        for indices in batch.indices.chunks(self.evaluated_at_once()) {
            let weighted = batch.data.weights.is_some();
            self.run(Entry::Evaluate { weighted }, &Batch { indices, ..*batch }, 0, indices.len(), sums)?;
        }
        Ok(())
    }
    /// The outputs of a batch, row-major, appended to `out`.
    pub fn predict(&mut self, batch: &Batch, out: &mut Vec<f32>) -> Result<()> {
        let mut sums = Sums::new(self.objective(false).metrics.len());
        for indices in batch.indices.chunks(self.evaluated_at_once()) {
            let place = self.run(Entry::Predict, &Batch { indices, ..*batch }, 0, indices.len(), &mut sums)?;
            let plan = &self.plans[place];
            out.extend_from_slice(&self.arena[plan.lowered.roots[0].clone()]);
        }
        Ok(())
    }
    /// Samples that are evaluated at once: as many as [`MICRO_BATCH`], fewer where a layer makes many numbers of each.
    /// That can take more memory than a step of training on few samples.
    fn evaluated_at_once(&self) -> usize {
        let graph = &self.objective(false).graph;
        let numbers = |v| graph.shape(v).len(1);
        let most = graph.values().filter(|v| graph.shape(*v).has_batch()).map(numbers).max().unwrap_or(1);
        // A power of 2: parts of a data set then seldom leave a rest of another size, for which there is another plan.
        let samples = (EVALUATED / most.max(1)).clamp(1, MICRO_BATCH);
        1 << samples.ilog2()
    }
    fn objective(&self, weighted: bool) -> &Objective {
        &self.evaluation.as_ref().expect("there is a model")[usize::from(weighted)]
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
    /// The count of updates and what rules keep, for a snapshot.
    pub fn progress(&self) -> (u64, &[f64]) {
        (self.updates, self.rules.as_ref().map_or(&[], Rules::memory))
    }
    /// Sets the count of updates and the rule's memory, when resuming. The error is about a memory of another rule.
    pub fn set_progress(&mut self, updates: u64, memory: &[f64]) -> Result<()> {
        let own: &mut [f64] = self.rules.as_mut().map_or(&mut [], |r| r.memory_mut());
        if memory.len() != own.len() {
            let (found, want) = (memory.len(), own.len());
            return Err(Error::format(
                "rule-memory",
                format!("the rule's memory has {found} numbers; it must have {want}"),
            ));
        }
        own.copy_from_slice(memory);
        self.updates = updates;
        Ok(())
    }
    /// Numbers in an output.
    pub fn output_width(&self) -> usize {
        self.objective(false).graph.shape(self.objective(false).output).sample().iter().product()
    }
    /// The name of the first parameter or buffer that holds a number that is not finite, or else `loss`.
    pub fn not_finite(&self) -> String {
        let bad = |i: &usize| self.variables.read(*i).iter().any(|x| !x.is_finite());
        let name = |i: usize| self.variables.list()[i].name.clone();
        self.variables.weights().find(bad).map_or_else(|| "loss".into(), name)
    }
    /// Makes the plan of a training step for this batch size, which else its first step does.
    pub fn prepare(&mut self, batch: usize) -> Result<()> {
        self.step_plan(batch).map(|_| ())
    }
    fn step_plan(&mut self, batch: usize) -> Result<usize> {
        let entry = self.step_entry(batch);
        if matches!(entry, Entry::Accumulate { .. }) {
            self.make_sums()?;
        }
        self.plan(entry, batch.min(MICRO_BATCH))
    }
    /// What a training step for this batch size takes, and an evaluation of so many samples.
    pub fn memory(&mut self, batch: usize, evaluated: usize) -> Result<Memory> {
        let place = self.step_plan(batch)?;
        let variables = self.variables.sizes().iter().sum::<usize>() * size_of::<f32>();
        let bytes = |numbers: usize| numbers * size_of::<f32>();
        let evaluation = match self.evaluation {
            Some(_) => {
                Some(self.compile(Entry::Evaluate { weighted: false }, self.evaluated_at_once().min(evaluated))?)
            }
            None => None,
        };
        let (step, evaluation) = (&self.plans[place].lowered, evaluation.as_ref());
        Ok(Memory {
            variables,
            step: bytes(step.arena),
            evaluation: evaluation.map_or(0, |e| bytes(e.arena)),
            scratch: step.program.own_bytes() + evaluation.map_or(0, |e| e.program.own_bytes()),
        })
    }
    /// What a step of so many samples runs first.
    fn step_entry(&self, batch: usize) -> Entry {
        match &self.training {
            None => Entry::Evaluate { weighted: false },
            Some(o) if batch > MICRO_BATCH => Entry::Accumulate { buffers: !o.assignments.is_empty() },
            Some(_) => Entry::Update,
        }
    }
    /// The plan of a training step for this batch size in words: phases and kernel calls.
    pub fn describe(&mut self, batch: usize) -> Result<String> {
        let once = self.rules.as_ref().is_none_or(|r| r.main().evaluates_once());
        let entry = match self.training {
            Some(_) if once => Entry::Update,
            Some(_) => Entry::Accumulate { buffers: false },
            None => Entry::Evaluate { weighted: false },
        };
        if !once {
            self.make_sums()?;
        }
        let place = self.plan(entry, batch)?;
        let plan = &self.plans[place];
        let phases = plan.lowered.program.phases().len();
        let (threads, kib) = (plan.lowered.program.threads(), (plan.lowered.arena * 4).div_ceil(1024));
        let isa = self.options.isa.name();
        let head = format!("batch {batch}, {isa}, {threads} threads, {phases} phases, arena {kib} KiB\n");
        Ok(head + &plan.lowered.program.listing())
    }

    pub(super) fn make_sums(&mut self) -> Result<()> {
        if self.sums.is_empty() {
            let kept: Option<Vec<usize>> = self.trained.iter().map(|&p| self.variables.gradient_of(p)).collect();
            self.sums = match kept {
                Some(kept) => kept,
                None => self.variables.add_hidden(&self.trained)?,
            };
        }
        Ok(())
    }

    /// The place of the plan for this entry and batch size.
    pub(super) fn plan(&mut self, entry: Entry, batch: usize) -> Result<usize> {
        if let Some(place) = self.plans.iter().position(|p| p.entry == entry && p.batch == batch) {
            return Ok(place);
        }
        let lowered = self.compile(entry, batch)?;
        if lowered.arena > self.arena.len() {
            self.arena = Buffer::try_zeros(lowered.arena).ok_or_else(|| {
                let mib = lowered.arena >> 18;
                Error::value("too-large", format!("a batch of {batch} needs {mib} MiB, which there is no memory for"))
            })?;
        }
        self.plans.push(Plan { entry, batch, lowered });
        Ok(self.plans.len() - 1)
    }

    fn compile(&self, entry: Entry, batch: usize) -> Result<Lowered> {
        let objective = match entry {
            Entry::Update | Entry::Accumulate { .. } => self.training.as_ref(),
            Entry::Evaluate { weighted } => Some(self.objective(weighted)),
            Entry::Predict => Some(self.objective(false)),
            Entry::Apply | Entry::Average | Entry::Slow | Entry::Climb | Entry::Show => None,
        };
        let mut graph = objective.map_or_else(Graph::new, |o| o.graph.clone());
        let mut writes = self.writes(entry, objective, &mut graph)?;
        let measured = |o: &Objective| [o.losses].into_iter().chain(o.metrics.clone()).chain(o.penalty).collect();
        let mut roots: Vec<Value> = match (entry, objective) {
            (Entry::Predict, Some(o)) => vec![o.output],
            (_, Some(o)) => measured(o),
            (_, None) => Vec::new(),
        };
        let (graph, map) = prepare(&graph, batch.max(1), &roots)?;
        for write in &mut writes {
            write.value = map[write.value.index()];
            write.leaf = write.leaf.map(|leaf| map[leaf.index()]);
        }
        roots.iter_mut().for_each(|root| *root = map[root.index()]);
        let values: Vec<Value> = writes.iter().map(|t| t.value).collect();
        let mut list = List::new(&graph, batch.max(1), self.options.isa, &roots, &values);
        let on = |name: &str| !self.options.without.iter().any(|n| n == name);
        PASSES.iter().filter(|p| on(p.name)).for_each(|p| (p.run)(&mut list));
        passes::write(&mut list, &writes, on(passes::UPDATE));
        let place = |name: &str| match name.strip_prefix(SUM) {
            Some(name) => self.sums[self.tensor(self.variables.find(name).expect("parameters are variables"))],
            None => self.variables.find(name).expect("parameters are variables"),
        };
        let states = |place: usize| self.variables.state_of(place);
        let sum = |place: usize| self.sums[self.tensor(place)];
        let rules = || self.rules.as_ref().expect("a plan that updates has rules");
        let sweep = |place: usize| {
            let tensor = self.tensor(place);
            (rules().sweep(tensor).expect("a sweep updates it"), rules().place(tensor))
        };
        let numbers = self.rules.as_ref().map_or(0, |r| r.numbers().len());
        let sizes = self.variables.sizes();
        let codec = |place: usize| self.variables.list()[place].codec;
        let store =
            Store { place: &place, states: &states, codec: &codec, sum: &sum, sweep: &sweep, numbers, sizes: &sizes };
        let alone = on(passes::SERIAL.0) && work(&list) < SERIAL;
        let threads = if alone { 1 } else { self.options.threads };
        Ok(lower(&list, &writes, &store, self.options.isa, threads, on(passes::SLICES.0)))
    }

    /// What a plan writes into variables; what is needed for it is added to the graph.
    fn writes(&self, entry: Entry, objective: Option<&Objective>, g: &mut Graph) -> Result<Vec<Target>> {
        let leaf = |g: &Graph, place: usize| g.find(Source::Parameter, &self.variables.list()[place].name);
        let rules = || self.rules.as_ref().expect("a plan that updates has rules");
        let gradients = || objective.into_iter().flat_map(|o| o.gradients.iter().map(|(_, value)| *value));
        let buffers = match (entry, objective) {
            (Entry::Update | Entry::Accumulate { buffers: true }, Some(o)) => &o.assignments[..],
            _ => &[],
        };
        let updates = match entry {
            Entry::Update => rules().updates(g, &gradients().collect::<Vec<_>>())?,
            Entry::Apply | Entry::Climb => {
                // The array that it was added up in stands in the gradient's place.
                let sum = |&p: &usize| {
                    let variable = &self.variables.list()[p];
                    g.input(Source::Parameter, &format!("{SUM}{}", variable.name), Shape::fixed(&variable.shape))
                };
                let sums: Vec<Value> = self.trained.iter().map(sum).collect();
                if entry == Entry::Climb { rules().climb(g, &sums)? } else { rules().updates(g, &sums)? }
            }
            Entry::Slow => rules().slow(g)?,
            Entry::Average => rules().averages(g)?,
            Entry::Accumulate { .. } => Updates::default(),
            Entry::Show => {
                let values = rules().evaluated(g)?.expect("there are other weights");
                let of = |(&place, value)| Target { kind: Writes::Assign, place, leaf: None, value };
                return Ok(self.others.iter().zip(values).map(of).collect());
            }
            Entry::Evaluate { .. } | Entry::Predict => return Ok(Vec::new()),
        };
        let name = |leaf: Value| &g.operation::<Input>(leaf).expect("a variable is a leaf").name;
        let place = |leaf: Value| self.variables.find(name(leaf)).expect("a variable of the update");
        let swept = updates.swept.iter().map(|&(i, value)| {
            let place = self.trained[i];
            Target { kind: Writes::Update, place, leaf: leaf(g, place), value }
        });
        let assigned = updates.assigned.iter().chain(buffers).map(|&(leaf, value)| Target {
            kind: Writes::Assign,
            place: place(leaf),
            leaf: Some(leaf),
            value,
        });
        let added = gradients().zip(&self.trained).filter(|_| matches!(entry, Entry::Accumulate { .. }));
        let added = added.map(|(value, &place)| Target { kind: Writes::Accumulate, place, leaf: None, value });
        Ok(swept.chain(added).chain(assigned).collect())
    }
    /// A parameter's place among the trained ones.
    fn tensor(&self, place: usize) -> usize {
        self.trained.iter().position(|p| *p == place).expect("it is trained")
    }

    /// Runs one program over the samples, which are `position` and after of a logical batch of `logical`.
    fn run(&mut self, entry: Entry, batch: &Batch, position: usize, logical: usize, sums: &mut Sums) -> Result<usize> {
        let place = self.plan(entry, batch.indices.len())?;
        let mut columns = [None; 3];
        let frames = self.frames.clone();
        let make = |thread: usize, i: usize, row: &mut [f32]| {
            let mut frame = frames[thread].lock().unwrap_or_else(PoisonError::into_inner);
            batch.pipeline.make(batch.data, batch.indices[i], batch.draws, &mut frame, row);
        };
        let shares = |_: usize, i: usize, row: &mut [f32]| {
            let Targets::Classes(labels) = &batch.data.targets else { return };
            let (partner, share) = batch.pipeline.mixture(batch.data, batch.indices[i], batch.draws);
            row.fill(0.0);
            row[labels[batch.indices[i] as usize] as usize] += share;
            row[labels[partner as usize] as usize] += 1.0 - share;
        };
        let mixed = (self.mixed && matches!(entry, Entry::Update | Entry::Accumulate { .. })).then_some(Maker(&shares));
        let leaves = self.plans[place].lowered.leaves.iter().filter(|l| l.1 == Source::Data);
        for ((name, _, at), slot) in leaves.zip(&mut columns) {
            *slot = Some(column(batch, name, *at, Maker(&make), mixed)?);
        }
        let none = Column { source: Numbers::F32(&[]), width: 0, transform: Transform::Scale(1.0), to: 0 };
        let count = columns.iter().flatten().count();
        let columns = columns.map(|c| c.unwrap_or(none));
        let feed = Feed { columns: &columns[..count], indices: batch.indices };
        self.step(place, &feed, position, logical, sums);
        if let Features::Stored(stored) = &batch.data.features {
            stored.failure()?;
        }
        if entry != Entry::Predict && !batch.indices.is_empty() {
            sums.weight += match &batch.data.weights {
                Some(w) => batch.indices.iter().map(|&i| f64::from(w[i as usize])).sum(),
                None => batch.indices.len() as f64,
            };
        }
        Ok(place)
    }

    /// Runs a plan on what `feed` brings and adds up what it measures.
    pub(super) fn step(&mut self, place: usize, feed: &Feed, position: usize, logical: usize, sums: &mut Sums) {
        let Plan { entry, batch: n, lowered } = &mut self.plans[place];
        let arena = &mut self.arena;
        if cfg!(debug_assertions) && self.latest != place {
            // What another plan has left must not count.
            arena.fill(f32::NAN);
        }
        self.latest = place;
        let numbers = self.rules.as_ref().map_or(&[][..], Rules::numbers);
        for (slot, x) in arena[lowered.numbers..].iter_mut().zip(numbers) {
            *slot = *x as f32;
        }
        let scale = self.rules.as_ref().map_or(1.0, Rules::loss_scale);
        let t = self.updates + u64::from(!matches!(entry, Entry::Average | Entry::Slow));
        for (name, _, at) in lowered.leaves.iter().filter(|l| l.1 == Source::Setting) {
            arena[*at] = match name.as_str() {
                "scale" => (scale / logical as f64) as f32,
                "share" if position == 0 => scale as f32,
                "share" => 0.0,
                other => {
                    let rules = self.rules.as_ref().expect("a plan that updates has rules");
                    rules.setting(other, t).unwrap_or_else(|| unreachable!("no setting {other}")) as f32
                }
            };
        }
        let moment = Moment { seed: self.options.seed, update: self.updates, position: position as u64 };
        sums.finite &= lowered.program.run(&self.pool, arena, self.variables.buffers(), feed, &moment);
        if matches!(entry, Entry::Update | Entry::Accumulate { .. } | Entry::Evaluate { .. }) {
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
            Kernel::Convolve { geometry: g, turned: false, .. } => g.kernel_rows(),
            Kernel::Convolve { geometry: g, turned: true, .. } => g.kernel_rows() * g.outputs / g.channels,
            Kernel::Correlate { x, geometry: g, parts, .. } => {
                list.matrix(*x).0 / g.input_places() * g.output_places() / parts
            }
            Kernel::SumParts { x, parts } => list.matrix(*x).0 / parts,
            Kernel::Windows { geometry: g, .. } => g.size.iter().product(),
            Kernel::Sum { x } => list.sum_axes(*x, step.base.expect("a sum is a value")).summed,
            _ => 4,
        };
        rows * cols * (inner + 4 * step.chain.len() + 8 * usize::from(step.write.is_some()))
    };
    list.steps.iter().map(of).sum()
}

/// The numbers of a leaf of the batch.
fn column<'a>(
    batch: &Batch<'a>,
    name: &str,
    to: usize,
    make: Maker<'a>,
    mixed: Option<Maker<'a>>,
) -> Result<Column<'a>> {
    let data = batch.data;
    let as_they_are = Transform::Scale(1.0);
    let single = |source| Column { source, width: 1, transform: as_they_are, to };
    Ok(match (name, &data.targets, &data.weights) {
        ("x", ..) => {
            let source = match &data.features {
                Features::U8(v) => Numbers::U8(v),
                Features::F32(v) => Numbers::F32(v),
                Features::Stored(_) => Numbers::Made(make),
            };
            let width = data.shape.iter().product();
            match batch.pipeline.simple().filter(|_| !matches!(source, Numbers::Made(_))) {
                Some(Step::Scale { factor }) => Column { source, width, transform: Transform::Scale(*factor), to },
                Some(Step::Standardize { mean, factor }) => {
                    Column { source, width, transform: Transform::Affine { mean, factor }, to }
                }
                Some(Step::Stage(_)) | None => {
                    let width = batch.pipeline.output_sizes(&data.shape)?.map_or(width, Sizes::len);
                    Column { source: Numbers::Made(make), width, transform: as_they_are, to }
                }
            }
        }
        ("y", Targets::Classes(v), _) => match mixed {
            Some(shares) => Column { width: data.classes.len(), ..single(Numbers::Made(shares)) },
            None => single(Numbers::U32(v)),
        },
        ("y", Targets::Numbers { width, values }, _) => Column { width: *width, ..single(Numbers::F32(values)) },
        ("weight", _, Some(w)) => single(Numbers::F32(w)),
        ("y", Targets::None, _) => return Err(Error::value("no-targets", "the data have no targets to compare with")),
        ("weight", _, None) => return Err(Error::value("no-weights", "the samples have no weights")),
        (other, ..) => unreachable!("no leaf {other} of a batch"),
    })
}
