//! Steps that go over the samples take a few samples at a time, one step after another, so that what one step writes is
//! still in cache when the next reads it. Which sums are made of what does not change.
//!
//! What nobody else reads is kept for as many samples only, for each thread: the next ones take its place.

use super::Cut;
use super::arena::{Span, pack};
use super::phases::{Access, reads};
use crate::graph::Value;
use crate::plan::list::{Kernel, List, Step};
use schuss_kernels::convolution::{self, Method};
use schuss_kernels::program::{Call, Work};
use std::ops::Range;

/// Numbers that the largest value of a slice, its reader's result beside it, should not exceed.
const CACHED: usize = 96 * 1024;
/// Numbers of a product's right factor at most that each slice may go through.
const FACTOR: usize = CACHED / 4;
/// Samples of a slice at least: a convolution copies its kernel anew for each.
const LEAST: usize = 4;

/// The same for a step.
fn least(step: &Step) -> usize {
    match &step.kernel {
        Kernel::Convolve { geometry, turned, method: Method::Winograd, .. } => {
            LEAST.max(convolution::enough(geometry, *turned))
        }
        _ => LEAST,
    }
}

/// Runs of steps that are sliced together: the run of each step. A run lies within a phase.
pub fn runs(list: &List, cuts: &[Cut], phase: &[usize], sliced: bool) -> Vec<usize> {
    let mut runs = vec![0; list.steps.len()];
    let mut next = 0;
    for p in 0..phase.iter().max().map_or(0, |p| p + 1) {
        let mut run: Vec<usize> = Vec::new();
        for i in (0..list.steps.len()).filter(|&i| phase[i] == p) {
            let joins = |run: &[usize]| {
                let both = run.iter().chain([&i]).all(|&j| sliced && cuts[j] == Cut::Rows && by_sample(list, j));
                both && follows(list, run, i)
            };
            if !run.is_empty() && !joins(&run) {
                next += 1;
                run.clear();
            }
            run.push(i);
            runs[i] = next;
        }
        next += usize::from(!run.is_empty());
    }
    runs
}

/// Does the step make something of every sample, or sums over parts of them?
fn by_sample(list: &List, step: usize) -> bool {
    let step = &list.steps[step];
    !whole_factor(list, step)
        && step.write.is_none()
        && (in_parts(step) || list.blocks(step) == list.batch)
        && samples(list, step) == list.batch
}

/// A product of a row for each sample goes through its right factor for every slice. Is that too large for it?
fn whole_factor(list: &List, step: &Step) -> bool {
    let Kernel::Product { b, .. } = &step.kernel else { return false };
    list.frame(step).0 == list.batch && list.sizes(*b).iter().product::<usize>() > FACTOR
}

fn in_parts(step: &Step) -> bool {
    matches!(step.kernel, Kernel::SumParts { .. } | Kernel::Correlate { .. })
}

/// How many samples a step goes over.
fn samples(list: &List, step: &Step) -> usize {
    match &step.kernel {
        Kernel::SumParts { x, .. } | Kernel::Correlate { x, .. } => list.sizes(*x)[0],
        _ => list.blocks(step),
    }
}

/// Of what the run makes, does the step read only what belongs to its own samples?
fn follows(list: &List, run: &[usize], step: usize) -> bool {
    let makers = list.makers();
    reads(list, &list.steps[step]).into_iter().all(|(v, access)| {
        let v = list.stored_as(v);
        let Some(maker) = makers[v.index()].filter(|m| run.contains(m)) else { return true };
        let count: usize = list.sizes(v).iter().product();
        access != Access::All && !in_parts(&list.steps[maker]) && count.is_multiple_of(list.batch)
    })
}

/// Images that a kernel's derivative sums together: a slice that parted them would change the sum.
fn together(step: &Step) -> usize {
    match &step.kernel {
        Kernel::Correlate { geometry, method: Method::Winograd, .. } => convolution::together(geometry),
        _ => 1,
    }
}

/// A run of steps.
pub struct Run {
    /// Which, in order.
    pub steps: Vec<usize>,
    /// How many samples they take at a time, if not all.
    pub slice: Option<usize>,
}

