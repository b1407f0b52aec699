//! Pictures left with fewer levels at random.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, shared, value_range};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_posterization",
    page: Page {
        summary: "leaves only the first bits of each value",
        equation: "y = ⌊x / 2⁸⁻ᵇ⌋ · 2⁸⁻ᵇ of values from 0 to 255, b uniform among 1 … factor − 1",
        source: "Keras 3, keras.layers.RandomPosterization",
        differs: "Keras' factor may be a pair.",
    },
    settings: &[
        Setting {
            name: "factor",
            default: Default::Required,
            allowed: Allowed::Int(1, 8),
            doc: "bits that are left are fewer than this; 1: one bit",
        },
        shared::VALUE_RANGE,
    ],
    make: |settings| {
        let posterization = RandomPosterization { factor: settings.usize("factor"), range: value_range(settings)? };
        Ok(Stage::new("random_posterization", settings, posterization))
    },
};

/// Parameter: bits that are left.
#[derive(Debug)]
struct RandomPosterization {
    factor: usize,
    range: [f64; 2],
}

impl Transform for RandomPosterization {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        Parameters::of([1.0 + draws.below(self.factor.saturating_sub(1).max(1)) as f64])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let [low, high] = self.range.map(|x| x as f32);
        let (to_bytes, back) = (255.0 / (high - low), (high - low) / 255.0);
        let mask = 0xffu8 << (8 - (parameters.numbers[0] as u32).clamp(1, 8));
        let level = |x: f32| f32::from(((x - low) * to_bytes) as u8 & mask) * back + low;
        frame.pixels_mut().iter_mut().for_each(|x| *x = level(*x));
    }
}
