//! A convolution of each channel by itself.

use super::images::{self, DILATION_RATE, Frame, KERNEL_SIZE, PADDING, STRIDES, dilation_method, frame_methods};
use super::weights::{self, Outputs, Weight, output_methods, weight_methods};
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::shape::Shape;
use std::sync::Arc;

/// Axes of an image.
const N: usize = 2;

pub(super) const DEPTH_MULTIPLIER: Setting = Setting {
    name: "depth_multiplier",
    default: Default::Int(1),
    allowed: Allowed::Int(1, i32::MAX as i64),
    doc: "how many channels come out of each",
};

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "depthwise_conv2d",
    page: Page {
        summary: "every window of each channel times a kernel of its own",
        equation: "y = f(x ∗ W + b), where output c · m + i sees channel c alone and m is depth_multiplier",
        source: "Chollet 2017, https://arxiv.org/abs/1610.02357; Keras 3, keras.layers.DepthwiseConv2D",
        differs: "Keras' names, defaults and layout: W is [height, width, channels, depth_multiplier]. PyTorch writes it \
                  as a Conv2d with as many groups as channels. No data_format, no constraints.",
    },
    settings: &[
        KERNEL_SIZE,
        STRIDES,
        PADDING,
        DEPTH_MULTIPLIER,
        DILATION_RATE,
        weights::ACTIVATION,
        weights::USE_BIAS,
        weights::words("depthwise_initializer", "glorot_uniform", "how W starts"),
        weights::BIAS_INITIALIZER,
        weights::regularizer("depthwise_regularizer", "what W adds to the loss: none, or a regularizer, as l2(0.001)"),
        weights::BIAS_REGULARIZER,
    ],
    make: |s| {
        let layer = DepthwiseConv2D {
            frame: Frame::read(s)?,
            depth_multiplier: s.usize("depth_multiplier"),
            depthwise: Weight::read(s, "depthwise_initializer", "depthwise_regularizer"),
            outputs: Outputs::read(s),
        };
        layer.check()?;
        Ok(Arc::new(layer))
    },
};

/// y = f(x ∗ W + b), each channel by itself.
///
/// `x: [batch, height, width, channels]`, `y: [batch, …, …, channels · multiplier]`; parameters `kernel` W `[size…,
/// channels, multiplier]` and `bias` b. Errors: `image-axes`, `window`.
#[derive(Clone, Debug)]
pub struct DepthwiseConv2D {
    frame: Frame<N>,
    depth_multiplier: usize,
    depthwise: Weight,
    outputs: Outputs,
}

impl DepthwiseConv2D {
    /// Of a window of this size; linear, with a bias, starting as in Keras.
    pub fn new(kernel_size: [usize; N]) -> Self {
        let frame = Frame::new(kernel_size, [1; N]);
        DepthwiseConv2D { frame, depth_multiplier: 1, depthwise: weights::kernel(), outputs: Outputs::new() }
    }
    /// How many channels come out of each.
    pub fn depth_multiplier(mut self, n: usize) -> Self {
        self.depth_multiplier = n;
        self
    }
    frame_methods!();
    dilation_method!();
    output_methods!();
    weight_methods!(depthwise, depthwise_initializer, depthwise_regularizer);

    fn check(&self) -> Result<()> {
        self.depthwise.check()?;
        self.outputs.check()
    }
}

/// The convolution of each channel by itself, and how many channels come out.
pub(super) fn depthwise(
    build: &mut Build,
    x: Value,
    frame: &Frame<N>,
    depth_multiplier: usize,
    (weight, name): (&Weight, &str),
) -> Result<(Value, usize)> {
    let (input, channels) = images::axes(build.graph.shape(x))?;
    let window = frame.window(&input)?;
    window.outputs(&input)?;
    let shape = |last: [usize; 2]| -> Vec<usize> { frame.size.iter().copied().chain(last).collect() };
    let kernel = weight.build(build, name, &shape([channels, depth_multiplier]))?;
    let outputs = channels * depth_multiplier;
    let kernel = build.graph.reshape(kernel, &Shape::fixed(&shape([1, outputs])))?;
    Ok((build.graph.convolution(x, kernel, &window, channels)?, outputs))
}

impl Layer for DepthwiseConv2D {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([
            ("kernel_size", images::argument(&self.frame.size)),
            ("strides", images::argument(&self.frame.strides)),
            ("padding", Argument::Text(self.frame.padding.clone())),
            ("depth_multiplier", Argument::Int(self.depth_multiplier as i64)),
            ("dilation_rate", images::argument(&self.frame.dilation)),
            ("activation", self.outputs.activation.argument()),
            ("use_bias", Argument::Bool(self.outputs.use_bias)),
            ("depthwise_initializer", self.depthwise.initializer()),
            ("bias_initializer", self.outputs.bias.initializer()),
            ("depthwise_regularizer", self.depthwise.regularizer()),
            ("bias_regularizer", self.outputs.bias.regularizer()),
        ])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.check()?;
        let (y, channels) = depthwise(build, x, &self.frame, self.depth_multiplier, (&self.depthwise, "kernel"))?;
        self.outputs.build(build, y, channels)
    }
}
