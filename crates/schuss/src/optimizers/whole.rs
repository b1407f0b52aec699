//! What rules on whole arrays have in common.

use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::shape::{Dim, Shape};

/// old + share (new − old).
pub fn average(g: &mut Graph, old: Value, new: Value, share: Value) -> Result<Value> {
    let change = g.subtract(new, old)?;
    let change = g.multiply(change, share)?;
    g.add(old, change)
}

/// Σ x y.
pub fn weighted_sum(g: &mut Graph, x: Value, y: Value) -> Result<Value> {
    let product = g.multiply(x, y)?;
    g.sum(product)
}

/// √Σx².
pub fn norm(g: &mut Graph, x: Value) -> Result<Value> {
    let square = g.square(x)?;
    let sum = g.sum(square)?;
    g.sqrt(sum)
}

/// √(Σx² / n).
pub fn root_mean_square(g: &mut Graph, x: Value) -> Result<Value> {
    let norm = norm(g, x)?;
    let share = g.constant(1.0 / (g.shape(x).len(1) as f64).sqrt())?;
    g.multiply(norm, share)
}

/// a / b of two norms, 1 where one of them is 0.
pub fn ratio(g: &mut Graph, a: Value, b: Value) -> Result<Value> {
    let (zero, one) = (g.constant(0.0)?, g.constant(1.0)?);
    let quotient = g.divide(a, b)?;
    let (some_a, some_b) = (g.greater(a, zero)?, g.greater(b, zero)?);
    let inner = g.select(some_b, quotient, one)?;
    g.select(some_a, inner, one)
}

/// The lengths of the two sides of a parameter as a matrix, of which all axes but the last are the rows, where they are
/// at most `longest`; of a vector its length alone.
pub fn sides(shape: &[usize], longest: usize) -> [Option<usize>; 2] {
    let len: usize = shape.iter().product();
    let all = match shape {
        [.., columns] if shape.len() >= 2 => [Some(len / columns), Some(*columns)],
        _ => [Some(len), None],
    };
    all.map(|side| side.filter(|n| *n <= longest))
}

/// The mean over an axis, which stays with size 1; axes count from the last, which is 1.
pub fn mean_over(g: &mut Graph, x: Value, axis: usize) -> Result<Value> {
    let mut dims = g.shape(x).dims().to_vec();
    let place = dims.len() - axis;
    let Dim::Fixed(n) = dims[place] else { unreachable!("a parameter has no batch") };
    dims[place] = Dim::Fixed(1);
    let sum = g.sum_to(x, &Shape::new(dims))?;
    let share = g.constant(1.0 / n as f64)?;
    g.multiply(sum, share)
}
