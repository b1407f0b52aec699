//! Pictures sheared at random.

use super::affine::{Affine, Sampling};
use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, around_zero, shared};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_shear",
    page: Page {
        summary: "shears a picture along its rows and columns",
        equation: "y at (i, j) is x at (i + b · j, j + a · i), a uniform in x_factor, b in y_factor, both with a random sign",
        source: "Keras 3, keras.layers.RandomShear",
        differs: "",
    },
    settings: &[
        Setting {
            name: "x_factor",
            default: Default::Float(0.0),
            allowed: Allowed::Range(0.0, 1.0),
            doc: "columns a row, at most: one number, or [least, most]",
        },
        Setting {
            name: "y_factor",
            default: Default::Float(0.0),
            allowed: Allowed::Range(0.0, 1.0),
            doc: "rows a column, at most",
        },
        shared::FILL_MODE,
        shared::INTERPOLATION,
        shared::FILL_VALUE,
    ],
    make: |settings| {
        let [x, y] = ["x_factor", "y_factor"].map(|name| around_zero(settings, name));
        let shear = RandomShear { x, y, sampling: Sampling::of(settings) };
        Ok(Stage::new("random_shear", settings, shear))
    },
};

/// Parameters: columns a row, rows a column.
#[derive(Debug)]
struct RandomShear {
    x: [f64; 2],
    y: [f64; 2],
    sampling: Sampling,
}

impl Transform for RandomShear {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        let sign = if draws.chance(0.5) { 1.0 } else { -1.0 };
        let mut of = |[low, high]: [f64; 2]| sign * draws.uniform(low, high);
        Parameters::of([of(self.x), of(self.y)])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let [x, y, ..] = parameters.numbers;
        Affine { a: [1.0, x, 0.0], b: [y, 1.0, 0.0] }.apply(self.sampling, frame);
    }
}
