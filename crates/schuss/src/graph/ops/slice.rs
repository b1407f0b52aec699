//! A part of an array.

use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};

/// y = the elements of x from `start`, as many as `size`, along each of the last axes; earlier axes are whole. The
/// derivative is [`super::pad::Pad`].
///
/// `x: […, a, b]`, `y: […, size]`. Errors: `slice-axes`, `slice-range`.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The first place along each of the last axes.
    pub start: Vec<usize>,
    /// How many, along the same axes.
    pub size: Vec<usize>,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "slice",
    summary: "a part of an array: some places along each of the last axes",
    examples: || {
        let case = |sizes: &[usize], start: &'static [usize], size: &'static [usize]| {
            Example::new(&[sizes], move |g, x| g.slice(x[0], start, size))
        };
        vec![
            case(&[31], &[5], &[17]),
            case(&[3, 5], &[4], &[1]),
            case(&[2, 5, 4, 3], &[1, 0, 0], &[3, 2, 3]),
            case(&[3, 4, 17], &[1, 2], &[3, 7]),
        ]
    },
};

impl Operation for Slice {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let sizes = last_axes(x[0], self.start.len().max(self.size.len()))
            .filter(|_| self.start.len() == self.size.len())
            .ok_or_else(|| wrong_axes("slice-axes", x[0]))?;
        let ends = self.start.iter().zip(&self.size).map(|(from, n)| from.checked_add(*n));
        if !ends.zip(&sizes).all(|(end, have)| end.is_some_and(|end| end <= *have)) || self.size.contains(&0) {
            let (start, size) = (&self.start, &self.size);
            let what = format!("{size:?} elements from {start:?} are no part of {}", x[0]);
            return Err(Error::shape("slice-range", what));
        }
        Ok(with_last_axes(x[0], &self.size))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let whole = sizes.len() - self.start.len();
        let start = |axis: usize| axis.checked_sub(whole).map_or(0, |i| self.start[i]);
        Tensor::from_fn(sizes, |i| x[0].data[moved(i, sizes, &x[0].sizes, start)])
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let sizes = last_axes(g.shape(x[0]), self.start.len()).expect("the shape rule has seen them");
        let rest = |((from, n), have): ((&usize, &usize), &usize)| [*from, have - from - n];
        let padding: Vec<[usize; 2]> = self.start.iter().zip(&self.size).zip(&sizes).map(rest).collect();
        Ok(vec![Some(g.pad(d, &padding)?)])
    }
}

/// The sizes of the last `n` axes, if there are as many behind the batch.
pub(super) fn last_axes(shape: &Shape, n: usize) -> Option<Vec<usize>> {
    let sample = shape.sample();
    sample.len().checked_sub(n).map(|first| sample[first..].to_vec())
}

/// The shape with its last axes replaced.
pub(super) fn with_last_axes(shape: &Shape, sizes: &[usize]) -> Shape {
    let mut dims = shape.dims().to_vec();
    let first = dims.len() - sizes.len();
    dims[first..].iter_mut().zip(sizes).for_each(|(d, n)| *d = Dim::Fixed(*n));
    Shape::new(dims)
}

pub(super) fn wrong_axes(code: &'static str, shape: &Shape) -> Error {
    Error::shape(code, format!("a number for each of the last axes of {shape}, without the batch, is allowed"))
}

/// The place in an array of sizes `to` of the element that is the i-th of one of sizes `from`, moved by `by` along each
/// axis.
pub(super) fn moved(mut i: usize, from: &[usize], to: &[usize], by: impl Fn(usize) -> usize) -> usize {
    let (mut place, mut stride) = (0, 1);
    for axis in (0..from.len()).rev() {
        place += (i % from[axis] + by(axis)) * stride;
        i /= from[axis];
        stride *= to[axis];
    }
    place
}

impl Graph {
    /// The elements from `start`, as many as `size`, along each of the last axes.
    pub fn slice(&mut self, x: Value, start: &[usize], size: &[usize]) -> Result<Value> {
        let y = Slice { start: start.to_vec(), size: size.to_vec() };
        let shape = y.shape(&[self.shape(x)]).map_err(|e| e.at(LINE.name))?;
        if shape == *self.shape(x) {
            return Ok(x);
        }
        match self.constant_value(x) {
            Some(number) => self.filled(number, &shape),
            None => self.apply(y, &[x]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;

    #[test]
    fn what_is_no_part_is_refused() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[5, 3]));
        let mut code = |start: &[usize], size: &[usize]| g.slice(x, start, size).unwrap_err().code();
        assert_eq!(code(&[3, 0], &[3, 3]), "slice-range");
        assert_eq!(code(&[0], &[0]), "slice-range");
        assert_eq!(code(&[usize::MAX], &[2]), "slice-range");
        assert_eq!(code(&[0, 0, 0], &[1, 1, 1]), "slice-axes");
        assert_eq!(code(&[0], &[1, 1]), "slice-axes");
        assert_eq!(g.slice(x, &[0, 0], &[5, 3]).unwrap(), x);
    }
}
