//! Bright values turned around at random.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, from_zero, shared, value_range};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "solarization",
    page: Page {
        summary: "adds to every value, and turns around those that are not below a threshold",
        equation: "z = min(max(x + a, 0), 255); y = z where z < t, else 255 − z; a uniform up to 255 of addition_factor, t of \
                   threshold_factor",
        source: "Keras 3, keras.layers.Solarization",
        differs: "Of a pair [least, most], both are shares of 255; Keras multiplies the greater one only.",
    },
    settings: &[
        Setting {
            name: "addition_factor",
            default: Default::Float(0.0),
            allowed: Allowed::Range(0.0, 1.0),
            doc: "what is added, as a share of 255: from 0 to x, or [least, most]",
        },
        Setting {
            name: "threshold_factor",
            default: Default::Float(0.0),
            allowed: Allowed::Range(0.0, 1.0),
            doc: "the threshold, as a share of 255",
        },
        shared::VALUE_RANGE,
    ],
    make: |settings| {
        let [addition, threshold] = ["addition_factor", "threshold_factor"].map(|name| from_zero(settings, name));
        let solarization = Solarization { addition, threshold, range: value_range(settings)? };
        Ok(Stage::new("solarization", settings, solarization))
    },
};

/// Parameters: what is added, and the threshold.
#[derive(Debug)]
struct Solarization {
    addition: [f64; 2],
    threshold: [f64; 2],
    range: [f64; 2],
}

impl Transform for Solarization {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        let mut of = |[low, high]: [f64; 2]| draws.uniform(255.0 * low, 255.0 * high);
        Parameters::of([of(self.addition), of(self.threshold)])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let [low, high] = self.range.map(|x| x as f32);
        let (to_bytes, back) = (255.0 / (high - low), (high - low) / 255.0);
        let [addition, threshold] = [0, 1].map(|i| parameters.numbers[i] as f32);
        let turn = |x: f32| {
            let z = ((x - low) * to_bytes + addition).clamp(0.0, 255.0);
            (if z < threshold { z } else { 255.0 - z }) * back + low
        };
        frame.pixels_mut().iter_mut().for_each(|x| *x = turn(*x));
    }
}
