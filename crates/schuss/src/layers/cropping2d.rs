//! The middle of an image.

use super::zero_padding2d::{EDGES, edges, edges_argument};
use super::{AnyLayer, Layer, images};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "cropping2d",
    page: Page {
        summary: "cuts rows and columns off the edges of an image",
        equation: "[batch, height, width, channels] becomes [batch, height − top − bottom, width − left − right, channels]",
        source: "Keras 3, keras.layers.Cropping2D",
        differs: "As in Keras; ((top, bottom), (left, right)) is written as four numbers in that order. No data_format.",
    },
    settings: &[Setting {
        name: "cropping",
        default: Default::Int(0),
        allowed: EDGES,
        doc: "rows and columns that go: one number, or rows and columns, or top, bottom, left, right",
    }],
    make: |s| {
        let cropping = edges("cropping", &s.int_or_ints("cropping").expect("the setting takes no word"))?;
        Ok(Arc::new(Cropping2D { cropping }))
    },
};

/// The middle of an image.
///
/// `x: [batch, height, width, channels]`. Errors: `image-axes`, `nothing-left`.
#[derive(Clone, Copy, Debug)]
pub struct Cropping2D {
    cropping: [[usize; 2]; 2],
}

impl Cropping2D {
    /// `[[top, bottom], [left, right]]`.
    pub fn new(cropping: [[usize; 2]; 2]) -> Self {
        Cropping2D { cropping }
    }
}

impl Layer for Cropping2D {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("cropping", edges_argument(self.cropping))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let (input, channels) = images::axes::<2>(build.graph.shape(x))?;
        let [rows, cols] = self.cropping;
        let left = |n: usize, cut: [usize; 2]| n.checked_sub(cut[0].saturating_add(cut[1])).filter(|n| *n > 0);
        let (Some(height), Some(width)) = (left(input[0], rows), left(input[1], cols)) else {
            let (x, cut) = (build.graph.shape(x), self.cropping);
            return Err(Error::shape("nothing-left", format!("cutting {cut:?} off {x} leaves nothing")));
        };
        build.graph.slice(x, &[rows[0], cols[0], 0], &[height, width, channels])
    }
}
