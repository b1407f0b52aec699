//! Saturation changed at random.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, from_zero};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_saturation",
    page: Page {
        summary: "makes colours weaker or stronger",
        equation: "s' = min(f · s, 1) of hue, saturation and value; f = a / (1 − a + 1e−7), a uniform in factor; so factor 0.5 \
                   changes nothing. Or f itself uniform in multiplier",
        source: "Keras 3, keras.layers.RandomSaturation; with multiplier, tf.image.random_saturation",
        differs: "Saturation stays from 0 to 1 whatever the pixels' range, as in tf.image. Keras keeps it within value_range, \
                  which is 0 to 255 by default, so that its pixels may become negative; with value_range (0, 1) it is the \
                  same.",
    },
    settings: &[
        Setting {
            name: "factor",
            default: Default::Float(0.5),
            allowed: Allowed::Range(0.0, 1.0),
            doc: "0 is grey, 0.5 as it was, 1 as strong as can be: from 0 to x, or [least, most]",
        },
        Setting {
            name: "multiplier",
            default: Default::Numbers(&[]),
            allowed: Allowed::Numbers,
            doc: "instead of factor: what saturation is multiplied by, [least, most]",
        },
    ],
    make: |settings| {
        let saturation = match settings.numbers("multiplier").as_slice() {
            [] => RandomSaturation { factor: from_zero(settings, "factor"), direct: false },
            &[low, high] if 0.0 <= low && low <= high => RandomSaturation { factor: [low, high], direct: true },
            other => {
                let message = format!("`multiplier` is {other:?}; it is two numbers of at least 0, the lower first");
                return Err(Error::value("value-not-allowed", message));
            }
        };
        Ok(Stage::new("random_saturation", settings, saturation))
    },
};

/// Parameter: what saturation is multiplied by.
#[derive(Debug)]
struct RandomSaturation {
    factor: [f64; 2],
    direct: bool,
}

impl Transform for RandomSaturation {
    fn output(&self, input: Sizes) -> Result<Sizes> {
        match input.channels {
            3 => Ok(input),
            n => Err(Error::shape("not-colour", format!("saturation needs 3 channels, and pictures have {n}"))),
        }
    }
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        let x = draws.uniform(self.factor[0], self.factor[1]);
        Parameters::of([if self.direct { x } else { x / (1.0 - x + 1e-7) }])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let factor = parameters.numbers[0] as f32;
        // Hue and value stay, so each channel's distance from the greatest one is multiplied like the saturation, which is
        // (max − min) / max, and 0 where max is not above 0.
        for pixel in frame.pixels_mut().as_chunks_mut::<3>().0 {
            let [r, g, b] = *pixel;
            let (most, least) = (r.max(g).max(b), r.min(g).min(b));
            let highest = if most > 0.0 { most / (most - least) } else { 0.0 };
            let by = if most > least { factor.min(highest) } else { 1.0 };
            *pixel = [r, g, b].map(|x| most - (most - x) * by);
        }
    }
}
