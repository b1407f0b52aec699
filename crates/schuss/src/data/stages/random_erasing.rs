//! Rectangles of pictures erased at random.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, from_zero, shared, value_range};
use crate::random::Stream;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_erasing",
    page: Page {
        summary: "puts noise or one colour into a rectangle of a picture",
        equation: "a rectangle of √a · h × √b · w pixels, a and b uniform in scale, anywhere within the picture, with a \
                   probability uniform in factor",
        source: "Keras 3, keras.layers.RandomErasing; Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang, Random erasing data \
                 augmentation, 2017, arXiv 1708.04896",
        differs: "A single factor p is a probability drawn from 0 to p, as in Keras; give [p, p] for p itself.",
    },
    settings: &[
        Setting {
            name: "factor",
            default: Default::Float(1.0),
            allowed: Allowed::Range(0.0, 1.0),
            doc: "how probable it is: drawn from 0 to x, or from [least, most]",
        },
        Setting {
            name: "scale",
            default: Default::Numbers(&[0.02, 0.33]),
            allowed: Allowed::Range(0.0, 1.0),
            doc: "the square of the sides, as shares of the picture's: from 0 to x, or [least, most]",
        },
        Setting {
            name: "fill_value",
            default: Default::Text("noise"),
            allowed: Allowed::NumberOr(&["noise"]),
            doc: "what is put there: noise (normal, times value_range's end), or a number",
        },
        shared::VALUE_RANGE,
    ],
    make: |settings| {
        let fill = match settings.get("fill_value") {
            Some(Argument::Float(x)) => Some(*x),
            _ => None,
        };
        let [factor, scale] = ["factor", "scale"].map(|name| from_zero(settings, name));
        Ok(Stage::new("random_erasing", settings, RandomErasing { factor, scale, fill, range: value_range(settings)? }))
    },
};

/// Parameters: 1 if it is done; the first row and the row behind the last, the first column and the column behind the
/// last, as numbers with fractions.
#[derive(Debug)]
struct RandomErasing {
    factor: [f64; 2],
    scale: [f64; 2],
    fill: Option<f64>,
    range: [f64; 2],
}

impl Transform for RandomErasing {
    fn draw(&self, input: Sizes, draws: &mut Draws) -> Parameters {
        let probability = draws.uniform(self.factor[0], self.factor[1]);
        let erases = draws.chance(probability);
        let mut side = |n: usize| {
            let length = draws.uniform(self.scale[0], self.scale[1]).sqrt() * n as f64;
            let start = draws.uniform(0.0, 1.0) * (n as f64 - length);
            [start, start + length]
        };
        let ([top, bottom], [left, right]) = (side(input.height), side(input.width));
        let numbers = [f64::from(u8::from(erases)), top, bottom, left, right];
        Parameters { noise: draws.bits(), ..Parameters::of(numbers) }
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let [erases, top, bottom, left, right, ..] = parameters.numbers;
        if erases == 1.0 {
            let [low, high] = self.range;
            let noise = Stream::named(parameters.noise, "noise");
            fill(frame, [top, bottom], [left, right], |i| {
                let value = self.fill.unwrap_or_else(|| noise.normal(i as u64) * high);
                value.clamp(low, high) as f32
            });
        }
    }
}

/// Fills the pixels whose row and column lie in these half-open ranges; `value` is told the number's place.
pub(super) fn fill(frame: &mut Frame, rows: [f64; 2], columns: [f64; 2], value: impl Fn(usize) -> f32) {
    let Sizes { height, width, channels } = frame.sizes();
    let whole = |[from, to]: [f64; 2], n: usize| {
        let place = |x: f64| (x.ceil().max(0.0) as usize).min(n);
        place(from)..place(to)
    };
    for y in whole(rows, height) {
        for x in whole(columns, width) {
            let at = (y * width + x) * channels;
            for i in at..at + channels {
                frame.pixels_mut()[i] = value(i);
            }
        }
    }
}
