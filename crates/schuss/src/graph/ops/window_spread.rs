//! Every window's number to all of its places: the derivative of [`super::window_sum`], and repetition of pixels.

use super::max_pool::{cases, each_place, pooled, spatial, with_spatial};
use super::window::Window;
use super::window_sum::WindowSum;
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y[b, t, c] = Σ over the windows p that hold place t of d[b, p, c], each divided by its number of places for a mean.
///
/// `d: [batch, windows…, channels]`, `y: [batch, input…, channels]`. Errors: those of [`super::max_pool`],
/// `shapes-differ`.
#[derive(Clone, Debug)]
pub struct WindowSpread {
    /// Where the windows lie.
    pub window: Window,
    /// Divided by the number of places?
    pub mean: bool,
    /// The spatial sizes of y.
    pub input: Vec<usize>,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "window_spread",
    summary: "every window's number to all of its places",
    examples: || {
        let case = |((x, window), mean): ((Vec<usize>, Window), bool)| {
            let d = pooled(&window, &Shape::fixed(&x)).expect("the case fits").sizes(1);
            let input = x[1..x.len() - 1].to_vec();
            let op = WindowSpread { window, mean, input };
            Example::new(&[&d], move |g, v| g.apply(op.clone(), v))
        };
        cases().into_iter().zip([true, false].into_iter().cycle()).map(case).collect()
    },
};

impl Operation for WindowSpread {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, d: &[&Shape]) -> Result<Shape> {
        let windows = spatial(&self.window, d[0])?;
        let y = with_spatial(d[0], &self.input);
        if self.input.len() != windows.len() || pooled(&self.window, &y)? != *d[0] {
            let message = format!("{} has not a number for each window of {:?}", d[0], self.input);
            return Err(Error::shape("shapes-differ", message));
        }
        Ok(y)
    }
    fn evaluate(&self, _: &Moment, d: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut y = Tensor::full(sizes, 0.0);
        each_place(&self.window, sizes, |p, places| {
            let places: Vec<usize> = places.collect();
            let count = if self.mean { places.len() as f64 } else { 1.0 };
            places.iter().for_each(|place| y.data[*place] += d[0].data[p] / count);
        });
        y
    }
    fn vjp(&self, g: &mut Graph, _: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![Some(g.apply(WindowSum { window: self.window.clone(), mean: self.mean }, &[d])?)])
    }
}

impl Graph {
    /// Every window's number to all of its places of an array whose spatial sizes are `input`.
    pub fn window_spread(&mut self, d: Value, window: &Window, input: &[usize]) -> Result<Value> {
        self.apply(WindowSpread { window: window.clone(), mean: false, input: input.to_vec() }, &[d])
    }
}
