//! One piece of memory for everything that lives within a step: values whose times don't meet share places.

use crate::graph::Value;
use crate::graph::ops::input::{Input, Source};
use crate::plan::list::List;

/// Numbers that a place is a multiple of: a cache line.
const LINE: usize = 16;

/// Places of values in the arena.
pub struct Arena {
    places: Vec<Option<usize>>,
    numbers: usize,
    len: usize,
}

impl Arena {
    /// Leaves first, which stay; then `numbers` numbers for the rule; then what steps keep, from the time of the step
    /// that makes a value to the last that reads it.
    pub fn new(list: &List, times: &[usize], kept: &[bool], numbers: usize) -> Self {
        let mut arena = Arena { places: vec![None; kept.len()], numbers: 0, len: 0 };
        let read: Vec<Value> =
            list.steps.iter().flat_map(|s| list.reads(s)).chain(list.roots.iter().copied()).collect();
        for v in read.into_iter().map(|v| list.stored_as(v)) {
            let leaf = list.graph.operation::<Input>(v);
            if leaf.is_some_and(|l| l.source != Source::Parameter) && arena.places[v.index()].is_none() {
                arena.places[v.index()] = Some(arena.append(count(list, v)));
            }
        }
        arena.numbers = arena.append(numbers);
        let mut last_read: Vec<Option<usize>> = vec![None; kept.len()];
        for (i, step) in list.steps.iter().enumerate() {
            for v in list.reads(step) {
                let last = &mut last_read[list.stored_as(v).index()];
                *last = (*last).max(Some(times[i]));
            }
        }
        let mut spans: Vec<(Value, usize, usize)> = Vec::new();
        for (i, step) in list.steps.iter().enumerate() {
            for v in step.makes().into_iter().filter(|v| kept[v.index()]) {
                let root = list.roots.iter().any(|r| list.stored_as(*r) == v);
                let last = if root { usize::MAX } else { last_read[v.index()].unwrap_or(times[i]) };
                spans.push((v, times[i], last));
            }
        }
        // The largest first, each at the lowest place that is free for all of its time.
        spans.sort_by_key(|(v, ..)| std::cmp::Reverse(count(list, *v)));
        let mut placed: Vec<(usize, usize, usize, usize)> = Vec::new();
        let start = arena.len;
        for (v, from, to) in spans {
            let size = count(list, v).next_multiple_of(LINE).max(LINE);
            let mut taken: Vec<(usize, usize)> =
                placed.iter().filter(|p| p.2 <= to && from <= p.3).map(|p| (p.0, p.1)).collect();
            taken.sort_unstable();
            let mut at = start;
            for (begin, end) in taken {
                if at + size <= begin {
                    break;
                }
                at = at.max(end);
            }
            placed.push((at, at + size, from, to));
            arena.places[v.index()] = Some(at);
            arena.len = arena.len.max(at + size);
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
