//! Sizes of arrays: static but for one symbolic axis, the batch.

use crate::error::{Error, Result};
use std::fmt;

/// One axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// As many as there are samples in the batch; known when a plan is made.
    Batch,
    /// This many.
    Fixed(usize),
}

impl From<usize> for Dim {
    fn from(n: usize) -> Self {
        Dim::Fixed(n)
    }
}

/// The axes of an array, the slowest first (row-major). The batch, if there is one, is the first axis.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<Dim>);

impl Shape {
    /// From a list of axes. Panics if the batch is among them and not the first.
    pub fn new(dims: impl Into<Vec<Dim>>) -> Self {
        let dims = dims.into();
        assert!(batch_is_first(&dims), "the batch is the first axis, not one of {dims:?}");
        Shape(dims)
    }
    /// A single number.
    pub fn scalar() -> Self {
        Shape(Vec::new())
    }
    /// Fixed sizes only.
    pub fn fixed(dims: &[usize]) -> Self {
        Shape(dims.iter().map(|&n| Dim::Fixed(n)).collect())
    }
    /// The batch, then fixed sizes.
    pub fn batch(dims: &[usize]) -> Self {
        Shape(std::iter::once(Dim::Batch).chain(dims.iter().map(|&n| Dim::Fixed(n))).collect())
    }
    /// The axes.
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }
    /// How many axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }
    /// Is the first axis the batch?
    pub fn has_batch(&self) -> bool {
        self.0.first() == Some(&Dim::Batch)
    }
    /// Sizes for a batch of `n` samples.
    pub fn sizes(&self, n: usize) -> Vec<usize> {
        self.0.iter().map(|d| if let Dim::Fixed(k) = d { *k } else { n }).collect()
    }
    /// Elements in a batch of `n` samples; the greatest number there is if they are more.
    pub fn len(&self, n: usize) -> usize {
        let size = |d: &Dim| if let Dim::Fixed(k) = d { *k } else { n };
        self.0.iter().map(size).fold(1, usize::saturating_mul)
    }
    /// Is there no element in a batch of `n` samples?
    pub fn is_empty(&self, n: usize) -> bool {
        self.len(n) == 0
    }
    /// The size of the last axis, if it is fixed.
    pub fn last(&self) -> Option<usize> {
        match self.0.last() {
            Some(Dim::Fixed(n)) => Some(*n),
            _ => None,
        }
    }
    /// The fixed axes behind the batch, or all of them: what one sample has.
    pub fn sample(&self) -> Vec<usize> {
        self.0.iter().filter_map(|d| if let Dim::Fixed(n) = d { Some(*n) } else { None }).collect()
    }
    /// The same axes without the last `n`.
    pub fn without_last(&self, n: usize) -> Shape {
        Shape(self.0[..self.0.len().saturating_sub(n)].to_vec())
    }
    /// The shape both broadcast to, by NumPy's rule: aligned at the last axis, equal sizes or 1. The batch must come out
    /// as the first axis: `[batch, 1]` and `[batch]` do not broadcast, where NumPy would pair every sample with every
    /// other.
    pub fn broadcast(&self, other: &Shape) -> Result<Shape> {
        let rank = self.rank().max(other.rank());
        let axis = |s: &Shape, i: usize| (i + s.rank()).checked_sub(rank).map_or(Dim::Fixed(1), |j| s.0[j]);
        let dims = (0..rank).map(|i| match (axis(self, i), axis(other, i)) {
            (a, b) if a == b => Some(a),
            (Dim::Fixed(1), b) => Some(b),
            (a, Dim::Fixed(1)) => Some(a),
            _ => None,
        });
        dims.collect::<Option<Vec<_>>>().filter(|dims| batch_is_first(dims)).map(Shape).ok_or_else(|| {
            let rule = "aligned at the last axis, sizes must be equal or 1, and the batch first";
            Error::shape("shapes-differ", format!("shapes {self} and {other} do not broadcast: {rule}"))
        })
    }
    /// Does it broadcast to exactly `target`?
    pub fn broadcasts_to(&self, target: &Shape) -> bool {
        self.broadcast(target).is_ok_and(|s| s == *target)
    }
}

/// Is the batch no other axis?
fn batch_is_first(dims: &[Dim]) -> bool {
    !dims.iter().skip(1).any(|d| *d == Dim::Batch)
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("[")?;
        for (i, d) in self.0.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            match d {
                Dim::Batch => write!(f, "{comma}batch")?,
                Dim::Fixed(n) => write!(f, "{comma}{n}")?,
            }
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        let a = Shape::batch(&[3, 1]);
        let b = Shape::fixed(&[5]);
        assert_eq!(a.broadcast(&b).unwrap(), Shape::batch(&[3, 5]));
        assert_eq!(Shape::scalar().broadcast(&a).unwrap(), a);
        assert!(Shape::fixed(&[2]).broadcast(&Shape::fixed(&[3])).is_err());
        assert!(Shape::batch(&[]).broadcast(&Shape::fixed(&[7])).is_err());
        assert!(!Shape::fixed(&[5, 1]).broadcasts_to(&Shape::fixed(&[5])));
    }

    #[test]
    fn the_batch_stays_the_first_axis() {
        let per_sample = Shape::batch(&[]);
        for other in [Shape::batch(&[1]), Shape::fixed(&[3, 1]), Shape::fixed(&[1, 1])] {
            assert_eq!(per_sample.broadcast(&other).unwrap_err().code(), "shapes-differ");
        }
        assert_eq!(per_sample.broadcast(&Shape::fixed(&[1])).unwrap(), per_sample);
    }

    #[test]
    fn a_number_of_elements_does_not_overflow() {
        assert_eq!(Shape::batch(&[1 << 40, 1 << 20]).len(1 << 10), usize::MAX);
        assert_eq!(Shape::batch(&[3, 5]).len(2), 30);
        assert!(Shape::batch(&[0]).is_empty(7));
    }
}
