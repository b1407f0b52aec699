//! The greater of two.

use super::{Derivatives, ElementwiseOperation, Example, Line, tape};
use crate::error::Result;
use crate::graph::{Graph, Value};

/// y = the greater of a and b, element by element, broadcasting as in NumPy; da = d where a ≥ b, db = d where b > a:
/// at a tie the whole derivative goes to the first. What becomes of a NaN is not promised.
///
/// *Differs from* PyTorch and JAX, which halve the derivative at a tie; TensorFlow does as here.
#[derive(Clone, Debug)]
pub struct Maximum;

/// The line of the table.
pub const LINE: Line = Line {
    name: Maximum::NAME,
    summary: "the greater of a and b, element by element",
    examples: || {
        let case = |a: &[usize], b: &[usize]| Example::new(&[a, b], |g, x| g.maximum(x[0], x[1]));
        vec![case(&[17], &[17]), case(&[3, 5], &[5]), case(&[3, 1], &[1, 7]), case(&[], &[2, 31])]
    },
};

impl ElementwiseOperation for Maximum {
    const NAME: &'static str = "maximum";
    const ELEMENT: tape::Element = tape::Element::Binary(tape::Binary::Maximum);
    fn f(&self, x: &[f64]) -> f64 {
        if x[0] < x[1] { x[1] } else { x[0] }
    }
    fn derivative(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let mut parts = vec![None, None];
        if wanted[0] {
            let chosen = g.greater_equal(x[0], x[1])?;
            parts[0] = Some(g.multiply(d, chosen)?);
        }
        if wanted[1] {
            let chosen = g.greater(x[1], x[0])?;
            parts[1] = Some(g.multiply(d, chosen)?);
        }
        Ok(parts)
    }
}

impl Graph {
    /// The greater of a and b. At a tie the derivative goes to a.
    pub fn maximum(&mut self, a: Value, b: Value) -> Result<Value> {
        self.elementwise(Maximum, &[a, b])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::ops::input::Source;
    use crate::graph::{Graph, Reference, Tensor, backpropagate};
    use crate::shape::Shape;

    #[test]
    fn at_a_tie_the_first_gets_the_whole_derivative() {
        let mut g = Graph::new();
        let [a, b] = ["a", "b"].map(|name| g.input(Source::Data, name, Shape::fixed(&[3])));
        let y = g.maximum(a, b).unwrap();
        let sum = g.sum(y).unwrap();
        let d = backpropagate(&mut g, sum, &[a, b]).unwrap();
        let mut reference = Reference::new(&g, 1);
        reference.set(Source::Data, "a", Tensor::new(&[3], vec![1.0, 2.0, 3.0]));
        reference.set(Source::Data, "b", Tensor::new(&[3], vec![2.0, 2.0, 2.0]));
        let [y, da, db] = reference.run(&[y, d[0], d[1]]).try_into().unwrap();
        assert_eq!(y.data, [2.0, 2.0, 3.0]);
        assert_eq!((da.data, db.data), (vec![0.0, 1.0, 1.0], vec![1.0, 0.0, 0.0]));
    }
}
