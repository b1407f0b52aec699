//! Pictures brought to other sizes.

use super::{Frame, Parameters, Sizes, Stage, Transform};
use crate::error::Result;
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "resizing",
    page: Page {
        summary: "brings pictures to other sizes, stretching them",
        equation: "y[i, j] = x((i + ½) · H / h − ½, (j + ½) · W / w − ½), edges repeated; bilinear, or the nearest pixel",
        source: "Keras 3, keras.layers.Resizing (without antialiasing)",
        differs: "Bilinear and nearest only. A reader that resizes pictures of a folder smooths while it shrinks them; this does \
                  not.",
    },
    settings: &[
        Setting { name: "height", default: Default::Required, allowed: Allowed::Int(1, 65_536), doc: "rows" },
        Setting { name: "width", default: Default::Required, allowed: Allowed::Int(1, 65_536), doc: "columns" },
        super::shared::INTERPOLATION,
    ],
    make: |settings| {
        let (height, width) = (settings.usize("height"), settings.usize("width"));
        let bilinear = settings.text("interpolation") == "bilinear";
        Ok(Stage::new("resizing", settings, Resizing { height, width, bilinear }))
    },
};

#[derive(Debug)]
struct Resizing {
    height: usize,
    width: usize,
    bilinear: bool,
}

impl Resizing {
    /// The two places of `have` that make place `i` of `want`, and the weight of the second.
    fn source(&self, i: usize, have: usize, want: usize) -> (usize, usize, f32) {
        let at = (i as f64 + 0.5) * have as f64 / want as f64 - 0.5;
        if !self.bilinear {
            let nearest = ((i as f64 + 0.5) * have as f64 / want as f64).floor() as usize;
            return (nearest.min(have - 1), nearest.min(have - 1), 0.0);
        }
        let (at, last) = (at.clamp(0.0, have as f64 - 1.0), have - 1);
        let first = at.floor();
        (first as usize, (first as usize + 1).min(last), (at - first) as f32)
    }
}

impl Transform for Resizing {
    fn output(&self, input: Sizes) -> Result<Sizes> {
        Ok(Sizes { height: self.height, width: self.width, ..input })
    }
    fn is_random(&self) -> bool {
        false
    }
    fn apply(&self, _: &Parameters, frame: &mut Frame) {
        let old = frame.sizes();
        let c = old.channels;
        frame.replace(Sizes { height: self.height, width: self.width, ..old }, |from, to| {
            for (i, to) in to.chunks_exact_mut(self.width * c).enumerate() {
                let (y0, y1, v) = self.source(i, old.height, self.height);
                let [top, bottom] = [y0, y1].map(|y| &from[y * old.width * c..][..old.width * c]);
                for (j, to) in to.chunks_exact_mut(c).enumerate() {
                    let (x0, x1, u) = self.source(j, old.width, self.width);
                    for (k, to) in to.iter_mut().enumerate() {
                        let across = |line: &[f32]| line[x0 * c + k] * (1.0 - u) + line[x1 * c + k] * u;
                        *to = across(top) * (1.0 - v) + across(bottom) * v;
                    }
                }
            }
        });
    }
}
