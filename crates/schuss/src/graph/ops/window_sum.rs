//! Sums and means over windows. With [`super::window_spread`] it is a pair: each is the other's derivative.

use super::max_pool::{cases, each_place, pooled, spatial};
use super::window::Window;
use super::window_spread::WindowSpread;
use super::{Derivatives, Example, Line, Operation};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y[b, p, c] = Σ over the places t of window p of x[b, t, c], or their mean. Padding is no place: it is not counted.
///
/// `x: [batch, spatial…, channels]`, `y: [batch, windows…, channels]`. Errors: those of [`super::max_pool`].
#[derive(Clone, Debug)]
pub struct WindowSum {
    /// Where the windows lie.
    pub window: Window,
    /// Divided by the number of places?
    pub mean: bool,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "window_sum",
    summary: "the sum or the mean of every window",
    examples: || {
        let case = |((x, window), mean): ((Vec<usize>, Window), bool)| {
            Example::new(&[&x], move |g, v| g.apply(WindowSum { window: window.clone(), mean }, v))
        };
        cases().into_iter().zip([true, false].into_iter().cycle()).map(case).collect()
    },
};

impl Operation for WindowSum {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        pooled(&self.window, x[0])
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut y = Tensor::full(sizes, 0.0);
        each_place(&self.window, &x[0].sizes, |p, places| {
            let (sum, count) = places.fold((0.0, 0), |(sum, n), place| (sum + x[0].data[place], n + 1));
            y.data[p] = if self.mean { sum / f64::from(count) } else { sum };
        });
        y
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        let input = spatial(&self.window, g.shape(x[0]))?;
        Ok(vec![Some(g.apply(WindowSpread { window: self.window.clone(), mean: self.mean, input }, &[d])?)])
    }
}

impl Graph {
    /// The sum of every window.
    pub fn window_sum(&mut self, x: Value, window: &Window) -> Result<Value> {
        self.apply(WindowSum { window: window.clone(), mean: false }, &[x])
    }
    /// The mean of every window; padding is not counted.
    pub fn window_mean(&mut self, x: Value, window: &Window) -> Result<Value> {
        self.apply(WindowSum { window: window.clone(), mean: true }, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Reference;
    use crate::graph::ops::input::Source;

    #[test]
    fn padding_is_not_counted() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[3, 1]));
        let window = Window::same(&[3], &[1], &[1], &[3]);
        let (mean, sum) = (g.window_mean(x, &window).unwrap(), g.window_sum(x, &window).unwrap());
        let mut reference = Reference::new(&g, 1);
        reference.set(Source::Data, "x", Tensor::new(&[1, 3, 1], vec![1.0, 3.0, 11.0]));
        let found: Vec<Vec<f64>> = reference.run(&[mean, sum]).into_iter().map(|y| y.data).collect();
        assert_eq!(found, [[2.0, 5.0, 7.0], [4.0, 15.0, 14.0]]);
    }
}
