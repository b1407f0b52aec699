//! How a machine comes to its plans.

use super::super::list::{Kernel, List, Step, Writes};
use super::super::lower::{Lowered, Store, lower};
use super::super::passes::{self, PASSES, Target};
use super::super::prepare::prepare;
use super::{Entry, Machine, Plan};
use crate::error::{Error, Result};
use crate::graph::ops::input::{Input, Source};
use crate::graph::{Graph, Value};
use crate::model::Objective;
use crate::optimizers::Updates;
use crate::shape::Shape;
use schuss_kernels::Buffer;

/// Multiply-adds (about 8 µs) below which one thread does all the work sooner than several agree on who does what and
/// fetch each other's parameters.
const SERIAL: usize = 400_000;

/// What leaves are called that are the arrays gradients were added up in, before the parameter's name.
const SUM: &str = "sum ";

impl Machine {
    pub(in super::super) fn make_sums(&mut self) -> Result<()> {
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
    pub(in super::super) fn plan(&mut self, entry: Entry, batch: usize) -> Result<usize> {
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

    pub(super) fn compile(&self, entry: Entry, batch: usize) -> Result<Lowered> {
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
}

/// Multiply-adds of a list, roughly.
fn work(list: &List) -> usize {
    let of = |step: &Step| {
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
