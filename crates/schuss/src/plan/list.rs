//! The device-free list of fused steps that passes work on: what is computed together, in which order, and what is
//! kept.

use super::chunks::{KernelParts, SumParts};
use super::moments::{AllMoments, Of, SampleMoments};
use super::rounded::Rounded;
use crate::graph::ops::argmax_last::ArgmaxLast;
use crate::graph::ops::broadcast_to::BroadcastTo;
use crate::graph::ops::concatenate::Concatenate;
use crate::graph::ops::constant::Constant;
use crate::graph::ops::convolution::Convolution;
use crate::graph::ops::convolution_input::ConvolutionInput;
use crate::graph::ops::in_top_k::InTopK;
use crate::graph::ops::input::Input;
use crate::graph::ops::log_softmax::LogSoftmax;
use crate::graph::ops::matmul::MatMul;
use crate::graph::ops::max_last::MaxLast;
use crate::graph::ops::max_pool::MaxPool;
use crate::graph::ops::one_hot::OneHot;
use crate::graph::ops::pad::Pad;
use crate::graph::ops::pool_scatter::PoolScatter;
use crate::graph::ops::pool_select::PoolSelect;
use crate::graph::ops::reshape::Reshape;
use crate::graph::ops::slice::Slice;
use crate::graph::ops::softmax::Softmax;
use crate::graph::ops::softmax_cross_entropy::SoftmaxCrossEntropy;
use crate::graph::ops::softmax_cross_entropy_gradient::SoftmaxCrossEntropyGradient;
use crate::graph::ops::sum_to::SumTo;
use crate::graph::ops::symmetric::OfSymmetric;
use crate::graph::ops::window::Window;
use crate::graph::ops::window_spread::WindowSpread;
use crate::graph::ops::window_sum::WindowSum;
use crate::graph::{Graph, Value};
use schuss_kernels::Isa;
use schuss_kernels::convolution::{Geometry, Method};
use schuss_kernels::copies::Piece;
use schuss_kernels::product::Factors;
use schuss_kernels::rows::{RowFold, RowMap};
use schuss_kernels::symmetric::Symmetric;
use schuss_kernels::tape::Element;
use schuss_kernels::windows::WindowMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a step computes before element-wise operations follow.
#[derive(Clone, Debug, PartialEq)]
pub enum Kernel {
    /// A matrix product.
    Product { a: Value, b: Value, transpose_a: bool, transpose_b: bool, factors: Factors },
    /// Nothing: the chain makes the numbers.
    Map,
    /// A sum over axes.
    Sum { x: Value },
    /// Sums over the rows of each part of the samples.
    SumParts { x: Value, parts: usize },
    /// Of each sample the sums over its places, and of the squared distances from their means or, given u and m, times u − m.
    SampleMoments { x: Value, with: Option<[Value; 2]> },
    /// One of the two over all samples; distances from the means over all are given the sums, too.
    AllMoments { of: Of, moments: Value, sums: Option<Value> },
    /// A convolution, or from its outputs to its inputs.
    Convolve { x: Value, w: Value, geometry: Geometry, turned: bool, method: Method, factors: Factors },
    /// The derivative by a convolution's kernel, for each part of the samples.
    Correlate { x: Value, y: Value, geometry: Geometry, parts: usize, method: Method, factors: Factors },
    /// What becomes of windows that move over images, or back.
    Windows { f: WindowMap, x: Value, v: Option<Value>, geometry: Geometry },
    /// Samples put together from pieces of others, and of zeros: from where, numbers of a sample there, and what of it.
    Arrange { pieces: Vec<(Value, usize, Piece)>, samples: usize, zeros: bool },
    /// A repetition along axes that no row and column strides describe.
    Spread { x: Value },
    /// A row to a number.
    Fold { f: RowFold, x: Value },
    /// A row to a row.
    RowMap { f: RowMap, x: Value },
    /// An index to a row.
    OneHot { labels: Value },
    /// A row and an index to 1 or 0.
    InTopK { k: usize, scores: Value, labels: Value },
    /// A symmetric matrix to another, where `now` is not 0.
    Symmetric { f: Symmetric, x: Value, old: Value, now: Value },
    /// Softmax, cross-entropy, its derivative and whether the label is among the best k.
    CrossEntropy(CrossEntropy),
}

