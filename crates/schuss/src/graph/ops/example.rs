//! Operations on inputs of certain sizes: what the tests over the table run.

use crate::error::Result;
use crate::graph::{Graph, Tensor, Value};
use crate::random::Stream;
use crate::shape::Shape;

/// What applies an operation to inputs.
pub type Apply = dyn Fn(&mut Graph, &[Value]) -> Result<Value>;

/// An operation on inputs of these sizes, drawn from these ranges.
pub struct Example {
    /// The operation.
    pub op: Box<Apply>,
    /// Each input's sizes and the range its numbers are drawn from.
    pub inputs: Vec<(Vec<usize>, (f64, f64))>,
    /// Which inputs have a derivative to check; for the others (indices, conditions) whole numbers are drawn.
    pub differentiable: Vec<bool>,
}

impl Example {
    /// All inputs differentiable, drawn from −1 … 1.
    pub fn new(sizes: &[&[usize]], op: impl Fn(&mut Graph, &[Value]) -> Result<Value> + 'static) -> Self {
        Self::within(sizes, (-1.0, 1.0), op)
    }
    /// All inputs differentiable, drawn from a range.
    pub fn within(
        sizes: &[&[usize]],
        range: (f64, f64),
        op: impl Fn(&mut Graph, &[Value]) -> Result<Value> + 'static,
    ) -> Self {
        let inputs = sizes.iter().map(|s| (s.to_vec(), range)).collect();
        Example { op: Box::new(op), inputs, differentiable: vec![true; sizes.len()] }
    }
    /// With the i-th input drawn from another range.
    pub fn range(mut self, i: usize, range: (f64, f64)) -> Self {
        self.inputs[i].1 = range;
        self
    }
    /// With the i-th input drawn as whole numbers 0 … n − 1 and not differentiated.
    pub fn index(mut self, i: usize, n: usize) -> Self {
        self.inputs[i].1 = (0.0, n as f64);
        self.differentiable[i] = false;
        self
    }

    /// The inputs' shapes, fixed.
    pub fn shapes(&self) -> Vec<Shape> {
        self.inputs.iter().map(|(sizes, _)| Shape::fixed(sizes)).collect()
    }
    /// The inputs' shapes with the batch in place of the leading axis, wherever that is as long as the leading axis of
    /// the input of most axes, and how many samples that are; nothing where there is no such axis of more than 1. Not
    /// every operation takes them: a product doesn't take its second factor's leading axis for the batch.
    pub fn batch_shapes(&self) -> Option<(usize, Vec<Shape>)> {
        let longest = self.inputs.iter().map(|(sizes, _)| sizes).rev().max_by_key(|sizes| sizes.len())?;
        let n = *longest.first().filter(|n| **n > 1)?;
        let shape = |(sizes, _): &(Vec<usize>, _)| match sizes.split_first() {
            Some((first, sample)) if *first == n => Shape::batch(sample),
            _ => Shape::fixed(sizes),
        };
        Some((n, self.inputs.iter().map(shape).collect()))
    }
    /// Numbers for the inputs, from their ranges. No two of a range are equal or nearly so, and none lies in its
    /// middle: functions that have a kink at 0 or where two numbers are equal are not asked for a derivative there.
    pub fn draw(&self, seed: u64) -> Vec<Tensor> {
        let count: usize = self.inputs.iter().map(|(sizes, _)| sizes.iter().product::<usize>()).sum();
        let mut order = Stream::named(seed, "example").permutation(count).into_iter();
        let one = |((sizes, (low, high)), differentiable): (&(Vec<usize>, (f64, f64)), &bool)| {
            Tensor::from_fn(sizes, |_| {
                let place = order.next().expect("as many places as numbers");
                let x = low + (high - low) * (f64::from(place) + 0.3) / count as f64;
                if *differentiable { x } else { x.floor() }
            })
        };
        self.inputs.iter().zip(&self.differentiable).map(one).collect()
    }

    /// The output's shape in an example of an operation that is told it, `from` and `to` being the sizes of input and
    /// output: with the batch first where the input has it first and the leading axis stays.
    pub(super) fn target(input: &Shape, from: &[usize], to: &[usize]) -> Shape {
        match to.split_first() {
            Some((first, sample)) if input.has_batch() && from.first() == Some(first) => Shape::batch(sample),
            _ => Shape::fixed(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_near_another_or_the_middle() {
        for n in [1, 2, 17, 31] {
            let example = Example::new(&[&[n], &[n + 1, 3]], |_, x| Ok(x[0]));
            let mut x = example.draw(1).iter().flat_map(|t| t.data.clone()).collect::<Vec<_>>();
            x.push(0.0);
            x.sort_by(f64::total_cmp);
            // The range of 2 in as many cells; in the middle of a cell's 0.3 and 0.7 there is 0.2 to the cell's middle.
            let apart = 0.19 * 2.0 / x.len() as f64;
            assert!(x.windows(2).all(|w| w[1] - w[0] > apart), "{x:?}");
        }
    }

    #[test]
    fn the_batch_takes_the_place_of_the_leading_axis() {
        let of = |sizes: &[&[usize]]| Example::new(sizes, |_, x| Ok(x[0])).batch_shapes();
        assert_eq!(of(&[&[3, 5], &[5], &[3]]).unwrap().1, [Shape::batch(&[5]), Shape::fixed(&[5]), Shape::batch(&[])]);
        assert_eq!(of(&[&[3, 17], &[17, 5]]).unwrap(), (3, vec![Shape::batch(&[17]), Shape::fixed(&[17, 5])]));
        assert_eq!(of(&[&[1, 5]]), None);
        assert_eq!(of(&[&[]]), None);
    }
}
