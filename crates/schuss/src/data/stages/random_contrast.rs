//! Contrast changed at random.

use super::frame::{channel_mean, each};
use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, shared, value_range};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_contrast",
    page: Page {
        summary: "moves every pixel away from its channel's mean, or towards it",
        equation: "y = (x − μ) · f + μ, μ the mean of the channel in this picture, f uniform from 1 − lower to 1 + upper",
        source: "Keras 3, keras.layers.RandomContrast; with clip = false, tf.image.random_contrast",
        differs: "A single factor is lower and upper, as Keras' page says; its code (3.15) takes 0 as the lower one then, so \
                  that contrast only grows. Of two, Keras sorts them first.",
    },
    settings: &[
        Setting {
            name: "factor",
            default: Default::Required,
            allowed: Allowed::Pair(0.0, 1.0),
            doc: "how much less and how much more, at most: one number for both, or [lower, upper]",
        },
        shared::VALUE_RANGE,
        shared::CLIP,
    ],
    make: |settings| {
        let (lower, upper) = settings.range("factor");
        let (factor, range) = ([1.0 - lower, 1.0 + upper.unwrap_or(lower)], value_range(settings)?);
        let contrast = RandomContrast { factor, range: settings.bool("clip").then_some(range) };
        Ok(Stage::new("random_contrast", settings, contrast))
    },
};

/// Parameter: the factor.
#[derive(Debug)]
struct RandomContrast {
    factor: [f64; 2],
    range: Option<[f64; 2]>,
}

impl Transform for RandomContrast {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        Parameters::of([draws.uniform(self.factor[0], self.factor[1])])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let (factor, channels) = (parameters.numbers[0] as f32, frame.sizes().channels);
        let [low, high] = self.range.map_or([f32::MIN, f32::MAX], |r| r.map(|x| x as f32));
        let pixels = frame.pixels_mut();
        let adjust = |x: f32, mean: f32| ((x - mean) * factor + mean).max(low).min(high);
        if channels == 3 {
            let means = [0, 1, 2].map(|c| channel_mean(pixels, 3, c) as f32);
            each(pixels, 3, |c, x| adjust(x, means[c]));
            return;
        }
        for c in 0..channels {
            let mean = channel_mean(pixels, channels, c) as f32;
            pixels.iter_mut().skip(c).step_by(channels).for_each(|x| *x = adjust(*x, mean));
        }
    }
}
