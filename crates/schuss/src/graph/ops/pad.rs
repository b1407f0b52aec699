//! Zeros around an array.

use super::slice::{last_axes, moved, with_last_axes, wrong_axes};
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y = x with so many zeros before and behind it along each of the last axes; earlier axes stay. The derivative is
/// [`super::slice::Slice`].
///
/// `x: […, a, b]`, `y: […, before + a + behind, …]`. Errors: `pad-axes`, `pad-size`.
#[derive(Clone, Debug)]
pub struct Pad {
    /// Zeros before and behind, along each of the last axes.
    pub padding: Vec<[usize; 2]>,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "pad",
    summary: "zeros around an array: before and behind along each of the last axes",
    examples: || {
        let case =
            |sizes: &[usize], padding: &'static [[usize; 2]]| Example::new(&[sizes], move |g, x| g.pad(x[0], padding));
        vec![
            case(&[17], &[[3, 11]]),
            case(&[3, 5], &[[0, 2]]),
            case(&[2, 3, 2, 3], &[[1, 0], [0, 2], [0, 0]]),
            case(&[3, 2, 17], &[[1, 2], [2, 1]]),
        ]
    },
};

impl Operation for Pad {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let sizes = last_axes(x[0], self.padding.len()).ok_or_else(|| wrong_axes("pad-axes", x[0]))?;
        let padded = sizes.iter().zip(&self.padding).map(|(n, p)| n.checked_add(p[0])?.checked_add(p[1]));
        let padded: Option<Vec<usize>> = padded.collect();
        let fits = |n: &Vec<usize>| n.iter().try_fold(1usize, |all, n| all.checked_mul(*n)).is_some();
        let padded = padded.filter(fits).ok_or_else(|| {
            Error::shape("pad-size", format!("{} with {:?} around it is larger than any memory", x[0], self.padding))
        })?;
        Ok(with_last_axes(x[0], &padded))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut y = Tensor::full(sizes, 0.0);
        let whole = sizes.len() - self.padding.len();
        let before = |axis: usize| axis.checked_sub(whole).map_or(0, |i| self.padding[i][0]);
        for (i, v) in x[0].data.iter().enumerate() {
            y.data[moved(i, &x[0].sizes, sizes, before)] = *v;
        }
        y
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let size = last_axes(g.shape(x[0]), self.padding.len()).expect("the shape rule has seen them");
        let start: Vec<usize> = self.padding.iter().map(|p| p[0]).collect();
        Ok(vec![Some(g.slice(d, &start, &size)?)])
    }
}

impl Graph {
    /// Zeros before and behind, along each of the last axes.
    pub fn pad(&mut self, x: Value, padding: &[[usize; 2]]) -> Result<Value> {
        let op = Pad { padding: padding.to_vec() };
        let shape = op.shape(&[self.shape(x)]).map_err(|e| e.at(LINE.name))?;
        if shape == *self.shape(x) {
            return Ok(x);
        }
        match self.constant_value(x) {
            Some(number) if number.to_bits() == 0 => self.filled(0.0, &shape),
            _ => self.apply(op, &[x]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;

    #[test]
    fn the_batch_is_not_padded_and_sizes_do_not_overflow() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[5]));
        let mut code = |padding: &[[usize; 2]]| g.pad(x, padding).unwrap_err().code();
        assert_eq!(code(&[[1, 1], [0, 0]]), "pad-axes");
        assert_eq!(code(&[[usize::MAX, 0]]), "pad-size");
        assert_eq!(g.pad(x, &[[0, 0]]).unwrap(), x);
    }
}