/// The parts of a cross-entropy step.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropy {
    /// z.
    pub logits: Value,
    /// y, or the labels of which y is the one-hot.
    pub target: Value,
    /// Is `target` one index a row?
    pub indexed: bool,
    /// The loss of each row.
    pub loss: Option<Value>,
    /// d and the derivative.
    pub gradient: Option<(Value, Value)>,
    /// k and the 1 or 0 of each row.
    pub in_top: Option<(usize, Value)>,
}

/// Numbers that are computed together.
#[derive(Clone, Debug)]
pub struct Step {
    /// What comes first.
    pub kernel: Kernel,
    /// The value that the kernel hands to the chain (or stores, where it takes no chain).
    pub base: Option<Value>,
    /// Element-wise operations on it while it is in cache, in order.
    pub chain: Vec<Value>,
    /// What is done with a gradient.
    pub write: Option<Write>,
}

/// What is done with a gradient: the last value of the chain, or one that another step has made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Write {
    /// What.
    pub kind: Writes,
    /// The parameter's place among the variables.
    pub place: usize,
    /// The gradient.
    pub gradient: Value,
}

/// What a plan does with gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writes {
    /// Updates the parameters.
    Update,
    /// Adds the gradients up.
    Accumulate,
    /// Sets the variable to the value.
    Assign,
}

impl Step {
    /// The values it computes.
    pub fn makes(&self) -> Vec<Value> {
        let mut all: Vec<Value> = self.base.into_iter().chain(self.chain.iter().copied()).collect();
        if let Kernel::CrossEntropy(c) = &self.kernel {
            all.extend(c.loss.into_iter().chain(c.gradient.map(|g| g.1)).chain(c.in_top.map(|t| t.1)));
        }
        all
    }
    /// Can element-wise operations follow in cache?
    pub fn takes_chain(&self) -> bool {
        use Kernel::{AllMoments, Arrange, Convolve, Fold, Map, Product, Sum, SumParts, Windows};
        let sums = matches!(self.kernel, Sum { .. } | SumParts { .. } | AllMoments { .. } | Fold { .. });
        sums || matches!(self.kernel, Product { .. } | Map | Convolve { .. } | Windows { .. } | Arrange { .. })
    }
    /// The last value of the chain, or what the kernel gives, or the gradient that is only taken up.
    pub fn last(&self) -> Option<Value> {
        self.chain.last().copied().or(self.base).or(self.write.map(|w| w.gradient))
    }
}

/// How a sum's input lies: `outer` × `summed` × `inner` numbers, of which the middle goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SumAxes {
    /// Kept, in front.
    pub outer: usize,
    /// Summed over.
    pub summed: usize,
    /// Kept, behind.
    pub inner: usize,
}

/// The list.
pub struct List<'g> {
    /// What it computes.
    pub graph: &'g Graph,
    /// For how many samples.
    pub batch: usize,
    /// With what instructions.
    pub isa: Isa,
    /// In an order in which they can be computed.
    pub steps: Vec<Step>,
    /// Values that are computed again wherever they are used, by place in the graph.
    pub inline: Vec<bool>,
    /// Values that must be kept.
    pub roots: Vec<Value>,
    /// Values that steps are made for, kept only if they are read.
    pub gradients: Vec<Value>,
}

impl<'g> List<'g> {
    /// Every operation that is needed for `roots` and `gradients` a step of its own. Roots are kept.
    pub fn new(graph: &'g Graph, batch: usize, isa: Isa, roots: &[Value], gradients: &[Value]) -> Self {
        let needed = graph.needed_for(&[roots, gradients].concat());
        let (inline, roots, gradients) = (vec![false; needed.len()], roots.to_vec(), gradients.to_vec());
        let mut list = List { graph, batch, isa, steps: Vec::new(), inline, roots, gradients };
        for v in graph.values().filter(|v| needed[v.index()]) {
            if let Some(step) = list.step_of(v) {
                list.steps.push(step);
            }
        }
        list
    }

