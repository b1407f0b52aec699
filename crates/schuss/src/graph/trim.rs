//! Leaves out what no window reads: behind a convolution of 11 × 11 windows, pooling in twos reads 10 × 10.

use super::ops::convolution::Convolution;
use super::ops::max_pool::MaxPool;
use super::ops::window::Window;
use super::ops::window_sum::WindowSum;
use super::{Graph, Value};
use crate::error::Result;

/// The graph with convolutions that compute no window behind the last one that is read, and where each value of the old
/// one is in it. Values that are `kept` stay what they are. Between a convolution and what reads a part of it may be
/// element-wise operations.
pub fn trim(old: &Graph, kept: &[Value]) -> Result<(Graph, Vec<Value>)> {
    let mut whole = vec![false; old.nodes().len()];
    let wanted = loop {
        let wanted = wanted(old, kept, &whole);
        // An operation needs all its operands cut alike.
        let cut_alike = |v: &Value| {
            let inputs = &old.node(*v).inputs;
            old.operation::<Convolution>(*v).is_some()
                || inputs.iter().all(|x| !covers(old, *x, *v) || wanted[x.index()] == wanted[v.index()])
        };
        match old.values().find(|v| matches!(wanted[v.index()], Wanted::Part(_)) && !cut_alike(v)) {
            Some(v) => whole[v.index()] = true,
            None => break wanted,
        }
    };
    let (mut g, mut map) = (Graph::new(), Vec::<Value>::with_capacity(wanted.len()));
    for v in old.values() {
        let node = old.node(v);
        let inputs: Vec<Value> = node.inputs.iter().map(|x| map[x.index()]).collect();
        map.push(match (&wanted[v.index()], old.operation::<Convolution>(v)) {
            (Wanted::Part(most), Some(op)) => {
                let window = Window { most: Some(most.clone()), ..op.window.clone() };
                g.apply(Convolution { window, groups: op.groups }, &inputs)?
            }
            _ => g.apply_shared(&node.op, &inputs)?,
        });
    }
    Ok((g, map))
}

/// How much of a value is read.
#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    Nothing,
    /// So much from the start of each spatial axis.
    Part(Vec<usize>),
    All,
}

impl Wanted {
    fn and(&mut self, other: Wanted) {
        *self = match (std::mem::replace(self, Wanted::Nothing), other) {
            (Wanted::All, _) | (_, Wanted::All) => Wanted::All,
            (Wanted::Nothing, x) | (x, Wanted::Nothing) => x,
            (Wanted::Part(a), Wanted::Part(b)) => Wanted::Part(a.into_iter().zip(b).map(|(a, b)| a.max(b)).collect()),
        };
    }
}

/// What is read of each value, where those that are `whole` are computed as they are.
fn wanted(g: &Graph, kept: &[Value], whole: &[bool]) -> Vec<Wanted> {
    let mut wanted = vec![Wanted::Nothing; g.nodes().len()];
    kept.iter().for_each(|v| wanted[v.index()] = Wanted::All);
    for v in g.values().rev() {
        let inputs = &g.node(v).inputs;
        let elementwise = g.node(v).op.element().is_some() && inputs.iter().any(|x| covers(g, *x, v));
        let fits = elementwise && inputs.iter().all(|x| covers(g, *x, v) || repeats(g, *x, v));
        let own = match &wanted[v.index()] {
            Wanted::Part(part) if *part == spatial(g, v) => Wanted::All,
            Wanted::Part(_) if whole[v.index()] || !(fits || g.operation::<Convolution>(v).is_some()) => Wanted::All,
            wanted => wanted.clone(),
        };
        wanted[v.index()] = own.clone();
        for (i, x) in inputs.iter().enumerate() {
            wanted[x.index()].and(match (window(g, v), &own) {
                (_, Wanted::Nothing) => Wanted::All,
                (Some(window), own) if i == 0 => {
                    let windows = if let Wanted::Part(most) = own { most.clone() } else { spatial(g, v) };
                    Wanted::Part(read(window, &windows, &spatial(g, *x)))
                }
                (None, Wanted::Part(_)) if covers(g, *x, v) => own.clone(),
                _ => Wanted::All,
            });
        }
    }
    wanted
}

/// The windows through which the first input is read.
fn window(g: &Graph, v: Value) -> Option<&Window> {
    let pool = g.operation::<MaxPool>(v).map(|op| &op.window);
    let sum = || g.operation::<WindowSum>(v).map(|op| &op.window);
    pool.or_else(sum).or_else(|| g.operation::<Convolution>(v).map(|op| &op.window))
}

/// How much of the input so many windows reach.
fn read(window: &Window, windows: &[usize], input: &[usize]) -> Vec<usize> {
    let last = |i: usize| (windows[i] - 1) * window.strides[i] + window.reach(i) - window.padding[i][0];
    input.iter().enumerate().map(|(i, n)| last(i).min(*n)).collect()
}

/// The sizes between samples and channels.
fn spatial(g: &Graph, v: Value) -> Vec<usize> {
    let sizes = g.shape(v).sizes(1);
    sizes.get(1..sizes.len().saturating_sub(1)).unwrap_or_default().to_vec()
}

/// Has the operand of `v` all its places?
fn covers(g: &Graph, x: Value, v: Value) -> bool {
    g.shape(x).rank() == g.shape(v).rank() && g.shape(v).rank() > 2 && spatial(g, x) == spatial(g, v)
}

