//! The lowering: from the list of steps to a program of kernel calls for each thread, over one arena. The only place
//! that knows kernels.

use super::list::{Kernel, List, Step, Writes};
use super::moments::Of;
use super::passes::{Target, writes_follow_reads};
use crate::graph::Value;
use crate::graph::ops::broadcast_to::BroadcastTo;
use crate::graph::ops::input::{Input, Source};
use schuss_kernels::convolution::{self, Method};
use schuss_kernels::copies::Piece;
use schuss_kernels::program::{Call, CrossEntropy, Finish, Phase, Program, Update, View, Work, share};
use schuss_kernels::rows::RowFold;
use schuss_kernels::tape::{Argument, Binary, Element, Instruction};
use schuss_kernels::{Codec, Isa, Sweep};
use std::ops::Range;
use std::sync::Arc;

mod arena;
mod builder;
mod fuse;
mod names;
mod phases;
mod slices;

use builder::Builder;
use slices::{Passing, Run};

/// Where variables are, for the lowering.
pub struct Store<'a> {
    /// The place of a parameter among the variables.
    pub place: &'a dyn Fn(&str) -> usize,
    /// The places of its state.
    pub states: &'a dyn Fn(usize) -> Vec<usize>,
    /// How a variable's numbers are packed.
    pub codec: &'a dyn Fn(usize) -> Codec,
    /// The place of the array that its gradient is added up in.
    pub sum: &'a dyn Fn(usize) -> usize,
    /// The sweep that updates it, and where the sweep's numbers stand among all numbers of rules.
    pub sweep: &'a dyn Fn(usize) -> (Sweep, usize),
    /// Numbers of rules in all.
    pub numbers: usize,
    /// How many numbers each variable has.
    pub sizes: &'a [usize],
}

/// A program with the places that it is fed at and read from.
pub struct Lowered {
    /// The calls.
    pub program: Program,
    /// Numbers in the arena.
    pub arena: usize,
    /// Leaves of the batch and settings: name, source, place in the arena.
    pub leaves: Vec<(String, Source, usize)>,
    /// Where the numbers of the rule stand in the arena.
    pub numbers: usize,
    /// The roots' places in the arena.
    pub roots: Vec<Range<usize>>,
}

/// Cuts of a step between threads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    Rows,
    Cols,
    Whole,
}

/// Columns that a thread's part is a multiple of.
const UNIT: usize = 32;
/// Inner steps below which a product is cut by rows: its right factor is small enough for every thread to read.
const SHORT: usize = 64;