    fn step_of(&self, v: Value) -> Option<Step> {
        let g = self.graph;
        let x = |i: usize| g.node(v).inputs[i];
        let step = |kernel, base, chain| Step { kernel, base, chain, write: None };
        let ends = |kernel| Some(step(kernel, Some(v), Vec::new()));
        if g.operation::<Input>(v).is_some()
            || g.operation::<Constant>(v).is_some()
            || g.operation::<Reshape>(v).is_some()
        {
            return None;
        }
        if self.elementwise(v) {
            return Some(step(Kernel::Map, None, vec![v]));
        }
        if g.operation::<BroadcastTo>(v).is_some() {
            return ends(Kernel::Spread { x: x(0) });
        }
        let (op, factors) = Rounded::split(g, v);
        if let Some(m) = op.downcast_ref::<MatMul>() {
            let (transpose_a, transpose_b) = (m.transpose_a, m.transpose_b);
            return ends(Kernel::Product { a: x(0), b: x(1), transpose_a, transpose_b, factors });
        }
        if g.operation::<SumTo>(v).is_some() {
            return ends(Kernel::Sum { x: x(0) });
        }
        if let Some(op) = g.operation::<SumParts>(v) {
            return ends(Kernel::SumParts { x: x(0), parts: op.parts });
        }
        if g.operation::<SampleMoments>(v).is_some() {
            let with = (g.node(v).inputs.len() == 3).then(|| [x(1), x(2)]);
            return ends(Kernel::SampleMoments { x: x(0), with });
        }
        if let Some(op) = g.operation::<AllMoments>(v) {
            let sums = g.node(v).inputs.get(1).copied();
            return ends(Kernel::AllMoments { of: op.of, moments: x(0), sums });
        }
        let convolve =
            |geometry, turned| Kernel::Convolve { x: x(0), w: x(1), geometry, turned, method: Method::Look, factors };
        if let Some(op) = op.downcast_ref::<Convolution>() {
            return ends(convolve(self.geometry(&op.window, op.groups, x(0), v), false));
        }
        if let Some(op) = op.downcast_ref::<ConvolutionInput>() {
            return ends(convolve(self.geometry(&op.window, op.groups, v, x(0)), true));
        }
        if let Some(op) = op.downcast_ref::<KernelParts>() {
            let geometry = self.geometry(&op.window, op.groups, x(0), x(1));
            let (x, y, parts, method) = (x(0), x(1), op.parts, Method::Look);
            return ends(Kernel::Correlate { x, y, geometry, parts, method, factors });
        }
        if let Some(kernel) = self.windows_of(v).or_else(|| self.arrangement(v)) {
            return ends(kernel);
        }
        if g.operation::<MaxLast>(v).is_some() {
            return ends(Kernel::Fold { f: RowFold::Max, x: x(0) });
        }
        if g.operation::<ArgmaxLast>(v).is_some() {
            return ends(Kernel::Fold { f: RowFold::Argmax, x: x(0) });
        }
        if g.operation::<Softmax>(v).is_some() {
            return ends(Kernel::RowMap { f: RowMap::Softmax, x: x(0) });
        }
        if g.operation::<LogSoftmax>(v).is_some() {
            return ends(Kernel::RowMap { f: RowMap::LogSoftmax, x: x(0) });
        }
        if g.operation::<OneHot>(v).is_some() {
            return ends(Kernel::OneHot { labels: x(0) });
        }
        if let Some(op) = g.operation::<InTopK>(v) {
            return ends(Kernel::InTopK { k: op.k, scores: x(0), labels: x(1) });
        }
        if let Some(op) = g.operation::<OfSymmetric>(v) {
            return ends(Kernel::Symmetric { f: op.f, x: x(0), old: x(1), now: x(2) });
        }
        let cross = |loss, gradient| {
            let (logits, target) = (x(0), x(1));
            let c = CrossEntropy { logits, target, indexed: false, loss, gradient, in_top: None };
            Some(step(Kernel::CrossEntropy(c), None, Vec::new()))
        };
        if g.operation::<SoftmaxCrossEntropy>(v).is_some() {
            return cross(Some(v), None);
        }
        if g.operation::<SoftmaxCrossEntropyGradient>(v).is_some() {
            return cross(None, Some((x(2), v)));
        }
        unreachable!("operation {:?} has no kernel", g.node(v).op)
    }

