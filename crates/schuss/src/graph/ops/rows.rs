//! What operations over the last axis have in common.

use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor, Value};
use crate::shape::{Dim, Shape};

/// How long a row of this shape is. The batch is no row: to sum over it, say so.
pub(super) fn width(shape: &Shape) -> Result<usize> {
    match shape.last() {
        Some(n) if n > 0 => Ok(n),
        _ => Err(Error::shape(
            "no-rows",
            format!("shape {shape} has no rows: its last axis must be of fixed size above 0"),
        )),
    }
}

/// The shape with a last axis of `n` in place of its own.
pub(super) fn with_width(shape: &Shape, n: usize) -> Shape {
    append(&shape.without_last(1), n)
}

/// The shape with one more axis, of `n`, at the end.
pub(super) fn append(shape: &Shape, n: usize) -> Shape {
    Shape::new([shape.dims(), &[Dim::Fixed(n)]].concat())
}

/// The number of elements of one row of each, equal in all of them; see [`width`].
pub(super) fn same_rows(shapes: &[&Shape]) -> Result<usize> {
    let n = width(shapes[0])?;
    match shapes.iter().find(|s| **s != shapes[0]) {
        None => Ok(n),
        Some(other) => Err(Error::shape("shapes-differ", format!("shapes {} and {other} differ", shapes[0]))),
    }
}

/// An output of `sizes`, to which `f` appends what it makes of each row of `x`.
pub(super) fn each_row(x: &Tensor, sizes: &[usize], f: impl Fn(&[f64], &mut Vec<f64>)) -> Tensor {
    let mut data = Vec::new();
    x.data.chunks(x.rows().1).for_each(|row| f(row, &mut data));
    Tensor::new(sizes, data)
}

/// The greatest x of a row, and Σ e^(x − greatest): so that nothing overflows.
pub(super) fn greatest_and_sum(row: &[f64]) -> (f64, f64) {
    let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (greatest, row.iter().map(|x| (x - greatest).exp()).sum())
}

impl Graph {
    /// Without the last axis, which must be of size 1.
    pub fn drop_last(&mut self, x: Value) -> Result<Value> {
        let shape = self.shape(x);
        if shape.last() != Some(1) {
            return Err(Error::shape("axis-not-1", format!("drop_last: the last axis of {shape} is not 1")));
        }
        let target = shape.without_last(1);
        self.reshape(x, &target)
    }
    /// With one more axis, of size 1, at the end.
    pub fn append_last(&mut self, x: Value) -> Result<Value> {
        let target = append(self.shape(x), 1);
        self.reshape(x, &target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;

    #[test]
    fn a_shape_without_rows_is_refused() {
        for shape in [Shape::scalar(), Shape::batch(&[]), Shape::batch(&[0])] {
            let mut g = Graph::new();
            let x = g.input(Source::Data, "x", shape);
            let all = [g.softmax(x), g.log_softmax(x), g.max_last(x), g.argmax_last(x), g.sum_last(x), g.mean_last(x)];
            let codes = all.map(|y| y.unwrap_err().code());
            assert_eq!(codes, ["no-rows"; 6]);
        }
    }

    #[test]
    fn an_axis_of_1_comes_and_goes() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[]));
        let column = g.append_last(x).unwrap();
        assert_eq!(*g.shape(column), Shape::batch(&[1]));
        assert_eq!(g.drop_last(column).unwrap(), x);
        assert_eq!(g.drop_last(x).unwrap_err().code(), "axis-not-1");
    }
}