impl Run {
    /// These steps.
    pub fn new(list: &List, steps: Vec<usize>) -> Self {
        let numbers = |i: &usize| {
            let step = &list.steps[*i];
            let makes: Vec<usize> = step.makes().iter().map(|v| list.sizes(*v).iter().product()).collect();
            if in_parts(step) { 0 } else { makes.into_iter().max().unwrap_or(0) / list.batch }
        };
        let largest = steps.iter().map(numbers).max().unwrap_or(0);
        let together = steps.iter().map(|i| together(&list.steps[*i])).max().unwrap_or(1);
        let least = steps.iter().map(|i| least(&list.steps[*i])).max().unwrap_or(LEAST);
        let slice = (CACHED / largest.max(1)).max(least).next_multiple_of(together);
        let slice = (steps.len() > 1 && slice < list.batch).then_some(slice);
        Run { steps, slice }
    }
    /// The samples of each slice.
    pub fn slices(&self, batch: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let slice = self.slice.unwrap_or(batch);
        (0..batch).step_by(slice).map(move |start| start..(start + slice).min(batch))
    }
}

/// Values of which only a slice is kept, for each thread.
pub struct Passing {
    /// Where in a thread's memory a value's slice begins, and its numbers of a sample.
    places: Vec<Option<(usize, usize)>>,
    /// Numbers of a thread's memory.
    pub len: usize,
}

impl Passing {
    /// Those of `kept` that only the run reads which makes them.
    pub fn new(list: &List, runs: &[Run], kept: &[bool]) -> Self {
        let mut passing = Passing { places: vec![None; kept.len()], len: 0 };
        let mut run_of = vec![usize::MAX; list.steps.len()];
        runs.iter().enumerate().for_each(|(r, run)| run.steps.iter().for_each(|&i| run_of[i] = r));
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); kept.len()];
        for (i, step) in list.steps.iter().enumerate() {
            list.reads(step).iter().for_each(|v| readers[list.stored_as(*v).index()].push(i));
        }
        for (r, run) in runs.iter().enumerate() {
            let Some(slice) = run.slice else { continue };
            let place = |i: usize| run.steps.iter().position(|&s| s == i).expect("a step of the run");
            let passes = |v: &Value| {
                let root = list.roots.iter().any(|root| list.stored_as(*root) == *v);
                kept[v.index()] && !root && readers[v.index()].iter().all(|&i| run_of[i] == r)
            };
            let mut spans = Vec::new();
            for &i in run.steps.iter().filter(|&&i| !in_parts(&list.steps[i])) {
                for v in list.steps[i].makes().into_iter().filter(passes) {
                    let numbers = list.sizes(v).iter().product::<usize>() / list.batch;
                    let last = readers[v.index()].iter().map(|&i| place(i)).max().unwrap_or(place(i));
                    spans.push(Span { of: (v, numbers), len: slice * numbers, from: place(i), to: last });
                }
            }
            for (at, span) in pack(spans) {
                passing.len = passing.len.max(at + span.len);
                passing.places[span.of.0.index()] = Some((at, span.of.1));
            }
        }
        passing
    }
    /// Where the value would begin in a thread's memory if all samples were there, and the slice from `first` on is:
    /// modulo 2⁶⁴, as that may be in front of it.
    pub fn place(&self, v: Value, first: usize) -> Option<usize> {
        self.places[v.index()].map(|(at, numbers)| at.wrapping_sub(first * numbers))
    }
    /// Does the step make or read such a value?
    pub fn touches(&self, list: &List, step: &Step) -> bool {
        let passes = |v: &Value| self.places[list.stored_as(*v).index()].is_some();
        list.reads(step).iter().any(passes) || step.makes().iter().any(passes)
    }
}

/// Sums that are made in one go begin with nothing.
pub fn whole(mut call: Call) -> Call {
    if let Work::SumRows { onto, .. } = &mut call.work {
        *onto = None;
    }
    call
}

/// The part of a call that belongs to these samples.
pub fn within(list: &List, step: &Step, call: &Call, slice: &Range<usize>) -> Option<Call> {
    let meet = |a: &Range<usize>, b: &Range<usize>| {
        let both = a.start.max(b.start)..a.end.min(b.end);
        (!both.is_empty()).then_some(both)
    };
    let mut part = call.clone();
    match &mut part.work {
        Work::KernelOf { images, add, .. } => {
            let both = meet(images, slice)?;
            *add = both.start > images.start;
            *images = both;
        }
        Work::SumRows { rows, onto, .. } if in_parts(step) => {
            let Kernel::SumParts { x, .. } = step.kernel else { unreachable!("rows are summed in parts") };
            let height = list.matrix(x).0 / list.batch;
            let both = meet(rows, &(slice.start * height..slice.end * height))?;
            if both.start == rows.start {
                *onto = None;
            }
            *rows = both;
        }
        _ => {
            let height = list.frame(step).0 / list.batch;
            part.rows = meet(&call.rows, &(slice.start * height..slice.end * height))?;
        }
    }
    Some(part)
}
