//! Which step runs between which barriers.
//!
//! A step goes into the earliest phase in which what it reads is finished: a later one than its maker's, or the same
//! if each thread reads only what it made itself.

use super::{Cut, split};
use crate::graph::Value;
use crate::plan::list::{Kernel, List, Step};

/// How a step reads a value, seen from one element of what it computes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// The element at the same place.
    Element,
    /// Some of the same row.
    Row,
    /// Anything.
    All,
}

/// The phase of each step. `after` are steps that must have finished reading what a step writes.
pub fn assign(list: &List, cuts: &[Cut], after: &[Vec<usize>], threads: usize) -> Vec<usize> {
    if threads == 1 {
        return vec![0; list.steps.len()];
    }
    let makers = list.makers();
    let mut phase: Vec<usize> = Vec::with_capacity(list.steps.len());
    for (i, step) in list.steps.iter().enumerate() {
        let mut earliest = after[i].iter().map(|&j| phase[j] + 1).max().unwrap_or(0);
        for (v, access) in reads(list, step) {
            let Some(maker) = makers[list.stored_as(v).index()] else { continue };
            let own = stays_in_thread(list, (&list.steps[maker], cuts[maker]), (step, cuts[i]), v, access, threads);
            earliest = earliest.max(phase[maker] + usize::from(!own));
        }
        phase.push(earliest);
    }
    phase
}

/// Does each thread read of v only what it made itself?
fn stays_in_thread(
    list: &List,
    maker: (&Step, Cut),
    reader: (&Step, Cut),
    v: Value,
    access: Access,
    threads: usize,
) -> bool {
    match (maker.1, reader.1) {
        (Cut::Whole, Cut::Whole) => true,
        (Cut::Rows, Cut::Rows) if access != Access::All => {
            let sizes = list.sizes(v);
            let count: usize = sizes.iter().product();
            // Where the i-th block of a step begins in v.
            let begins = |step: &Step, i: usize| {
                let blocks = list.blocks(step);
                match step.kernel {
                    // Parts of the samples, which need not be equal.
                    Kernel::SumParts { parts, .. } | Kernel::Correlate { parts, .. } if step.base != Some(v) => {
                        Some(sizes[0] * i / parts * (count / sizes[0]))
                    }
                    _ => count.is_multiple_of(blocks).then(|| count / blocks * i),
                }
            };
            let own = |thread: usize| {
                let of = |step: &Step| {
                    let blocks = split(list.blocks(step), thread, threads, 1);
                    Some((begins(step, blocks.start)?, begins(step, blocks.end)?))
                };
                let (made, read) = (of(maker.0)?, of(reader.0)?);
                Some(read.0 == read.1 || (made.0 <= read.0 && read.1 <= made.1))
            };
            (0..threads).all(|thread| own(thread) == Some(true))
        }
        (Cut::Cols, Cut::Cols) => list.frame(maker.0) == list.frame(reader.0) && access == Access::Element,
        _ => false,
    }
}

/// The stored values a step reads, and how.
pub fn reads(list: &List, step: &Step) -> Vec<(Value, Access)> {
    let frame = list.frame(step);
    let within = match &step.kernel {
        Kernel::Sum { x } | Kernel::SumParts { x, .. } => list.sizes(*x),
        _ => step.last().map(|v| list.sizes(v)).unwrap_or_default(),
    };
    let frame = match (&step.kernel, within.last()) {
        (Kernel::Sum { .. } | Kernel::SumParts { .. }, Some(inner)) => {
            (within.iter().product::<usize>() / inner, *inner)
        }
        _ => frame,
    };
    let operand = |v: Value| match List::strides(&list.sizes(v), &within, frame) {
        Some((0, _)) | None => (v, Access::All),
        Some((_, 0)) => (v, Access::Row),
        Some(_) => (v, Access::Element),
    };
    let kernel: Vec<(Value, Access)> = match &step.kernel {
        Kernel::Map => Vec::new(),
        Kernel::Product { a, b, transpose_a, .. } => {
            vec![(*a, if *transpose_a { Access::All } else { Access::Row }), (*b, Access::All)]
        }
        Kernel::AllMoments { moments, sums, .. } => {
            std::iter::once((*moments, Access::All)).chain(sums.map(|v| (v, Access::Element))).collect()
        }
        Kernel::SampleMoments { x, with } => {
            let with = with.iter().flat_map(|[u, m]| [(*u, Access::Row), (*m, Access::All)]);
            std::iter::once((*x, Access::Row)).chain(with).collect()
        }
        Kernel::Fold { x, .. } | Kernel::RowMap { x, .. } => vec![(*x, Access::Row)],
        Kernel::OneHot { labels } => vec![(*labels, Access::Row)],
        Kernel::InTopK { scores, labels, .. } => vec![(*scores, Access::Row), (*labels, Access::Row)],
        Kernel::CrossEntropy(c) => {
            let d = c.gradient.map(|g| (g.0, Access::Row));
            [(c.logits, Access::Row), (c.target, Access::Row)].into_iter().chain(d).collect()
        }
        Kernel::Convolve { x, w, .. } => vec![(*x, Access::Row), (*w, Access::All)],
        Kernel::Correlate { x, y, .. } => vec![(*x, Access::Row), (*y, Access::Row)],
        Kernel::Windows { x, v, .. } => std::iter::once(*x).chain(*v).map(|v| (v, Access::Row)).collect(),
        Kernel::Arrange { pieces, .. } => pieces.iter().map(|p| (p.0, Access::Row)).collect(),
        // Samples of its own, or something that all samples share.
        Kernel::Spread { x } => {
            let (from, to) = (list.sizes(*x), list.sizes(step.base.expect("a spread makes a value")));
            let same = from.len() == to.len() && from.first() == to.first() && from.first() == Some(&list.blocks(step));
            vec![(*x, if same { Access::Row } else { Access::All })]
        }
        Kernel::Symmetric { x, old, now, .. } => [*x, *old, *now].map(|v| (v, Access::All)).to_vec(),
        Kernel::Sum { .. } | Kernel::SumParts { .. } => Vec::new(),
    };
    // A value that a kernel reads twice (X Xᵀ) is read as its more demanding place has it.
    let named = |v: &Value| kernel.iter().filter(|(k, _)| k == v).max_by_key(|(_, access)| *access).copied();
    // What kernel and chain both read is read as the kernel does.
    list.reads(step).into_iter().map(|v| named(&v).unwrap_or_else(|| operand(v))).collect()
}
