//! Parts of pictures, cut out at random places.

use super::center_crop::cropped;
use super::{Draws, Frame, Parameters, Sizes, Stage, Transform};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_crop",
    page: Page {
        summary: "pads a picture, and cuts a part out at a random place",
        equation: "y[i, j] = x̄[t + i, l + j], x̄ the padded picture; t from 0 … H + 2p − h and l from 0 … W + 2p − w, all \
                   equally likely",
        source: "Keras 3, keras.layers.RandomCrop; padding and its kinds as torchvision.transforms.RandomCrop",
        differs: "Padding is not Keras'. Keras makes smaller pictures greater, here they are an error. Outside training the \
                  middle of the picture is taken where sizes change; Keras takes the greatest part of the same proportions \
                  and resizes it.",
    },
    settings: &[
        Setting {
            name: "height",
            default: Default::Int(0),
            allowed: Allowed::Int(0, 65_536),
            doc: "rows; 0: as many as there are",
        },
        Setting {
            name: "width",
            default: Default::Int(0),
            allowed: Allowed::Int(0, 65_536),
            doc: "columns; 0: as many as there are",
        },
        Setting {
            name: "padding",
            default: Default::Int(0),
            allowed: Allowed::Int(0, 4096),
            doc: "pixels added on each side first",
        },
        Setting {
            name: "fill_mode",
            default: Default::Text("constant"),
            allowed: Allowed::OneOf(&["constant", "reflect"]),
            doc: "what is added: fill_value, or reflect (d c b | a b c d | c b a)",
        },
        Setting {
            name: "fill_value",
            default: Default::Float(0.0),
            allowed: Allowed::Number,
            doc: "what is added if constant",
        },
    ],
    make: |settings| {
        let size = |name| Some(settings.usize(name)).filter(|&n| n > 0);
        let crop = RandomCrop {
            height: size("height"),
            width: size("width"),
            padding: settings.usize("padding"),
            reflect: settings.text("fill_mode") == "reflect",
            value: settings.f64("fill_value") as f32,
        };
        Ok(Stage::new("random_crop", settings, crop))
    },
};

/// Parameters: the first row and the first column, of the padded picture.
#[derive(Debug)]
struct RandomCrop {
    height: Option<usize>,
    width: Option<usize>,
    padding: usize,
    reflect: bool,
    value: f32,
}

impl RandomCrop {
    fn sizes(&self, input: Sizes) -> (usize, usize) {
        (self.height.unwrap_or(input.height), self.width.unwrap_or(input.width))
    }
}

impl Transform for RandomCrop {
    fn output(&self, input: Sizes) -> Result<Sizes> {
        let Sizes { height, width, .. } = input;
        if self.reflect && self.padding >= height.min(width) {
            let message = format!(
                "pictures are {}; reflected, at most {} pixels can be added, and `padding` is {}",
                input.words(),
                height.min(width) - 1,
                self.padding
            );
            return Err(Error::shape("padding-too-large", message));
        }
        let (h, w) = self.sizes(input);
        // Outside training nothing is padded.
        cropped(input, h, w)
    }
    fn rest(&self, input: Sizes) -> Option<Parameters> {
        let (height, width) = self.sizes(input);
        let first = |have: usize, want: usize| ((have - want) / 2 + self.padding) as f64;
        let parameters = Parameters::of([first(input.height, height), first(input.width, width)]);
        ((height, width) != (input.height, input.width)).then_some(parameters)
    }
    fn draw(&self, input: Sizes, draws: &mut Draws) -> Parameters {
        let (height, width) = self.sizes(input);
        let mut first = |have: usize, want: usize| draws.below(have + 2 * self.padding - want + 1) as f64;
        Parameters::of([first(input.height, height), first(input.width, width)])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let old = frame.sizes();
        let (height, width) = self.sizes(old);
        let [top, left] = [0, 1].map(|i| parameters.numbers[i] as i64 - self.padding as i64);
        let (c, row) = (old.channels, width * old.channels);
        // Columns that are there: those from `left` on, as far as they are inside.
        let first = (-left).clamp(0, width as i64) as usize;
        let end = (old.width as i64 - left).clamp(first as i64, width as i64) as usize;
        frame.replace(Sizes { height, width, ..old }, |from, to| {
            for (y, to) in to.chunks_exact_mut(row).enumerate() {
                let source = mirrored(top + y as i64, old.height, self.reflect);
                let Some(source) = source else {
                    to.fill(self.value);
                    continue;
                };
                let line = &from[source * old.width * c..][..old.width * c];
                if first < end {
                    let start = (left + first as i64) as usize * c;
                    to[first * c..end * c].copy_from_slice(&line[start..start + (end - first) * c]);
                }
                for x in (0..first).chain(end..width) {
                    let to = &mut to[x * c..][..c];
                    match mirrored(left + x as i64, old.width, self.reflect) {
                        Some(x) => to.copy_from_slice(&line[x * c..][..c]),
                        None => to.fill(self.value),
                    }
                }
            }
        });
    }
}

/// Moves a picture by so many pixels down and to the right; what comes in is reflected at the edge, which is not repeated.
pub(in crate::data) fn moved(frame: &mut Frame, by: i64) {
    let crop = RandomCrop { height: None, width: None, padding: 0, reflect: true, value: 0.0 };
    crop.apply(&Parameters::of([-by as f64; 2]), frame);
}

/// The pixel that stands at `i` of `n`: outside there is none, or the mirrored one, where the edge is not repeated.
fn mirrored(i: i64, n: usize, reflect: bool) -> Option<usize> {
    let last = n as i64 - 1;
    match i {
        _ if (0..=last).contains(&i) => Some(i as usize),
        _ if !reflect => None,
        _ if i < 0 => Some(-i as usize),
        _ => Some((2 * last - i) as usize),
    }
}