/// Makes the program. If `sliced`, steps that go over the samples take some samples at a time, one step after another.
pub fn lower(list: &List, targets: &[Target], store: &Store, isa: Isa, threads: usize, sliced: bool) -> Lowered {
    let cuts: Vec<Cut> = list.steps.iter().map(|s| cut(list, s, threads)).collect();
    let after = writes_follow_reads(list, targets);
    let phase = phases::assign(list, &cuts, &after, threads);
    let run_of = slices::runs(list, &cuts, &phase, sliced);
    let steps_of = |run: usize| (0..list.steps.len()).filter(|&i| run_of[i] == run).collect();
    let runs: Vec<Run> =
        (0..run_of.iter().max().map_or(0, |r| r + 1)).map(|run| Run::new(list, steps_of(run))).collect();
    let kept = kept(list);
    // With one thread, runs follow one another; with several, whole phases do.
    let times = if threads == 1 { &run_of } else { &phase };
    let passing = Passing::new(list, &runs, &kept);
    let early: Vec<bool> =
        list.steps.iter().zip(&phase).map(|(step, p)| threads > 1 && *p > 0 && early(list, step)).collect();
    let arena = arena::Arena::new(list, times, &kept, store.numbers, &passing, &early, threads);
    let mut lowering = Lowering {
        list,
        store,
        arena: &arena,
        passing: &passing,
        slice: (0, 0),
        kept: &kept,
        names: Vec::new(),
        finishes: Vec::new(),
    };
    lowering.names = list.steps.iter().map(|step| lowering.name(step).into()).collect();
    let calls: Vec<Vec<Call>> = (0..list.steps.len()).map(|i| lowering.calls(i)).collect();
    let count = phase.iter().max().map_or(0, |p| p + 1);
    let mut phases = vec![Phase { threads: vec![Vec::new(); threads] }; count];
    // Before a phase all threads share the work of bringing its kernels to their points: at the end of the phase before, or in
    // one of their own.
    let mut before = phases.clone();
    let touches: Vec<bool> = list.steps.iter().map(|step| passing.touches(list, step)).collect();
    for run in &runs {
        for thread in 0..threads {
            let part = |i: usize, calls: &[Call]| own_part(list, &list.steps[i], cuts[i], calls, thread, threads);
            let own: Vec<Vec<Call>> = run.steps.iter().map(|&i| part(i, &calls[i])).collect();
            let p = phase[run.steps[0]];
            for &i in &run.steps {
                let to = match early[i] {
                    true => &mut phases[p - 1],
                    false if threads == 1 => &mut phases[p],
                    false => &mut before[p],
                };
                to.threads[thread].extend(lowering.points_call(i, thread, threads));
            }
            let to = &mut phases[p].threads[thread];
            if run.slice.is_none() {
                to.extend(own.into_iter().flatten().map(slices::whole));
                continue;
            }
            for slice in run.slices(list.batch) {
                lowering.slice = (thread, slice.start);
                for (&i, own) in run.steps.iter().zip(&own) {
                    let step = &list.steps[i];
                    let within = |calls: &[Call]| -> Vec<Call> {
                        calls.iter().filter_map(|call| slices::within(list, step, call, &slice)).collect()
                    };
                    let calls = within(own);
                    to.extend(match !calls.is_empty() && touches[i] {
                        true => within(&part(i, &lowering.calls(i))),
                        false => calls,
                    });
                }
            }
        }
    }
    let finishes = lowering.finishes;
    let phases = before.into_iter().zip(phases).flat_map(|(before, phase)| [before, phase]);
    let phases = phases.filter(|phase| phase.threads.iter().any(|calls| !calls.is_empty())).collect();
    let sizes: Vec<usize> = std::iter::once(arena.len()).chain(store.sizes.iter().copied()).collect();
    let roots = (list.roots.iter())
        .map(|&v| {
            let at = arena.place(list.stored_as(v)).expect("roots are kept");
            at..at + list.sizes(v).iter().product::<usize>()
        })
        .collect();
    let program = Program::new(isa, phases, finishes, &sizes);
    Lowered { program, arena: arena.len(), leaves: arena.leaves(list), numbers: arena.numbers(), roots }
}

/// Panels of the kernel at its points that a step takes, and numbers of each.
fn points(list: &List, step: &Step) -> Option<[usize; 2]> {
    match &step.kernel {
        Kernel::Convolve { geometry, turned, method: Method::Winograd, factors, .. } => {
            Some(convolution::points(list.isa, *factors, geometry, *turned))
        }
        _ => None,
    }
}

/// Is the kernel that a step takes at its points there before the step, as no other step of the plan makes it?
fn early(list: &List, step: &Step) -> bool {
    match &step.kernel {
        Kernel::Convolve { w, .. } => list.graph.operation::<Input>(list.stored_as(*w)).is_some(),
        _ => false,
    }
}

/// A thread's part of a step's calls.
fn own_part(list: &List, step: &Step, cut: Cut, calls: &[Call], thread: usize, threads: usize) -> Vec<Call> {
    let (rows, cols) = list.frame(step);
    let (r, c) = match cut {
        Cut::Rows => {
            let (blocks, height) = (list.blocks(step), rows / list.blocks(step).max(1));
            let own = split(blocks, thread, threads, 1);
            (own.start * height..own.end * height, 0..cols)
        }
        Cut::Cols => (0..rows, split(cols, thread, threads, UNIT)),
        Cut::Whole if thread == 0 => (0..rows, 0..cols),
        Cut::Whole => return Vec::new(),
    };
    // A call for some rows only does its part of them.
    let part = |call: &Call| {
        let own = call.rows.start.max(r.start)..call.rows.end.min(r.end);
        (!own.is_empty() && !c.is_empty()).then(|| Call { rows: own, cols: c.clone(), ..call.clone() })
    };
    calls.iter().filter_map(part).collect()
}

/// The part of 0..n that a thread does, in multiples of `unit`.
fn split(n: usize, thread: usize, threads: usize, unit: usize) -> Range<usize> {
    let blocks = n.div_ceil(unit);
    let at = |t: usize| (blocks * t / threads * unit).min(n);
    at(thread)..at(thread + 1)
}

