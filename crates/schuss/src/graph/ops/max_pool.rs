//! The greatest number of every window. With [`super::pool_scatter`] and [`super::pool_select`] it is a family that is
//! closed: each one's derivatives are the others.

use super::pool_scatter::PoolScatter;
use super::window::Window;
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};

/// y[b, p, c] = max over the places t of window p of x[b, t, c]. Padding is no place. The derivative goes to the first of
/// equal numbers (row-major), as in PyTorch; a NaN is greater than any number.
///
/// `x: [batch, spatial…, channels]`, `y: [batch, windows…, channels]`. Errors: `image-axes`, `window`, `empty-window`.
#[derive(Clone, Debug)]
pub struct MaxPool {
    /// Where the windows lie.
    pub window: Window,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "max_pool",
    summary: "the greatest number of every window",
    examples: || {
        let case = |(sizes, window): Case| Example::new(&[&sizes], move |g, x| g.max_pool(x[0], &window));
        cases().into_iter().map(case).collect()
    },
};

/// An input's sizes and a window.
pub(super) type Case = (Vec<usize>, Window);

/// Odd sizes, strides, dilations and paddings in one, two and three dimensions; windows that overlap, and that leave
/// places out.
pub(super) fn cases() -> Vec<Case> {
    let ones = |size: &[usize]| vec![1; size.len()];
    let valid = |size: &[usize], strides: &[usize]| Window::valid(size, strides, &ones(size));
    let same = |size: &[usize], strides: &[usize], input: &[usize]| Window::same(size, strides, &ones(size), input);
    vec![
        (vec![2, 7, 3], valid(&[2], &[2])),
        (vec![1, 5, 1], valid(&[2], &[3])),
        (vec![3, 6, 2], Window::valid(&[2], &[1], &[3])),
        (vec![2, 5, 4, 3], valid(&[2, 2], &[2, 2])),
        (vec![1, 5, 6, 17], same(&[3, 2], &[2, 1], &[5, 6])),
        (vec![2, 4, 5, 1], same(&[3, 3], &[1, 2], &[4, 5])),
        (vec![2, 2, 3, 3, 2], same(&[2, 2, 3], &[1, 2, 2], &[2, 3, 3])),
    ]
}

/// Sizes of `[batch, spatial…, channels]` behind the batch, without the channels.
pub(super) fn spatial(window: &Window, x: &Shape) -> Result<Vec<usize>> {
    let sizes: Vec<usize> =
        x.dims().iter().skip(1).filter_map(|d| if let Dim::Fixed(n) = d { Some(*n) } else { None }).collect();
    if sizes.len() != window.rank() + 1 {
        let axes = ["width", "height, width", "depth, height, width"].get(window.rank().wrapping_sub(1));
        let message = format!("the input is {x}; it must be [batch, {}, channels]", axes.unwrap_or(&"…"));
        return Err(Error::shape("image-axes", message));
    }
    Ok(sizes[..window.rank()].to_vec())
}

/// The shape with other spatial sizes.
pub(super) fn with_spatial(x: &Shape, sizes: &[usize]) -> Shape {
    let mut dims = x.dims().to_vec();
    dims[1..].iter_mut().zip(sizes).for_each(|(d, n)| *d = Dim::Fixed(*n));
    Shape::new(dims)
}

/// The shape of what is pooled: a number for each window. Every window must hold a place of the input.
pub(super) fn pooled(window: &Window, x: &Shape) -> Result<Shape> {
    let input = spatial(window, x)?;
    let outputs = window.outputs(&input)?;
    for (i, &n) in outputs.iter().enumerate() {
        let real = |o: usize, t: usize| {
            let at = (o * window.strides[i] + t * window.dilation[i]).checked_sub(window.padding[i][0]);
            at.is_some_and(|at| at < input[i])
        };
        if !(0..n).all(|o| (0..window.size[i]).any(|t| real(o, t))) {
            let message = format!("a window holds nothing but padding along spatial axis {i} of {x}: {window:?}");
            return Err(Error::shape("empty-window", message));
        }
    }
    Ok(with_spatial(x, &outputs))
}

/// Calls f with every place of every window, channel by channel: the window's number (row-major in the output), and the
/// number of the input.
pub(super) fn each_place(window: &Window, input: &[usize], mut f: impl FnMut(usize, &mut dyn Iterator<Item = usize>)) {
    let (images, spatial, channels) = (input[0], &input[1..input.len() - 1], input[input.len() - 1]);
    let (taps, places) = (window.taps(spatial), spatial.iter().product::<usize>());
    for image in 0..images {
        for (p, window) in taps.iter().enumerate() {
            for c in 0..channels {
                let at = |place: &usize| (image * places + place) * channels + c;
                f((image * taps.len() + p) * channels + c, &mut window.iter().flatten().map(at));
            }
        }
    }
}

/// The first place of the greatest of the numbers at these places; of a NaN, if there is one.
pub(super) fn winner(x: &[f64], places: &mut dyn Iterator<Item = usize>) -> usize {
    let first = places.next().expect("every window holds a place");
    places.fold(first, |best, p| if x[p] > x[best] || (x[p].is_nan() && !x[best].is_nan()) { p } else { best })
}

impl Operation for MaxPool {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        pooled(&self.window, x[0])
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut y = Tensor::full(sizes, 0.0);
        each_place(&self.window, &x[0].sizes, |p, places| y.data[p] = x[0].data[winner(&x[0].data, places)]);
        y
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(vec![Some(g.apply(PoolScatter { window: self.window.clone() }, &[x[0], d])?)])
    }
}

impl Graph {
    /// The greatest number of every window.
    pub fn max_pool(&mut self, x: Value, window: &Window) -> Result<Value> {
        self.apply(MaxPool { window: window.clone() }, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;
    use crate::graph::{Reference, backpropagate};

    #[test]
    fn the_first_of_equal_numbers_gets_the_derivative_and_padding_never_wins() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[5, 1]));
        let y = g.max_pool(x, &Window::same(&[2], &[2], &[1], &[5])).unwrap();
        let sum = g.sum(y).unwrap();
        let dx = backpropagate(&mut g, sum, &[x]).unwrap()[0];
        let mut reference = Reference::new(&g, 1);
        reference.set(Source::Data, "x", Tensor::new(&[1, 5, 1], vec![-3.0, -3.0, -5.0, -4.0, -7.0]));
        let found = reference.run(&[y, dx]);
        assert_eq!(found[0].data, [-3.0, -4.0, -7.0]);
        assert_eq!(found[1].data, [1.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn nan_is_not_hidden() {
        let x = [1.0, f64::NAN, 2.0, f64::NAN];
        assert_eq!(winner(&x, &mut (0..4)), 1);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let code = |x: &[usize], window: Window| {
            let mut g = Graph::new();
            let x = g.input(Source::Data, "x", Shape::batch(x));
            g.max_pool(x, &window).unwrap_err().code()
        };
        assert_eq!(code(&[5, 5], Window::valid(&[2, 2], &[2, 2], &[1, 1])), "image-axes");
        assert_eq!(code(&[1, 5, 3], Window::valid(&[2, 2], &[2, 2], &[1, 1])), "window");
        assert_eq!(code(&[1, 3], Window::same(&[2], &[1], &[2], &[1])), "empty-window");
    }
}
