//! Convolutions over one, two and three axes: one layer, three names.

use super::images::{
    self, DILATION_RATE, FILTERS, Frame, KERNEL_SIZE, PADDING, STRIDES, dilation_method, frame_methods,
};
use super::weights::{self, Outputs, Weight, output_methods, weight_methods};
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

const NAMES: [&str; 3] = ["conv1d", "conv2d", "conv3d"];

const GROUPS: Setting = Setting {
    name: "groups",
    default: Default::Int(1),
    allowed: Allowed::Int(1, i32::MAX as i64),
    doc: "parts that channels and filters are cut into; each part of the filters sees its part of the channels",
};

const fn settings(padding: Setting) -> [Setting; 12] {
    [
        FILTERS,
        KERNEL_SIZE,
        STRIDES,
        padding,
        DILATION_RATE,
        GROUPS,
        weights::ACTIVATION,
        weights::USE_BIAS,
        weights::KERNEL_INITIALIZER,
        weights::BIAS_INITIALIZER,
        weights::KERNEL_REGULARIZER,
        weights::BIAS_REGULARIZER,
    ]
}

static SETTINGS: [Setting; 12] = settings(PADDING);
static SETTINGS_1D: [Setting; 12] = settings(Setting {
    allowed: Allowed::OneOf(&["valid", "same", "causal"]),
    doc: "valid: windows within the sequence; same: as many outputs as inputs / strides; causal: no output sees what \
          comes after it",
    ..PADDING
});

/// The table's entry of N axes.
pub(super) const fn entry<const N: usize>(page: Page) -> Entry<AnyLayer> {
    let settings: &[Setting] = if N == 1 { &SETTINGS_1D } else { &SETTINGS };
    Entry { name: NAMES[N - 1], page, settings, make: make::<N> }
}

fn make<const N: usize>(s: &Settings) -> Result<AnyLayer> {
    let layer = Convolution::<N> {
        filters: s.usize("filters"),
        frame: Frame::read(s)?,
        groups: s.usize("groups"),
        kernel: Weight::read(s, "kernel_initializer", "kernel_regularizer"),
        outputs: Outputs::read(s),
    };
    layer.check()?;
    Ok(Arc::new(layer))
}

/// y = f(x ∗ W + b): every window of the image times the kernel.
///
/// `x: [batch, spatial…, channels]`, `y: [batch, windows…, filters]`; parameters `kernel` W `[size…, channels / groups,
/// filters]` and `bias` b `[filters]`. Errors: `image-axes`, `window`, `groups`, `strides-and-dilation`.
///
/// ```
/// use schuss::layers::{Conv2D, Dense, Flatten, MaxPooling2D};
/// use schuss::model::Sequential;
///
/// let model = Sequential::new(&[28, 28, 1])
///     .add(Conv2D::new(32, [3, 3]).padding("same").activation("relu"))
///     .add(MaxPooling2D::new([2, 2]))
///     .add(Flatten)
///     .add(Dense::new(10).activation("softmax"));
/// let built = model.build(true)?;
/// assert_eq!(built.parameters[0].shape, [3, 3, 1, 32]);
/// assert_eq!(built.parameters[2].shape, [14 * 14 * 32, 10]);
/// # Ok::<(), schuss::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Convolution<const N: usize> {
    filters: usize,
    frame: Frame<N>,
    groups: usize,
    kernel: Weight,
    outputs: Outputs,
}

impl<const N: usize> Convolution<N> {
    /// So many filters of a window of this size; linear, with a bias, starting as in Keras.
    pub fn new(filters: usize, kernel_size: [usize; N]) -> Self {
        let frame = Frame::new(kernel_size, [1; N]);
        Convolution { filters, frame, groups: 1, kernel: weights::kernel(), outputs: Outputs::new() }
    }
    /// Parts that channels and filters are cut into.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
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
}

impl<const N: usize> Layer for Convolution<N> {
    fn kind(&self) -> &'static str {
        NAMES[N - 1]
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([
            ("filters", Argument::Int(self.filters as i64)),
            ("kernel_size", images::argument(&self.frame.size)),
            ("strides", images::argument(&self.frame.strides)),
            ("padding", Argument::Text(self.frame.padding.clone())),
            ("dilation_rate", images::argument(&self.frame.dilation)),
            ("groups", Argument::Int(self.groups as i64)),
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
        let (groups, filters) = (self.groups, self.filters);
        if groups == 0 || !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            let x = build.graph.shape(x);
            let message = format!("{groups} groups do not divide the {channels} channels of {x} and {filters} filters");
            return Err(Error::shape("groups", message));
        }
        let window = self.frame.window(&input)?;
        window.outputs(&input)?;
        let shape: Vec<usize> = self.frame.size.iter().copied().chain([channels / groups, filters]).collect();
        let kernel = self.kernel.build(build, "kernel", &shape)?;
        let y = build.graph.convolution(x, kernel, &window, groups)?;
        self.outputs.build(build, y, filters)
    }
}
