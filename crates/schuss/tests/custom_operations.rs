//! What a user makes of operations, outside the library, has derivatives like what is in it.

mod derivatives;

use derivatives::check;
use schuss::Result;
use schuss::graph::ops::Example;
use schuss::graph::ops::input::Source;
use schuss::graph::{Graph, Reference, Tensor, Value, backpropagate};
use schuss::shape::Shape;

/// The mean over the features of ln cosh(prediction − target), one number per sample. With e for the difference, it is
/// e + softplus(−2e) − ln 2, which does not overflow where cosh does.
fn log_cosh(g: &mut Graph, prediction: Value, target: Value) -> Result<Value> {
    let error = g.subtract(prediction, target)?;
    let twice = g.scale(error, -2.0)?;
    let tail = g.softplus(twice)?;
    let sum = g.add(error, tail)?;
    let ln_2 = g.constant(std::f64::consts::LN_2)?;
    let each = g.subtract(sum, ln_2)?;
    let mean = g.mean_last(each)?;
    g.drop_last(mean)
}

/// x · sigmoid(x) · scale, with one trained scale per feature.
fn scaled_swish(g: &mut Graph, x: Value, scale: Value) -> Result<Value> {
    let gate = g.sigmoid(x)?;
    let swish = g.multiply(x, gate)?;
    g.multiply(swish, scale)
}

#[test]
fn a_loss_made_of_operations_has_right_derivatives() {
    for sizes in [&[17][..], &[3, 31]] {
        let example = Example::within(&[sizes, sizes], (-2.0, 2.0), |g, x| log_cosh(g, x[0], x[1]));
        assert_eq!(check(&example, 1), Ok(()));
    }
}

#[test]
fn a_transformation_made_of_operations_has_right_derivatives() {
    let example = Example::within(&[&[3, 17], &[17]], (-2.0, 2.0), |g, x| scaled_swish(g, x[0], x[1]));
    assert_eq!(check(&example, 1), Ok(()));
}

#[test]
fn both_together_have_right_derivatives() {
    let example = Example::new(&[&[3, 7], &[7, 5], &[5], &[3, 5]], |g, x| {
        let z = g.matmul(x[0], x[1])?;
        let y = scaled_swish(g, z, x[2])?;
        log_cosh(g, y, x[3])
    });
    assert_eq!(check(&example, 1), Ok(()));
}

#[test]
fn a_loss_made_of_operations_has_the_values_of_its_equation() {
    let mut g = Graph::new();
    let [y, target] = ["y", "target"].map(|name| g.input(Source::Data, name, Shape::batch(&[2])));
    let loss = log_cosh(&mut g, y, target).unwrap();
    assert_eq!(*g.shape(loss), Shape::batch(&[]));
    let sum = g.sum(loss).unwrap();
    let dy = backpropagate(&mut g, sum, &[y]).unwrap()[0];
    let mut reference = Reference::new(&g, 2);
    reference.set(Source::Data, "y", Tensor::new(&[2, 2], vec![0.5, -1.5, 1e4, -1e4]));
    reference.set(Source::Data, "target", Tensor::full(&[2, 2], 0.0));
    let found = reference.run(&[loss, dy]);
    let ln_2 = std::f64::consts::LN_2;
    let expected = [(0.5f64.cosh().ln() + 1.5f64.cosh().ln()) / 2.0, 1e4 - ln_2];
    // Some roundings of numbers near 1e4 at most.
    assert!(found[0].data.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-15 * (1.0 + 8.0 * e)), "{found:?}");
    // d ln cosh e = tanh e.
    let slopes = [0.5f64.tanh() / 2.0, -1.5f64.tanh() / 2.0, 0.5, -0.5];
    assert!(found[1].data.iter().zip(slopes).all(|(f, e)| (f - e).abs() < 1e-15), "{found:?}");
}
