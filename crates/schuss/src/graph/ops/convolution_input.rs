//! A convolution's derivative with respect to its input; forwards, the transposed convolution.

use super::convolution::{Convolution, cases, each_product, fit};
use super::convolution_kernel::ConvolutionKernel;
use super::window::Window;
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::{Dim, Shape};

/// x from y and w: every number of y, times the kernel, is added to the window that it belongs to.
///
/// `y: [batch, windows…, outputs]`, `w: [size…, channels / groups, outputs]`, `x: [batch, input…, channels]`.
#[derive(Clone, Debug)]
pub struct ConvolutionInput {
    /// Where the convolution's windows lie.
    pub window: Window,
    /// Parts that channels and outputs are cut into.
    pub groups: usize,
    /// The spatial sizes of x.
    pub input: Vec<usize>,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "convolution_input",
    summary: "a convolution's derivative by its input, or a transposed convolution",
    examples: || {
        let case = |(x, w, window, groups): (Vec<usize>, Vec<usize>, Window, usize)| {
            let input = x[1..x.len() - 1].to_vec();
            let windows = window.outputs(&input).expect("the cases fit");
            let y: Vec<usize> = [x[0]].into_iter().chain(windows).chain([w[w.len() - 1]]).collect();
            Example::new(&[&y, &w], move |g, v| g.convolution_input(v[0], v[1], &window, groups, &input))
        };
        cases().into_iter().map(case).collect()
    },
};

impl Operation for ConvolutionInput {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, v: &[&Shape]) -> Result<Shape> {
        let (y, w) = (v[0], v[1]);
        let channels =
            w.dims().iter().rev().nth(1).map_or(0, |d| if let Dim::Fixed(n) = d { n * self.groups } else { 0 });
        let batch = y.dims().first().copied().unwrap_or(Dim::Fixed(1));
        let dims = self.input.iter().copied().chain([channels]).map(Dim::Fixed);
        let x = Shape::new(std::iter::once(batch).chain(dims).collect::<Vec<_>>());
        let (_, _, outputs) = fit(&self.window, self.groups, &x, w)?;
        let windows = self.window.outputs(&self.input)?;
        let wanted: Vec<Dim> =
            std::iter::once(batch).chain(windows.into_iter().chain([outputs]).map(Dim::Fixed)).collect();
        if y.dims() != wanted {
            let wanted = Shape::new(wanted);
            let message = format!("what is spread over an input of {x} is {y}; it must be {wanted}");
            return Err(Error::shape("convolution-shapes", message));
        }
        Ok(x)
    }
    fn evaluate(&self, _: &Moment, v: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut out = Tensor::full(sizes, 0.0);
        let outputs = v[0].rows().1;
        each_product(&self.window, self.groups, sizes, outputs, |x, w, y| {
            out.data[x] += v[0].data[y] * v[1].data[w];
        });
        out
    }
    fn vjp(&self, g: &mut Graph, v: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let (window, groups) = (self.window.clone(), self.groups);
        let dy = Convolution { window: window.clone(), groups };
        let dw = ConvolutionKernel { window, groups };
        Ok(vec![
            wanted[0].then(|| g.apply(dy, &[d, v[1]])).transpose()?,
            wanted[1].then(|| g.apply(dw, &[d, v[0]])).transpose()?,
        ])
    }
}

impl Graph {
    /// The `input…` sizes of x that a convolution makes `y` from, each with the sum of what its windows hand back.
    pub fn convolution_input(
        &mut self,
        y: Value,
        w: Value,
        window: &Window,
        groups: usize,
        input: &[usize],
    ) -> Result<Value> {
        self.apply(ConvolutionInput { window: window.clone(), groups, input: input.to_vec() }, &[y, w])
    }
}
