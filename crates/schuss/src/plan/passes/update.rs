//! A variable's write on the blocks of its new value, or of its gradient, as they are finished, so that the gradient
//! never reaches memory.
//!
//! It is a write that must follow every read of the old value. It is fused where what it takes is the last value of one
//! step, nobody else reads that, and no reader of the variable waits for anything that step makes.

use crate::graph::Value;
use crate::graph::ops::input::Input;
use crate::plan::list::{Kernel, List, Step, Write, Writes};
use std::collections::{HashMap, HashSet};

/// The name under which the pass is switched off.
pub const NAME: &str = "update";
/// What it does, in one line.
pub const SUMMARY: &str = "a parameter is updated from the blocks of its gradient as they are finished";

/// A write to a variable.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What is done.
    pub kind: Writes,
    /// The variable's place; of the parameter, where its gradient is added up.
    pub place: usize,
    /// The leaf whose numbers change, if the graph has it.
    pub leaf: Option<Value>,
    /// The gradient, or the new value.
    pub value: Value,
}

/// Adds a step for every write, or lets the value's own step do it (if `fuse`), and orders the steps.
pub fn run(list: &mut List, targets: &[Target], fuse: bool) {
    let mut order = Order::new(list);
    let mut written: HashMap<Value, usize> = HashMap::new();
    targets.iter().for_each(|t| *written.entry(list.stored_as(t.value)).or_default() += 1);
    for t in targets {
        let alone = written[&list.stored_as(t.value)] == 1;
        let maker = order.makers[t.value.index()].filter(|_| fuse && alone);
        let host = maker.filter(|&m| order.can_host(list, m, t));
        let place = host.unwrap_or_else(|| {
            list.steps.push(Step { kernel: Kernel::Map, base: None, chain: Vec::new(), write: None });
            list.steps.len() - 1
        });
        list.steps[place].write = Some(Write { kind: t.kind, place: t.place, gradient: t.value });
        if host.is_none() {
            order.add(list, place);
        }
        if let Some(leaf) = t.leaf {
            order.writes(place, leaf);
        }
    }
    let after = writes_follow_reads(list, targets);
    assert!(list.sort(&after), "updates can always be last");
}

/// For each step, those that read a variable which it writes.
pub fn writes_follow_reads(list: &List, targets: &[Target]) -> Vec<Vec<usize>> {
    let mut of_place: HashMap<usize, Vec<&Target>> = HashMap::new();
    targets.iter().for_each(|t| of_place.entry(t.place).or_default().push(t));
    let leaf_of = |s: &Step| {
        let write = s.write?;
        of_place.get(&write.place)?.iter().find(|t| t.kind == write.kind).and_then(|t| t.leaf)
    };
    let mut readers: HashMap<Value, Vec<usize>> = HashMap::new();
    for (i, step) in list.steps.iter().enumerate() {
        list.leaves_read(step, true).into_iter().for_each(|leaf| readers.entry(leaf).or_default().push(i));
    }
    let others =
        |i: usize, leaf: Value| readers.get(&leaf).into_iter().flatten().copied().filter(|&j| j != i).collect();
    list.steps.iter().enumerate().map(|(i, s)| leaf_of(s).map_or(Vec::new(), |leaf| others(i, leaf))).collect()
}

/// What must come before what.
struct Order {
    /// The step that makes a value.
    makers: Vec<Option<usize>>,
    /// The steps that read a value, by the name that they read it under.
    readers: Vec<Vec<usize>>,
    /// The steps that read a variable, and that write it.
    of_leaf: HashMap<Value, [Vec<usize>; 2]>,
    /// The steps that wait for a step.
    followers: Vec<Vec<usize>>,
}

impl Order {
    fn new(list: &List) -> Self {
        let readers = vec![Vec::new(); list.graph.nodes().len()];
        let mut order = Order { makers: list.makers(), readers, of_leaf: HashMap::new(), followers: Vec::new() };
        (0..list.steps.len()).for_each(|i| order.add(list, i));
        order
    }
    /// What the i-th step reads; steps come in their order.
    fn add(&mut self, list: &List, i: usize) {
        self.followers.resize(list.steps.len(), Vec::new());
        for v in list.reads(&list.steps[i]) {
            self.readers[v.index()].push(i);
            let stored = list.stored_as(v);
            if let Some(maker) = self.makers[stored.index()].filter(|m| *m != i) {
                self.followers[maker].push(i);
            }
            if list.graph.operation::<Input>(stored).is_some() {
                let [reads, writes] = self.of_leaf.entry(stored).or_default();
                reads.push(i);
                self.followers[i].extend(&*writes);
            }
        }
    }
    /// The step writes the variable, behind all that read it.
    fn writes(&mut self, step: usize, leaf: Value) {
        let [reads, writes] = self.of_leaf.entry(leaf).or_default();
        reads.iter().filter(|i| **i != step).for_each(|i| self.followers[*i].push(step));
        writes.push(step);
    }
    /// Does one of these wait for the step, or for one that waits for it?
    fn waits_for(&self, step: usize, these: &[usize]) -> bool {
        let (mut seen, mut open) = (HashSet::from([step]), vec![step]);
        while let Some(i) = open.pop() {
            for &next in self.followers[i].iter() {
                if these.contains(&next) && next != step {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    }
    fn can_host(&self, list: &List, maker: usize, t: &Target) -> bool {
        let step = &list.steps[maker];
        let last = step.last() == Some(t.value);
        let free = step.takes_chain() && step.write.is_none();
        let read = self.readers[t.value.index()].iter().any(|i| *i != maker);
        let kept = list.roots.contains(&t.value);
        // The step's own kernel must not read what it writes; its chain may, element by element.
        let reads_itself = t.leaf.is_some_and(|leaf| list.leaves_read(step, false).contains(&leaf));
        if !last || !free || read || kept || reads_itself {
            return false;
        }
        let readers = t.leaf.and_then(|leaf| self.of_leaf.get(&leaf)).map(|[reads, _]| &reads[..]);
        t.kind == Writes::Accumulate || !readers.is_some_and(|readers| self.waits_for(maker, readers))
    }
}
