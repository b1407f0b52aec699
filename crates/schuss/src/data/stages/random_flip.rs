//! Pictures mirrored at random.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_flip",
    page: Page {
        summary: "mirrors a picture, left to right or top to bottom, with probability 1/2",
        equation: "y[i, j] = x[i, w − 1 − j], y[i, j] = x[h − 1 − i, j], or both",
        source: "Keras 3, keras.layers.RandomFlip",
        differs: "With both directions, each is drawn by itself; Keras draws one number for both, so that a picture is turned \
                  by 180° or stays.",
    },
    settings: &[Setting {
        name: "mode",
        default: Default::Text("horizontal_and_vertical"),
        allowed: Allowed::OneOf(&["horizontal", "vertical", "horizontal_and_vertical"]),
        doc: "left to right, top to bottom, or both",
    }],
    make: |settings| {
        let mode = settings.text("mode");
        let flip = RandomFlip { horizontal: mode != "vertical", vertical: mode != "horizontal" };
        Ok(Stage::new("random_flip", settings, flip))
    },
};

/// Parameters: 1 if left and right change places, 1 if top and bottom do.
#[derive(Debug)]
struct RandomFlip {
    horizontal: bool,
    vertical: bool,
}

impl Transform for RandomFlip {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        let mut flip = |may: bool| f64::from(u8::from(draws.chance(0.5) && may));
        Parameters::of([flip(self.horizontal), flip(self.vertical)])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        if parameters.numbers[0] == 1.0 {
            mirror(frame);
        }
        if parameters.numbers[1] == 1.0 {
            let Sizes { height, width, channels } = frame.sizes();
            let row = width * channels;
            for y in 0..height / 2 {
                let (top, bottom) = frame.pixels_mut().split_at_mut((height - 1 - y) * row);
                top[y * row..][..row].swap_with_slice(&mut bottom[..row]);
            }
        }
    }
}

/// Lets left and right change places.
pub(in crate::data) fn mirror(frame: &mut Frame) {
    let Sizes { width, channels, .. } = frame.sizes();
    for line in frame.pixels_mut().chunks_exact_mut(width * channels) {
        match channels {
            1 => line.reverse(),
            3 => line.as_chunks_mut::<3>().0.reverse(),
            _ => {
                for x in 0..width / 2 {
                    let (left, right) = line.split_at_mut((width - 1 - x) * channels);
                    left[x * channels..][..channels].swap_with_slice(&mut right[..channels]);
                }
            }
        }
    }
}
