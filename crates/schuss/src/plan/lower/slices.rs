//! Steps that go over the samples take a few samples at a time, one step after another, so that what one step writes is
//! still in cache when the next reads it. Which sums are made of what does not change.

use super::Cut;
use super::phases::{Access, reads};
use crate::plan::list::{Kernel, List, Step};
use schuss_kernels::convolution::{self, Method};
use schuss_kernels::program::{Call, Work};
use std::ops::Range;

/// Numbers that the largest value of a slice, its reader's result beside it, should not exceed.
const CACHED: usize = 96 * 1024;
/// Samples of a slice at least: a convolution copies its kernel anew for each.
const LEAST: usize = 4;

/// The same for a step. At its points a kernel is four times as large, so that it should meet half as many numbers.
fn least(step: &Step) -> usize {
    match &step.kernel {
        Kernel::Convolve { geometry: g, method: Method::Winograd, .. } => {
            let image = g.input_len().max(g.output_len());
            LEAST.max(g.kernel_rows() * g.outputs / (2 * image))
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
    // A product of a row for each sample goes through its right factor for every slice.
    let rows_alone = matches!(step.kernel, Kernel::Product { .. }) && list.frame(step).0 == list.batch;
    !rows_alone
        && step.write.is_none()
        && (in_parts(step) || list.blocks(step) == list.batch)
        && samples(list, step) == list.batch
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

/// The calls of a thread for a run's steps, in the order of slices.
pub fn sliced(list: &List, steps: Vec<(usize, Vec<Call>)>) -> Vec<Call> {
    let numbers = |(i, _): &(usize, Vec<Call>)| {
        let step = &list.steps[*i];
        let makes: Vec<usize> = step.makes().iter().map(|v| list.sizes(*v).iter().product()).collect();
        if in_parts(step) { 0 } else { makes.into_iter().max().unwrap_or(0) / list.batch }
    };
    let largest = steps.iter().map(numbers).max().unwrap_or(0);
    let together = steps.iter().map(|(i, _)| together(&list.steps[*i])).max().unwrap_or(1);
    let least = steps.iter().map(|(i, _)| least(&list.steps[*i])).max().unwrap_or(LEAST);
    let slice = (CACHED / largest.max(1)).max(least).next_multiple_of(together);
    if steps.len() < 2 || slice >= list.batch {
        return steps.into_iter().flat_map(|(_, calls)| calls).map(whole).collect();
    }
    let mut all = Vec::new();
    for start in (0..list.batch).step_by(slice) {
        let slice = start..(start + slice).min(list.batch);
        for (i, calls) in &steps {
            let step = &list.steps[*i];
            all.extend(calls.iter().filter_map(|call| within(list, step, call, &slice)));
        }
    }
    all
}

/// Sums that are made in one go begin with nothing.
fn whole(mut call: Call) -> Call {
    if let Work::SumRows { onto, .. } = &mut call.work {
        *onto = None;
    }
    call
}

/// The part of a call that belongs to these samples.
fn within(list: &List, step: &Step, call: &Call, slice: &Range<usize>) -> Option<Call> {
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
