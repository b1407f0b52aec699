//! Pooling over one, two and three axes, by the greatest number or the mean of a window or of a whole image: two layers,
//! twelve names.

use super::images::{self, PADDING, frame_methods, sizes};
use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::Result;
use crate::graph::ops::window::Window;
use crate::graph::{Graph, Value};
use crate::layers::images::Frame;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::shape::Shape;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

/// How it is written that windows stand side by side.
const POOL_SIZE: &str = "pool_size";

static SETTINGS: [Setting; 3] = settings(sizes(POOL_SIZE, Default::Int(2), "places of the window"));
static SETTINGS_REQUIRED: [Setting; 3] =
    settings(sizes(POOL_SIZE, Default::Required, "places of the window, one number or one for each axis"));
static GLOBAL_SETTINGS: [Setting; 1] = [Setting {
    name: "keepdims",
    default: Default::Bool(false),
    allowed: Allowed::Bool,
    doc: "do the axes stay, with size 1?",
}];

const fn settings(pool_size: Setting) -> [Setting; 3] {
    let strides = Setting {
        name: "strides",
        default: Default::Text(POOL_SIZE),
        allowed: Allowed::IntOrInts(1, 1 << 20, &[POOL_SIZE]),
        doc: "from one window to the next; pool_size: side by side",
    };
    [pool_size, strides, PADDING]
}

/// What a window's numbers become.
pub trait Reduce: Copy + Debug + Send + Sync + 'static {
    /// The names of the layers over one, two and three axes.
    const NAMES: [&'static str; 3];
    /// The names of the layers over whole images.
    const GLOBAL: [&'static str; 3];
    /// A number for each window.
    fn reduce(g: &mut Graph, x: Value, window: &Window) -> Result<Value>;
}

/// The greatest.
#[derive(Clone, Copy, Debug)]
pub struct Max;

/// The mean.
#[derive(Clone, Copy, Debug)]
pub struct Average;

impl Reduce for Max {
    const NAMES: [&'static str; 3] = ["max_pooling1d", "max_pooling2d", "max_pooling3d"];
    const GLOBAL: [&'static str; 3] = ["global_max_pooling1d", "global_max_pooling2d", "global_max_pooling3d"];
    fn reduce(g: &mut Graph, x: Value, window: &Window) -> Result<Value> {
        g.max_pool(x, window)
    }
}

impl Reduce for Average {
    const NAMES: [&'static str; 3] = ["average_pooling1d", "average_pooling2d", "average_pooling3d"];
    const GLOBAL: [&'static str; 3] =
        ["global_average_pooling1d", "global_average_pooling2d", "global_average_pooling3d"];
    fn reduce(g: &mut Graph, x: Value, window: &Window) -> Result<Value> {
        g.window_mean(x, window)
    }
}

/// The table's entry of pooling over N axes, with Keras' default of a window of 2.
pub(super) const fn entry<R: Reduce, const N: usize>(page: Page) -> Entry<AnyLayer> {
    Entry { name: R::NAMES[N - 1], page, settings: &SETTINGS, make: make::<R, N> }
}

/// The same, where Keras asks for the window.
pub(super) const fn entry_required<R: Reduce, const N: usize>(page: Page) -> Entry<AnyLayer> {
    Entry { settings: &SETTINGS_REQUIRED, ..entry::<R, N>(page) }
}

/// The table's entry of pooling over whole images.
pub(super) const fn global_entry<R: Reduce, const N: usize>(page: Page) -> Entry<AnyLayer> {
    Entry { name: R::GLOBAL[N - 1], page, settings: &GLOBAL_SETTINGS, make: make_global::<R, N> }
}

fn make<R: Reduce, const N: usize>(s: &Settings) -> Result<AnyLayer> {
    let size = images::read(s, POOL_SIZE)?;
    let strides = s.int_or_ints("strides").map_or(Ok(size), |given| images::each_axis("strides", &given))?;
    let side_by_side = s.int_or_ints("strides").is_none();
    let frame = Frame { padding: s.text("padding").into(), ..Frame::new(size, strides) };
    Ok(Arc::new(Pooling::<R, N> { frame, side_by_side, how: PhantomData }))
}

fn make_global<R: Reduce, const N: usize>(s: &Settings) -> Result<AnyLayer> {
    Ok(Arc::new(GlobalPooling::<R, N> { keepdims: s.bool("keepdims"), how: PhantomData }))
}

/// y = the greatest number or the mean of every window, channel by channel. Padding is no number.
///
/// `x: [batch, spatial…, channels]`, `y: [batch, windows…, channels]`. Errors: `image-axes`, `window`.
#[derive(Clone, Debug)]
pub struct Pooling<R, const N: usize> {
    frame: Frame<N>,
    side_by_side: bool,
    how: PhantomData<R>,
}

impl<R: Reduce, const N: usize> Pooling<R, N> {
    /// Windows of this size, side by side.
    pub fn new(pool_size: [usize; N]) -> Self {
        Pooling { frame: Frame::new(pool_size, pool_size), side_by_side: true, how: PhantomData }
    }
    frame_methods!();
}

impl<R: Reduce, const N: usize> Layer for Pooling<R, N> {
    fn kind(&self) -> &'static str {
        R::NAMES[N - 1]
    }
    fn settings(&self) -> Settings {
        let side_by_side = self.side_by_side && self.frame.strides == self.frame.size;
        let strides = images::argument(&self.frame.strides);
        Settings::from_pairs([
            (POOL_SIZE, images::argument(&self.frame.size)),
            ("strides", if side_by_side { Argument::Text(POOL_SIZE.into()) } else { strides }),
            ("padding", Argument::Text(self.frame.padding.clone())),
        ])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let (input, _) = images::axes(build.graph.shape(x))?;
        let window = self.frame.window(&input)?;
        R::reduce(&mut build.graph, x, &window)
    }
}

/// y = the greatest number or the mean of each channel.
///
/// `x: [batch, spatial…, channels]`, `y: [batch, channels]`, or `[batch, 1…, channels]`. Errors: `image-axes`.
#[derive(Clone, Debug)]
pub struct GlobalPooling<R, const N: usize> {
    keepdims: bool,
    how: PhantomData<R>,
}

impl<R: Reduce, const N: usize> std::default::Default for GlobalPooling<R, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Reduce, const N: usize> GlobalPooling<R, N> {
    /// Without the spatial axes.
    pub fn new() -> Self {
        GlobalPooling { keepdims: false, how: PhantomData }
    }
    /// Do the axes stay, with size 1?
    pub fn keepdims(mut self, yes: bool) -> Self {
        self.keepdims = yes;
        self
    }
}

impl<R: Reduce, const N: usize> Layer for GlobalPooling<R, N> {
    fn kind(&self) -> &'static str {
        R::GLOBAL[N - 1]
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("keepdims", Argument::Bool(self.keepdims))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let (input, channels) = images::axes::<N>(build.graph.shape(x))?;
        let g = &mut build.graph;
        let y = R::reduce(g, x, &Window::valid(&input, &input, &[1; N]))?;
        if self.keepdims { Ok(y) } else { g.reshape(y, &Shape::batch(&[channels])) }
    }
}
