//! Brightness changed at random.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, around_zero, shared, value_range};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_brightness",
    page: Page {
        summary: "adds one number to every pixel",
        equation: "y = x + a · (high − low), a uniform in factor, [low, high] = value_range",
        source: "Keras 3, keras.layers.RandomBrightness; with clip = false, tf.image.random_brightness",
        differs: "",
    },
    settings: &[
        Setting {
            name: "factor",
            default: Default::Required,
            allowed: Allowed::Range(-1.0, 1.0),
            doc: "how much, as a share of value_range: from −x to x, or [least, most]",
        },
        shared::VALUE_RANGE,
        shared::CLIP,
    ],
    make: |settings| {
        let (factor, range) = (around_zero(settings, "factor"), value_range(settings)?);
        let brightness = RandomBrightness { factor, range, clip: settings.bool("clip") };
        Ok(Stage::new("random_brightness", settings, brightness))
    },
};

/// Parameter: what is added.
#[derive(Debug)]
struct RandomBrightness {
    factor: [f64; 2],
    range: [f64; 2],
    clip: bool,
}

impl Transform for RandomBrightness {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        let [low, high] = self.range;
        Parameters::of([draws.uniform(self.factor[0], self.factor[1]) * (high - low)])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let delta = parameters.numbers[0] as f32;
        let [low, high] = if self.clip { self.range.map(|x| x as f32) } else { [f32::MIN, f32::MAX] };
        frame.pixels_mut().iter_mut().for_each(|x| *x = (*x + delta).max(low).min(high));
    }
}
