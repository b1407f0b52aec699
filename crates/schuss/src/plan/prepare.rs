//! Rewrites a graph into the forms that kernels have, before the list of steps is made: sums over axes that are not
//! neighbours one after another, sums over many rows in parts that threads can share, and repetitions that no row and
//! column strides describe as operations of their own. What is one number for this batch size, such as how many samples
//! there are, becomes that number.

use super::chunks::{KernelParts, PARTS, SumParts};
use super::list::{List, frame_of};
use super::moments::{AllMoments, Of, SampleMoments};
use super::rounded::Rounded;
use crate::error::Result;
use crate::graph::ops::broadcast_to::BroadcastTo;
use crate::graph::ops::constant::Constant;
use crate::graph::ops::convolution_kernel::ConvolutionKernel;
use crate::graph::ops::greater::Greater;
use crate::graph::ops::max_pool::MaxPool;
use crate::graph::ops::multiply::Multiply;
use crate::graph::ops::negative::Negative;
use crate::graph::ops::pool_scatter::PoolScatter;
use crate::graph::ops::squared_deviations::SquaredDeviations;
use crate::graph::ops::subtract::Subtract;
use crate::graph::ops::sum_to::SumTo;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};
use schuss_kernels::product::Factors;
use std::sync::Arc;

/// The rewritten graph, and where each value of the old one is in it. Values that are `kept` stay what is computed.
pub fn prepare(old: &Graph, batch: usize, kept: &[Value]) -> Result<(Graph, Vec<Value>)> {
    let mut g = Graph::new();
    let mut map: Vec<Value> = Vec::with_capacity(old.nodes().len());
    let together = Together::new(old);
    for v in old.values() {
        let node = old.node(v);
        let mut inputs: Vec<Value> = node.inputs.iter().map(|x| map[x.index()]).collect();
        if let Some(x) = number(&g, old, v, &inputs, batch).filter(|_| !kept.contains(&v)) {
            map.push(g.constant(x)?);
            continue;
        }
        if let Some(sum) = old.operation::<SumTo>(v) {
            let sum = summed(&mut g, inputs[0], &sum.target, batch, &|x| together.with(&map, x))?;
            map.push(sum);
            continue;
        }
        if old.operation::<SquaredDeviations>(v).is_some() {
            let x = inputs[0];
            if in_parts(&g, x, &node.shape, batch).is_some() {
                map.push(deviations(&mut g, x, batch)?);
                continue;
            }
            let (sum, rows) = (summed(&mut g, x, &node.shape, batch, &|_| None)?, frame_of(&g.shape(x).sizes(batch)).0);
            let count = g.constant(rows as f64)?;
            let mean = g.divide(sum, count)?;
            let centred = g.subtract(x, mean)?;
            let square = g.square(centred)?;
            map.push(summed(&mut g, square, &node.shape, batch, &|_| None)?);
            continue;
        }
        if let Some((scatter, pooled)) = rectified(old, v) {
            let (x, d) = (map[old.node(scatter).inputs[0].index()], map[old.node(scatter).inputs[1].index()]);
            let zero = g.constant(0.0)?;
            let passes = g.greater(map[pooled.index()], zero)?;
            let d = g.multiply(d, passes)?;
            map.push(g.apply_shared(&old.node(scatter).op, &[x, d])?);
            continue;
        }
        let mut op = node.op.clone();
        let kernel = old.operation::<ConvolutionKernel>(v);
        if let Some(kernel) = kernel {
            let parts = g.shape(inputs[0]).sizes(batch)[0].min(PARTS);
            op = Arc::new(KernelParts { parts, window: kernel.window.clone(), groups: kernel.groups });
        }
        let taken = match Rounded::cut(old, v) {
            Some((great, cut)) => Some((old.node(great).op.clone(), Factors::Cut, cut)),
            None => Rounded::factors(old, v).map(|rounded| (op.clone(), Factors::Bf16, rounded)),
        };
        if let Some((product, factors, before)) = taken {
            op = Arc::new(Rounded { product, factors });
            inputs = before.iter().map(|x| map[x.index()]).collect();
        }
        if kernel.is_some() {
            let parts = g.apply_shared(&op, &inputs)?;
            map.push(g.sum_to(parts, &node.shape)?);
            continue;
        }
        if op.element().is_some() {
            let within = node.shape.sizes(batch);
            for x in &mut inputs {
                if List::strides(&g.shape(*x).sizes(batch), &within, frame_of(&within)).is_none() {
                    *x = g.apply(BroadcastTo { target: node.shape.clone() }, &[*x])?;
                }
            }
        }
        map.push(g.apply_shared(&op, &inputs)?);
    }
    Ok((g, map))
}

