//! The middle of a picture.

use super::{Frame, Parameters, Sizes, Stage, Transform};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "center_crop",
    page: Page {
        summary: "keeps the middle of a picture",
        equation: "y[i, j] = x[⌊(H − h) / 2⌋ + i, ⌊(W − w) / 2⌋ + j]",
        source: "Keras 3, keras.layers.CenterCrop",
        differs: "Pictures that are smaller are an error; Keras makes them greater.",
    },
    settings: &[
        Setting { name: "height", default: Default::Required, allowed: Allowed::Int(1, 65_536), doc: "rows" },
        Setting { name: "width", default: Default::Required, allowed: Allowed::Int(1, 65_536), doc: "columns" },
    ],
    make: |settings| {
        let crop = CenterCrop { height: settings.usize("height"), width: settings.usize("width") };
        Ok(Stage::new("center_crop", settings, crop))
    },
};

#[derive(Debug)]
struct CenterCrop {
    height: usize,
    width: usize,
}

impl Transform for CenterCrop {
    fn output(&self, input: Sizes) -> Result<Sizes> {
        cropped(input, self.height, self.width)
    }
    fn is_random(&self) -> bool {
        false
    }
    fn apply(&self, _: &Parameters, frame: &mut Frame) {
        let Sizes { height, width, .. } = frame.sizes();
        crop(frame, (height - self.height) / 2, (width - self.width) / 2, self.height, self.width);
    }
}

/// The sizes of a crop, if the picture is large enough.
pub(super) fn cropped(input: Sizes, height: usize, width: usize) -> Result<Sizes> {
    if height > input.height || width > input.width {
        let message = format!("pictures are {}; {height} × {width} can't be cut out of them", input.words());
        return Err(Error::shape("crop-too-large", message));
    }
    Ok(Sizes { height, width, ..input })
}

/// Keeps the part of these sizes that begins at (`top`, `left`).
pub(super) fn crop(frame: &mut Frame, top: usize, left: usize, height: usize, width: usize) {
    let old = frame.sizes();
    let row = width * old.channels;
    frame.replace(Sizes { height, width, ..old }, |from, to| {
        let rows = from.chunks_exact(old.width * old.channels).skip(top);
        let part = |line: &[f32]| left * old.channels..(left * old.channels + row).min(line.len());
        to.chunks_exact_mut(row).zip(rows).for_each(|(to, line)| to.copy_from_slice(&line[part(line)]));
    });
}
