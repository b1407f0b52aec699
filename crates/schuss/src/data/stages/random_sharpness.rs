//! Pictures made sharper or smoother at random.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, from_zero, shared, value_range};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_sharpness",
    page: Page {
        summary: "makes a picture sharper or smoother",
        equation: "y = x + (1 − 2a) (s − x), s a mean over 3 × 3 pixels, 5/13 for the middle and 1/13 for each other, a uniform \
                   in factor; 0.5 changes nothing",
        source: "Keras 3, keras.layers.RandomSharpness",
        differs: "",
    },
    settings: &[
        Setting {
            name: "factor",
            default: Default::Required,
            allowed: Allowed::Range(0.0, 1.0),
            doc: "0 is smooth, 0.5 as it was, 1 sharp: from 0 to x, or [least, most]",
        },
        shared::VALUE_RANGE,
    ],
    make: |settings| {
        let sharpness = RandomSharpness { factor: from_zero(settings, "factor"), range: value_range(settings)? };
        Ok(Stage::new("random_sharpness", settings, sharpness))
    },
};

/// Parameter: a of the equation.
#[derive(Debug)]
struct RandomSharpness {
    factor: [f64; 2],
    range: [f64; 2],
}

impl Transform for RandomSharpness {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        Parameters::of([draws.uniform(self.factor[0], self.factor[1])])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let (by, [low, high]) = ((1.0 - 2.0 * parameters.numbers[0]) as f32, self.range.map(|x| x as f32));
        let sizes = frame.sizes();
        let Sizes { height, width, channels } = sizes;
        frame.replace(sizes, |from, to| {
            for (i, (&x, to)) in from.iter().zip(to).enumerate() {
                let (place, c) = (i / channels, i % channels);
                let (row, column) = (place / width, place % width);
                let mut sum = 4.0 * x;
                for y in row.saturating_sub(1)..(row + 2).min(height) {
                    for z in column.saturating_sub(1)..(column + 2).min(width) {
                        sum += from[(y * width + z) * channels + c];
                    }
                }
                *to = (x + by * (sum / 13.0 - x)).max(low).min(high);
            }
        });
    }
}
