//! Derivatives against central differences, in f64.
// Not every test that includes this needs all of it.
#![allow(dead_code)]

use schuss::graph::ops::Example;
use schuss::graph::ops::input::{Input, Source};
use schuss::graph::{Graph, Reference, Tensor, Value, backpropagate};
use schuss::random::Stream;

/// Half the distance between the two points of a difference. [`Example::draw`] keeps its numbers farther than that
/// from each other and from kinks.
const H: f64 = 1e-5;

/// Times 1 + the greatest of the numbers that are compared. They are of order 1, with third derivatives below 1000 in
/// the examples' ranges: a difference cuts off h²/6 · 1000 = 2e-8, and rounds by 1e-16/h = 1e-11 for each of at most
/// 1000 terms.
const TOLERANCE: f64 = 1e-7;

/// Is the derivative of Σ c·op(x) right, and the derivative of the derivative, with respect to x and the random c?
pub fn check(example: &Example, seed: u64) -> Result<(), String> {
    let mut g = Graph::new();
    let mut leaves = Vec::new();
    for (i, shape) in example.shapes().into_iter().enumerate() {
        leaves.push(g.input(Source::Parameter, &format!("x{i}"), shape));
    }
    let y = (example.op)(&mut g, &leaves).expect("an example fits its operation");
    let shape = g.shape(y).clone();
    let c = g.input(Source::Parameter, "c", shape.clone());
    let loss = sum_of_product(&mut g, c, y);
    leaves.push(c);

    let mut point = example.draw(seed);
    point.push(random(&shape.sizes(1), seed, "c"));
    let variables: Vec<usize> = (0..leaves.len()).filter(|i| example.differentiable.get(*i) != Some(&false)).collect();
    check_at(&mut g, 1, loss, &leaves, &point, &variables, seed)
}

/// Is the derivative of `loss` right, and the derivative of the derivative, where the leaves have the values of `point`
/// and the batch has so many samples, with respect to those leaves that are `variables`?
pub fn check_at(
    g: &mut Graph,
    batch: usize,
    loss: Value,
    leaves: &[Value],
    point: &[Tensor],
    variables: &[usize],
    seed: u64,
) -> Result<(), String> {
    let mut leaves = leaves.to_vec();
    let wrt: Vec<Value> = variables.iter().map(|i| leaves[*i]).collect();
    let gradient = backpropagate(g, loss, &wrt).unwrap();

    let moved = |direction: &[Tensor], h: f64| {
        let mut to = point.to_vec();
        for (i, d) in variables.iter().zip(direction) {
            to[*i].data.iter_mut().zip(&d.data).for_each(|(x, d)| *x += h * d);
        }
        to
    };
    let zeros: Vec<Tensor> = variables.iter().map(|i| Tensor::full(&point[*i].sizes, 0.0)).collect();
    for (k, found) in run(g, batch, &leaves, point, &gradient).iter().enumerate() {
        let difference = |j: usize| {
            let mut direction = zeros.clone();
            direction[k].data[j] = 1.0;
            let [above, below] = [H, -H].map(|h| run(g, batch, &leaves, &moved(&direction, h), &[loss])[0].data[0]);
            (above - below) / (2.0 * H)
        };
        let expected = Tensor::from_fn(&found.sizes, difference);
        compare(&format!("derivative with respect to leaf {}", variables[k]), found, &expected)?;
    }

    let direction: Vec<Tensor> =
        zeros.iter().enumerate().map(|(k, z)| random(&z.sizes, seed, &format!("v{k}"))).collect();
    let mut along = g.constant(0.0).unwrap();
    for (k, part) in gradient.iter().enumerate() {
        let shape = g.shape(*part).clone();
        let v = g.input(Source::Parameter, &format!("v{k}"), shape);
        let product = sum_of_product(g, *part, v);
        along = g.add(along, product).unwrap();
        leaves.push(v);
    }
    let curvature = backpropagate(g, along, &wrt).unwrap();
    let with_direction: Vec<Tensor> = point.iter().chain(&direction).cloned().collect();
    let found = run(g, batch, &leaves, &with_direction, &curvature);
    let [above, below] = [H, -H].map(|h| run(g, batch, &leaves, &moved(&direction, h), &gradient));
    for (k, found) in found.iter().enumerate() {
        let expected = Tensor::from_fn(&found.sizes, |j| (above[k].data[j] - below[k].data[j]) / (2.0 * H));
        compare(&format!("second derivative with respect to leaf {}", variables[k]), found, &expected)?;
    }
    Ok(())
}

/// Numbers in −1 … 1.
pub fn random(sizes: &[usize], seed: u64, name: &str) -> Tensor {
    let stream = Stream::named(seed, name);
    Tensor::from_fn(sizes, |i| 2.0 * stream.uniform(i as u64) - 1.0)
}

fn sum_of_product(g: &mut Graph, a: Value, b: Value) -> Value {
    let product = g.multiply(a, b).unwrap();
    g.sum(product).unwrap()
}

/// The values of `outputs` where the leaves have these values.
fn run(g: &Graph, batch: usize, leaves: &[Value], at: &[Tensor], outputs: &[Value]) -> Vec<Tensor> {
    let mut reference = Reference::new(g, batch);
    for (leaf, x) in leaves.iter().zip(at) {
        let leaf = g.operation::<Input>(*leaf).expect("a leaf");
        reference.set(leaf.source, &leaf.name, x.clone());
    }
    reference.run(outputs)
}

fn compare(what: &str, found: &Tensor, expected: &Tensor) -> Result<(), String> {
    let greatest = found.data.iter().chain(&expected.data).fold(0.0, |m: f64, x| m.max(x.abs()));
    for (i, (f, e)) in found.data.iter().zip(&expected.data).enumerate() {
        // Written so that a NaN is a difference.
        let near = (f - e).abs() <= TOLERANCE * (1.0 + greatest);
        if !near {
            return Err(format!("{what}, element {i} of {:?}: {f} is not the difference's {e}", found.sizes));
        }
    }
    Ok(())
}
