//! Pictures moved at random.

use super::affine::{Affine, Sampling};
use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, around_zero, shared};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_translation",
    page: Page {
        summary: "moves a picture by a share of its height and width",
        equation: "y[i, j] = x(i − a · h, j − b · w), a uniform in height_factor, b in width_factor",
        source: "Keras 3, keras.layers.RandomTranslation",
        differs: "",
    },
    settings: &[
        Setting {
            name: "height_factor",
            default: Default::Required,
            allowed: Allowed::Range(-1.0, 1.0),
            doc: "how far down, as a share of the height: from −x to x, or [least, most]",
        },
        Setting {
            name: "width_factor",
            default: Default::Required,
            allowed: Allowed::Range(-1.0, 1.0),
            doc: "how far to the right, as a share of the width",
        },
        shared::FILL_MODE,
        shared::INTERPOLATION,
        shared::FILL_VALUE,
    ],
    make: |settings| {
        let [height, width] = ["height_factor", "width_factor"].map(|name| around_zero(settings, name));
        let translation = RandomTranslation { height, width, sampling: Sampling::of(settings) };
        Ok(Stage::new("random_translation", settings, translation))
    },
};

/// Parameters: the shares, down and to the right.
#[derive(Debug)]
struct RandomTranslation {
    height: [f64; 2],
    width: [f64; 2],
    sampling: Sampling,
}

impl Transform for RandomTranslation {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        let mut share = |[low, high]: [f64; 2]| draws.uniform(low, high);
        Parameters::of([share(self.height), share(self.width)])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let [down, right, ..] = parameters.numbers;
        let Sizes { height, width, .. } = frame.sizes();
        let moved = Affine { a: [1.0, 0.0, -right * width as f64], b: [0.0, 1.0, -down * height as f64] };
        moved.apply(self.sampling, frame);
    }
}
