//! Matrix product.

use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};

/// C = A · B, or with A, B transposed first.
///
/// A is `[…, k]`: all axes but the last count as rows. B is `[k, n]`, C is `[…, n]`. With `transpose_a`, A is `[…, m]`
/// and B is `[…, n]` with equal leading axes, over which is summed: C = Aᵀ · B is `[m, n]`. With `transpose_b`, B is
/// `[n, k]`.
#[derive(Clone, Debug)]
pub struct MatMul {
    /// Aᵀ in place of A.
    pub transpose_a: bool,
    /// Bᵀ in place of B.
    pub transpose_b: bool,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "matmul",
    summary: "matrix product, either factor transposed",
    examples: || {
        let case = |a: &[usize], b: &[usize], ta, tb| {
            Example::new(&[a, b], move |g, x| g.apply(MatMul { transpose_a: ta, transpose_b: tb }, x))
        };
        vec![
            case(&[1, 1], &[1, 1], false, false),
            case(&[17], &[17, 3], false, false),
            case(&[3, 17], &[17, 31], false, false),
            case(&[33, 1], &[1, 7], false, false),
            case(&[3, 7], &[5, 7], false, true),
            case(&[7, 3], &[7, 5], true, false),
            case(&[2, 3, 5], &[5, 4], false, false),
            case(&[2, 3, 5], &[2, 3, 4], true, false),
        ]
    },
};

impl Operation for MatMul {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let (a, b) = (x[0], x[1]);
        let wrong = || {
            let t = |yes| if yes { " transposed" } else { "" };
            let (ta, tb) = (t(self.transpose_a), t(self.transpose_b));
            Error::shape("product-shapes", format!("{a}{ta} and {b}{tb} have no product: the inner axes differ"))
        };
        if self.transpose_a {
            let same = a.rank() >= 1 && a.rank() == b.rank() && a.without_last(1) == b.without_last(1);
            let (Some(m), Some(n), false, true) = (a.last(), b.last(), self.transpose_b, same) else {
                return Err(wrong());
            };
            return Ok(Shape::fixed(&[m, n]));
        }
        let ([Dim::Fixed(rows), Dim::Fixed(cols)], true) = (b.dims(), a.rank() >= 1) else { return Err(wrong()) };
        let (k, n) = if self.transpose_b { (*cols, *rows) } else { (*rows, *cols) };
        if a.last() != Some(k) {
            return Err(wrong());
        }
        let mut dims = a.without_last(1).dims().to_vec();
        dims.push(Dim::Fixed(n));
        Ok(Shape::new(dims))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let ((a_rows, a_cols), (b_rows, b_cols)) = (x[0].rows(), x[1].rows());
        let k = if self.transpose_a { a_rows } else { a_cols };
        let n = if self.transpose_b { b_rows } else { b_cols };
        let a = |i: usize, p: usize| x[0].data[if self.transpose_a { p * a_cols + i } else { i * a_cols + p }];
        let b = |p: usize, j: usize| x[1].data[if self.transpose_b { j * b_cols + p } else { p * b_cols + j }];
        Tensor::from_fn(sizes, |i| (0..k).map(|p| a(i / n, p) * b(p, i % n)).sum())
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let (a, b) = (x[0], x[1]);
        let mut product = |wanted: bool, a, b, transpose_a, transpose_b| {
            wanted.then(|| g.apply(MatMul { transpose_a, transpose_b }, &[a, b])).transpose()
        };
        Ok(match (self.transpose_a, self.transpose_b) {
            (false, false) => vec![product(wanted[0], d, b, false, true)?, product(wanted[1], a, d, true, false)?],
            (false, true) => vec![product(wanted[0], d, b, false, false)?, product(wanted[1], d, a, true, false)?],
            (true, _) => vec![product(wanted[0], b, d, false, true)?, product(wanted[1], a, d, false, false)?],
        })
    }
}

impl Graph {
    /// A · B.
    pub fn matmul(&mut self, a: Value, b: Value) -> Result<Value> {
        self.apply(MatMul { transpose_a: false, transpose_b: false }, &[a, b])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;

    fn shape(a: Shape, b: Shape, transpose_a: bool, transpose_b: bool) -> Result<Shape, &'static str> {
        MatMul { transpose_a, transpose_b }.shape(&[&a, &b]).map_err(|e| e.code())
    }

    #[test]
    fn inner_axes_must_agree() {
        let (x, w) = (Shape::batch(&[3]), Shape::fixed(&[3, 5]));
        assert_eq!(shape(x.clone(), w.clone(), false, false), Ok(Shape::batch(&[5])));
        assert_eq!(shape(Shape::batch(&[5]), w.clone(), false, true), Ok(x.clone()));
        assert_eq!(shape(x.clone(), Shape::batch(&[5]), true, false), Ok(w.clone()));
        let wrong = Err("product-shapes");
        assert_eq!(shape(x.clone(), w.clone(), false, true), wrong);
        assert_eq!(shape(x.clone(), w.clone(), true, false), wrong);
        assert_eq!(shape(x.clone(), x.clone(), true, true), wrong);
        assert_eq!(shape(x, Shape::batch(&[5]), false, false), wrong);
        assert_eq!(shape(Shape::scalar(), w, false, false), wrong);
    }

    #[test]
    fn the_product_of_two_matrices() {
        let mut g = Graph::new();
        let [a, b] = ["a", "b"].map(|name| g.input(Source::Data, name, Shape::fixed(&[2, 2])));
        let c = g.matmul(a, b).unwrap();
        let mut reference = crate::graph::Reference::new(&g, 1);
        reference.set(Source::Data, "a", Tensor::new(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        reference.set(Source::Data, "b", Tensor::new(&[2, 2], vec![10.0, 0.0, 1.0, 100.0]));
        assert_eq!(reference.run(&[c])[0].data, [12.0, 200.0, 34.0, 400.0]);
    }
}
