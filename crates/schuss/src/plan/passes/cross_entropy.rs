//! Softmax, cross-entropy, its derivative, the one-hot target and the top-k accuracy: one kernel.

use super::Pass;
use crate::graph::Value;
use crate::plan::list::{Kernel, List};

/// The pass.
pub const PASS: Pass = Pass {
    name: "cross_entropy",
    summary: "softmax with cross-entropy, derivative, one-hot target and accuracy in one go over the rows",
    run,
};

fn run(list: &mut List) {
    index_targets(list);
    while merge_one(list) {}
}

/// A target that is the one-hot of labels is read as labels.
fn index_targets(list: &mut List) {
    let labels_of: Vec<(Value, Value)> = (list.steps.iter())
        .filter_map(|s| if let Kernel::OneHot { labels } = s.kernel { s.base.map(|y| (y, labels)) } else { None })
        .collect();
    for step in &mut list.steps {
        if let Kernel::CrossEntropy(c) = &mut step.kernel
            && let Some((_, labels)) = labels_of.iter().find(|(y, _)| *y == c.target)
        {
            (c.target, c.indexed) = (*labels, true);
        }
    }
    let read: Vec<Value> = list.steps.iter().flat_map(|s| list.reads(s)).chain(list.roots.iter().copied()).collect();
    list.steps.retain(|s| !matches!(s.kernel, Kernel::OneHot { .. }) || s.base.is_some_and(|y| read.contains(&y)));
}

/// Merges two steps over the same rows, if there are such.
fn merge_one(list: &mut List) -> bool {
    for i in 0..list.steps.len() {
        for j in 0..list.steps.len() {
            let Kernel::CrossEntropy(c) = &list.steps[i].kernel else { continue };
            let mut merged = c.clone();
            match &list.steps[j].kernel {
                Kernel::CrossEntropy(o) if i < j => {
                    let same = (o.logits, o.target, o.indexed) == (c.logits, c.target, c.indexed);
                    let clash = (o.loss.is_some() && c.loss.is_some())
                        || (o.gradient.is_some() && c.gradient.is_some())
                        || (o.in_top.is_some() && c.in_top.is_some());
                    if !same || clash {
                        continue;
                    }
                    merged.loss = c.loss.or(o.loss);
                    merged.gradient = c.gradient.or(o.gradient);
                    merged.in_top = c.in_top.or(o.in_top);
                }
                Kernel::InTopK { k, scores, labels } if c.indexed && c.in_top.is_none() => {
                    if (*scores, *labels) != (c.logits, c.target) {
                        continue;
                    }
                    merged.in_top = list.steps[j].base.map(|v| (*k, v));
                }
                _ => continue,
            }
            let before = list.steps.clone();
            list.steps[i].kernel = Kernel::CrossEntropy(merged);
            list.steps.remove(j);
            if list.sort(&[]) {
                return true;
            }
            // One needs what the other gives: they stay apart.
            list.steps = before;
        }
    }
    false
}
