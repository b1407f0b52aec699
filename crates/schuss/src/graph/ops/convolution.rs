//! Convolution: every window of an image times a kernel. With its two derivatives it is a family that is closed: each
//! one's derivatives are the others.

use super::convolution_input::ConvolutionInput;
use super::convolution_kernel::ConvolutionKernel;
use super::window::Window;
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};

/// y[b, p, n] = Σ over places t of the window and channels c of x[b, p · strides + t · dilation − padding, c] · w[t, c, n].
///
/// `x: [batch, spatial…, channels]`, `w: [size…, channels / groups, outputs]`, `y: [batch, windows…, outputs]`. As in
/// Keras and PyTorch this is a cross-correlation: the kernel is not turned. With groups, the channels and the outputs
/// are cut into as many equal parts, and each part of the outputs sees its part of the channels.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// Where the windows lie.
    pub window: Window,
    /// Parts that channels and outputs are cut into.
    pub groups: usize,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "convolution",
    summary: "every window of an image times a kernel",
    examples: || {
        let case = |(x, w, window, groups): Case| {
            Example::new(&[&x, &w], move |g, v| g.convolution(v[0], v[1], &window, groups))
        };
        cases().into_iter().map(case).collect()
    },
};

/// An input's sizes, a kernel's, a window and groups.
pub(super) type Case = (Vec<usize>, Vec<usize>, Window, usize);

/// Odd sizes, strides, dilations, groups and paddings in one, two and three dimensions.
pub(super) fn cases() -> Vec<Case> {
    let valid = |size: &[usize], strides: &[usize], dilation: &[usize]| Window::valid(size, strides, dilation);
    let same =
        |size: &[usize], strides: &[usize], input: &[usize]| Window::same(size, strides, &vec![1; size.len()], input);
    let at_most = |window: Window, most: &[usize]| Window { most: Some(most.to_vec()), ..window };
    vec![
        (vec![2, 5, 3], vec![3, 3, 2], valid(&[3], &[1], &[1]), 1),
        (vec![2, 4, 3], vec![2, 3, 17], valid(&[2], &[1], &[1]), 1),
        (vec![1, 7, 1], vec![2, 1, 3], valid(&[2], &[2], &[3]), 1),
        (vec![2, 5, 4, 3], vec![3, 3, 3, 5], same(&[3, 3], &[1, 1], &[5, 4]), 1),
        (vec![3, 5, 6, 2], vec![2, 3, 2, 3], same(&[2, 3], &[2, 2], &[5, 6]), 1),
        (vec![1, 7, 6, 2], vec![3, 2, 2, 1], valid(&[3, 2], &[1, 1], &[2, 3]), 1),
        (vec![2, 4, 4, 4], vec![3, 3, 2, 6], same(&[3, 3], &[1, 1], &[4, 4]), 2),
        (vec![2, 4, 3, 3], vec![2, 2, 1, 3], valid(&[2, 2], &[1, 1], &[1, 1]), 3),
        (vec![1, 3, 4, 2], vec![3, 3, 1, 4], same(&[3, 3], &[2, 1], &[3, 4]), 2),
        (vec![2, 3, 4, 2], vec![1, 1, 2, 3], valid(&[1, 1], &[2, 2], &[1, 1]), 1),
        (vec![1, 3, 2, 3, 2], vec![2, 2, 2, 2, 3], same(&[2, 2, 2], &[1, 1, 2], &[3, 2, 3]), 1),
        (vec![2, 5, 4, 2], vec![3, 3, 2, 3], at_most(same(&[3, 3], &[1, 1], &[5, 4]), &[4, 2]), 1),
        (vec![1, 7, 6, 3], vec![3, 2, 1, 3], at_most(valid(&[3, 2], &[2, 1], &[1, 1]), &[2, 4]), 3),
    ]
}

/// The input's spatial sizes, its channels and the kernel's outputs, if all fit together.
pub(super) fn fit(window: &Window, groups: usize, x: &Shape, w: &Shape) -> Result<(Vec<usize>, usize, usize)> {
    let (rank, wrong) = (window.rank(), |message| Err(Error::shape("convolution-shapes", message)));
    let fixed = |dims: &[Dim]| -> Vec<usize> {
        dims.iter().filter_map(|d| if let Dim::Fixed(n) = d { Some(*n) } else { None }).collect()
    };
    if x.rank() != rank + 2 {
        let axes = ["width", "height, width", "depth, height, width"].get(rank.wrapping_sub(1)).unwrap_or(&"…");
        return wrong(format!("the input is {x}; it must be [batch, {axes}, channels]"));
    }
    let (spatial, channels) = (fixed(&x.dims()[1..=rank]), x.last().expect("behind the batch sizes are fixed"));
    let kernel = fixed(w.dims());
    let outputs = kernel.last().copied().unwrap_or(0);
    let divides = groups > 0 && channels.is_multiple_of(groups) && outputs.is_multiple_of(groups);
    if !divides {
        return wrong(format!("{groups} groups do not divide {channels} channels and {outputs} outputs"));
    }
    let wanted: Vec<usize> = window.size.iter().copied().chain([channels / groups, outputs]).collect();
    if kernel != wanted || w.has_batch() {
        return wrong(format!("the kernel is {w}; for an input of {x} it must be {wanted:?}"));
    }
    Ok((spatial, channels, outputs))
}

