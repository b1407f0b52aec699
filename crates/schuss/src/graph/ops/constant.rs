//! One number that never changes.

use super::{Derivatives, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// One number, of shape `[]`.
#[derive(Clone, Debug)]
pub struct Constant {
    /// The number.
    pub value: f64,
}

impl Operation for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }
    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        if self.value.is_nan() {
            return Err(Error::value("constant-nan", "a constant must be a number, not NaN"));
        }
        Ok(Shape::scalar())
    }
    fn evaluate(&self, _: &Moment, _: &[&Tensor], sizes: &[usize]) -> Tensor {
        Tensor::full(sizes, self.value)
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(Vec::new())
    }
}

impl Graph {
    /// One number.
    pub fn constant(&mut self, value: f64) -> Result<Value> {
        self.apply(Constant { value }, &[])
    }
    /// The number, if the value is a constant, broadcast or not.
    pub fn constant_value(&self, value: Value) -> Option<f64> {
        match self.operation::<Constant>(value) {
            Some(c) => Some(c.value),
            None => self
                .operation::<super::broadcast_to::BroadcastTo>(value)
                .and_then(|_| self.constant_value(self.node(value).inputs[0])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_any_number_but_nan() {
        let mut g = Graph::new();
        let infinite = g.constant(f64::INFINITY).unwrap();
        assert_eq!(g.constant_value(infinite), Some(f64::INFINITY));
        assert_eq!(g.constant(f64::NAN).unwrap_err().code(), "constant-nan");
    }

    #[test]
    fn repeated_and_reshaped_it_is_still_one() {
        let mut g = Graph::new();
        let wide = g.filled(3.0, &Shape::batch(&[6])).unwrap();
        let other = g.reshape(wide, &Shape::batch(&[2, 3])).unwrap();
        assert_eq!((g.constant_value(other), g.shape(other)), (Some(3.0), &Shape::batch(&[2, 3])));
    }
}
