//! A convolution's derivative with respect to its kernel.

use super::convolution::{Convolution, cases, each_product, fit};
use super::convolution_input::ConvolutionInput;
use super::window::Window;
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// w from x and y: over all images and windows, the sum of each number of the window times each output.
///
/// `x: [batch, spatial…, channels]`, `y: [batch, windows…, outputs]`, `w: [size…, channels / groups, outputs]`.
#[derive(Clone, Debug)]
pub struct ConvolutionKernel {
    /// Where the convolution's windows lie.
    pub window: Window,
    /// Parts that channels and outputs are cut into.
    pub groups: usize,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "convolution_kernel",
    summary: "a convolution's derivative by its kernel",
    examples: || {
        let case = |(x, w, window, groups): (Vec<usize>, Vec<usize>, Window, usize)| {
            let windows = window.outputs(&x[1..x.len() - 1]).expect("the cases fit");
            let y: Vec<usize> = [x[0]].into_iter().chain(windows).chain([w[w.len() - 1]]).collect();
            Example::new(&[&x, &y], move |g, v| g.convolution_kernel(v[0], v[1], &window, groups))
        };
        cases().into_iter().map(case).collect()
    },
};

impl Operation for ConvolutionKernel {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, v: &[&Shape]) -> Result<Shape> {
        let (x, y) = (v[0], v[1]);
        let (channels, outputs) = (x.last().unwrap_or(0), y.last().unwrap_or(0));
        let ins = channels.checked_div(self.groups).unwrap_or(0);
        let w = Shape::fixed(&[&self.window.size[..], &[ins, outputs]].concat());
        let made = Convolution { window: self.window.clone(), groups: self.groups }.shape(&[x, &w])?;
        if made != *y {
            let message = format!("the outputs are {y}; for an input of {x} they must be {made}");
            return Err(Error::shape("convolution-shapes", message));
        }
        fit(&self.window, self.groups, x, &w).map(|_| w)
    }
    fn evaluate(&self, _: &Moment, v: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut out = Tensor::full(sizes, 0.0);
        let outputs = sizes[sizes.len() - 1];
        each_product(&self.window, self.groups, &v[0].sizes, outputs, |x, w, y| {
            out.data[w] += v[0].data[x] * v[1].data[y];
        });
        out
    }
    fn vjp(&self, g: &mut Graph, v: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let (window, groups) = (self.window.clone(), self.groups);
        let sizes = g.shape(v[0]).sizes(1);
        let input = sizes[1..sizes.len() - 1].to_vec();
        let dx = ConvolutionInput { window: window.clone(), groups, input };
        let dy = Convolution { window, groups };
        Ok(vec![
            wanted[0].then(|| g.apply(dx, &[v[1], d])).transpose()?,
            wanted[1].then(|| g.apply(dy, &[v[0], d])).transpose()?,
        ])
    }
}

impl Graph {
    /// Over all images and windows of `x`, the sum of each number of the window times each output `y`.
    pub fn convolution_kernel(&mut self, x: Value, y: Value, window: &Window, groups: usize) -> Result<Value> {
        self.apply(ConvolutionKernel { window: window.clone(), groups }, &[x, y])
    }
}