fn cut(list: &List, step: &Step, threads: usize) -> Cut {
    let (rows, cols) = list.frame(step);
    let by_size = || match (rows >= 2 * threads, cols >= 2 * UNIT) {
        (true, _) => Cut::Rows,
        (_, true) => Cut::Cols,
        _ => Cut::Whole,
    };
    match &step.kernel {
        Kernel::Product { a, transpose_a, .. } => {
            let (a_rows, a_cols) = list.matrix(*a);
            let k = if *transpose_a { a_rows } else { a_cols };
            let narrow = cols < UNIT * threads;
            if (narrow || (k < SHORT && !transpose_a)) && rows >= threads { Cut::Rows } else { Cut::Cols }
        }
        Kernel::Sum { .. } if rows > 1 => Cut::Rows,
        Kernel::Sum { .. } | Kernel::AllMoments { .. } => Cut::Cols,
        Kernel::SampleMoments { .. } => Cut::Rows,
        Kernel::SumParts { .. } | Kernel::Convolve { .. } | Kernel::Correlate { .. } => Cut::Rows,
        Kernel::Windows { .. } | Kernel::Arrange { .. } | Kernel::Spread { .. } => Cut::Rows,
        Kernel::Map => by_size(),
        Kernel::Fold { .. } | Kernel::RowMap { .. } => Cut::Rows,
        Kernel::OneHot { .. } | Kernel::InTopK { .. } | Kernel::CrossEntropy(_) => Cut::Rows,
        Kernel::Symmetric { .. } => Cut::Whole,
    }
}

/// Which values have a place of their own: roots, what other steps read, what kernels write themselves.
fn kept(list: &List) -> Vec<bool> {
    let mut kept = vec![false; list.graph.nodes().len()];
    list.roots.iter().for_each(|v| kept[list.stored_as(*v).index()] = true);
    for step in &list.steps {
        list.reads(step).iter().for_each(|v| kept[list.stored_as(*v).index()] = true);
        if !step.takes_chain() {
            step.makes().iter().for_each(|v| kept[v.index()] = true);
        }
    }
    kept
}

struct Lowering<'a> {
    list: &'a List<'a>,
    store: &'a Store<'a>,
    arena: &'a arena::Arena,
    passing: &'a Passing,
    /// The thread and the first sample that calls are made for: what passes is there for those alone.
    slice: (usize, usize),
    kept: &'a [bool],
    names: Vec<Arc<str>>,
    finishes: Vec<Finish>,
}

