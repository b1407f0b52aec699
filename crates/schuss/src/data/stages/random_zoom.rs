//! Pictures made greater or smaller at random.

use super::affine::{Affine, Sampling};
use super::{Draws, Frame, Parameters, Sizes, Stage, Transform, around_zero, shared};
use crate::error::Result;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "random_zoom",
    page: Page {
        summary: "makes a picture greater or smaller around its middle",
        equation: "y at p is x at m + z ⊙ (p − m), m = ((w − 1) / 2, (h − 1) / 2), z = 1 + a, a uniform in the factors",
        source: "Keras 3, keras.layers.RandomZoom",
        differs: "",
    },
    settings: &[
        Setting {
            name: "height_factor",
            default: Default::Required,
            allowed: Allowed::Range(-0.99, 1.0),
            doc: "how much more of the height is seen: from −x to x, or [least, most]; below 0 the picture is greater",
        },
        Setting {
            name: "width_factor",
            default: Default::Text("same"),
            allowed: Allowed::RangeOr(-0.99, 1.0, &["same"]),
            doc: "how much more of the width; same: what was drawn for the height",
        },
        shared::FILL_MODE,
        shared::INTERPOLATION,
        shared::FILL_VALUE,
    ],
    make,
};

fn make(settings: &Settings) -> Result<Stage> {
    let height = around_zero(settings, "height_factor");
    let width = match settings.get("width_factor") {
        Some(Argument::Text(_)) => None,
        _ => Some(around_zero(settings, "width_factor")),
    };
    Ok(Stage::new("random_zoom", settings, RandomZoom { height, width, sampling: Sampling::of(settings) }))
}

/// Parameters: the factors of height and width, 1 being as it was.
#[derive(Debug)]
struct RandomZoom {
    height: [f64; 2],
    width: Option<[f64; 2]>,
    sampling: Sampling,
}

impl Transform for RandomZoom {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        let mut factor = |[low, high]: [f64; 2]| 1.0 + draws.uniform(low, high);
        let height = factor(self.height);
        Parameters::of([height, self.width.map_or(height, factor)])
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        let [down, across, ..] = parameters.numbers;
        let Sizes { height, width, .. } = frame.sizes();
        let middle = |n: usize, zoom: f64| (n as f64 - 1.0) / 2.0 * (1.0 - zoom);
        let zoomed = Affine { a: [across, 0.0, middle(width, across)], b: [0.0, down, middle(height, down)] };
        zoomed.apply(self.sampling, frame);
    }
}
