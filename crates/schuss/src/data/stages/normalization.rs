//! Channels brought to mean 0 and variance 1 over the training data.

use super::frame::each;
use super::{Frame, Parameters, Sizes, Stage, Transform};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "normalization",
    page: Page {
        summary: "brings each channel to mean 0 and variance 1 over the training part; in the place of the scaling that pixels \
                  have otherwise (1/255)",
        equation: "y = (x − mean) / max(√variance, 1e−7), each of the channel",
        source: "Keras 3, keras.layers.Normalization (axis −1)",
        differs: "Unless given, mean and variance are taken from the training part as this stage gets it outside of training; \
                  in Keras by `adapt`.",
    },
    settings: &[
        Setting {
            name: "mean",
            default: Default::Numbers(&[]),
            allowed: Allowed::Numbers,
            doc: "of each channel [of the training part]",
        },
        Setting {
            name: "variance",
            default: Default::Numbers(&[]),
            allowed: Allowed::Numbers,
            doc: "of each channel [of the training part]",
        },
    ],
    make,
};

fn make(settings: &Settings) -> Result<Stage> {
    let (mean, variance) = (settings.numbers("mean"), settings.numbers("variance"));
    if mean.len() != variance.len() || variance.iter().any(|v| *v < 0.0) {
        let message = format!(
            "`mean` is {mean:?} and `variance` {variance:?}; each has a number a channel, or both have none; a variance is \
             at least 0"
        );
        return Err(Error::value("value-not-allowed", message));
    }
    Ok(of(settings, &mean, &variance))
}

fn of(settings: &Settings, mean: &[f64], variance: &[f64]) -> Stage {
    let mean = mean.iter().map(|&m| m as f32).collect();
    let factor = variance.iter().map(|v| (1.0 / v.sqrt().max(1e-7)) as f32).collect();
    Stage::new("normalization", settings, Normalization { mean, factor })
}

#[derive(Debug)]
struct Normalization {
    mean: Vec<f32>,
    factor: Vec<f32>,
}

impl Transform for Normalization {
    fn output(&self, input: Sizes) -> Result<Sizes> {
        match self.mean.len() {
            0 => Ok(input),
            n if n == input.channels => Ok(input),
            n => {
                let message = format!("`mean` has {n} numbers; pictures have {} channels", input.channels);
                Err(Error::shape("channels-differ", message))
            }
        }
    }
    fn is_random(&self) -> bool {
        false
    }
    fn scales(&self) -> bool {
        true
    }
    fn learned(&self, sums: &dyn Fn() -> Vec<[f64; 3]>) -> Option<Stage> {
        if !self.mean.is_empty() {
            return None;
        }
        let of_channel = |[n, x, square]: [f64; 3]| (x / n, (square / n - (x / n).powi(2)).max(0.0));
        let (mean, variance): (Vec<f64>, Vec<f64>) = sums().into_iter().map(of_channel).unzip();
        let list = |l: &[f64]| Argument::List(l.iter().map(|&x| Argument::Float(x)).collect());
        let settings = Settings::from_pairs([("mean", list(&mean)), ("variance", list(&variance))]);
        Some(of(&settings, &mean, &variance))
    }
    fn apply(&self, _: &Parameters, frame: &mut Frame) {
        let channels = frame.sizes().channels;
        each(frame.pixels_mut(), channels, |c, x| (x - self.mean[c]) * self.factor[c]);
    }
}
