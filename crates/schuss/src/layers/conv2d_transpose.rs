//! The transposed convolution: what a convolution makes of images, backwards.

use super::images::{
    self, DILATION_RATE, FILTERS, Frame, KERNEL_SIZE, PADDING, STRIDES, dilation_method, frame_methods,
};
use super::weights::{self, Outputs, Weight, output_methods, weight_methods};
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::graph::ops::window::Window;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

/// Axes of an image.
const N: usize = 2;
/// How it is written that the output's size follows from the rest.
const NONE: &str = "none";

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "conv2d_transpose",
    page: Page {
        summary: "every pixel times a kernel, added up where windows overlap: a convolution backwards",
        equation: "y = f(xᵀ∗ W + b)\nvalid: outputs = (inputs − 1) · stride + max(size, stride)\n\
                   same: outputs = inputs · stride",
        source: "Zeiler, Krishnan, Taylor and Fergus 2010, Deconvolutional networks; Keras 3, \
                 keras.layers.Conv2DTranspose",
        differs: "Keras' names, defaults, layout and sizes: W is [height, width, filters, channels]. PyTorch's \
                  ConvTranspose2d has (inputs − 1) · stride + size outputs, less twice its padding. No groups, no \
                  data_format, no constraints.",
    },
    settings: &[
        FILTERS,
        KERNEL_SIZE,
        STRIDES,
        PADDING,
        Setting {
            name: "output_padding",
            default: Default::Text(NONE),
            allowed: Allowed::IntOrInts(0, 1 << 20, &[NONE]),
            doc: "none, or the output's size: valid (inputs − 1) · stride + size, same (inputs − 1) · stride + size mod 2, \
                  plus this",
        },
        DILATION_RATE,
        weights::ACTIVATION,
        weights::USE_BIAS,
        weights::KERNEL_INITIALIZER,
        weights::BIAS_INITIALIZER,
        weights::KERNEL_REGULARIZER,
        weights::BIAS_REGULARIZER,
    ],
    make: |s| {
        let padding = s.int_or_ints("output_padding").map(|p| images::each_axis("output_padding", &p)).transpose()?;
        let layer = Conv2DTranspose {
            filters: s.usize("filters"),
            frame: Frame::read(s)?,
            output_padding: padding,
            kernel: Weight::read(s, "kernel_initializer", "kernel_regularizer"),
            outputs: Outputs::read(s),
        };
        layer.check()?;
        Ok(Arc::new(layer))
    },
};

/// y = f(xᵀ∗ W + b): the derivative of a convolution with kernel W by its input, taken of x.
///
/// `x: [batch, height, width, channels]`, `y: [batch, …, …, filters]`; parameters `kernel` W `[size…, filters, channels]`
/// and `bias` b `[filters]`. Errors: `image-axes`, `strides-and-dilation`, `output-padding`.
#[derive(Clone, Debug)]
pub struct Conv2DTranspose {
    filters: usize,
    frame: Frame<N>,
    output_padding: Option<[usize; N]>,
    kernel: Weight,
    outputs: Outputs,
}

impl Conv2DTranspose {
    /// So many filters of a window of this size; linear, with a bias, starting as in Keras.
    pub fn new(filters: usize, kernel_size: [usize; N]) -> Self {
        let frame = Frame::new(kernel_size, [1; N]);
        Conv2DTranspose { filters, frame, output_padding: None, kernel: weights::kernel(), outputs: Outputs::new() }
    }
    /// The output's size, past what it would be at least.
    pub fn output_padding(mut self, padding: [usize; N]) -> Self {
        self.output_padding = Some(padding);
        self
    }
    frame_methods!();
    dilation_method!();
    output_methods!();
    weight_methods!(kernel, kernel_initializer, kernel_regularizer);

    fn check(&self) -> Result<()> {
        self.kernel.check()?;
        self.outputs.check()
    }
    /// The output's size and the padding of the convolution that leads from it to the input, along an axis.
    fn backwards(&self, axis: usize, input: usize) -> Result<(usize, [usize; 2])> {
        let (stride, extra) = (self.frame.strides[axis], self.output_padding.map(|p| p[axis]));
        let reach = self.frame.size[axis].saturating_sub(1) * self.frame.dilation[axis] + 1;
        if let Some(extra) = extra.filter(|extra| *extra >= stride) {
            let message = format!("`output_padding` is {extra} and must be below the stride, {stride}");
            return Err(Error::value("output-padding", message));
        }
        // Of the size at which every window is whole, so much is cut off in front and behind; below 0, added behind.
        let whole = (input - 1) * stride + reach;
        let (front, behind) = match self.frame.padding.as_str() {
            "valid" => (0, -(extra.unwrap_or(stride.saturating_sub(reach)) as i64)),
            _ => {
                let zeros = extra.map_or(stride + reach - 2, |extra| reach + reach % 2 + extra - 2) as i64;
                let edge = reach as i64 - 1;
                let front = (zeros - zeros / 2).min(edge);
                (edge - front, edge - (zeros - front))
            }
        };
        let output = whole as i64 - front - behind;
        Ok((output as usize, [front as usize, behind.max(0) as usize]))
    }
}

impl Layer for Conv2DTranspose {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let padding = self.output_padding.map_or(Argument::Text(NONE.into()), |p| images::argument(&p));
        Settings::from_pairs([
            ("filters", Argument::Int(self.filters as i64)),
            ("kernel_size", images::argument(&self.frame.size)),
            ("strides", images::argument(&self.frame.strides)),
            ("padding", Argument::Text(self.frame.padding.clone())),
            ("output_padding", padding),
            ("dilation_rate", images::argument(&self.frame.dilation)),
            ("activation", self.outputs.activation.argument()),
            ("use_bias", Argument::Bool(self.outputs.use_bias)),
            ("kernel_initializer", self.kernel.initializer()),
            ("bias_initializer", self.outputs.bias.initializer()),
            ("kernel_regularizer", self.kernel.regularizer()),
            ("bias_regularizer", self.outputs.bias.regularizer()),
        ])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.check()?;
        self.frame.not_both()?;
        let (input, channels) = images::axes(build.graph.shape(x))?;
        // What is wrong with the window itself is said of an input that it fits.
        let Frame { size, strides, dilation, .. } = &self.frame;
        let reach: Vec<usize> = size.iter().zip(dilation).map(|(n, d)| n.saturating_sub(1) * d + 1).collect();
        Window::valid(size, strides, dilation).outputs(&reach)?;
        self.frame.window(&input)?;
        let (mut output, mut padding) = ([0; N], vec![[0; 2]; N]);
        for axis in 0..N {
            (output[axis], padding[axis]) = self.backwards(axis, input[axis])?;
        }
        let window = Window { padding, ..Window::valid(size, strides, dilation) };
        let shape: Vec<usize> = size.iter().copied().chain([self.filters, channels]).collect();
        let kernel = self.kernel.build(build, "kernel", &shape)?;
        let y = build.graph.convolution_input(x, kernel, &window, 1, &output)?;
        self.outputs.build(build, y, self.filters)
    }
}