    /// The kernel of an operation on windows.
    fn windows_of(&self, y: Value) -> Option<Kernel> {
        let g = self.graph;
        let inputs = &g.node(y).inputs;
        let kernel = |f, window: &Window, (images, windows): (Value, Value)| {
            let geometry = self.geometry(window, 1, images, windows);
            Kernel::Windows { f, x: inputs[0], v: inputs.get(1).copied(), geometry }
        };
        if let Some(op) = g.operation::<MaxPool>(y) {
            return Some(kernel(WindowMap::Max, &op.window, (inputs[0], y)));
        }
        if let Some(op) = g.operation::<PoolSelect>(y) {
            return Some(kernel(WindowMap::Select, &op.window, (inputs[0], y)));
        }
        if let Some(op) = g.operation::<PoolScatter>(y) {
            return Some(kernel(WindowMap::Scatter, &op.window, (y, inputs[1])));
        }
        if let Some(op) = g.operation::<WindowSum>(y) {
            return Some(kernel(WindowMap::Sum { mean: op.mean }, &op.window, (inputs[0], y)));
        }
        let op = g.operation::<WindowSpread>(y)?;
        Some(kernel(WindowMap::Spread { mean: op.mean }, &op.window, (y, inputs[0])))
    }
    /// The kernel of an operation that only puts numbers elsewhere. The first axis is that of samples, where it is left
    /// as it is.
    fn arrangement(&self, y: Value) -> Option<Kernel> {
        let g = self.graph;
        let (inputs, to) = (&g.node(y).inputs, self.sizes(y));
        let first = |n: usize| to.len() - n;
        // Which elements of each input, from where to where.
        let none = vec![0; to.len()];
        let place = |first: usize, of: &[usize]| [vec![0; first], of.to_vec()].concat();
        let parts: Vec<(Vec<usize>, Vec<usize>, Vec<usize>)> = if let Some(op) = g.operation::<Slice>(y) {
            vec![(to.clone(), place(first(op.start.len()), &op.start), none)]
        } else if let Some(op) = g.operation::<Pad>(y) {
            let before: Vec<usize> = op.padding.iter().map(|p| p[0]).collect();
            vec![(self.sizes(inputs[0]), none, place(first(before.len()), &before))]
        } else {
            let axis = g.operation::<Concatenate>(y)?.axis;
            let mut at = none.clone();
            let one = |x: &Value| {
                let (sizes, to) = (self.sizes(*x), at.clone());
                at[axis] += sizes[axis];
                (sizes, none.clone(), to)
            };
            inputs.iter().map(one).collect()
        };
        let same = |x: &Value| to.len() > 1 && self.sizes(*x)[0] == to[0];
        let samples = if inputs.iter().all(same) && parts.iter().all(|p| p.0[0] == to[0]) { to[0] } else { 1 };
        let pieces = inputs.iter().zip(&parts).filter(|(_, part)| !part.0.contains(&0)).map(|(x, part)| {
            let own = self.sizes(*x);
            (*x, own.iter().product::<usize>() / samples, piece(part, &own, &to, samples))
        });
        let pieces = pieces.collect();
        Some(Kernel::Arrange { pieces, samples, zeros: g.operation::<Pad>(y).is_some() })
    }
    /// Where the windows of a convolution from `x` to `y` lie.
    fn geometry(&self, window: &Window, groups: usize, x: Value, y: Value) -> Geometry {
        let (x, y) = (self.sizes(x), self.sizes(y));
        let three = |of: &mut dyn Iterator<Item = usize>, missing| {
            let all: Vec<usize> = of.collect();
            let mut three = [missing; 3];
            three[3 - all.len()..].copy_from_slice(&all);
            three
        };
        let spatial = |sizes: &[usize]| three(&mut sizes[1..sizes.len() - 1].iter().copied(), 1);
        Geometry {
            input: spatial(&x),
            channels: x[x.len() - 1],
            output: spatial(&y),
            outputs: y[y.len() - 1],
            size: three(&mut window.size.iter().copied(), 1),
            strides: three(&mut window.strides.iter().copied(), 1),
            dilation: three(&mut window.dilation.iter().copied(), 1),
            before: three(&mut window.padding.iter().map(|p| p[0]), 0),
            groups,
        }
    }
    /// Equal parts of the rows that a step computes, none of which threads share: samples, where there are any.
    pub fn blocks(&self, step: &Step) -> usize {
        let rows = self.frame(step).0;
        let leading = |v: Value| self.sizes(v).first().copied().unwrap_or(1);
        let made = step.base.or(step.last());
        match (&step.kernel, made) {
            (Kernel::SumParts { parts, .. } | Kernel::Correlate { parts, .. }, _) => *parts,
            (Kernel::Convolve { .. } | Kernel::Windows { .. }, Some(v)) => leading(v),
            (Kernel::Arrange { samples, .. }, _) => *samples,
            (_, Some(v)) if self.graph.shape(v).has_batch() && rows.is_multiple_of(leading(v)) => leading(v),
            _ => rows,
        }
    }

