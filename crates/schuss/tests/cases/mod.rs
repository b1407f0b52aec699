//! Models, losses and metrics that plans are held to the reference on: written from operations, so that what is tested
//! is the plan and not a layer.
#![allow(dead_code)]

use schuss::Result;
use schuss::build::Build;
use schuss::graph::ops::Window;
use schuss::graph::{Graph, Value};
use schuss::initializers::{AnyInitializer, Initializer, Zeros};
use schuss::layers::Layer;
use schuss::losses::{AnyLoss, Loss};
use schuss::metrics::{AnyMetric, Metric};
use schuss::model::Sequential;
use schuss::random::Stream;
use schuss::registry::Settings;
use schuss::shape::Shape;
use schuss::target::{Target, TargetKind};
use std::sync::Arc;

/// A model with what it is trained for.
pub struct Case {
    pub name: &'static str,
    pub model: Sequential,
    pub loss: AnyLoss,
    pub metrics: Vec<AnyMetric>,
    pub target: TargetKind,
    pub weighted: bool,
    /// The batch size whose listing is kept, or 0.
    pub listed: usize,
}

#[derive(Debug)]
struct Uniform;
impl Initializer for Uniform {
    fn kind(&self) -> &'static str {
        "uniform"
    }
    fn settings(&self) -> Settings {
        Settings::default()
    }
    fn fill(&self, _: &[usize], stream: Stream, out: &mut [f32]) {
        out.iter_mut().enumerate().for_each(|(i, x)| *x = stream.uniform(i as u64) as f32 - 0.5);
    }
}
fn uniform() -> AnyInitializer {
    Arc::new(Uniform)
}

type Write = fn(&mut Build, Value) -> Result<Value>;

/// A layer that is a function.
#[derive(Debug)]
struct Raw(Write);
impl Layer for Raw {
    fn kind(&self) -> &'static str {
        "raw"
    }
    fn settings(&self) -> Settings {
        Settings::default()
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        (self.0)(build, x)
    }
}

type PerSample = fn(&mut Graph, Value, Target) -> Result<Value>;

/// A loss or a metric that is a function.
#[derive(Debug)]
struct RawLoss(PerSample);
impl Loss for RawLoss {
    fn kind(&self) -> &'static str {
        "raw"
    }
    fn settings(&self) -> Settings {
        Settings::default()
    }
    fn build(&self, graph: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        (self.0)(graph, prediction, target)
    }
}
impl Metric for RawLoss {
    fn kind(&self) -> &'static str {
        "raw"
    }
    fn settings(&self) -> Settings {
        Settings::default()
    }
    fn greater_is_better(&self) -> bool {
        true
    }
    fn build(&self, graph: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        (self.0)(graph, prediction, target)
    }
}

fn affine(b: &mut Build, x: Value, units: usize) -> Result<Value> {
    let inputs = b.graph.shape(x).last().expect("a fixed axis");
    let kernel = b.parameter("kernel", &[inputs, units], &uniform())?;
    let bias = b.parameter("bias", &[units], &uniform())?;
    let z = b.graph.matmul(x, kernel)?;
    b.graph.add(z, bias)
}

