//! A rectangle of one picture put into another, and their targets mixed.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, from_zero};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "cut_mix",
    page: Page {
        summary: "puts a rectangle of another picture into a picture, and mixes their targets by area",
        equation: "a rectangle of √(1 − λ) · h × √(1 − λ) · w anywhere within the picture, λ from Beta(a, a), a uniform in factor; \
                   the share of the picture's own target is what is left of its area",
        source: "Keras 3, keras.layers.CutMix; S. Yun et al., CutMix, 2019, arXiv 1905.04899",
        differs: "The other picture is drawn from the whole training part; Keras takes one of the batch, each once, and draws a for the \
                  batch. The loss must take shares of classes (categorical_crossentropy).",
    },
    settings: &[Setting {
        name: "factor",
        default: Default::Float(1.0),
        allowed: Allowed::Range(0.0, 1.0),
        doc: "a is drawn from 0 to x, or from [least, most]",
    }],
    make: |settings| Ok(Stage::new("cut_mix", settings, CutMix { factor: from_zero(settings, "factor") })),
};

/// Parameters: the first row and the row behind the last, the first column and the column behind the last, as numbers with
/// fractions.
#[derive(Debug)]
struct CutMix {
    factor: [f64; 2],
}

impl Transform for CutMix {
    fn draw(&self, input: Sizes, draws: &mut Draws) -> Parameters {
        let alpha = draws.uniform(self.factor[0], self.factor[1]) + 1e-6;
        let ratio = (1.0 - draws.beta(alpha)).sqrt();
        let mut side = |n: usize| {
            let length = ratio * n as f64;
            let start = draws.uniform(0.0, 1.0) * (n as f64 - length);
            [start, start + length]
        };
        let ([top, bottom], [left, right]) = (side(input.height), side(input.width));
        Parameters::of([top, bottom, left, right])
    }
    fn mixes(&self) -> bool {
        true
    }
    fn share(&self, parameters: &Parameters, sizes: Sizes) -> f64 {
        let [top, bottom, left, right, ..] = parameters.numbers;
        1.0 - (right - left) * (bottom - top) / (sizes.height * sizes.width) as f64
    }
    fn mix(&self, parameters: &Parameters, frame: &mut Frame, other: &Frame) {
        let [top, bottom, left, right, ..] = parameters.numbers;
        let Sizes { height, width, channels } = frame.sizes();
        let whole = |from: f64, to: f64, n: usize| {
            let place = |x: f64| (x.ceil().max(0.0) as usize).min(n);
            place(from)..place(to)
        };
        let columns = whole(left, right, width);
        for y in whole(top, bottom, height) {
            let row = (y * width + columns.start) * channels..(y * width + columns.end.max(columns.start)) * channels;
            frame.pixels_mut()[row.clone()].copy_from_slice(&other.pixels()[row]);
        }
    }
    fn apply(&self, _: &Parameters, _: &mut Frame) {}
}
