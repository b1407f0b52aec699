//! Powers and eigenvectors of symmetric matrices, made again now and then. For rules of optimizers, behind gradients:
//! not in the table of operations, which all have derivatives.

use super::{Derivatives, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;
use schuss_kernels::symmetric::Symmetric;

/// y is what `f` makes of x where `now` is not 0, else `old`: what costs much is then not done.
///
/// `x: [n, n]`, symmetric, `old: [n, n]`, `now: []`, `y: [n, n]`. Errors: `shapes-differ`. There is no derivative
/// (`no-derivative`).
#[derive(Clone, Debug)]
pub struct OfSymmetric {
    /// What is made.
    pub f: Symmetric,
}

impl Operation for OfSymmetric {
    fn name(&self) -> &'static str {
        match self.f {
            Symmetric::Power { .. } => "matrix_power",
            Symmetric::Basis => "eigenbasis",
        }
    }
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let [x, old, now] = inputs else { unreachable!("it has 3 inputs") };
        let square = x.rank() == 2 && !x.has_batch() && x.dims()[0] == x.dims()[1];
        if square && x == old && now.rank() == 0 {
            return Ok((*x).clone());
        }
        let message = format!("x {x}, old {old}, now {now}; allowed are [n, n] twice, without a batch, and []");
        Err(Error::shape("shapes-differ", message))
    }
    fn evaluate(&self, _: &Moment, inputs: &[&Tensor], sizes: &[usize]) -> Tensor {
        let [x, old, now] = inputs else { unreachable!("it has 3 inputs") };
        let (mut y, mut work) = (vec![0.0; x.data.len()], vec![0.0; self.f.work(sizes[0])]);
        let write = |i: usize, value: f64| y[i] = value;
        self.f.run(sizes[0], |i| x.data[i], |i| old.data[i], now.data[0], write, &mut work);
        Tensor::new(sizes, y)
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        let message = format!("{} has no derivative here; allowed is to stand behind the gradients", self.name());
        Err(Error::value("no-derivative", message))
    }
}

impl Graph {
    /// x to a power by its eigenvalues, of which those below `least` count as it; `old` where `now` is 0.
    pub fn matrix_power(&mut self, x: Value, exponent: f64, least: f64, old: Value, now: Value) -> Result<Value> {
        self.apply(OfSymmetric { f: Symmetric::Power { exponent, least } }, &[x, old, now])
    }
    /// A basis of eigenvectors of x, one a column: made anew where `now` is 1, the old one turned by one step of
    /// orthogonal iteration where it is 2, and the old one where it is 0.
    pub fn eigenbasis(&mut self, x: Value, old: Value, now: Value) -> Result<Value> {
        self.apply(OfSymmetric { f: Symmetric::Basis }, &[x, old, now])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;
    use crate::graph::{Reference, backpropagate};

    #[test]
    fn it_is_made_when_it_is_time() {
        let mut g = Graph::new();
        let leaf = |g: &mut Graph, name: &str| g.input(Source::Parameter, name, Shape::fixed(&[2, 2]));
        let (x, old) = (leaf(&mut g, "x"), leaf(&mut g, "old"));
        let now = g.input(Source::Setting, "now", Shape::scalar());
        let y = g.matrix_power(x, -0.5, 1e-6, old, now).unwrap();
        for (time, want) in [(1.0, [0.5, 0.0, 0.0, 0.1]), (0.0, [1.0, 2.0, 3.0, 4.0])] {
            let mut reference = Reference::new(&g, 1);
            reference.set(Source::Parameter, "x", Tensor::new(&[2, 2], vec![4.0, 0.0, 0.0, 100.0]));
            reference.set(Source::Parameter, "old", Tensor::new(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]));
            reference.set(Source::Setting, "now", Tensor::full(&[], time));
            let got = &reference.run(&[y])[0].data;
            assert!(got.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-15), "{got:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut g = Graph::new();
        let leaf = |g: &mut Graph, sizes: &[usize]| g.input(Source::Data, &format!("{sizes:?}"), Shape::fixed(sizes));
        let (x, wide, now) = (leaf(&mut g, &[2, 2]), leaf(&mut g, &[2, 3]), leaf(&mut g, &[]));
        assert_eq!(g.eigenbasis(wide, wide, now).unwrap_err().code(), "shapes-differ");
        assert_eq!(g.eigenbasis(x, wide, now).unwrap_err().code(), "shapes-differ");
        assert_eq!(g.eigenbasis(x, x, x).unwrap_err().code(), "shapes-differ");
        let y = g.eigenbasis(x, x, now).unwrap();
        let loss = g.sum(y).unwrap();
        assert_eq!(backpropagate(&mut g, loss, &[x]).unwrap_err().code(), "no-derivative");
    }
}
