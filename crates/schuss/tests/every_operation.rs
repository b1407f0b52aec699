//! Every line of the table of operations, without naming one: derivatives against central differences, the batch
//! against a fixed axis, and that nothing is differentiated in vain.

mod derivatives;

use derivatives::{check, random};
use schuss::Result;
use schuss::graph::ops::input::Source;
use schuss::graph::ops::{Derivatives, Example, Operation, TABLE};
use schuss::graph::{Graph, Moment, Reference, Tensor, Value, backpropagate};
use schuss::shape::Shape;

/// What `check` says of every example of the table that fails it.
fn failures(check: impl Fn(&Example) -> Result<(), String>) -> Vec<String> {
    let mut failures = Vec::new();
    for line in TABLE {
        for (i, example) in (line.examples)().iter().enumerate() {
            if let Err(e) = check(example) {
                failures.push(format!("{}, example {i}: {e}", line.name));
            }
        }
    }
    failures
}

#[test]
fn derivatives_are_those_of_central_differences() {
    let failures = failures(|example| check(example, 1));
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn lines_are_in_order_and_each_is_about_its_operation() {
    assert!(TABLE.is_sorted_by(|a, b| a.name < b.name), "the table is in alphabetical order, each name once");
    for line in TABLE {
        assert!(!line.summary.is_empty() && !line.summary.contains('\n'), "{}: a summary is one line", line.name);
        let mut sizes = Vec::new();
        for example in (line.examples)() {
            let (g, y, _) = build(&example.shapes(), &example).unwrap();
            assert_eq!(g.node(y).op.name(), line.name);
            sizes.extend(g.shape(y).sizes(1));
            sizes.extend(example.inputs.iter().flat_map(|(sizes, _)| sizes.clone()));
        }
        let odd = |n: &usize| [17, 31, 33].contains(n);
        assert!(sizes.iter().any(odd), "{}: no example is longer than a register and not a multiple of it", line.name);
    }
}

/// The examples' operation on leaves of these shapes: the graph, y, and the gradient of Σ c·y with respect to the
/// inputs that can be differentiated.
fn build(shapes: &[Shape], example: &Example) -> Result<(Graph, Value, Vec<Value>)> {
    let mut g = Graph::new();
    let leaf = |(i, shape): (usize, &Shape)| g.input(Source::Data, &format!("x{i}"), shape.clone());
    let x: Vec<Value> = shapes.iter().enumerate().map(leaf).collect();
    let y = (example.op)(&mut g, &x)?;
    let shape = g.shape(y).clone();
    let c = g.input(Source::Data, "c", shape);
    let weighted = g.multiply(c, y)?;
    let loss = g.sum(weighted)?;
    let wrt: Vec<Value> = x.iter().zip(&example.differentiable).filter(|(_, d)| **d).map(|(x, _)| *x).collect();
    let gradient = backpropagate(&mut g, loss, &wrt)?;
    Ok((g, y, gradient))
}

#[test]
fn the_batch_is_an_axis_like_any_other() {
    for line in TABLE {
        let (mut possible, mut accepted) = (0, 0);
        for example in (line.examples)() {
            let Some((n, shapes)) = example.batch_shapes() else { continue };
            possible += 1;
            let Ok(symbolic) = build(&shapes, &example) else { continue };
            accepted += 1;
            let fixed = build(&example.shapes(), &example).unwrap();
            let [found, expected] = [(symbolic, n), (fixed, 1)].map(|((g, y, gradient), n)| {
                let mut reference = Reference::new(&g, n);
                for (i, x) in example.draw(1).into_iter().enumerate() {
                    reference.set(Source::Data, &format!("x{i}"), x);
                }
                reference.set(Source::Data, "c", random(&g.shape(y).sizes(n), 1, "c"));
                reference.run(&[vec![y], gradient].concat())
            });
            // The same loops over the same numbers: equal bits.
            assert_eq!(found, expected, "{}", line.name);
        }
        assert!(possible == 0 || accepted > 0, "{} takes the batch in none of its examples", line.name);
    }
}

#[test]
fn nothing_is_differentiated_in_vain() {
    let check = |example: &Example| {
        for i in (0..example.inputs.len()).filter(|i| example.differentiable[*i]) {
            let mut g = Graph::new();
            let leaf = |(i, shape)| g.input(Source::Data, &format!("x{i}"), shape);
            let x: Vec<Value> = example.shapes().into_iter().enumerate().map(leaf).collect();
            let y = (example.op)(&mut g, &x).unwrap();
            let shape = g.shape(y).clone();
            let c = g.input(Source::Data, "c", shape);
            let weighted = g.multiply(c, y).unwrap();
            let loss = g.sum(weighted).unwrap();
            let before = g.nodes().len();
            let gradient = backpropagate(&mut g, loss, &[x[i]]).unwrap();
            let needed = g.needed_for(&gradient);
            // Constants, repeated or not, cost nothing.
            let in_vain = |v: &Value| v.index() >= before && !needed[v.index()] && g.constant_value(*v).is_none();
            if let Some(v) = g.values().find(in_vain) {
                return Err(format!("for input {i} alone, {:?} is computed in vain in\n{g:?}", g.node(v).op));
            }
        }
        Ok(())
    };
    let failures = failures(check);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// y = x³, whose derivative is `factor` times too great, and is made of [`Slope`].
#[derive(Clone, Debug)]
struct Cube {
    factor: f64,
    slope: Slope,
}

/// y = 3x², whose derivative is right or forgotten.
#[derive(Clone, Debug)]
struct Slope {
    differentiable: bool,
}

impl Operation for Cube {
    fn name(&self) -> &'static str {
        "cube"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        Tensor::from_fn(sizes, |i| x[0].data[i].powi(3))
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let slope = g.apply(self.slope.clone(), x)?;
        let slope = g.scale(slope, self.factor)?;
        Ok(vec![Some(g.multiply(d, slope)?)])
    }
}

impl Operation for Slope {
    fn name(&self) -> &'static str {
        "slope"
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        Ok(x[0].clone())
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        Tensor::from_fn(sizes, |i| 3.0 * x[0].data[i].powi(2))
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        if !self.differentiable {
            return Ok(vec![None]);
        }
        let slope = g.scale(x[0], 6.0)?;
        Ok(vec![Some(g.multiply(d, slope)?)])
    }
}

#[test]
fn the_check_catches_a_wrong_derivative() {
    let of = |factor: f64, differentiable: bool| {
        let cube = Cube { factor, slope: Slope { differentiable } };
        check(&Example::new(&[&[3, 5]], move |g, x| g.apply(cube.clone(), x)), 1)
    };
    assert_eq!(of(1.0, true), Ok(()));
    assert!(of(1.0001, true).unwrap_err().starts_with("derivative"));
    assert!(of(1.0, false).unwrap_err().starts_with("second derivative"));
}
