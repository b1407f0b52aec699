//! Squares cut out of pictures.

use super::random_erasing::fill;
use super::{Draws, Frame, Parameters, Sizes, Stage, Transform};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "cutout",
    page: Page {
        summary: "puts one value into a square of a picture",
        equation: "y = fill_value where |i − c| and |j − d| are within size / 2; the middle (c, d) is any pixel, so that the square \
                   may stand over the edge",
        source: "T. DeVries, G. W. Taylor, Improved regularization of convolutional neural networks with cutout, 2017, arXiv \
                 1708.04552, section 3",
        differs: "Keras has random_erasing.",
    },
    settings: &[
        Setting { name: "size", default: Default::Required, allowed: Allowed::Int(1, 65_536), doc: "pixels on a side" },
        Setting {
            name: "fill_value",
            default: Default::Float(0.0),
            allowed: Allowed::Number,
            doc: "what is put there",
        },
    ],
    make: |settings| {
        let cutout = Cutout { size: settings.usize("size"), value: settings.f64("fill_value") as f32 };
        Ok(Stage::new("cutout", settings, cutout))
    },
};

/// Parameters: row and column of the middle.
#[derive(Debug)]
struct Cutout {
    size: usize,
    value: f32,
}

impl Transform for Cutout {
    fn draw(&self, input: Sizes, draws: &mut Draws) -> Parameters {
        let mut middle = |n: usize| draws.below(n) as f64;
        Parameters::of([middle(input.height), middle(input.width)])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let side = |middle: f64| {
            let first = middle - (self.size / 2) as f64;
            [first, first + self.size as f64]
        };
        let [row, column, ..] = parameters.numbers;
        fill(frame, side(row), side(column), |_| self.value);
    }
}
