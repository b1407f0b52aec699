//! What layers over images have in common: their axes, and the windows that move over them.

use crate::error::{Error, Result};
use crate::graph::ops::window::Window;
use crate::registry::{Allowed, Argument, Default, Setting, Settings};
use crate::shape::Shape;

/// More places of a window, or a greater step, than this are an oversight.
const MOST: i64 = 1 << 20;

pub(super) const fn sizes(name: &'static str, default: Default, doc: &'static str) -> Setting {
    Setting { name, default, allowed: Allowed::IntOrInts(1, MOST, &[]), doc }
}
pub(super) const KERNEL_SIZE: Setting =
    sizes("kernel_size", Default::Required, "places of the window, one number or one for each axis");
pub(super) const STRIDES: Setting = sizes("strides", Default::Int(1), "from one window to the next");
pub(super) const DILATION_RATE: Setting =
    sizes("dilation_rate", Default::Int(1), "from one place of the window to the next");
pub(super) const PADDING: Setting = Setting {
    name: "padding",
    default: Default::Text("valid"),
    allowed: Allowed::OneOf(&["valid", "same"]),
    doc: "valid: windows within the image; same: with zeros around it, as many outputs as inputs / strides",
};
pub(super) const FILTERS: Setting = Setting {
    name: "filters",
    default: Default::Required,
    allowed: Allowed::Int(1, i32::MAX as i64),
    doc: "how many channels come out",
};

/// One number for each of N axes, from one number or N.
pub(super) fn each_axis<const N: usize>(name: &str, given: &[i64]) -> Result<[usize; N]> {
    let wrong = || {
        let message = format!("`{name}` is {given:?}; allowed is one whole number, or {N} of them");
        Error::value("value-not-allowed", message)
    };
    let one = |i: usize| given.get(if given.len() == 1 { 0 } else { i }).and_then(|n| usize::try_from(*n).ok());
    if given.len() != 1 && given.len() != N {
        return Err(wrong());
    }
    let all: Vec<usize> = (0..N).map(one).collect::<Option<_>>().ok_or_else(wrong)?;
    Ok(all.try_into().expect("N numbers"))
}

/// The setting of that name, one number for each of N axes.
pub(super) fn read<const N: usize>(s: &Settings, name: &str) -> Result<[usize; N]> {
    each_axis(name, &s.int_or_ints(name).expect("the setting takes no word"))
}

/// Numbers as a setting: one, if they are equal.
pub(super) fn argument(numbers: &[usize]) -> Argument {
    let int = |n: usize| Argument::Int(n as i64);
    match numbers {
        [first, rest @ ..] if rest.iter().all(|n| n == first) => int(*first),
        all => Argument::List(all.iter().map(|n| int(*n)).collect()),
    }
}

/// The spatial sizes and the channels of `[batch, spatial…, channels]`.
pub(super) fn axes<const N: usize>(shape: &Shape) -> Result<([usize; N], usize)> {
    let sample = shape.sample();
    if let [spatial @ .., channels] = &sample[..]
        && let Ok(spatial) = spatial.try_into()
        && !sample.contains(&0)
    {
        return Ok((spatial, *channels));
    }
    let axes = ["length", "height, width", "depth, height, width"][N - 1];
    let mend = match sample.len() {
        n if n == N => {
            let target: Vec<String> = sample.iter().map(usize::to_string).chain(["1".into()]).collect();
            format!(
                "; a layer `reshape` with target_shape [{}] before it adds an axis of one channel",
                target.join(", ")
            )
        }
        _ => String::new(),
    };
    Err(Error::shape("image-axes", format!("the input is {shape} and must be [batch, {axes}, channels]{mend}")))
}

/// A window of N axes as layers are told it.
#[derive(Clone, Debug)]
pub(super) struct Frame<const N: usize> {
    pub size: [usize; N],
    pub strides: [usize; N],
    pub dilation: [usize; N],
    pub padding: String,
}

impl<const N: usize> Frame<N> {
    pub fn new(size: [usize; N], strides: [usize; N]) -> Self {
        Frame { size, strides, dilation: [1; N], padding: "valid".into() }
    }
    /// From the settings of a convolution.
    pub fn read(s: &Settings) -> Result<Self> {
        let (size, strides, dilation) = (read(s, "kernel_size")?, read(s, "strides")?, read(s, "dilation_rate")?);
        Ok(Frame { size, strides, dilation, padding: s.text("padding").into() })
    }
    /// The window over an input of these sizes. That it fits, operations check.
    pub fn window(&self, input: &[usize; N]) -> Result<Window> {
        let Frame { size, strides, dilation, padding } = self;
        match padding.as_str() {
            "valid" => Ok(Window::valid(size, strides, dilation)),
            "same" => Ok(Window::same(size, strides, dilation, input)),
            "causal" if N == 1 => {
                let mut window = Window::valid(size, strides, dilation);
                window.padding[0][0] = window.reach(0) - 1;
                Ok(window)
            }
            other => {
                Err(Error::value("value-not-allowed", format!("`padding` is {other:?}; allowed is {}", allowed(N))))
            }
        }
    }
    /// Keras refuses strides and dilation together, as the libraries that it builds on do.
    pub fn not_both(&self) -> Result<()> {
        let Frame { strides, dilation, .. } = self;
        if strides.iter().any(|n| *n > 1) && dilation.iter().any(|n| *n > 1) {
            let message = format!("strides {strides:?} and dilation_rate {dilation:?}: only one of them may exceed 1");
            return Err(Error::value("strides-and-dilation", message));
        }
        Ok(())
    }
}

fn allowed(axes: usize) -> Allowed {
    Allowed::OneOf(if axes == 1 { &["valid", "same", "causal"] } else { &["valid", "same"] })
}

/// The builders' methods for what [`Frame`] holds, in the field `frame`.
macro_rules! frame_methods {
    () => {
        /// From one window to the next, along each axis.
        pub fn strides(mut self, strides: [usize; N]) -> Self {
            self.frame.strides = strides;
            self
        }
        /// `valid` or `same`.
        pub fn padding(mut self, padding: &str) -> Self {
            self.frame.padding = padding.into();
            self
        }
    };
}

/// The builders' method for the dilation of a [`Frame`] in the field `frame`.
macro_rules! dilation_method {
    () => {
        /// From one place of the window to the next, along each axis.
        pub fn dilation_rate(mut self, dilation: [usize; N]) -> Self {
            self.frame.dilation = dilation;
            self
        }
    };
}

pub(super) use {dilation_method, frame_methods};
