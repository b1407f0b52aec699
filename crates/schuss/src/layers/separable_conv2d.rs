//! A convolution of each channel by itself, then weighted sums of channels.

use super::depthwise_conv2d::{DEPTH_MULTIPLIER, depthwise};
use super::images::{
    self, DILATION_RATE, FILTERS, Frame, KERNEL_SIZE, PADDING, STRIDES, dilation_method, frame_methods,
};
use super::weights::{self, Outputs, Weight, output_methods, weight_methods};
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Argument, Entry, Page, Settings};
use crate::shape::Shape;
use std::sync::Arc;

/// Axes of an image.
const N: usize = 2;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "separable_conv2d",
    page: Page {
        summary: "a convolution of each channel by itself, then weighted sums of channels at each pixel",
        equation: "y = f((x ∗ D) · P + b), where ∗ is depthwise",
        source: "Chollet 2017, https://arxiv.org/abs/1610.02357; Keras 3, keras.layers.SeparableConv2D",
        differs: "Keras' names, defaults and layout: D is [height, width, channels, depth_multiplier], P is [1, 1, \
                  channels · depth_multiplier, filters]. PyTorch has no such layer. No data_format, no constraints.",
    },
    settings: &[
        FILTERS,
        KERNEL_SIZE,
        STRIDES,
        PADDING,
        DILATION_RATE,
        DEPTH_MULTIPLIER,
        weights::ACTIVATION,
        weights::USE_BIAS,
        weights::words("depthwise_initializer", "glorot_uniform", "how D starts"),
        weights::words("pointwise_initializer", "glorot_uniform", "how P starts"),
        weights::BIAS_INITIALIZER,
        weights::regularizer("depthwise_regularizer", "what D adds to the loss: none, or a regularizer, as l2(0.001)"),
        weights::regularizer("pointwise_regularizer", "what P adds to the loss: none, or a regularizer"),
        weights::BIAS_REGULARIZER,
    ],
    make: |s| {
        let layer = SeparableConv2D {
            filters: s.usize("filters"),
            frame: Frame::read(s)?,
            depth_multiplier: s.usize("depth_multiplier"),
            depthwise: Weight::read(s, "depthwise_initializer", "depthwise_regularizer"),
            pointwise: Weight::read(s, "pointwise_initializer", "pointwise_regularizer"),
            outputs: Outputs::read(s),
        };
        layer.check()?;
        Ok(Arc::new(layer))
    },
};

/// y = f((x ∗ D) · P + b).
///
/// `x: [batch, height, width, channels]`, `y: [batch, …, …, filters]`; parameters `depthwise_kernel` D, `pointwise_kernel`
/// P and `bias` b. Errors: `image-axes`, `window`.
#[derive(Clone, Debug)]
pub struct SeparableConv2D {
    filters: usize,
    frame: Frame<N>,
    depth_multiplier: usize,
    depthwise: Weight,
    pointwise: Weight,
    outputs: Outputs,
}

impl SeparableConv2D {
    /// So many filters of a window of this size; linear, with a bias, starting as in Keras.
    pub fn new(filters: usize, kernel_size: [usize; N]) -> Self {
        let (depthwise, pointwise, outputs) = (weights::kernel(), weights::kernel(), Outputs::new());
        let frame = Frame::new(kernel_size, [1; N]);
        SeparableConv2D { filters, frame, depth_multiplier: 1, depthwise, pointwise, outputs }
    }
    /// How many channels come out of each before they are summed.
    pub fn depth_multiplier(mut self, n: usize) -> Self {
        self.depth_multiplier = n;
        self
    }
    frame_methods!();
    dilation_method!();
    output_methods!();
    weight_methods!(depthwise, depthwise_initializer, depthwise_regularizer);
    weight_methods!(pointwise, pointwise_initializer, pointwise_regularizer);

    fn check(&self) -> Result<()> {
        self.depthwise.check()?;
        self.pointwise.check()?;
        self.outputs.check()
    }
}

impl Layer for SeparableConv2D {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([
            ("filters", Argument::Int(self.filters as i64)),
            ("kernel_size", images::argument(&self.frame.size)),
            ("strides", images::argument(&self.frame.strides)),
            ("padding", Argument::Text(self.frame.padding.clone())),
            ("dilation_rate", images::argument(&self.frame.dilation)),
            ("depth_multiplier", Argument::Int(self.depth_multiplier as i64)),
            ("activation", self.outputs.activation.argument()),
            ("use_bias", Argument::Bool(self.outputs.use_bias)),
            ("depthwise_initializer", self.depthwise.initializer()),
            ("pointwise_initializer", self.pointwise.initializer()),
            ("bias_initializer", self.outputs.bias.initializer()),
            ("depthwise_regularizer", self.depthwise.regularizer()),
            ("pointwise_regularizer", self.pointwise.regularizer()),
            ("bias_regularizer", self.outputs.bias.regularizer()),
        ])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.check()?;
        let weight = (&self.depthwise, "depthwise_kernel");
        let (y, channels) = depthwise(build, x, &self.frame, self.depth_multiplier, weight)?;
        let pointwise = self.pointwise.build(build, "pointwise_kernel", &[1, 1, channels, self.filters])?;
        let pointwise = build.graph.reshape(pointwise, &Shape::fixed(&[channels, self.filters]))?;
        let y = build.graph.matmul(y, pointwise)?;
        self.outputs.build(build, y, self.filters)
    }
}
