//! A class index as a row of zeros with a one.

use super::rows::append;
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// yⱼ = 1 where j = x, else 0, for j = 0 … classes − 1. An x that is none of these numbers gives a row of zeros. The
/// derivative is 0 everywhere.
///
/// `x: […]` (class indices), `y: […, classes]`. Errors: `no-classes`.
#[derive(Clone, Debug)]
pub struct OneHot {
    /// How many classes there are.
    pub classes: usize,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "one_hot",
    summary: "1 at the place of the index, else 0",
    examples: || {
        let case =
            |sizes: &[usize], classes| Example::new(&[sizes], move |g, x| g.one_hot(x[0], classes)).index(0, classes);
        vec![case(&[], 3), case(&[17], 5), case(&[3, 7], 31), case(&[5], 1)]
    },
};

impl Operation for OneHot {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        if self.classes == 0 {
            return Err(Error::value("no-classes", "there must be at least one class"));
        }
        Ok(append(x[0], self.classes))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        Tensor::from_fn(sizes, |i| f64::from(x[0].data[i / self.classes] == (i % self.classes) as f64))
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![None])
    }
}

impl Graph {
    /// Rows with 1 at the place of the index and 0 elsewhere; zeros alone for what is no index.
    pub fn one_hot(&mut self, x: Value, classes: usize) -> Result<Value> {
        self.apply(OneHot { classes }, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_index_gives_zeros() {
        let x = Tensor::new(&[6], vec![1.0, 2.0, -1.0, 0.5, f64::NAN, 0.0]);
        let y = OneHot { classes: 2 }.evaluate(&Moment::default(), &[&x], &[6, 2]);
        assert_eq!(y.data, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn no_classes_are_refused() {
        let mut g = Graph::new();
        let x = g.constant(0.0).unwrap();
        assert_eq!(g.one_hot(x, 0).unwrap_err().code(), "no-classes");
    }
}