fn hidden<const UNITS: usize>(b: &mut Build, x: Value) -> Result<Value> {
    let z = affine(b, x, UNITS)?;
    b.graph.relu(z)
}
fn last<const UNITS: usize>(b: &mut Build, x: Value) -> Result<Value> {
    affine(b, x, UNITS)
}
fn smooth<const UNITS: usize>(b: &mut Build, x: Value) -> Result<Value> {
    let z = affine(b, x, UNITS)?;
    let s = b.graph.sigmoid(z)?;
    b.graph.tanh(s)
}
/// Logits of some ten thousand: what saturates must still give the whole gradient.
fn large<const UNITS: usize>(b: &mut Build, x: Value) -> Result<Value> {
    let z = affine(b, x, UNITS)?;
    b.graph.scale(z, 1e4)
}
fn with_l2<const UNITS: usize>(b: &mut Build, x: Value) -> Result<Value> {
    let y = affine(b, x, UNITS)?;
    let inputs = b.graph.shape(x).last().expect("a fixed axis");
    let kernel = b.parameter("kernel", &[inputs, UNITS], &uniform())?;
    let square = b.graph.square(kernel)?;
    let sum = b.graph.sum(square)?;
    let penalty = b.graph.scale(sum, 0.05)?;
    b.penalty(penalty);
    Ok(y)
}
fn dropout(b: &mut Build, x: Value) -> Result<Value> {
    if !b.training {
        return Ok(x);
    }
    let shape = b.graph.shape(x).clone();
    let stream = b.stream("mask");
    let u = b.graph.random_uniform(&stream, &shape)?;
    let rate = b.graph.constant(0.3)?;
    let keep = b.graph.greater_equal(u, rate)?;
    let scale = b.graph.scale(keep, 1.0 / 0.7)?;
    b.graph.multiply(x, scale)
}
/// A mask over samples of two axes, and numbers that are random once for all samples.
fn noise(b: &mut Build, x: Value) -> Result<Value> {
    let (a, c) = (b.stream("a"), b.stream("c"));
    let g = &mut b.graph;
    let x = g.reshape(x, &Shape::batch(&[2, 12]))?;
    let each = g.random_uniform(&a, &Shape::batch(&[2, 12]))?;
    let all = g.random_uniform(&c, &Shape::fixed(&[2, 12]))?;
    let y = g.multiply(x, each)?;
    let y = g.add(y, all)?;
    g.reshape(y, &Shape::batch(&[24]))
}
/// Channels of mean 0 and variance 1 over the batch and an axis, with moving statistics that start as 0.
fn normalised(b: &mut Build, x: Value) -> Result<Value> {
    let gain = b.parameter("gain", &[8], &uniform())?;
    let zeros: AnyInitializer = Arc::new(Zeros);
    let buffers = [b.buffer("mean", &[8], &zeros)?, b.buffer("square", &[8], &zeros)?];
    let g = &mut b.graph;
    let x = g.reshape(x, &Shape::batch(&[3, 8]))?;
    let ones = g.filled(3.0, &Shape::batch(&[]))?;
    let count = g.sum(ones)?;
    let mean = |g: &mut Graph, x: Value| {
        let sum = g.sum_to(x, &Shape::fixed(&[8]))?;
        g.divide(sum, count)
    };
    let first = mean(g, x)?;
    let centred = g.subtract(x, first)?;
    let square = g.square(centred)?;
    let second = mean(g, square)?;
    let small = g.constant(0.1)?;
    let sum = g.add(second, small)?;
    let root = g.sqrt(sum)?;
    let factor = g.divide(gain, root)?;
    let y = g.multiply(centred, factor)?;
    let y = g.reshape(y, &Shape::batch(&[24]))?;
    for (buffer, value) in buffers.into_iter().zip([first, second]) {
        let far = b.graph.subtract(value, buffer)?;
        let part = b.graph.scale(far, 0.25)?;
        let next = b.graph.add(buffer, part)?;
        b.assign(buffer, next)?;
    }
    Ok(y)
}
fn softmax(b: &mut Build, x: Value) -> Result<Value> {
    b.graph.softmax(x)
}
/// Axes that no row and column strides describe, sums over axes that are not neighbours, a value read twice.
fn odd_axes(b: &mut Build, x: Value) -> Result<Value> {
    let gain = b.parameter("gain", &[3, 1], &uniform())?;
    let shift = b.parameter("shift", &[1, 2, 1, 4], &uniform())?;
    let g = &mut b.graph;
    let x = g.reshape(x, &Shape::batch(&[2, 3, 4]))?;
    let y = g.multiply(x, gain)?;
    let y = g.add(y, shift)?;
    let e = g.exp(y)?;
    let greatest = g.max_last(y)?;
    let y = g.subtract(e, greatest)?;
    let positive = g.greater(x, gain)?;
    let y = g.select(positive, y, x)?;
    let rows = g.sum_to(y, &Shape::batch(&[1, 3, 1]))?;
    let y = g.add(y, rows)?;
    g.reshape(y, &Shape::batch(&[24]))
}