    /// Does an element of the value depend on the elements at its place alone?
    pub fn elementwise(&self, v: Value) -> bool {
        let node = self.graph.node(v);
        let repeats = || {
            let within = self.sizes(v);
            List::strides(&self.sizes(node.inputs[0]), &within, frame_of(&within)).is_some()
        };
        node.op.element().is_some() || (self.graph.operation::<BroadcastTo>(v).is_some() && repeats())
    }
    /// Is it a random number?
    pub fn random(&self, v: Value) -> bool {
        matches!(self.graph.node(v).op.element(), Some(Element::Random(_)))
    }
    /// Is it one number that never changes?
    pub fn constant(&self, v: Value) -> bool {
        self.graph.operation::<Constant>(v).is_some()
    }
    /// The value under whose name the numbers are stored: what is reshaped, for a reshape.
    pub fn stored_as(&self, mut v: Value) -> Value {
        while self.graph.operation::<Reshape>(v).is_some() {
            v = self.graph.node(v).inputs[0];
        }
        v
    }
    /// Sizes of a value.
    pub fn sizes(&self, v: Value) -> Vec<usize> {
        self.graph.shape(v).sizes(self.batch)
    }
    /// Rows and columns of a value, seen as a matrix: all axes but the last, and the last.
    pub fn matrix(&self, v: Value) -> (usize, usize) {
        let sizes = self.sizes(v);
        let cols = sizes.last().copied().unwrap_or(1);
        (sizes[..sizes.len().saturating_sub(1)].iter().product(), cols)
    }
    /// How a sum's input lies. Sums over axes that are not neighbours have been taken apart in the graph.
    pub fn sum_axes(&self, x: Value, y: Value) -> SumAxes {
        let (from, to) = (self.sizes(x), self.sizes(y));
        let kept = |i: usize| (i + to.len()).checked_sub(from.len()).map_or(1, |j| to[j]) == from[i];
        let summed: Vec<usize> = (0..from.len()).filter(|&i| !kept(i)).collect();
        let (first, last) = match (summed.first(), summed.last()) {
            (Some(&f), Some(&l)) => (f, l + 1),
            _ => (0, 0),
        };
        SumAxes {
            outer: from[..first].iter().product(),
            summed: from[first..last].iter().product(),
            inner: from[last..].iter().product(),
        }
    }
    /// Rows and columns of what a step computes.
    pub fn frame(&self, step: &Step) -> (usize, usize) {
        match (&step.kernel, step.base) {
            (Kernel::Sum { x }, Some(y)) => {
                let axes = self.sum_axes(*x, y);
                (axes.outer, axes.inner)
            }
            (Kernel::CrossEntropy(c), _) => self.matrix(c.logits),
            (Kernel::InTopK { scores, .. }, _) => self.matrix(*scores),
            (Kernel::Fold { x, .. }, _) => (self.matrix(*x).0, 1),
            _ => frame_of(&self.sizes(step.last().expect("a step computes something"))),
        }
    }
    /// The strides at which a value of `sizes` is read beside a frame of rows and columns whose own value has
    /// `within` axes: nothing if no strides do.
    pub fn strides(sizes: &[usize], within: &[usize], frame: (usize, usize)) -> Option<(usize, usize)> {
        let count: usize = sizes.iter().product();
        if count == 1 {
            return Some((0, 0));
        }
        if count == frame.0 * frame.1 {
            return Some((frame.1, 1));
        }
        let last = within.last().copied().unwrap_or(1);
        if frame.1 != last {
            return None;
        }
        let own_last = sizes.last().copied().unwrap_or(1);
        let rows = count / own_last;
        match (rows == frame.0, own_last == last) {
            (true, false) if own_last == 1 => Some((1, 0)),
            (false, true) if rows == 1 => Some((0, 1)),
            _ => None,
        }
    }

