//! Arrays side by side.

use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};

/// y = the inputs one after another along an axis behind the batch; all other axes are equal. The derivative of each
/// input is its slice.
///
/// `xᵢ: […, nᵢ, …]`, `y: […, Σ nᵢ, …]`. Errors: `nothing-to-concatenate`, `concatenate-axis`, `shapes-differ`.
#[derive(Clone, Debug)]
pub struct Concatenate {
    /// The axis, counted from 0.
    pub axis: usize,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "concatenate",
    summary: "arrays one after another along an axis",
    examples: || {
        let case = |sizes: &[&[usize]], axis| Example::new(sizes, move |g, x| g.concatenate(x, axis));
        vec![
            case(&[&[5]], 0),
            case(&[&[17], &[5], &[1]], 0),
            case(&[&[3, 5], &[3, 7]], 1),
            case(&[&[3, 2, 4, 3], &[3, 1, 4, 3], &[3, 4, 4, 3]], 1),
            case(&[&[2, 3, 3, 17], &[2, 3, 3, 4]], 3),
        ]
    },
};

impl Concatenate {
    /// The elements of one block of an array of these sizes: what follows along the axis and behind it.
    fn block(&self, sizes: &[usize]) -> usize {
        sizes[self.axis..].iter().product()
    }
}

impl Operation for Concatenate {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let Some(first) = x.first() else {
            return Err(Error::shape("nothing-to-concatenate", "there must be at least one array"));
        };
        let Some(Dim::Fixed(_)) = first.dims().get(self.axis) else {
            let what = format!("{first} has no axis {} behind the batch (the first axis is 0)", self.axis);
            return Err(Error::shape("concatenate-axis", what));
        };
        let others = |s: &Shape| s.dims().iter().enumerate().filter(|(i, _)| *i != self.axis).map(|d| *d.1).collect();
        let mut total = 0usize;
        for shape in x {
            let (a, b): (Vec<Dim>, Vec<Dim>) = (others(first), others(shape));
            match shape.dims().get(self.axis) {
                Some(Dim::Fixed(n)) if a == b => total = total.saturating_add(*n),
                _ => {
                    let what = format!("{first} and {shape} must agree in all axes but axis {}", self.axis);
                    return Err(Error::shape("shapes-differ", what));
                }
            }
        }
        let mut dims = first.dims().to_vec();
        dims[self.axis] = Dim::Fixed(total);
        Ok(Shape::new(dims))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut y = Vec::new();
        for outer in 0..sizes[..self.axis].iter().product() {
            for x in x {
                let block = self.block(&x.sizes);
                y.extend_from_slice(&x.data[outer * block..(outer + 1) * block]);
            }
        }
        Tensor::new(sizes, y)
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let behind = g.shape(d).rank() - self.axis;
        let mut start = vec![0; behind];
        let mut parts = Vec::new();
        for (x, wanted) in x.iter().zip(wanted) {
            let sample = g.shape(*x).sample();
            let size = &sample[sample.len() - behind..];
            parts.push(if *wanted { Some(g.slice(d, &start, size)?) } else { None });
            start[0] += size[0];
        }
        Ok(parts)
    }
}

impl Graph {
    /// The arrays one after another along an axis, counted from 0, behind the batch.
    pub fn concatenate(&mut self, x: &[Value], axis: usize) -> Result<Value> {
        self.apply(Concatenate { axis }, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;

    #[test]
    fn what_does_not_agree_is_refused() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[5, 3]));
        let y = g.input(Source::Data, "y", Shape::batch(&[4, 3]));
        let mut code = |x: &[Value], axis| g.concatenate(x, axis).unwrap_err().code();
        assert_eq!(code(&[], 1), "nothing-to-concatenate");
        assert_eq!(code(&[x, y], 0), "concatenate-axis");
        assert_eq!(code(&[x, y], 3), "concatenate-axis");
        assert_eq!(code(&[x, y], 2), "shapes-differ");
        let z = g.concatenate(&[x, y], 1).unwrap();
        assert_eq!(*g.shape(z), Shape::batch(&[9, 3]));
    }
}