impl Lowering<'_> {
    /// Where a stored value begins.
    fn origin(&self, v: Value) -> (u32, usize) {
        let v = self.list.stored_as(v);
        match self.list.graph.operation::<Input>(v) {
            Some(leaf) if leaf.source == Source::Parameter => (space((self.store.place)(&leaf.name)), 0),
            _ => (0, self.place(v)),
        }
    }
    /// The same for one in the arena.
    fn place(&self, v: Value) -> usize {
        let (thread, first) = self.slice;
        match self.passing.place(v, first) {
            Some(place) => self.arena.passing(self.passing, thread).wrapping_add(place),
            None => self.arena.place(v).unwrap_or_else(|| panic!("value {v:?} has no place")),
        }
    }
    /// A stored value as a matrix of `cols` columns.
    fn dense(&self, v: Value, cols: usize) -> View {
        let (space, offset) = self.origin(v);
        View { space, offset, row_stride: cols, col_stride: 1 }
    }
    /// A stored value of one number a row; or one number for all rows.
    fn column(&self, v: Value) -> View {
        let one = self.list.graph.operation::<BroadcastTo>(v).is_some() && self.list.inline[v.index()];
        match one {
            true => View { row_stride: 0, ..self.column(self.list.graph.node(v).inputs[0]) },
            false => View { row_stride: 1, ..self.dense(v, 1) },
        }
    }

    /// Where the kernel is that a step takes at its points.
    fn at_points(&self, step: usize) -> Option<View> {
        let [_, len] = points(self.list, &self.list.steps[step])?;
        let offset = self.arena.points(step).expect("such a kernel has a place");
        Some(View { space: 0, offset, row_stride: len, col_stride: 1 })
    }

    /// A thread's part of bringing it there.
    fn points_call(&self, step: usize, thread: usize, threads: usize) -> Option<Call> {
        let to = self.at_points(step)?;
        let Kernel::Convolve { w, geometry, turned, factors, .. } = &self.list.steps[step].kernel else { return None };
        let [panels, len] = points(self.list, &self.list.steps[step])?;
        let (rows, w) = (split(panels, thread, threads, 1), self.dense(*w, geometry.outputs));
        let work = Work::Points { geometry: *geometry, turned: *turned, factors: *factors, w, to };
        let name = format!("{}, at points", self.names[step]).into();
        (!rows.is_empty()).then_some(Call { work, rows, cols: 0..len, finish: None, name })
    }

    /// The calls of a step for all rows and columns; each thread takes its part of each.
    fn calls(&mut self, i: usize) -> Vec<Call> {
        let list = self.list;
        let step = &list.steps[i];
        let (rows, cols) = list.frame(step);
        let finish = if step.takes_chain() { Some(self.finish(step)) } else { None };
        let name = self.names[i].clone();
        let call = |work, finish| Call { work, rows: 0..rows, cols: 0..cols, finish, name: name.clone() };
        let made = || step.base.expect("kernels but a map make a value");
        let work = match &step.kernel {
            Kernel::Map => match self.swept(step) {
                Some(gradient) => Work::Sweep { g: self.dense(gradient, cols) },
                None => Work::Map,
            },
            Kernel::Product { a, b, transpose_a, transpose_b, factors } => {
                let matrix = |v: Value, transposed: bool| {
                    let view = self.dense(v, list.matrix(v).1);
                    let turned = View { row_stride: 1, col_stride: view.row_stride, ..view };
                    if transposed { turned } else { view }
                };
                let (a_rows, a_cols) = list.matrix(*a);
                let k = if *transpose_a { a_rows } else { a_cols };
                let (a, b) = (matrix(*a, *transpose_a), matrix(*b, *transpose_b));
                Work::Product { a, b, k, factors: *factors }
            }
            Kernel::Sum { x } => {
                let axes = list.sum_axes(*x, made());
                if axes.inner == 1 {
                    let x = self.dense(*x, axes.summed);
                    return vec![call(Work::Fold { f: RowFold::Sum, x, width: axes.summed }, finish)];
                }
                let source = self.summed(*x, axes.inner);
                let one = |i: usize| {
                    let rows = i * axes.summed..(i + 1) * axes.summed;
                    Call { rows: i..i + 1, ..call(Work::SumRows { source, rows, onto: None }, finish) }
                };
                return (0..axes.outer).map(one).collect();
            }
            Kernel::SumParts { x, parts } => {
                let (source, samples) = (self.summed(*x, cols), list.sizes(*x)[0]);
                let height = list.matrix(*x).0 / samples;
                // Where sums over some of the samples stand, for the rest of them to be added.
                let onto = Some(self.dense(made(), cols));
                let one = |i: usize| {
                    let own = share(samples, *parts, i);
                    let rows = own.start * height..own.end * height;
                    Call { rows: i..i + 1, ..call(Work::SumRows { source, rows, onto }, finish) }
                };
                return (0..*parts).map(one).collect();
            }
            Kernel::SampleMoments { x, with } => {
                let dense = |v: Value| self.dense(v, cols / 2);
                let with = with.map(|[u, m]| (dense(u), View { row_stride: 0, ..dense(m) }));
                Work::Moments { x: dense(*x), with, places: list.matrix(*x).0 / rows, to: self.dense(made(), cols) }
            }
            Kernel::AllMoments { of, moments, sums } => {
                let source = self.all_moments(*of, *moments, *sums);
                Work::SumRows { source, rows: 0..list.matrix(*moments).0, onto: None }
            }
            Kernel::Convolve { x, w, geometry, turned, method, factors } => {
                let channels = if *turned { geometry.outputs } else { geometry.channels };
                let (x, w) = (self.dense(*x, channels), self.at_points(i).unwrap_or(self.dense(*w, geometry.outputs)));
                let (geometry, turned, method, factors) = (*geometry, *turned, *method, *factors);
                Work::Convolve { geometry, turned, method, factors, x, w }
            }
            Kernel::Correlate { x, y, geometry, parts, method, factors } => {
                let (samples, height) = (list.sizes(*x)[0], geometry.kernel_rows());
                let (x, y) = (self.dense(*x, geometry.channels), self.dense(*y, geometry.outputs));
                let to = self.dense(made(), cols);
                let one = |i: usize| {
                    let images = share(samples, *parts, i);
                    let (geometry, method, factors) = (*geometry, *method, *factors);
                    let work = Work::KernelOf { geometry, method, factors, images, x, y, to, add: false };
                    Call { rows: i * height..(i + 1) * height, ..call(work, None) }
                };
                return (0..*parts).map(one).collect();
            }
            Kernel::Windows { f, x, v, geometry } => {
                let dense = |v: Value| self.dense(v, geometry.channels);
                Work::Windows { f: *f, geometry: *geometry, x: dense(*x), v: v.map(dense) }
            }
            Kernel::Arrange { pieces, samples, zeros } => {
                let one = |(x, len, piece): &(Value, usize, Piece)| (self.dense(*x, *len), piece.clone());
                let pieces = pieces.iter().map(one).collect();
                Work::Arrange { pieces, zeros: *zeros, places: rows / samples }
            }
            Kernel::Spread { x } => {
                let (from, to) = (list.sizes(*x), list.sizes(made()));
                let mut axes: Vec<(usize, usize)> = to.iter().map(|&n| (n, 0)).collect();
                let mut stride = 1;
                for (axis, &n) in axes.iter_mut().rev().zip(from.iter().rev()) {
                    axis.1 = if n == 1 { 0 } else { stride };
                    stride *= n;
                }
                // A number alone has no axis.
                if axes.is_empty() {
                    axes.push((1, 0));
                }
                Work::Spread { from: self.dense(*x, 1), axes, y: self.dense(made(), cols) }
            }
            Kernel::Fold { f, x } => {
                let width = list.matrix(*x).1;
                Work::Fold { f: *f, x: self.dense(*x, width), width }
            }
            Kernel::RowMap { f, x } => Work::RowMap { f: *f, x: self.dense(*x, cols), y: self.dense(made(), cols) },
            Kernel::OneHot { labels } => Work::OneHot { labels: self.column(*labels), y: self.dense(made(), cols) },
            Kernel::InTopK { k, scores, labels } => {
                let (labels, y) = (self.column(*labels), self.column(made()));
                Work::InTopK { k: *k, x: self.dense(*scores, cols), labels, y }
            }
            Kernel::Symmetric { f, x, old, now } => {
                let [x, old, y] = [*x, *old, made()].map(|v| self.dense(v, cols));
                Work::Symmetric { f: *f, x, old, now: self.dense(*now, 1), y }
            }
            Kernel::CrossEntropy(c) => Work::CrossEntropy(CrossEntropy {
                logits: self.dense(c.logits, cols),
                labels: c.indexed.then(|| self.column(c.target)),
                dense: (!c.indexed).then(|| self.dense(c.target, cols)),
                entropy: c.loss.map(|v| self.column(v)),
                gradient: c.gradient.map(|(d, v)| (self.column(d), self.dense(v, cols))),
                in_top: c.in_top.map(|(k, v)| (k, self.column(v))),
            }),
        };
        vec![call(work, finish)]
    }

    /// The stored gradient of an update that does nothing else.
    fn swept(&self, step: &Step) -> Option<Value> {
        let write = step.write.filter(|w| w.kind == Writes::Update && step.makes().is_empty())?;
        let stored = !self.list.inline[write.gradient.index()] && !self.list.constant(write.gradient);
        stored.then_some(write.gradient)
    }

    /// What is done with a step's numbers: its place among the finishes.
    fn finish(&mut self, step: &Step) -> usize {
        let (own, swept) = (step.makes(), self.swept(step).is_some());
        let frame = self.list.frame(step);
        let within = self.list.sizes(step.last().expect("a step computes something"));
        let sample = self.sample(step.last().expect("a step computes something"));
        let mut f = Builder::new(self, &own, frame, within, sample);
        step.base.into_iter().for_each(|v| f.block(v));
        for &v in &step.chain {
            f.compute(v);
        }
        for &v in own.iter().filter(|v| self.kept[v.index()]) {
            let what = f.argument(v);
            let what = f.result(what);
            f.finish.stores.push((what, self.dense(v, frame.1)));
        }
        if let Some(write) = step.write {
            let argument = if swept { Argument::Block } else { f.argument(write.gradient) };
            let view = |place: usize| View { space: space(place), offset: 0, row_stride: frame.1, col_stride: 1 };
            match write.kind {
                Writes::Update => {
                    if !swept {
                        let result = f.result(argument);
                        f.last(result);
                    }
                    let states = (self.store.states)(write.place);
                    let codecs: Vec<Codec> = states.iter().map(|&place| (self.store.codec)(place)).collect();
                    let packed =
                        |(&place, codec): (&usize, &Codec)| View { row_stride: codec.len(frame.1), ..view(place) };
                    let states = states.iter().zip(&codecs).map(packed).collect();
                    let (sweep, from) = (self.store.sweep)(write.place);
                    let offset = self.arena.numbers() + from;
                    let at = View { space: 0, offset, row_stride: 0, col_stride: 1 };
                    f.finish.update =
                        Some(Update { sweep, at, theta: view(write.place), states, codecs, array: write.place as u64 });
                }
                Writes::Assign => {
                    let result = f.result(argument);
                    f.finish.stores.push((result, view(write.place)));
                }
                Writes::Accumulate => {
                    let result = f.result(argument);
                    let sum = view((self.store.sum)(write.place));
                    let before = f.operand(sum);
                    let after = f.push(Element::Binary(Binary::Add), [before, result, result]);
                    f.finish.stores.push((after, sum));
                }
            }
        }
        let mut finish = f.finish;
        fuse::pairs(&mut finish);
        self.finishes.push(finish);
        self.finishes.len() - 1
    }

    /// What makes the numbers that are summed over rows: its place among the finishes.
    fn summed(&mut self, x: Value, inner: usize) -> usize {
        let list = self.list;
        let finish = if list.inline[x.index()] {
            let within = list.sizes(x);
            let mut f = Builder::new(self, &[], frame_of_sum(&within, inner), within, self.sample(x));
            let argument = f.argument(x);
            let result = f.result(argument);
            f.last(result);
            fuse::pairs(&mut f.finish);
            f.finish
        } else {
            Finish { operands: vec![self.dense(x, inner)], width: inner, ..Finish::default() }
        };
        self.finishes.push(finish);
        self.finishes.len() - 1
    }

    /// What makes the numbers whose sums over samples are their sums, or their squared distances from the means: its place.
    fn all_moments(&mut self, of: Of, moments: Value, sums: Option<Value>) -> usize {
        let (samples, width) = self.list.matrix(moments);
        let own = self.dense(moments, width);
        let latter = View { offset: own.offset.wrapping_add(width / 2), ..own };
        let first = if of == Of::Products { latter } else { own };
        let mut finish = Finish { width: width / 2, operands: vec![first], ..Finish::default() };
        if let (Of::Deviations { places }, Some(sums)) = (of, sums) {
            finish.operands.extend([latter, View { row_stride: 0, ..self.dense(sums, width / 2) }]);
            // Σ (s − S / samples)² / places + d
            let number = |x: usize| Argument::Number((1.0 / x as f64) as f32);
            let then = |f, x, y| Instruction { element: Element::Binary(f), arguments: [x, y, Argument::Number(0.0)] };
            finish.tape = vec![
                then(Binary::Multiply, Argument::Operand(2), number(samples)),
                then(Binary::SquaredDifference, Argument::Operand(0), Argument::Result(0)),
                then(Binary::Multiply, Argument::Result(1), number(places)),
                then(Binary::Add, Argument::Result(2), Argument::Operand(1)),
            ];
        }
        self.finishes.push(finish);
        self.finishes.len() - 1
    }

    /// Numbers of a sample of a value; 0 if it does not grow with the batch.
    fn sample(&self, v: Value) -> usize {
        let shape = self.list.graph.shape(v);
        if shape.has_batch() { shape.sample().iter().product() } else { 0 }
    }
}

/// The space of a variable.
fn space(place: usize) -> u32 {
    u32::try_from(place + 1).expect("fewer than 2³² variables")
}

fn frame_of_sum(sizes: &[usize], inner: usize) -> (usize, usize) {
    (sizes.iter().product::<usize>() / inner.max(1), inner)
}
