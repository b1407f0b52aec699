//! A parameter's update on the blocks of its gradient as they are finished, so that the gradient never reaches memory.
//!
//! It is a write that must follow every read of the old value. It is fused where the gradient is the last value of one
//! step, nobody else reads it, and no reader of the parameter waits for anything that step makes.

use crate::graph::Value;
use crate::plan::list::{Kernel, List, Step, Write, Writes};

/// The name under which the pass is switched off.
pub const NAME: &str = "update";
/// What it does, in one line.
pub const SUMMARY: &str = "a parameter is updated from the blocks of its gradient as they are finished";

/// A trained parameter: its place among the variables, its leaf, its gradient.
#[derive(Clone, Copy, Debug)]
pub struct Trained {
    /// Among the variables.
    pub place: usize,
    /// In the graph.
    pub leaf: Value,
    /// In the graph.
    pub gradient: Value,
}

/// Adds a step for every parameter, or lets the gradient's own step do it (if `fuse`), and orders the steps.
pub fn run(list: &mut List, trained: &[Trained], writes: Writes, fuse: bool) {
    for t in trained {
        let alone = trained.iter().filter(|o| list.stored_as(o.gradient) == list.stored_as(t.gradient)).count() == 1;
        let maker = list.makers()[t.gradient.index()].filter(|_| fuse && alone);
        let host = maker.filter(|&m| can_host(list, m, t, writes, trained));
        let place = host.unwrap_or_else(|| {
            list.steps.push(Step { kernel: Kernel::Map, base: None, chain: Vec::new(), write: None });
            list.steps.len() - 1
        });
        list.steps[place].write = Some(Write { kind: writes, place: t.place, gradient: t.gradient });
    }
    let after = writes_follow_reads(list, trained);
    assert!(list.sort(&after), "updates can always be last");
}

/// For each step, those that read a parameter which it writes.
pub fn writes_follow_reads(list: &List, trained: &[Trained]) -> Vec<Vec<usize>> {
    let leaf_of = |s: &Step| {
        let place = s.write.filter(|w| w.kind == Writes::Update).map(|w| w.place);
        trained.iter().find(|t| Some(t.place) == place).map(|t| t.leaf)
    };
    let reads: Vec<Vec<Value>> = list.steps.iter().map(|s| list.leaves_read(s, true)).collect();
    let others =
        |i: usize, leaf: Value| (0..list.steps.len()).filter(|&j| j != i && reads[j].contains(&leaf)).collect();
    list.steps.iter().enumerate().map(|(i, s)| leaf_of(s).map_or(Vec::new(), |leaf| others(i, leaf))).collect()
}

fn can_host(list: &mut List, maker: usize, t: &Trained, writes: Writes, trained: &[Trained]) -> bool {
    let step = &list.steps[maker];
    let last = step.last() == Some(t.gradient);
    let free = step.takes_chain() && step.write.is_none();
    let read = (list.steps.iter().enumerate()).any(|(i, s)| i != maker && list.reads(s).contains(&t.gradient));
    let kept = list.roots.contains(&t.gradient);
    // The step's own kernel must not read what it writes; its chain may, element by element.
    let reads_itself = list.leaves_read(step, false).contains(&t.leaf);
    if !last || !free || read || kept || reads_itself {
        return false;
    }
    if writes == Writes::Accumulate {
        return true;
    }
    let before = list.steps.clone();
    list.steps[maker].write = Some(Write { kind: writes, place: t.place, gradient: t.gradient });
    let after = writes_follow_reads(list, trained);
    let possible = list.sort(&after);
    list.steps = before;
    possible
}
