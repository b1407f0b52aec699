//! Every pixel several times.

use super::{AnyLayer, Layer, images};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::ops::window::Window;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "up_sampling2d",
    page: Page {
        summary: "makes an image larger by whole factors, repeating pixels or drawing lines between them",
        equation: "nearest: y[i, j] = x[⌊i / a⌋, ⌊j / b⌋]\nbilinear: y[i, j] = x at ((i + ½) / a − ½, (j + ½) / b − ½), \
                   linear between pixels, the edge beyond",
        source: "Keras 3, keras.layers.UpSampling2D",
        differs: "As in Keras, with interpolation nearest or bilinear (Keras also has bicubic, lanczos3 and lanczos5); \
                  PyTorch writes it as Upsample. No data_format.",
    },
    settings: &[
        images::sizes("size", Default::Int(2), "the factors, one number or one for each axis"),
        Setting {
            name: "interpolation",
            default: Default::Text(NEAREST),
            allowed: INTERPOLATION,
            doc: "what stands between pixels",
        },
    ],
    make: |s| {
        let layer = UpSampling2D { size: images::read(s, "size")?, interpolation: s.text("interpolation").into() };
        Ok(Arc::new(layer))
    },
};

const NEAREST: &str = "nearest";
const BILINEAR: &str = "bilinear";
const INTERPOLATION: Allowed = Allowed::OneOf(&[NEAREST, BILINEAR]);

/// An image, larger by whole factors.
///
/// `x: [batch, height, width, channels]`, `y: [batch, a · height, b · width, channels]`. Errors: `image-axes`,
/// `value-not-allowed`.
#[derive(Clone, Debug)]
pub struct UpSampling2D {
    size: [usize; 2],
    interpolation: String,
}

impl UpSampling2D {
    /// By these factors, repeating pixels.
    pub fn new(size: [usize; 2]) -> Self {
        UpSampling2D { size, interpolation: NEAREST.into() }
    }
    /// `nearest` or `bilinear`.
    pub fn interpolation(mut self, interpolation: &str) -> Self {
        self.interpolation = interpolation.into();
        self
    }
}

impl Layer for UpSampling2D {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let interpolation = Argument::Text(self.interpolation.clone());
        Settings::from_pairs([("size", images::argument(&self.size)), ("interpolation", interpolation)])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let (input, _) = images::axes::<2>(build.graph.shape(x))?;
        let large = self.size.iter().zip(&input).any(|(a, n)| *a == 0 || a.checked_mul(*n).is_none());
        if large {
            let (size, x) = (self.size, build.graph.shape(x));
            return Err(Error::value("value-not-allowed", format!("factors {size:?} do not make sense for {x}")));
        }
        match self.interpolation.as_str() {
            NEAREST => repeated(&mut build.graph, x, self.size),
            BILINEAR => bilinear(&mut build.graph, x, self.size),
            other => {
                let message = format!("`interpolation` is {other:?}; allowed is {INTERPOLATION}");
                Err(Error::value("value-not-allowed", message))
            }
        }
    }
}

/// Each pixel a × b times.
fn repeated(g: &mut Graph, x: Value, size: [usize; 2]) -> Result<Value> {
    let (input, _) = images::axes::<2>(g.shape(x))?;
    g.window_spread(x, &Window::valid(&size, &size, &[1, 1]), &[input[0] * size[0], input[1] * size[1]])
}

/// The mean of a window of repeated pixels is linear between their middles. Where the factor is even, the middles of
/// large pixels lie between two such means, and the mean of these two is what is asked for.
fn bilinear(g: &mut Graph, x: Value, size: [usize; 2]) -> Result<Value> {
    let (input, channels) = images::axes::<2>(g.shape(x))?;
    let mut y = x;
    for axis in [0, 1] {
        // The edge once more on either side, so that nothing beyond it counts.
        let mut sizes = images::axes::<2>(g.shape(y))?.0;
        let last = sizes[axis] - 1;
        sizes[axis] = 1;
        let edge = |g: &mut Graph, at: usize| {
            let start = if axis == 0 { [at, 0, 0] } else { [0, at, 0] };
            g.slice(y, &start, &[sizes[0], sizes[1], channels])
        };
        let (first, last) = (edge(g, 0)?, edge(g, last)?);
        y = g.concatenate(&[first, y, last], axis + 1)?;
    }
    y = repeated(g, y, size)?;
    y = g.window_mean(y, &Window::valid(&size, &[1, 1], &[1, 1]))?;
    let pair = size.map(|a| if a % 2 == 0 { 2 } else { 1 });
    y = g.window_mean(y, &Window::valid(&pair, &[1, 1], &[1, 1]))?;
    // A window that begins at place i of the repeated pixels is about i + reach / 2; the first pixel that is asked for
    // is about a + ½.
    let start = [0, 1].map(|i| size[i] - (size[i] + pair[i] - 2) / 2);
    g.slice(y, &[start[0], start[1], 0], &[input[0] * size[0], input[1] * size[1], channels])
}
