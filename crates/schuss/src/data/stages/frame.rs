//! One picture while it goes through the stages.

use crate::error::{Error, Result};

/// Rows, columns, channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Numbers a pixel.
    pub channels: usize,
}

impl Sizes {
    /// Of samples of this shape: `[28, 28]` or `[32, 32, 3]`.
    pub fn of(shape: &[usize]) -> Result<Self> {
        match *shape {
            [height, width] => Ok(Sizes { height, width, channels: 1 }),
            [height, width, channels] => Ok(Sizes { height, width, channels }),
            _ => {
                let message = format!(
                    "only pictures will do here, [height, width] or [height, width, channels]; samples are {shape:?}"
                );
                Err(Error::shape("not-pictures", message))
            }
        }
    }
    /// The shape of a sample that was of `like`, and is of these sizes now.
    pub fn shape(self, like: &[usize]) -> Vec<usize> {
        let mut shape = vec![self.height, self.width, self.channels];
        shape.truncate(like.len());
        shape
    }
    /// Numbers a picture.
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }
    /// None at all?
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
    /// As an error says it.
    pub fn words(self) -> String {
        format!("{} × {}", self.height, self.width)
    }
}

/// One picture while it goes through the stages, and room for the next one.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    sizes: Sizes,
    pixels: Vec<f32>,
    spare: Vec<f32>,
    /// Bytes on their way to numbers.
    bytes: Vec<u8>,
    /// For the picture that one is mixed with.
    other: Option<Box<Frame>>,
}

impl Frame {
    /// Of these sizes and pixels.
    pub fn new(sizes: Sizes, pixels: &[f32]) -> Self {
        let mut frame = Frame::default();
        frame.start(sizes).copy_from_slice(pixels);
        frame
    }
    /// A picture of these sizes, to be filled.
    pub fn start(&mut self, sizes: Sizes) -> &mut [f32] {
        self.sizes = sizes;
        self.pixels.resize(sizes.len(), 0.0);
        &mut self.pixels
    }
    /// Fills the picture with bytes.
    pub(in crate::data) fn fill_bytes(&mut self, fill: impl FnOnce(&mut [u8])) {
        self.bytes.resize(self.pixels.len(), 0);
        fill(&mut self.bytes);
        self.pixels.iter_mut().zip(&self.bytes).for_each(|(x, &byte)| *x = f32::from(byte));
    }
    /// Takes the frame for another picture out; [`Frame::put_other`] gives it back.
    pub(in crate::data) fn take_other(&mut self) -> Box<Frame> {
        self.other.take().unwrap_or_default()
    }
    /// Gives it back.
    pub(in crate::data) fn put_other(&mut self, other: Box<Frame>) {
        self.other = Some(other);
    }
    /// Its sizes.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }
    /// Its numbers.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }
    /// Its numbers, to be changed in their place.
    pub fn pixels_mut(&mut self) -> &mut [f32] {
        &mut self.pixels
    }
    /// Puts another picture, perhaps of other sizes, into its place: `make` gets the old one and the room for the new.
    pub fn replace(&mut self, sizes: Sizes, make: impl FnOnce(&[f32], &mut [f32])) {
        self.spare.resize(sizes.len(), 0.0);
        make(&self.pixels, &mut self.spare);
        std::mem::swap(&mut self.pixels, &mut self.spare);
        self.sizes = sizes;
    }
}

/// Σ f(x), in f64 and in an order that does not depend on anything, in lanes so that it is fast.
pub(super) fn sum(values: &[f32], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let chunks = values.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|&x| f(f64::from(x))).sum();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane += f(f64::from(x)));
    }
    lanes.iter().sum::<f64>() + rest
}

/// The mean of each channel (at most 8 of them are told apart at once), in f64.
pub(super) fn channel_mean(values: &[f32], channels: usize, channel: usize) -> f64 {
    let n = values.len() / channels;
    values.iter().skip(channel).step_by(channels).map(|&x| f64::from(x)).sum::<f64>() / n as f64
}

/// Every pixel's channels, changed one by one: (channel, value).
pub(super) fn each(values: &mut [f32], channels: usize, f: impl Fn(usize, f32) -> f32) {
    match channels {
        1 => values.iter_mut().for_each(|x| *x = f(0, *x)),
        3 => values.as_chunks_mut::<3>().0.iter_mut().for_each(|p| *p = [f(0, p[0]), f(1, p[1]), f(2, p[2])]),
        n => values.chunks_exact_mut(n).for_each(|p| p.iter_mut().enumerate().for_each(|(c, x)| *x = f(c, *x))),
    }
}
