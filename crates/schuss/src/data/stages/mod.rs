//! What is done to pictures before the model sees them, one file each and one line in the table: augmentation while
//! training, and what is done always.
//!
//! A random stage is two things: a draw of few parameters, which is a function of seed, epoch, sample and the stage's
//! place, and a deterministic transform of the picture under them. So a picture is the same whichever thread makes it,
//! and after resuming; and the transform can be compared with that of another library at the same parameters.
//!
//! Pictures are numbers, rows of pixels with the channels last, as the reader has them (pixels from 0 to 255): a stage
//! stands before the pipeline's own scaling.

mod affine;
mod alternating_flip;
mod auto_contrast;
mod center_crop;
mod cut_mix;
mod cutout;
mod equalization;
mod frame;
mod mix_up;
mod normalization;
mod per_image_standardization;
mod rand_augment;
mod random_brightness;
mod random_color_degeneration;
mod random_contrast;
mod random_crop;
mod random_erasing;
mod random_flip;
mod random_posterization;
mod random_rotation;
mod random_saturation;
mod random_sharpness;
mod random_shear;
mod random_translation;
mod random_zoom;
mod rescaling;
mod resizing;
mod solarization;

pub use frame::{Frame, Sizes};
pub(super) use random_crop::moved;
pub(super) use random_flip::mirror;

use crate::error::{Error, Result};
use crate::random::Stream;
use crate::registry::{Registry, Settings};
use std::fmt::Debug;
use std::sync::Arc;

/// Every stage. Adding one: a file, its `mod` above, and its line here.
pub fn registry() -> Registry<Stage> {
    let entries = [
        random_flip::ENTRY,
        alternating_flip::ENTRY,
        random_crop::ENTRY,
        random_translation::ENTRY,
        random_rotation::ENTRY,
        random_zoom::ENTRY,
        random_shear::ENTRY,
        random_contrast::ENTRY,
        random_brightness::ENTRY,
        random_saturation::ENTRY,
        random_color_degeneration::ENTRY,
        random_sharpness::ENTRY,
        random_posterization::ENTRY,
        solarization::ENTRY,
        random_erasing::ENTRY,
        cutout::ENTRY,
        rand_augment::ENTRY,
        mix_up::ENTRY,
        cut_mix::ENTRY,
        resizing::ENTRY,
        center_crop::ENTRY,
        auto_contrast::ENTRY,
        equalization::ENTRY,
        rescaling::ENTRY,
        normalization::ENTRY,
        per_image_standardization::ENTRY,
    ];
    Registry::new("augmentation", entries)
}

/// What a stage does.
pub trait Transform: Debug + Send + Sync {
    /// The sizes of what comes out. The error is about pictures that can't go in.
    fn output(&self, input: Sizes) -> Result<Sizes> {
        Ok(input)
    }
    /// Does it draw numbers? Then it is for training only.
    fn is_random(&self) -> bool {
        true
    }
    /// Does it bring numbers to a scale, so that no other scaling follows?
    fn scales(&self) -> bool {
        false
    }
    /// The parameters outside training; none: nothing is done, as with most random ones.
    fn rest(&self, _input: Sizes) -> Option<Parameters> {
        (!self.is_random()).then(Parameters::default)
    }
    /// The same with what it has to learn from the training data: of each channel how many numbers there are, Σ x and Σ x².
    fn learned(&self, _sums: &dyn Fn() -> Vec<[f64; 3]>) -> Option<Stage> {
        None
    }
    /// Does it mix a picture with another one, and their targets?
    fn mixes(&self) -> bool {
        false
    }
    /// The share that the picture's own target keeps, where it mixes.
    fn share(&self, _parameters: &Parameters, _sizes: Sizes) -> f64 {
        1.0
    }
    /// Mixes another picture of the same sizes in, where it mixes.
    fn mix(&self, _parameters: &Parameters, _frame: &mut Frame, _other: &Frame) {}
    /// Draws the parameters for a picture of these sizes.
    fn draw(&self, _input: Sizes, _draws: &mut Draws) -> Parameters {
        Parameters::default()
    }
    /// Transforms a picture.
    fn apply(&self, parameters: &Parameters, frame: &mut Frame);
}

/// An entry of the table with its settings.
#[derive(Clone, Debug)]
pub struct Stage {
    kind: &'static str,
    settings: Settings,
    transform: Arc<dyn Transform>,
}

impl PartialEq for Stage {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.settings) == (other.kind, &other.settings)
    }
}

impl Stage {
    /// Of this name and these settings.
    pub fn new(kind: &'static str, settings: &Settings, transform: impl Transform + 'static) -> Self {
        Stage { kind, settings: settings.clone(), transform: Arc::new(transform) }
    }
    /// Its name in the table.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
    /// All its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
    /// What it does.
    pub fn transform(&self) -> &dyn Transform {
        &*self.transform
    }
}

/// What a stage does to one picture; what the numbers mean, each stage says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parameters {
    /// Numbers.
    pub numbers: [f64; 12],
    /// Where the noise comes from that a stage puts into a picture.
    pub noise: u64,
}

