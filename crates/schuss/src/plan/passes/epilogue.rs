//! Element-wise operations run on a block of numbers as soon as it is finished: product + bias + activation; the
//! input's derivative times the activation's; a chain of operations in one go.

use super::Pass;
use crate::graph::Value;
use crate::plan::list::{Kernel, List, Step};
use schuss_kernels::program::OPERANDS;
use std::cmp::Ordering;

/// The pass.
pub const PASS: Pass = Pass {
    name: "epilogue",
    summary: "element-wise operations run on a product's or a sum's numbers while they are in cache",
    run,
};

/// Instructions that a chain may have, inlined ones included.
const LONGEST: usize = 24;

fn run(list: &mut List) {
    let mut makers = list.makers();
    let mut i = 0;
    while i < list.steps.len() {
        match host(list, &makers, i) {
            Some(host) => {
                let step = list.steps.remove(i);
                for maker in makers.iter_mut().flatten() {
                    match (*maker).cmp(&i) {
                        Ordering::Less => {}
                        Ordering::Equal => *maker = host,
                        Ordering::Greater => *maker -= 1,
                    }
                }
                list.steps[host].chain.extend(step.chain);
            }
            None => i += 1,
        }
    }
}

/// The step in whose chain the i-th can go: the last of those it reads from, if it makes a value of the same shape.
fn host(list: &List, makers: &[Option<usize>], i: usize) -> Option<usize> {
    let step = &list.steps[i];
    let ([v], Kernel::Map) = (&step.chain[..], &step.kernel) else { return None };
    let reads = list.reads(step);
    let host = reads.iter().filter_map(|r| makers[list.stored_as(*r).index()]).max()?;
    let to = &list.steps[host];
    let same = |r: &Value| makers[r.index()] == Some(host) && list.sizes(*r) == list.sizes(*v);
    (to.takes_chain() && reads.iter().any(same) && fits(list, to, *v)).then_some(host)
}

/// Can the chain take one more?
fn fits(list: &List, to: &Step, v: Value) -> bool {
    let mut longer = to.clone();
    longer.chain.push(v);
    let (own, frame, within) = (longer.makes(), list.frame(to), list.sizes(v));
    let mut operands = Vec::new();
    longer.chain.iter().for_each(|v| list.operands(*v, &own, &mut operands));
    let beside = |o: &Value| List::strides(&list.sizes(*o), &within, frame).is_some();
    operands.len() <= OPERANDS && instructions(list, &longer.chain, &own) <= LONGEST && operands.iter().all(beside)
}

fn instructions(list: &List, of: &[Value], own: &[Value]) -> usize {
    let inlined = |v: &Value| -> Vec<Value> {
        let inputs = &list.graph.node(*v).inputs;
        inputs.iter().copied().filter(|x| list.inline[x.index()] && !own.contains(x)).collect()
    };
    of.iter().map(|v| 1 + instructions(list, &inlined(v), own)).sum()
}
