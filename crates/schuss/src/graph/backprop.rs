//! Error back-propagation (Rumelhart, Hinton and Williams 1986) as a transformation: graph in, graph with gradients out.

use super::{Graph, Value};
use crate::error::{Error, Result};

/// Appends the gradient of `loss` (a single number) with respect to each of `wrt`, in their order.
///
/// What no value of `wrt` needs is not differentiated. A value that the loss does not depend on gets zeros. The
/// gradients are values like any other, so they can be differentiated again.
///
/// Errors: `loss-not-a-number` if the loss has axes; `derivative-shape` if an operation's derivative has another shape
/// than its input.
pub fn backpropagate(graph: &mut Graph, loss: Value, wrt: &[Value]) -> Result<Vec<Value>> {
    if graph.shape(loss).rank() != 0 {
        let found = graph.shape(loss);
        return Err(Error::shape(
            "loss-not-a-number",
            format!("the loss must be a single number, not of shape {found}"),
        ));
    }
    let depends = depending_on(graph, wrt);
    let mut gradient: Vec<Option<Value>> = vec![None; graph.nodes().len()];
    gradient[loss.index()] = Some(graph.constant(1.0)?);
    for i in (0..=loss.index()).rev().filter(|&i| depends[i]) {
        let Some(d) = gradient[i] else { continue };
        let node = graph.nodes()[i].clone();
        let wanted: Vec<bool> = node.inputs.iter().map(|v| depends[v.index()]).collect();
        if !wanted.contains(&true) {
            continue;
        }
        let parts = node.op.vjp(graph, &node.inputs, Value(i as u32), d, &wanted)?;
        assert_eq!(
            parts.len(),
            node.inputs.len(),
            "{:?} gives another number of derivatives than it has inputs",
            node.op
        );
        for ((input, part), wanted) in node.inputs.iter().zip(parts).zip(wanted) {
            let (Some(part), true) = (part, wanted) else { continue };
            let (found, shape) = (graph.shape(part), graph.shape(*input));
            if found != shape {
                let message = format!("{}: a derivative has shape {found}, its input {shape}", node.op.name());
                return Err(Error::shape("derivative-shape", message));
            }
            gradient[input.index()] = Some(match gradient[input.index()] {
                Some(sum) => graph.add(sum, part)?,
                None => part,
            });
        }
    }
    let or_zeros = |v: &Value| match gradient[v.index()] {
        Some(g) => Ok(g),
        None => {
            let shape = graph.shape(*v).clone();
            graph.filled(0.0, &shape)
        }
    };
    wrt.iter().map(or_zeros).collect()
}

