//! Pictures turned at random.

use super::affine::{Affine, Sampling};
use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, around_zero, shared};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::f64::consts::TAU;

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_rotation",
    page: Page {
        summary: "turns a picture around its middle",
        equation: "y at p is x at m + R(2π · a) (p − m), m = ((w − 1) / 2, (h − 1) / 2), a uniform in factor",
        source: "Keras 3, keras.layers.RandomRotation",
        differs: "",
    },
    settings: &[
        Setting {
            name: "factor",
            default: Default::Required,
            allowed: Allowed::Range(-1.0, 1.0),
            doc: "how far, 1 being a whole turn: from −x to x, or [least, most]",
        },
        shared::FILL_MODE,
        shared::INTERPOLATION,
        shared::FILL_VALUE,
    ],
    make: |settings| {
        let rotation = RandomRotation { factor: around_zero(settings, "factor"), sampling: Sampling::of(settings) };
        Ok(Stage::new("random_rotation", settings, rotation))
    },
};

/// Parameter: the share of a whole turn.
#[derive(Debug)]
struct RandomRotation {
    factor: [f64; 2],
    sampling: Sampling,
}

impl Transform for RandomRotation {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        Parameters::of([draws.uniform(self.factor[0], self.factor[1])])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let Sizes { height, width, .. } = frame.sizes();
        let (sin, cos) = (parameters.numbers[0] * TAU).sin_cos();
        let (x, y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
        let turned = Affine { a: [cos, -sin, x - x * cos + y * sin], b: [sin, cos, y - x * sin - y * cos] };
        turned.apply(self.sampling, frame);
    }
}
