//! A variable's write on the blocks of its new value, or of its gradient, as they are finished, so that the gradient
//! never reaches memory.
//!
//! It is a write that must follow every read of the old value. It is fused where what it takes is the last value of one
//! step, nobody else reads that, and no reader of the variable waits for anything that step makes.

use crate::graph::Value;
use crate::plan::list::{Kernel, List, Step, Write, Writes};

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
    for t in targets {
        let alone = targets.iter().filter(|o| list.stored_as(o.value) == list.stored_as(t.value)).count() == 1;
        let maker = list.makers()[t.value.index()].filter(|_| fuse && alone);
        let host = maker.filter(|&m| can_host(list, m, t, targets));
        let place = host.unwrap_or_else(|| {
            list.steps.push(Step { kernel: Kernel::Map, base: None, chain: Vec::new(), write: None });
            list.steps.len() - 1
        });
        list.steps[place].write = Some(Write { kind: t.kind, place: t.place, gradient: t.value });
    }
    let after = writes_follow_reads(list, targets);
    assert!(list.sort(&after), "updates can always be last");
}

/// For each step, those that read a variable which it writes.
pub fn writes_follow_reads(list: &List, targets: &[Target]) -> Vec<Vec<usize>> {
    let leaf_of = |s: &Step| {
        let write = s.write?;
        targets.iter().find(|t| t.kind == write.kind && t.place == write.place).and_then(|t| t.leaf)
    };
    let reads: Vec<Vec<Value>> = list.steps.iter().map(|s| list.leaves_read(s, true)).collect();
    let others =
        |i: usize, leaf: Value| (0..list.steps.len()).filter(|&j| j != i && reads[j].contains(&leaf)).collect();
    list.steps.iter().enumerate().map(|(i, s)| leaf_of(s).map_or(Vec::new(), |leaf| others(i, leaf))).collect()
}

fn can_host(list: &mut List, maker: usize, t: &Target, targets: &[Target]) -> bool {
    let step = &list.steps[maker];
    let last = step.last() == Some(t.value);
    let free = step.takes_chain() && step.write.is_none();
    let read = (list.steps.iter().enumerate()).any(|(i, s)| i != maker && list.reads(s).contains(&t.value));
    let kept = list.roots.contains(&t.value);
    // The step's own kernel must not read what it writes; its chain may, element by element.
    let reads_itself = t.leaf.is_some_and(|leaf| list.leaves_read(step, false).contains(&leaf));
    if !last || !free || read || kept || reads_itself {
        return false;
    }
    if t.kind == Writes::Accumulate {
        return true;
    }
    let before = list.steps.clone();
    list.steps[maker].write = Some(Write { kind: t.kind, place: t.place, gradient: t.value });
    let after = writes_follow_reads(list, targets);
    let possible = list.sort(&after);
    list.steps = before;
    possible
}