/// Is the operand of `v` the same at all places?
fn repeats(g: &Graph, x: Value, v: Value) -> bool {
    g.shape(x).rank() < 2 || g.shape(x).rank() == g.shape(v).rank() && spatial(g, x).iter().all(|n| *n == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::{Input, Source};
    use crate::graph::{Reference, Tensor, backpropagate};
    use crate::shape::Shape;

    /// A leaf of images, or of a kernel.
    fn leaf(g: &mut Graph, name: &str, sizes: &[usize]) -> Value {
        g.input(Source::Parameter, name, Shape::fixed(sizes))
    }

    fn twos() -> Window {
        Window::valid(&[2, 2], &[2, 2], &[1, 1])
    }

    /// The sum of squares of `y`, and its derivatives by all leaves, before and after.
    fn same(g: &Graph, y: Value, leaves: &[Value]) -> Graph {
        let square = |g: &mut Graph, y| {
            let square = g.square(y).unwrap();
            g.sum(square).unwrap()
        };
        let (mut old, (mut new, map)) = (g.clone(), trim(g, &[y]).unwrap());
        let trimmed = new.clone();
        let new_leaves: Vec<Value> = leaves.iter().map(|v| map[v.index()]).collect();
        let results = [(&mut old, y, leaves), (&mut new, map[y.index()], &new_leaves[..])].map(|(g, y, leaves)| {
            let loss = square(g, y);
            let all = [vec![y, loss], backpropagate(g, loss, leaves).unwrap()].concat();
            let mut reference = Reference::new(g, 2);
            for v in leaves {
                let name = &g.operation::<Input>(*v).unwrap().name;
                let x = |i: usize| ((i * 7 + name.len()) as f64 * 0.7).sin();
                reference.set(Source::Parameter, name, Tensor::from_fn(&g.shape(*v).sizes(2), x));
            }
            reference.run(&all)
        });
        for (a, b) in results[0].iter().zip(&results[1]) {
            assert_eq!(a.sizes, b.sizes);
            assert!(a.data.iter().zip(&b.data).all(|(a, b)| (a - b).abs() <= 1e-12 * a.abs().max(1.0)));
        }
        trimmed
    }

    fn sizes(g: &Graph) -> Vec<Vec<usize>> {
        let all = g.values().filter(|v| g.operation::<Convolution>(*v).is_some());
        all.map(|v| spatial(g, v)).collect()
    }

    #[test]
    fn windows_that_no_pool_reads_are_not_computed() {
        let mut g = Graph::new();
        let x = leaf(&mut g, "x", &[2, 9, 7, 2]);
        let (w, b) = (leaf(&mut g, "w", &[3, 3, 2, 3]), leaf(&mut g, "bias", &[3]));
        let y = g.convolution(x, w, &Window::valid(&[3, 3], &[1, 1], &[1, 1]), 1).unwrap();
        let y = g.add(y, b).unwrap();
        let y = g.relu(y).unwrap();
        let (gate, two) = (g.sigmoid(y).unwrap(), g.constant(2.0).unwrap());
        let y = g.multiply(y, gate).unwrap();
        let y = g.multiply(y, two).unwrap();
        let pooled = g.max_pool(y, &twos()).unwrap();
        assert_eq!(sizes(&same(&g, pooled, &[x, w, b])), [[6, 4]]);
        // A second reader that reaches farther, and one that reads all.
        let mean = g.apply(WindowSum { window: Window::valid(&[3, 3], &[1, 2], &[1, 1]), mean: true }, &[y]).unwrap();
        let (mean, pooled) = (g.sum(mean).unwrap(), g.sum(pooled).unwrap());
        let both = g.add(mean, pooled).unwrap();
        assert_eq!(sizes(&same(&g, both, &[x, w, b])), [[7, 5]]);
        assert_eq!(sizes(&trim(&g, &[both, y]).unwrap().0), [[7, 5]]);
    }

    #[test]
    fn convolutions_that_leave_places_out_cut_what_is_before_them() {
        let mut g = Graph::new();
        let x = leaf(&mut g, "x", &[2, 12, 8, 1]);
        let (w, v) = (leaf(&mut g, "w", &[3, 1, 1, 2]), leaf(&mut g, "kernel", &[2, 2, 2, 2]));
        let y = g.convolution(x, w, &Window::same(&[3, 1], &[1, 1], &[1, 1], &[12, 8]), 1).unwrap();
        let y = g.tanh(y).unwrap();
        let y = g.convolution(y, v, &Window::valid(&[2, 2], &[3, 3], &[1, 1]), 1).unwrap();
        let y = g.max_pool(y, &twos()).unwrap();
        assert_eq!(sizes(&same(&g, y, &[x, w, v])), [[11, 5], [4, 2]]);
    }

    #[test]
    fn operands_that_cannot_be_cut_keep_the_others_whole() {
        let mut g = Graph::new();
        let (x, mask) = (leaf(&mut g, "x", &[2, 7, 7, 1]), leaf(&mut g, "mask", &[2, 5, 5, 2]));
        let w = leaf(&mut g, "w", &[3, 3, 1, 2]);
        let y = g.convolution(x, w, &Window::valid(&[3, 3], &[1, 1], &[1, 1]), 1).unwrap();
        let relu = g.relu(y).unwrap();
        let masked = g.multiply(relu, mask).unwrap();
        let pooled = g.max_pool(masked, &twos()).unwrap();
        assert_eq!(sizes(&same(&g, pooled, &[x, w, mask])), [[5, 5]]);
    }
}