/// A rectifier's derivative behind the way back from a max-pooling: what is scattered is 0 where the greatest number of a
/// window is not above 0, so it is enough to look at that. Gives the scatter, and what was pooled.
fn rectified(g: &Graph, v: Value) -> Option<(Value, Value)> {
    g.operation::<Multiply>(v)?;
    let inputs = &g.node(v).inputs;
    let (scatter, passes) = match g.operation::<PoolScatter>(inputs[0]) {
        Some(_) => (inputs[0], inputs[1]),
        None => (inputs[1], inputs[0]),
    };
    let (back, x) = (g.operation::<PoolScatter>(scatter)?, g.node(scatter).inputs[0]);
    g.operation::<Greater>(passes)?;
    let compared = &g.node(passes).inputs;
    if compared[0] != x || g.constant_value(compared[1]) != Some(0.0) {
        return None;
    }
    let same = |u: &Value| {
        g.operation::<MaxPool>(*u).is_some_and(|pool| pool.window == back.window) && g.node(*u).inputs[0] == x
    };
    // A value is behind what it is made of.
    g.values().take_while(|u| *u != v).find(same).map(|pooled| (scatter, pooled))
}

/// The number that a value is, if it is a sum of one constant over all axes, or an element-wise function of constants.
fn number(g: &Graph, old: &Graph, v: Value, inputs: &[Value], batch: usize) -> Option<f64> {
    let node = old.node(v);
    if node.shape.rank() > 0 || inputs.is_empty() {
        return None;
    }
    if old.operation::<SumTo>(v).is_some() {
        let count = old.shape(node.inputs[0]).len(batch);
        return g.constant_value(inputs[0]).map(|x| x * count as f64).filter(|x| !x.is_nan());
    }
    // A random number has no inputs, so what is left is a function of what it is given.
    node.op.element()?;
    let numbers = inputs.iter().map(|x| g.operation::<Constant>(*x).map(|c| Tensor::full(&[], c.value)));
    let numbers = numbers.collect::<Option<Vec<_>>>()?;
    let x = node.op.evaluate(&Moment::default(), &numbers.iter().collect::<Vec<_>>(), &[]).data[0];
    (!x.is_nan()).then_some(x)
}

/// The sum, in as many steps as it takes. A factor that all rows of many have in common, and a sign, are taken out of it:
/// the derivative of a normalisation is made of sums that are the same then.
///
/// `together` says what a sum is made with in the same pass.
fn summed(
    g: &mut Graph,
    x: Value,
    target: &Shape,
    batch: usize,
    together: &dyn Fn(Value) -> Option<Vec<Value>>,
) -> Result<Value> {
    if in_parts(g, x, target, batch).is_some() {
        let inputs = g.node(x).inputs.clone();
        if g.operation::<Negative>(x).is_some() {
            let sum = summed(g, inputs[0], target, batch, together)?;
            return g.negative(sum);
        }
        let common = (0..2).find(|i| g.operation::<Multiply>(x).is_some() && g.shape(inputs[*i]) == target);
        if let Some(i) = common {
            let sum = summed(g, inputs[1 - i], target, batch, together)?;
            return g.multiply(sum, inputs[i]);
        }
    }
    if let Some(parts) = in_parts(g, x, target, batch) {
        let sum = if let Some(all) = times_centred(g, x, target) {
            over_samples(g, &all, Of::Products)?
        } else if let Some(all) = together(x) {
            over_samples(g, &all, Of::Sums)?
        } else {
            let parts = g.apply(SumParts { parts }, &[x])?;
            let row = Shape::new(g.shape(parts).dims()[1..].to_vec());
            g.sum_to(parts, &row)?
        };
        return g.reshape(sum, target);
    }
    let x = sum_apart(g, x, target, batch)?;
    g.sum_to(x, target)
}

/// Values whose sums over all rows are made in the same pass as others.
struct Together {
    /// Those whose squared deviations are summed, too.
    varying: Vec<Value>,
    /// Those that are summed times u − m, too, with u and m.
    beside: Vec<[Value; 3]>,
}