impl Parameters {
    /// Of these numbers.
    pub fn of<const N: usize>(numbers: [f64; N]) -> Self {
        let mut all = [0.0; 12];
        all[..N].copy_from_slice(&numbers);
        Parameters { numbers: all, noise: 0 }
    }
}

/// An epoch of a run, whose samples and stages each have random numbers of their own.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    run: Stream,
    number: u64,
}

impl Epoch {
    /// The epoch of this number, from 0, of the run that draws from this stream.
    pub fn new(run: Stream, number: u64) -> Self {
        Epoch { run, number }
    }
    /// What a stage draws for a sample.
    pub fn draws(self, index: u32, place: usize) -> Draws {
        let of = |stream: Stream| stream.part(u64::from(index)).part(place as u64);
        let steady = of(self.run.part(u64::MAX));
        Draws { steady, epoch: self.number, ..Draws::new(of(self.run.part(self.number))) }
    }
}

/// Random numbers for one stage of one sample in one epoch.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    stream: Stream,
    next: u64,
    /// The same in every epoch.
    steady: Stream,
    epoch: u64,
}

impl Draws {
    /// The numbers of this stream.
    pub fn new(stream: Stream) -> Self {
        Draws { stream, next: 0, steady: stream, epoch: 0 }
    }
    /// True in every other epoch, and at random in the first.
    pub fn alternating(&self) -> bool {
        (self.steady.uniform(0) < 0.5) != self.epoch.is_multiple_of(2)
    }
    /// Uniform from `low` to below `high`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        self.next += 1;
        low + (high - low) * self.stream.uniform(self.next - 1)
    }
    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform(0.0, 1.0) < probability
    }
    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.next += 1;
        self.stream.below(self.next - 1, n)
    }
    /// From the beta distribution with both parameters `alpha`: X / (X + Y) of two gamma variables.
    pub fn beta(&mut self, alpha: f64) -> f64 {
        let (x, y) = (self.log_gamma(alpha), self.log_gamma(alpha));
        // By logarithms: for a small alpha both variables are too small for numbers.
        1.0 / (1.0 + (y - x).exp())
    }
    /// The logarithm of a gamma variable (Marsaglia and Tsang 2000; below 1 by its section 6).
    fn log_gamma(&mut self, alpha: f64) -> f64 {
        if alpha < 1.0 {
            let u = 1.0 - self.uniform(0.0, 1.0);
            return self.log_gamma(alpha + 1.0) + u.ln() / alpha;
        }
        let d = alpha - 1.0 / 3.0;
        loop {
            let (u, v) = (1.0 - self.uniform(0.0, 1.0), self.uniform(0.0, 1.0));
            let normal = (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos();
            let cube = (1.0 + normal / (9.0 * d).sqrt()).powi(3);
            let u = 1.0 - self.uniform(0.0, 1.0);
            if cube > 0.0 && u.ln() < 0.5 * normal * normal + d - d * cube + d * cube.ln() {
                return d.ln() + cube.ln();
            }
        }
    }
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.next += 1;
        self.stream.bits(self.next - 1)
    }
}

/// From −x to x, or between two numbers.
fn around_zero(settings: &Settings, name: &str) -> [f64; 2] {
    match settings.range(name) {
        (x, None) => [-x.abs(), x.abs()],
        (a, Some(b)) => [a, b],
    }
}

/// From 0 to x, or between two numbers.
fn from_zero(settings: &Settings, name: &str) -> [f64; 2] {
    match settings.range(name) {
        (x, None) => [0.0, x],
        (a, Some(b)) => [a, b],
    }
}

/// The two ends of the range that pixels lie in.
fn value_range(settings: &Settings) -> Result<[f64; 2]> {
    match settings.numbers("value_range").as_slice() {
        &[low, high] if low < high => Ok([low, high]),
        other => {
            let message = format!("`value_range` is {other:?}; it is two numbers, the lower first, as [0, 255]");
            Err(Error::value("value-not-allowed", message))
        }
    }
}

/// The settings that several stages have.
mod shared {
    use crate::registry::{Allowed, Default, Setting};

    pub const FILL_MODE: Setting = Setting {
        name: "fill_mode",
        default: Default::Text("reflect"),
        allowed: Allowed::OneOf(super::affine::FILL_MODES),
        doc: "what lies outside the picture: reflect (d c b a | a b c d | d c b a), wrap, nearest, or constant",
    };
    pub const INTERPOLATION: Setting = Setting {
        name: "interpolation",
        default: Default::Text("bilinear"),
        allowed: Allowed::OneOf(&["bilinear", "nearest"]),
        doc: "how a value between pixels is made",
    };
    pub const FILL_VALUE: Setting = Setting {
        name: "fill_value",
        default: Default::Float(0.0),
        allowed: Allowed::Number,
        doc: "what lies outside if fill_mode is constant",
    };
    pub const VALUE_RANGE: Setting = Setting {
        name: "value_range",
        default: Default::Numbers(&[0.0, 255.0]),
        allowed: Allowed::Numbers,
        doc: "the least and the greatest value that pixels may have",
    };
    pub const CLIP: Setting = Setting {
        name: "clip",
        default: Default::Bool(true),
        allowed: Allowed::Bool,
        doc: "keep values within value_range? tf.image does not, for numbers that are not whole",
    };
}