/// A convolution of images of these sizes, with a bias; of strides, dilation and groups.
fn convolved(
    b: &mut Build,
    x: Value,
    name: &str,
    (size, outputs): (&[usize], usize),
    (strides, dilation, groups): (usize, usize, usize),
    same: bool,
) -> Result<Value> {
    let sizes = b.graph.shape(x).sample();
    let (spatial, channels) = (&sizes[..sizes.len() - 1], sizes[sizes.len() - 1]);
    let (s, d) = (vec![strides; size.len()], vec![dilation; size.len()]);
    let window = if same { Window::same(size, &s, &d, spatial) } else { Window::valid(size, &s, &d) };
    let kernel = b.parameter(name, &[size, &[channels / groups, outputs]].concat(), &uniform())?;
    let bias = b.parameter(&format!("{name}_bias"), &[outputs], &uniform())?;
    let y = b.graph.convolution(x, kernel, &window, groups)?;
    b.graph.add(y, bias)
}
fn image(b: &mut Build, x: Value, sizes: &[usize]) -> Result<Value> {
    b.graph.reshape(x, &Shape::batch(sizes))
}
fn flat(b: &mut Build, x: Value) -> Result<Value> {
    let n = b.graph.shape(x).sample().iter().product();
    b.graph.reshape(x, &Shape::batch(&[n]))
}
fn images(b: &mut Build, x: Value) -> Result<Value> {
    let x = image(b, x, &[6, 5, 3])?;
    let y = convolved(b, x, "one", (&[3, 3], 20), (1, 1, 1), true)?;
    let y = b.graph.relu(y)?;
    let y = convolved(b, y, "two", (&[3, 2], 33), (2, 1, 1), true)?;
    let y = b.graph.relu(y)?;
    let y = convolved(b, y, "three", (&[1, 1], 9), (1, 1, 1), false)?;
    let y = b.graph.tanh(y)?;
    flat(b, y)
}
/// So many numbers a sample that a batch does not go through in one go.
fn many_places(b: &mut Build, x: Value) -> Result<Value> {
    let x = image(b, x, &[12, 12, 1])?;
    let y = convolved(b, x, "one", (&[3, 3], 32), (1, 1, 1), true)?;
    let y = b.graph.relu(y)?;
    let y = convolved(b, y, "two", (&[3, 3], 4), (2, 1, 1), false)?;
    let y = b.graph.tanh(y)?;
    flat(b, y)
}
/// Windows of three by three that take a quarter of the products: alone, pooled, on so many places that samples go through
/// in slices, and on so few that images are summed together.
fn windows_of_three(b: &mut Build, x: Value) -> Result<Value> {
    let x = image(b, x, &[16, 16, 1])?;
    let first = convolved(b, x, "one", (&[3, 3], 40), (1, 1, 1), true)?;
    let y = b.graph.relu(first)?;
    let y = convolved(b, y, "two", (&[3, 3], 40), (1, 1, 1), true)?;
    let y = b.graph.add(y, first)?;
    let y = b.graph.max_pool(y, &Window::valid(&[2, 2], &[2, 2], &[1, 1]))?;
    let y = b.graph.tanh(y)?;
    let y = convolved(b, y, "three", (&[3, 3], 33), (1, 1, 1), true)?;
    let y = b.graph.tanh(y)?;
    let y = b.graph.sum_to(y, &Shape::batch(&[1, 1, 33]))?;
    let y = b.graph.scale(y, 1.0 / 64.0)?;
    flat(b, y)
}
/// Windows of three by three whose kernel is made of a parameter before.
fn kernels_made(b: &mut Build, x: Value) -> Result<Value> {
    let x = image(b, x, &[8, 8, 1])?;
    let y = convolved(b, x, "one", (&[3, 3], 20), (1, 1, 1), true)?;
    let y = b.graph.tanh(y)?;
    let kernel = b.parameter("two", &[3, 3, 20, 20], &uniform())?;
    let g = &mut b.graph;
    let kernel = g.tanh(kernel)?;
    let y = g.convolution(y, kernel, &Window::same(&[3, 3], &[1, 1], &[1, 1], &[8, 8]), 1)?;
    let y = g.sum_to(y, &Shape::batch(&[1, 1, 20]))?;
    let y = g.scale(y, 1.0 / 64.0)?;
    flat(b, y)
}
/// Channels apart, in groups, dilated, by steps without padding.
fn groups(b: &mut Build, x: Value) -> Result<Value> {
    let x = image(b, x, &[5, 3, 6])?;
    let y = convolved(b, x, "groups", (&[2, 2], 4), (1, 2, 2), true)?;
    let y = b.graph.tanh(y)?;
    let y = convolved(b, y, "apart", (&[3, 3], 4), (1, 1, 4), true)?;
    let y = convolved(b, y, "wide", (&[1, 1], 34), (1, 1, 1), false)?;
    let y = b.graph.relu(y)?;
    let y = convolved(b, y, "apart_by_steps", (&[3, 2], 34), (2, 1, 34), false)?;
    let y = convolved(b, y, "by_steps", (&[1, 1], 5), (2, 1, 1), false)?;
    flat(b, y)
}
/// One axis, three axes, and a convolution turned round.
fn other_axes(b: &mut Build, x: Value) -> Result<Value> {
    let x = image(b, x, &[15, 6])?;
    let y = convolved(b, x, "line", (&[4], 12), (3, 1, 1), true)?;
    let y = b.graph.tanh(y)?;
    let y = image(b, y, &[5, 2, 2, 3])?;
    let y = convolved(b, y, "volume", (&[2, 2, 2], 5), (1, 1, 1), true)?;
    let y = b.graph.relu(y)?;
    let kernel = b.parameter("turned", &[2, 3, 2, 4, 5], &uniform())?;
    let window = Window::same(&[2, 3, 2], &[2, 1, 2], &[1, 1, 1], &[9, 2, 3]);
    let y = b.graph.convolution_input(y, kernel, &window, 1, &[9, 2, 3])?;
    flat(b, y)
}
/// Pooling of every kind, with and without something behind it, and samples put together.
fn pools(b: &mut Build, x: Value) -> Result<Value> {
    let x = image(b, x, &[6, 5, 3])?;
    let y = convolved(b, x, "one", (&[3, 3], 20), (1, 1, 1), true)?;
    let y = b.graph.relu(y)?;
    let y = b.graph.max_pool(y, &Window::valid(&[2, 2], &[2, 2], &[1, 1]))?;
    let y = convolved(b, y, "two", (&[2, 2], 17), (1, 1, 1), true)?;
    let g = &mut b.graph;
    let overlapping = g.max_pool(y, &Window::same(&[2, 3], &[1, 1], &[1, 1], &[3, 2]))?;
    let mean = g.window_mean(y, &Window::same(&[3, 2], &[1, 1], &[1, 1], &[3, 2]))?;
    let mean = g.tanh(mean)?;
    let both = g.concatenate(&[overlapping, y, mean], 3)?;
    let both = g.relu(both)?;
    let padded = g.pad(both, &[[1, 0], [0, 2], [0, 0]])?;
    let large = g.window_spread(padded, &Window::valid(&[1, 2], &[1, 2], &[1, 1]), &[4, 8])?;
    let part = g.slice(large, &[1, 0, 3], &[3, 5, 40])?;
    let all = g.window_mean(part, &Window::valid(&[3, 5], &[1, 1], &[1, 1]))?;
    flat(b, all)
}
/// Sums over samples and places, and what depends on them.
fn standardised(b: &mut Build, x: Value) -> Result<Value> {
    let x = image(b, x, &[6, 5, 3])?;
    let y = convolved(b, x, "kernel", (&[3, 3], 18), (1, 1, 1), true)?;
    let g = &mut b.graph;
    let ones = g.filled(1.0, &Shape::batch(&[]))?;
    let count = g.sum(ones)?;
    let count = g.scale(count, 30.0)?;
    let mean = g.sum_to(y, &Shape::fixed(&[18]))?;
    let mean = g.divide(mean, count)?;
    let off = g.subtract(y, mean)?;
    let squares = g.square(off)?;
    let variance = g.sum_to(squares, &Shape::fixed(&[18]))?;
    let variance = g.divide(variance, count)?;
    let little = g.constant(0.1)?;
    let variance = g.add(variance, little)?;
    let deviation = g.sqrt(variance)?;
    let y = g.divide(off, deviation)?;
    let y = g.relu(y)?;
    // The mean over an image's places.
    let y = g.sum_to(y, &Shape::batch(&[1, 1, 18]))?;
    let y = g.scale(y, 1.0 / 30.0)?;
    flat(b, y)
}