    /// The stored values that computing `v` in the middle of a chain reads, through inlined ones; not what `own` makes.
    pub fn operands(&self, v: Value, own: &[Value], out: &mut Vec<Value>) {
        for &x in &self.graph.node(v).inputs {
            if own.contains(&x) || self.constant(x) {
                continue;
            }
            if self.inline[x.index()] {
                self.operands(x, own, out);
            } else if !out.contains(&x) {
                out.push(x);
            }
        }
    }
    /// All stored values that a step reads (as they are named in the graph, reshapes not looked through).
    pub fn reads(&self, step: &Step) -> Vec<Value> {
        let mut all = Vec::new();
        let mut read = |v: Value| {
            if self.inline[v.index()] {
                self.operands(v, &[], &mut all);
            } else if !self.constant(v) && !all.contains(&v) {
                all.push(v);
            }
        };
        match &step.kernel {
            Kernel::Map => {}
            Kernel::Product { a, b, .. } => [*a, *b].into_iter().for_each(&mut read),
            Kernel::Convolve { x, w: y, .. } | Kernel::Correlate { x, y, .. } => {
                [*x, *y].into_iter().for_each(&mut read)
            }
            Kernel::Windows { x, v, .. } => std::iter::once(*x).chain(*v).for_each(&mut read),
            Kernel::Arrange { pieces, .. } => pieces.iter().for_each(|p| read(p.0)),
            Kernel::SumParts { x, .. } => read(*x),
            Kernel::SampleMoments { x, with } => {
                std::iter::once(*x).chain(with.iter().flatten().copied()).for_each(&mut read)
            }
            Kernel::AllMoments { moments, sums, .. } => std::iter::once(*moments).chain(*sums).for_each(&mut read),
            Kernel::Sum { x } | Kernel::Spread { x } | Kernel::Fold { x, .. } | Kernel::RowMap { x, .. } => read(*x),
            Kernel::OneHot { labels } => read(*labels),
            Kernel::InTopK { scores, labels, .. } => [*scores, *labels].into_iter().for_each(&mut read),
            Kernel::Symmetric { x, old, now, .. } => [*x, *old, *now].into_iter().for_each(&mut read),
            Kernel::CrossEntropy(c) => {
                [Some(c.logits), Some(c.target), c.gradient.map(|g| g.0)].into_iter().flatten().for_each(&mut read);
            }
        }
        let own = step.makes();
        if let Some(w) = step.write.filter(|w| !own.contains(&w.gradient)) {
            read(w.gradient);
        }
        step.chain.iter().for_each(|&v| self.operands(v, &own, &mut all));
        all
    }
    /// For each value of the graph, the place of the step that makes it.
    pub fn makers(&self) -> Vec<Option<usize>> {
        let mut makers = vec![None; self.graph.nodes().len()];
        for (i, step) in self.steps.iter().enumerate() {
            step.makes().iter().for_each(|v| makers[v.index()] = Some(i));
        }
        makers
    }
    /// For each step, the steps whose values it reads.
    pub fn dependencies(&self) -> Vec<Vec<usize>> {
        let makers = self.makers();
        let of = |s: &Step| self.reads(s).iter().filter_map(|v| makers[self.stored_as(*v).index()]).collect();
        self.steps.iter().map(of).collect()
    }
    /// The parameter leaves that a step reads, by name; those it reads element by element at the written place alone
    /// (in its chain) are not among them if `chain` is false.
    pub fn leaves_read(&self, step: &Step, chain: bool) -> Vec<Value> {
        let bare = Step { chain: Vec::new(), ..step.clone() };
        let all = if chain { self.reads(step) } else { self.reads(&bare) };
        all.into_iter().map(|v| self.stored_as(v)).filter(|v| self.graph.operation::<Input>(*v).is_some()).collect()
    }
    /// Puts the steps into an order in which they can be computed, keeping the present one where it is free to:
    /// `after[i]` are further steps that step i must follow. Nothing changes and the answer is no if there is none.
    pub fn sort(&mut self, after: &[Vec<usize>]) -> bool {
        let count = self.steps.len();
        let (mut followers, mut left) = (vec![Vec::new(); count], vec![0; count]);
        for (i, waits) in self.dependencies().iter().enumerate() {
            for &w in waits.iter().chain(after.get(i).into_iter().flatten()).filter(|w| **w != i) {
                followers[w].push(i);
                left[i] += 1;
            }
        }
        let mut ready: BinaryHeap<Reverse<usize>> = (0..count).filter(|i| left[*i] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(count);
        while let Some(Reverse(next)) = ready.pop() {
            order.push(next);
            for &i in &followers[next] {
                left[i] -= 1;
                if left[i] == 0 {
                    ready.push(Reverse(i));
                }
            }
        }
        if order.len() < count {
            return false;
        }
        let mut steps: Vec<Option<Step>> = std::mem::take(&mut self.steps).into_iter().map(Some).collect();
        self.steps = order.into_iter().map(|i| steps[i].take().expect("each step is placed once")).collect();
        true
    }
}

/// Rows and columns in which an element-wise step goes over an array: all axes but the last, and the last; one row
/// where there is but one axis.
pub fn frame_of(sizes: &[usize]) -> (usize, usize) {
    match sizes {
        [] => (1, 1),
        [n] => (1, *n),
        [rows @ .., cols] => (rows.iter().product(), *cols),
    }
}

/// A part of an array of sizes `from` (its sizes, where it begins there, and where in what is made, of sizes `to`) as a
/// piece of each of so many samples. Axes that are whole in both are taken together.
fn piece(
    (sizes, start, place): &(Vec<usize>, Vec<usize>, Vec<usize>),
    from: &[usize],
    to: &[usize],
    samples: usize,
) -> Piece {
    let (mut own, mut made) = (1, 1);
    let mut piece = Piece { from: 0, to: 0, axes: Vec::new(), width: 1 };
    for axis in (0..sizes.len()).rev() {
        piece.from += start[axis] * own;
        piece.to += place[axis] * made;
        let size = if axis == 0 { sizes[0] / samples } else { sizes[axis] };
        if piece.axes.is_empty() && (own, made) == (piece.width, piece.width) {
            piece.width *= size;
        } else if size > 1 {
            piece.axes.insert(0, (size, own, made));
        }
        own *= from[axis];
        made *= to[axis];
    }
    piece
}