impl Together {
    fn new(g: &Graph) -> Self {
        let varies = |v: Value| g.operation::<SquaredDeviations>(v).map(|_| g.node(v).inputs[0]);
        let times =
            |v: Value| g.operation::<SumTo>(v).and_then(|sum| times_centred(g, g.node(v).inputs[0], &sum.target));
        Together { varying: g.values().filter_map(varies).collect(), beside: g.values().filter_map(times).collect() }
    }
    /// What the sum of x over all rows is made with; `map` leads from the old graph to the new one.
    fn with(&self, map: &[Value], x: Value) -> Option<Vec<Value>> {
        let now = |v: &Value| map.get(v.index()).copied();
        if self.varying.iter().any(|v| now(v) == Some(x)) {
            return Some(vec![x]);
        }
        let with = |all: &[Value; 3]| all.iter().map(now).collect::<Option<Vec<_>>>().filter(|all| all[0] == x);
        self.beside.iter().find_map(with)
    }
}

/// a, u and m, if a value is a (u − m), m a row of such a shape.
fn times_centred(g: &Graph, v: Value, row: &Shape) -> Option<[Value; 3]> {
    g.operation::<Multiply>(v)?;
    let &[x, y] = &g.node(v).inputs[..] else { return None };
    let of = |(a, centred): (Value, Value)| {
        g.operation::<Subtract>(centred)?;
        let &[u, m] = &g.node(centred).inputs[..] else { return None };
        let same = [a, u].iter().all(|x| g.shape(*x) == g.shape(v)) && g.shape(m) == row;
        same.then_some([a, u, m])
    };
    of((x, y)).or_else(|| of((y, x)))
}

/// Sums over all rows, from those of each sample, [`SampleMoments`].
fn over_samples(g: &mut Graph, inputs: &[Value], of: Of) -> Result<Value> {
    let samples = g.apply(SampleMoments, inputs)?;
    g.apply(AllMoments { of }, &[samples])
}

/// The sum of squared distances from the mean of all rows.
fn deviations(g: &mut Graph, x: Value, batch: usize) -> Result<Value> {
    let sizes = g.shape(x).sizes(batch);
    let places = frame_of(&sizes).0 / sizes[0];
    let sums = over_samples(g, &[x], Of::Sums)?;
    let samples = g.apply(SampleMoments, &[x])?;
    g.apply(AllMoments { of: Of::Deviations { places } }, &[samples, sums])
}

/// Into how many parts the samples are cut that are summed to one row, if it is worth it.
fn in_parts(g: &Graph, x: Value, target: &Shape, batch: usize) -> Option<usize> {
    let sizes = g.shape(x).sizes(batch);
    let (rows, n) = frame_of(&sizes);
    let to_a_row = sizes.len() > 2 && target.len(batch) == n && target.last() == Some(n);
    (to_a_row && rows >= MANY).then(|| sizes[0].min(PARTS))
}

/// Rows that are summed in parts.
const MANY: usize = 512;

/// Sums over all groups of neighbouring axes but one, the last ones first; of a whole matrix over its rows first.
fn sum_apart(g: &mut Graph, mut x: Value, target: &Shape, batch: usize) -> Result<Value> {
    let rank = g.shape(x).rank();
    let kept = |g: &Graph, x: Value, i: usize| {
        let from = g.shape(x).dims()[i];
        let to = (i + target.rank()).checked_sub(rank).map_or(Dim::Fixed(1), |j| target.dims()[j]);
        from == to || from == Dim::Fixed(1)
    };
    loop {
        let summed: Vec<usize> = (0..rank).filter(|&i| !kept(g, x, i)).collect();
        let Some(&last) = summed.last() else { return Ok(x) };
        let start = (0..=last).rev().find(|i| *i == 0 || !summed.contains(&(i - 1))).expect("0 is one");
        let matrix = rank >= 2 && start == 0 && last == rank - 1;
        let group = match (summed.len() == last + 1 - start, matrix) {
            // One group is left: the operation itself sums it.
            (true, false) => return Ok(x),
            // Everything goes: the rows first, which threads can share.
            (true, true) => 0..rank - 1,
            (false, _) => start..last + 1,
        };
        let mut dims = g.shape(x).dims().to_vec();
        group.for_each(|i| dims[i] = Dim::Fixed(1));
        let before = g.shape(x).sizes(batch);
        let shape = Shape::new(dims);
        if shape.sizes(batch) == before {
            return Ok(x);
        }
        x = g.sum_to(x, &shape)?;
    }
}