fn sparse(g: &mut Graph, z: Value, y: Target) -> Result<Value> {
    let classes = g.shape(z).last().expect("a fixed axis");
    let y = g.one_hot(y.value, classes)?;
    g.softmax_cross_entropy(z, y)
}
fn dense_cross_entropy(g: &mut Graph, z: Value, y: Target) -> Result<Value> {
    g.softmax_cross_entropy(z, y.value)
}
fn top<const K: usize>(g: &mut Graph, z: Value, y: Target) -> Result<Value> {
    g.in_top_k(z, y.value, K)
}
fn squares(g: &mut Graph, p: Value, y: Target) -> Result<Value> {
    let e = g.subtract(p, y.value)?;
    let e = g.square(e)?;
    let mean = g.mean_last(e)?;
    g.drop_last(mean)
}
fn binary(g: &mut Graph, z: Value, y: Target) -> Result<Value> {
    let e = g.sigmoid_cross_entropy(z, y.value)?;
    let mean = g.mean_last(e)?;
    g.drop_last(mean)
}
/// ln cosh, times how far the row is from its mean, so that everything depends on everything.
fn custom(g: &mut Graph, p: Value, y: Target) -> Result<Value> {
    let e = g.subtract(p, y.value)?;
    let (up, down) = (g.exp(e)?, g.negative(e)?);
    let down = g.exp(down)?;
    let sum = g.add(up, down)?;
    let half = g.scale(sum, 0.5)?;
    let log = g.log(half)?;
    let mean = g.mean_last(log)?;
    let off = g.subtract(log, mean)?;
    let off = g.absolute(off)?;
    let worst = g.max_last(off)?;
    let total = g.add(worst, mean)?;
    g.drop_last(total)
}
/// Means and variances over samples and places, as a normalisation of batches has them, around odd and whole registers.
fn normalised_batches(b: &mut Build, x: Value) -> Result<Value> {
    let normalise = |b: &mut Build, x: Value, name: &str, channels: usize| -> Result<Value> {
        let scale = b.parameter(name, &[channels], &uniform())?;
        let g = &mut b.graph;
        let mean = g.mean_rows(x)?;
        let centred = g.subtract(x, mean)?;
        let (variance, little) = (g.variance_rows(x)?, g.constant(0.1)?);
        let variance = g.add(variance, little)?;
        let root = g.sqrt(variance)?;
        let factor = g.divide(scale, root)?;
        g.multiply(centred, factor)
    };
    let x = image(b, x, &[6, 5, 3])?;
    let y = convolved(b, x, "one", (&[3, 3], 19), (1, 1, 1), true)?;
    let first = normalise(b, y, "scale_one", 19)?;
    let y = b.graph.relu(first)?;
    let y = convolved(b, y, "two", (&[3, 3], 48), (1, 1, 1), true)?;
    let y = normalise(b, y, "scale_two", 48)?;
    let y = b.graph.tanh(y)?;
    let y = convolved(b, y, "three", (&[1, 1], 19), (1, 1, 1), true)?;
    let y = b.graph.add(y, first)?;
    // Of an element-wise value, without a convolution before it.
    let y = normalise(b, y, "scale_three", 19)?;
    let y = b.graph.sum_to(y, &Shape::batch(&[1, 1, 19]))?;
    flat(b, y)
}

