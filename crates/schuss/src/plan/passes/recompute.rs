//! Element-wise expressions of what is kept anyway are computed where they are used, and not kept: an activation's
//! derivative goes into the product that makes the input's derivative, a dropout mask is drawn again.

use super::Pass;
use crate::graph::Value;
use crate::graph::ops::broadcast_to::BroadcastTo;
use crate::graph::ops::input::Input;
use crate::plan::list::{Kernel, List};

/// The pass.
pub const PASS: Pass = Pass {
    name: "recompute",
    summary: "element-wise expressions of kept values are computed where they are used (an activation's derivative)",
    run,
};

/// Instructions that an inlined expression may have.
const LONGEST: usize = 8;

fn run(list: &mut List) {
    let n = list.graph.nodes().len();
    let mut anchored = vec![false; n];
    let mut readers: Vec<Vec<Value>> = vec![Vec::new(); n];
    for root in [&list.roots[..], &list.gradients].concat() {
        anchored[list.stored_as(root).index()] = true;
        anchored[root.index()] = true;
    }
    for step in &list.steps {
        let anchors: Vec<Value> = match &step.kernel {
            Kernel::Map => Vec::new(),
            // Sums over rows make their own numbers from an expression; a sum along a row reads stored ones.
            Kernel::Sum { x } if step.base.is_some_and(|y| sums_rows(list, *x, y)) => Vec::new(),
            Kernel::SumParts { .. } => Vec::new(),
            Kernel::CrossEntropy(c) => {
                // One factor for all rows is read as it is.
                let d = c.gradient.map(|g| g.0).filter(|d| list.graph.operation::<BroadcastTo>(*d).is_none());
                [Some(c.logits), Some(c.target), d].into_iter().flatten().collect()
            }
            _ => list.reads(step),
        };
        anchors.iter().for_each(|v| anchored[v.index()] = true);
    }
    stored_anyway(list, &mut anchored);
    for v in list.graph.values() {
        let node = list.graph.node(v);
        if list.elementwise(v) {
            node.inputs.iter().for_each(|x| readers[x.index()].push(v));
        } else if list.stored_as(v) != v {
            node.inputs.iter().for_each(|x| anchored[x.index()] = true);
        }
    }
    let mut length = vec![0usize; n];
    let mut random = vec![false; n];
    let made: Vec<Value> =
        list.steps.iter().filter(|s| s.kernel == Kernel::Map).flat_map(|s| s.chain.clone()).collect();
    for v in made {
        let inputs = list.graph.node(v).inputs.clone();
        let kept = |x: &Value| {
            let leaf = list.graph.operation::<Input>(list.stored_as(*x)).is_some();
            leaf || list.constant(*x) || anchored[x.index()] || list.inline[x.index()]
        };
        length[v.index()] =
            1 + inputs.iter().filter(|x| list.inline[x.index()]).map(|x| length[x.index()]).sum::<usize>();
        random[v.index()] = list.random(v) || inputs.iter().any(|x| list.inline[x.index()] && random[x.index()]);
        // A random number knows its place only among the elements of its own shape.
        let moved = |r: &Value| random[v.index()] && list.sizes(*r) != list.sizes(v);
        let fits = !anchored[v.index()] && inputs.iter().all(kept) && length[v.index()] <= LONGEST;
        if fits && !readers[v.index()].iter().any(moved) {
            list.inline[v.index()] = true;
        }
    }
    let inline = &list.inline;
    list.steps.retain(|s| s.kernel != Kernel::Map || !s.chain.iter().all(|v| inline[v.index()]));
}

/// Elements of a larger value for each of a smaller one from which on the smaller one is stored.
const MANY: usize = 64;

/// Marks what is better stored though no kernel asks for it: what is summed in parts, where a kernel makes it or the
/// chain behind a kernel does; and what each element of a much larger value would compute anew.
fn stored_anyway(list: &List, anchored: &mut [bool]) {
    let makers = list.makers();
    let of_kernel = |v: Value| makers[v.index()].is_some_and(|m| list.steps[m].kernel != Kernel::Map);
    for step in &list.steps {
        let Kernel::SumParts { x, .. } = step.kernel else { continue };
        let stored = of_kernel(x) || (list.elementwise(x) && behind(list, x, &of_kernel, anchored));
        anchored[x.index()] |= stored;
    }
    let count = |v: Value| list.sizes(v).iter().product::<usize>();
    for v in list.graph.values().filter(|v| list.elementwise(*v) && makers[v.index()].is_some()) {
        for x in &list.graph.node(v).inputs {
            let smaller = makers[x.index()].is_some() && count(*x) * MANY <= count(v);
            anchored[x.index()] |= smaller;
        }
    }
}

/// Is an input of the element-wise `v` a kernel's number that nobody keeps, or made of one?
fn behind(list: &List, v: Value, of_kernel: &impl Fn(Value) -> bool, anchored: &[bool]) -> bool {
    list.graph.node(v).inputs.iter().any(|i| {
        let open = !anchored[i.index()] && list.sizes(*i) == list.sizes(v);
        open && (of_kernel(*i) || (list.elementwise(*i) && behind(list, *i, of_kernel, anchored)))
    })
}

/// Is the sum one over rows that are kept whole?
fn sums_rows(list: &List, x: Value, y: Value) -> bool {
    let axes = list.sum_axes(x, y);
    axes.inner > 1 && list.sizes(x).last() == Some(&axes.inner)
}