/// Calls f with the place in x, in w and in y of every product of a convolution.
pub(super) fn each_product(
    window: &Window,
    groups: usize,
    x: &[usize],
    outputs: usize,
    mut f: impl FnMut(usize, usize, usize),
) {
    let (images, spatial, channels) = (x[0], &x[1..x.len() - 1], x[x.len() - 1]);
    let (taps, places) = (window.taps(spatial), spatial.iter().product::<usize>());
    let (ins, outs) = (channels / groups, outputs / groups);
    for image in 0..images {
        for (p, window) in taps.iter().enumerate() {
            for n in 0..outputs {
                let y = (image * taps.len() + p) * outputs + n;
                for (t, place) in window.iter().enumerate() {
                    let Some(place) = place else { continue };
                    for c in 0..ins {
                        let x = (image * places + place) * channels + n / outs * ins + c;
                        f(x, (t * ins + c) * outputs + n, y);
                    }
                }
            }
        }
    }
}

impl Operation for Convolution {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        let (spatial, _, outputs) = fit(&self.window, self.groups, x[0], x[1])?;
        let windows = self.window.outputs(&spatial)?;
        let dims = windows.into_iter().chain([outputs]).map(Dim::Fixed);
        Ok(Shape::new(std::iter::once(x[0].dims()[0]).chain(dims).collect::<Vec<_>>()))
    }
    fn evaluate(&self, _: &Moment, v: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut out = Tensor::full(sizes, 0.0);
        let outputs = sizes[sizes.len() - 1];
        each_product(&self.window, self.groups, &v[0].sizes, outputs, |x, w, y| {
            out.data[y] += v[0].data[x] * v[1].data[w];
        });
        out
    }
    fn vjp(&self, g: &mut Graph, v: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let (window, groups, sizes) = (self.window.clone(), self.groups, g.shape(v[0]).sizes(1));
        let input = sizes[1..sizes.len() - 1].to_vec();
        let dx = ConvolutionInput { window: window.clone(), groups, input };
        let dw = ConvolutionKernel { window, groups };
        Ok(vec![
            wanted[0].then(|| g.apply(dx, &[d, v[1]])).transpose()?,
            wanted[1].then(|| g.apply(dw, &[v[0], d])).transpose()?,
        ])
    }
}

impl Graph {
    /// Every window of `x` times the kernel `w`.
    pub fn convolution(&mut self, x: Value, w: Value, window: &Window, groups: usize) -> Result<Value> {
        self.apply(Convolution { window: window.clone(), groups }, &[x, w])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Reference;
    use crate::graph::ops::input::Source;

    #[test]
    fn a_row_of_numbers_by_hand() {
        let mut g = Graph::new();
        let (x, w) =
            (g.input(Source::Data, "x", Shape::batch(&[4, 1])), g.input(Source::Data, "w", Shape::fixed(&[3, 1, 1])));
        let valid = g.convolution(x, w, &Window::valid(&[3], &[1], &[1]), 1).unwrap();
        let same = g.convolution(x, w, &Window::same(&[3], &[1], &[1], &[4]), 1).unwrap();
        let mut reference = Reference::new(&g, 1);
        reference.set(Source::Data, "x", Tensor::new(&[1, 4, 1], vec![1.0, 2.0, 3.0, 4.0]));
        reference.set(Source::Data, "w", Tensor::new(&[3, 1, 1], vec![1.0, 10.0, 100.0]));
        let found: Vec<Vec<f64>> = reference.run(&[valid, same]).into_iter().map(|y| y.data).collect();
        assert_eq!(found, [vec![321.0, 432.0], vec![210.0, 321.0, 432.0, 43.0]]);
    }

    #[test]
    fn sizes_that_do_not_meet_are_refused() {
        let code = |x: &[usize], w: &[usize], groups| {
            let mut g = Graph::new();
            let (x, w) = (g.input(Source::Data, "x", Shape::batch(x)), g.input(Source::Data, "w", Shape::fixed(w)));
            let window = Window::valid(&w_size(&g, w), &[1, 1], &[1, 1]);
            g.convolution(x, w, &window, groups).map(|_| ()).map_err(|e| e.code())
        };
        assert_eq!(code(&[5, 5, 4], &[3, 3, 4, 2], 1), Ok(()));
        assert_eq!(code(&[5, 5, 4], &[3, 3, 2, 2], 2), Ok(()));
        assert_eq!(code(&[5, 5], &[3, 3, 4, 2], 1), Err("convolution-shapes"));
        assert_eq!(code(&[5, 5, 3], &[3, 3, 4, 2], 1), Err("convolution-shapes"));
        assert_eq!(code(&[5, 5, 4], &[3, 3, 4, 3], 2), Err("convolution-shapes"));
        assert_eq!(code(&[5, 5, 4], &[3, 3, 4, 2], 0), Err("convolution-shapes"));
        assert_eq!(code(&[2, 5, 4], &[3, 3, 4, 2], 1), Err("window"));
    }

    fn w_size(g: &Graph, w: Value) -> Vec<usize> {
        g.shape(w).sizes(1)[..2].to_vec()
    }
}