fn model(input: &[usize], layers: &[(&str, Write)]) -> Sequential {
    let mut m = Sequential::new(input);
    layers.iter().for_each(|(name, f)| m.push(Some(name), Arc::new(Raw(*f))));
    m
}

pub fn cases() -> Vec<Case> {
    let case = |name, model, loss: PerSample, metrics: &[PerSample], target, weighted, listed| Case {
        name,
        model,
        loss: Arc::new(RawLoss(loss)),
        metrics: metrics.iter().map(|f| Arc::new(RawLoss(*f)) as AnyMetric).collect(),
        target,
        weighted,
        listed,
    };
    let (class, numbers) = (TargetKind::Class, TargetKind::Numbers);
    let mlp = || model(&[37], &[("a", hidden::<70>), ("b", hidden::<130>), ("c", last::<10>)]);
    let wide = || model(&[64], &[("a", hidden::<96>), ("b", hidden::<64>), ("c", last::<10>)]);
    vec![
        case("mlp", mlp(), sparse, &[top::<1>], class(10), false, 128),
        case("mlp_remainder", wide(), sparse, &[top::<1>, top::<3>], class(10), false, 97),
        case("linear_weighted", model(&[5], &[("a", last::<3>)]), sparse, &[top::<2>], class(3), true, 0),
        case("dense_targets", model(&[7], &[("a", last::<4>)]), dense_cross_entropy, &[squares], numbers(4), false, 0),
        case(
            "smooth",
            model(&[11], &[("a", smooth::<17>), ("b", smooth::<31>), ("c", last::<2>)]),
            squares,
            &[squares],
            numbers(2),
            true,
            0,
        ),
        case("one_unit", model(&[1], &[("a", smooth::<1>), ("b", last::<1>)]), binary, &[], numbers(1), false, 0),
        case("large_logits", model(&[5], &[("a", large::<4>)]), sparse, &[top::<1>], class(4), false, 0),
        case("large_binary", model(&[5], &[("a", large::<1>)]), binary, &[], numbers(1), false, 0),
        case(
            "shared_layer",
            model(&[33], &[("a", hidden::<33>), ("a", hidden::<33>), ("b", last::<5>)]),
            sparse,
            &[top::<1>],
            class(5),
            false,
            64,
        ),
        case(
            "dropout",
            model(&[17], &[("a", hidden::<48>), ("drop", dropout), ("b", last::<3>)]),
            sparse,
            &[top::<1>],
            class(3),
            false,
            64,
        ),
        case(
            "penalty",
            model(&[13], &[("a", with_l2::<40>), ("b", with_l2::<3>)]),
            sparse,
            &[top::<1>],
            class(3),
            false,
            32,
        ),
        case("softmax_squares", model(&[6], &[("a", last::<5>), ("s", softmax)]), squares, &[], numbers(5), false, 0),
        case(
            "custom_loss",
            model(&[9], &[("a", hidden::<33>), ("b", last::<6>)]),
            custom,
            &[squares],
            numbers(6),
            true,
            32,
        ),
        case(
            "normalised",
            model(&[24], &[("n", normalised), ("b", last::<3>)]),
            sparse,
            &[top::<1>],
            class(3),
            true,
            32,
        ),
        case("noise", model(&[24], &[("n", noise), ("b", last::<3>)]), sparse, &[], class(3), false, 0),
        case("images", model(&[90], &[("i", images), ("b", last::<3>)]), sparse, &[top::<1>], class(3), false, 32),
        case("image_slices", model(&[144], &[("i", many_places), ("b", last::<3>)]), sparse, &[], class(3), false, 64),
        case(
            "image_tiles",
            model(&[256], &[("i", windows_of_three), ("b", last::<3>)]),
            sparse,
            &[],
            class(3),
            false,
            64,
        ),
        case("image_kernels", model(&[64], &[("i", kernels_made), ("b", last::<3>)]), sparse, &[], class(3), false, 0),
        case("image_groups", model(&[90], &[("i", groups), ("b", last::<3>)]), sparse, &[], class(3), false, 0),
        case("image_axes", model(&[90], &[("i", other_axes), ("b", last::<3>)]), sparse, &[], class(3), true, 0),
        case("image_pools", model(&[90], &[("i", pools), ("b", last::<3>)]), sparse, &[], class(3), false, 32),
        case("image_norm", model(&[90], &[("i", standardised), ("b", last::<3>)]), sparse, &[], class(3), false, 32),
        case(
            "image_batches",
            model(&[90], &[("i", normalised_batches), ("b", last::<3>)]),
            sparse,
            &[],
            class(3),
            true,
            32,
        ),
        case("odd_axes", model(&[24], &[("odd", odd_axes), ("b", last::<3>)]), sparse, &[], class(3), false, 0),
    ]
}
