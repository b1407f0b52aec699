//! One piece of memory for everything that lives within a step: values whose times don't meet share places.

use super::slices::Passing;
use crate::graph::Value;
use crate::graph::ops::input::{Input, Source};
use crate::plan::list::List;

/// Numbers that a place is a multiple of: a cache line.
const LINE: usize = 16;

/// Places of values in the arena.
pub struct Arena {
    places: Vec<Option<usize>>,
    points: Vec<Option<usize>>,
    numbers: usize,
    passing: usize,
    len: usize,
}

/// Numbers that are kept from a time to another.
pub struct Span<T> {
    /// What they are.
    pub of: T,
    /// How many.
    pub len: usize,
    /// When they are made.
    pub from: usize,
    /// When they are read last.
    pub to: usize,
}

/// A place for each, so that those whose times meet don't: the largest first, each at the lowest place that is free for
/// all of its time.
pub fn pack<T>(mut spans: Vec<Span<T>>) -> Vec<(usize, Span<T>)> {
    spans.sort_by_key(|s| std::cmp::Reverse(s.len));
    let mut placed: Vec<(usize, Span<T>)> = Vec::new();
    for span in spans {
        let size = size(span.len);
        let mut taken: Vec<(usize, usize)> = (placed.iter())
            .filter(|(_, p)| p.from <= span.to && span.from <= p.to)
            .map(|(at, p)| (*at, at + self::size(p.len)))
            .collect();
        taken.sort_unstable();
        let mut at = 0;
        for (begin, end) in taken {
            if at + size <= begin {
                break;
            }
            at = at.max(end);
        }
        placed.push((at, span));
    }
    placed
}

/// What has a place.
enum Owner {
    Value(Value),
    /// The kernel at its points that a step takes.
    Points(usize),
}

/// Whole cache lines.
fn size(len: usize) -> usize {
    len.next_multiple_of(LINE).max(LINE)
}

impl Arena {
    /// Leaves first, which stay; then `numbers` numbers for the rule, and `passing` numbers for each thread; then what steps
    /// keep, from the time of the step that makes a value to the last that reads it; and kernels at their points, at the time
    /// of the step that takes them and, of `early` ones, at the one before.
    pub fn new(
        list: &List,
        times: &[usize],
        kept: &[bool],
        numbers: usize,
        passing: &Passing,
        early: &[bool],
        threads: usize,
    ) -> Self {
        let (places, points) = (vec![None; kept.len()], vec![None; list.steps.len()]);
        let mut arena = Arena { places, points, numbers: 0, passing: 0, len: 0 };
        let read: Vec<Value> =
            list.steps.iter().flat_map(|s| list.reads(s)).chain(list.roots.iter().copied()).collect();
        for v in read.into_iter().map(|v| list.stored_as(v)) {
            let leaf = list.graph.operation::<Input>(v);
            if leaf.is_some_and(|l| l.source != Source::Parameter) && arena.places[v.index()].is_none() {
                arena.places[v.index()] = Some(arena.append(count(list, v)));
            }
        }
        arena.numbers = arena.append(numbers);
        arena.passing = arena.append(threads * size(passing.len));
        let mut last_read: Vec<Option<usize>> = vec![None; kept.len()];
        for (i, step) in list.steps.iter().enumerate() {
            for v in list.reads(step) {
                let last = &mut last_read[list.stored_as(v).index()];
                *last = (*last).max(Some(times[i]));
            }
        }
        let mut spans: Vec<Span<Owner>> = Vec::new();
        for (i, step) in list.steps.iter().enumerate() {
            for v in step.makes().into_iter().filter(|v| kept[v.index()] && passing.place(*v, 0).is_none()) {
                let root = list.roots.iter().any(|r| list.stored_as(*r) == v);
                let last = if root { usize::MAX } else { last_read[v.index()].unwrap_or(times[i]) };
                spans.push(Span { of: Owner::Value(v), len: count(list, v), from: times[i], to: last });
            }
            if let Some([panels, len]) = super::points(list, step) {
                let from = times[i] - usize::from(early[i]);
                spans.push(Span { of: Owner::Points(i), len: panels * len, from, to: times[i] });
            }
        }
        let start = arena.len;
        for (at, span) in pack(spans) {
            match span.of {
                Owner::Value(v) => arena.places[v.index()] = Some(start + at),
                Owner::Points(step) => arena.points[step] = Some(start + at),
            }
            arena.len = arena.len.max(start + at + size(span.len));
        }
        arena
    }
    fn append(&mut self, count: usize) -> usize {
        let at = self.len;
        self.len += count.next_multiple_of(LINE);
        at
    }
    /// Where a value is.
    pub fn place(&self, v: Value) -> Option<usize> {
        self.places[v.index()]
    }
    /// Where the kernel is that a step takes at its points.
    pub fn points(&self, step: usize) -> Option<usize> {
        self.points[step]
    }
    /// Where a thread's memory for what passes begins.
    pub fn passing(&self, passing: &Passing, thread: usize) -> usize {
        self.passing + thread * size(passing.len)
    }
    /// Where the rule's numbers are.
    pub fn numbers(&self) -> usize {
        self.numbers
    }
    /// Numbers in all.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Leaves that are fed: name, source, place.
    pub fn leaves(&self, list: &List) -> Vec<(String, Source, usize)> {
        let leaf = |v: Value| {
            let l = list.graph.operation::<Input>(v).filter(|l| l.source != Source::Parameter)?;
            Some((l.name.clone(), l.source, self.places[v.index()]?))
        };
        list.graph.values().filter_map(leaf).collect()
    }
}

fn count(list: &List, v: Value) -> usize {
    list.sizes(v).iter().product()
}
