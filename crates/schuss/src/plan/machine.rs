//! A compiled model with its variables.

use super::lower::Lowered;
use super::passes;
use super::{Batch, Memory, Options, Spec, Sums};
use crate::data::stages::Frame;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::model::{Objective, Variables};
use crate::optimizers::{LossScale, Optimizer, Pace, Rules};
use crate::random::Stream;
use crate::registry::suggest;
use crate::target::TargetKind;
use schuss_kernels::program::Feed;
use schuss_kernels::{Buffer, Pool};
use std::sync::{Arc, Mutex};

mod compile;
mod run;

/// Samples that a step computes at once at most. A greater logical batch runs as parts of this many, whose gradients
/// are added up in order, so that memory stays bounded.
pub const MICRO_BATCH: usize = 4096;
/// Numbers that a layer's outputs have at most, where samples are evaluated.
const EVALUATED: usize = 1 << 22;

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
    /// The stream of random numbers of a run, for whoever shuffles its data.
    pub fn stream(&self, name: &str) -> Stream {
        Stream::named(self.options.seed, name)
    }
}
