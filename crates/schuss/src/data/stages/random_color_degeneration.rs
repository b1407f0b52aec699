//! Colours mixed with grey at random.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, from_zero, shared, value_range};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_color_degeneration",
    page: Page {
        summary: "mixes a picture with its grey one",
        equation: "y = x + a · (g − x), g = 0.2989 R + 0.587 G + 0.114 B, a uniform in factor",
        source: "Keras 3, keras.layers.RandomColorDegeneration",
        differs: "",
    },
    settings: &[
        Setting {
            name: "factor",
            default: Default::Required,
            allowed: Allowed::Range(0.0, 1.0),
            doc: "the share of grey: from 0 to x, or [least, most]",
        },
        shared::VALUE_RANGE,
    ],
    make: |settings| {
        let degeneration =
            RandomColorDegeneration { factor: from_zero(settings, "factor"), range: value_range(settings)? };
        Ok(Stage::new("random_color_degeneration", settings, degeneration))
    },
};

/// Parameter: the share of grey.
#[derive(Debug)]
struct RandomColorDegeneration {
    factor: [f64; 2],
    range: [f64; 2],
}

impl Transform for RandomColorDegeneration {
    fn output(&self, input: Sizes) -> Result<Sizes> {
        match input.channels {
            1 | 3 => Ok(input),
            n => Err(Error::shape("not-colour", format!("grey is made of 3 channels, and pictures have {n}"))),
        }
    }
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        Parameters::of([draws.uniform(self.factor[0], self.factor[1])])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let (share, [low, high]) = (parameters.numbers[0] as f32, self.range.map(|x| x as f32));
        let channels = frame.sizes().channels;
        if channels == 3 {
            for pixel in frame.pixels_mut().as_chunks_mut::<3>().0 {
                let [r, g, b] = *pixel;
                let grey = 0.2989 * r + 0.587 * g + 0.114 * b;
                *pixel = pixel.map(|x| (x + share * (grey - x)).max(low).min(high));
            }
        } else {
            frame.pixels_mut().iter_mut().for_each(|x| *x = x.max(low).min(high));
        }
    }
}