/// Which nodes are `wrt` or computed from them.
fn depending_on(graph: &Graph, wrt: &[Value]) -> Vec<bool> {
    let mut depends = vec![false; graph.nodes().len()];
    wrt.iter().for_each(|v| depends[v.index()] = true);
    for (i, node) in graph.nodes().iter().enumerate() {
        depends[i] |= node.inputs.iter().any(|v| depends[v.index()]);
    }
    depends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::Derivatives;
    use crate::graph::ops::input::Source;
    use crate::graph::{Moment, Operation, Reference, Tensor};
    use crate::shape::Shape;

    fn leaf(g: &mut Graph, name: &str, sizes: &[usize]) -> Value {
        g.input(Source::Parameter, name, Shape::fixed(sizes))
    }

    /// The values where every leaf `x` is this number.
    fn at(g: &Graph, x: f64, outputs: &[Value]) -> Vec<f64> {
        let mut reference = Reference::new(g, 1);
        reference.set(Source::Parameter, "x", Tensor::full(&[], x));
        reference.run(outputs).into_iter().map(|t| t.data[0]).collect()
    }

    #[test]
    fn a_value_used_twice_gets_the_sum() {
        // y = x · x + eˣ · x: y' = 2x + eˣ (1 + x).
        let mut g = Graph::new();
        let x = leaf(&mut g, "x", &[]);
        let (square, exp) = (g.multiply(x, x).unwrap(), g.exp(x).unwrap());
        let product = g.multiply(exp, x).unwrap();
        let y = g.add(square, product).unwrap();
        let d = backpropagate(&mut g, y, &[x]).unwrap();
        let expected = 1.0 + 1.5 * 0.5f64.exp();
        // A few roundings of numbers near 3.
        assert!((at(&g, 0.5, &d)[0] - expected).abs() < 1e-15 * 8.0);
    }

    #[test]
    fn derivatives_of_derivatives() {
        // (eˣ²)'' = (2 + 4x²) eˣ², (eˣ²)''' = (12x + 8x³) eˣ².
        let mut g = Graph::new();
        let x = leaf(&mut g, "x", &[]);
        let square = g.square(x).unwrap();
        let y = g.exp(square).unwrap();
        let d1 = backpropagate(&mut g, y, &[x]).unwrap()[0];
        let d2 = backpropagate(&mut g, d1, &[x]).unwrap()[0];
        let d3 = backpropagate(&mut g, d2, &[x]).unwrap()[0];
        let e = 0.25f64.exp();
        for (found, expected) in at(&g, 0.5, &[y, d1, d2, d3]).into_iter().zip([e, e, 3.0 * e, 7.0 * e]) {
            // A dozen roundings of numbers below 9.
            assert!((found - expected).abs() < 2e-14, "{found} is not {expected}");
        }
    }

    #[test]
    fn what_the_loss_does_not_depend_on_gets_zeros() {
        let mut g = Graph::new();
        let (x, other) = (leaf(&mut g, "x", &[]), leaf(&mut g, "other", &[2, 3]));
        let y = g.exp(x).unwrap();
        let later = g.square(other).unwrap();
        let steps = g.sign(x).unwrap();
        let d = backpropagate(&mut g, y, &[other, later, x, steps]).unwrap();
        assert_eq!((g.constant_value(d[0]), g.shape(d[0])), (Some(0.0), &Shape::fixed(&[2, 3])));
        assert_eq!(g.constant_value(d[1]), Some(0.0));
        assert_eq!(d[2], y);
        // Where every derivative on the way is zero, the gradient is too.
        let through = backpropagate(&mut g, steps, &[x]).unwrap();
        assert_eq!(g.constant_value(through[0]), Some(0.0));
    }

    #[test]
    fn the_gradient_of_the_loss_itself_is_one() {
        let mut g = Graph::new();
        let x = leaf(&mut g, "x", &[]);
        let d = backpropagate(&mut g, x, &[x]).unwrap();
        assert_eq!(g.constant_value(d[0]), Some(1.0));
    }

    #[test]
    fn what_no_parameter_needs_is_not_differentiated() {
        let mut g = Graph::new();
        let data = g.input(Source::Data, "data", Shape::batch(&[3]));
        let w = leaf(&mut g, "w", &[3, 2]);
        let before = g.tanh(data).unwrap();
        let z = g.matmul(before, w).unwrap();
        let loss = g.sum(z).unwrap();
        let nodes = g.nodes().len();
        let d = backpropagate(&mut g, loss, &[w]).unwrap();
        // The one, repeated, and the one product that is the gradient: nothing for `data`, `tanh` or the first factor.
        assert_eq!(g.nodes().len(), nodes + 3, "{}", g.listing());
        assert_eq!(g.node(d[0]).inputs[0], before);
        assert!(backpropagate(&mut g, loss, &[]).unwrap().is_empty());
        assert_eq!(g.nodes().len(), nodes + 3);
        // With respect to what lies between, nothing before it: one more product, and no derivative of `tanh`.
        backpropagate(&mut g, loss, &[before]).unwrap();
        assert_eq!(g.nodes().len(), nodes + 4, "{}", g.listing());
    }

    #[test]
    fn a_loss_with_axes_is_refused() {
        for shape in [Shape::batch(&[]), Shape::fixed(&[1])] {
            let mut g = Graph::new();
            let x = g.input(Source::Data, "x", shape);
            assert_eq!(backpropagate(&mut g, x, &[x]).unwrap_err().code(), "loss-not-a-number");
        }
    }

    /// Sums, and forgets in the derivative that there was more than one.
    #[derive(Debug)]
    struct Total;

    impl Operation for Total {
        fn name(&self) -> &'static str {
            "total"
        }
        fn shape(&self, _: &[&Shape]) -> Result<Shape> {
            Ok(Shape::scalar())
        }
        fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
            Tensor::full(sizes, x[0].data.iter().sum())
        }
        fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
            Ok(vec![Some(d)])
        }
    }

    #[test]
    fn a_derivative_of_another_shape_is_refused() {
        let mut g = Graph::new();
        let x = leaf(&mut g, "x", &[3]);
        let y = g.apply(Total, &[x]).unwrap();
        let error = backpropagate(&mut g, y, &[x]).unwrap_err();
        assert_eq!(error.code(), "derivative-shape");
        assert_eq!(error.message(), "total: a derivative has shape [], its input [3]");
    }
}
