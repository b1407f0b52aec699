//! Zeros around an image.

use super::{AnyLayer, Layer, images};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "zero_padding2d",
    page: Page {
        summary: "puts zeros around an image",
        equation: "[batch, height, width, channels] becomes [batch, top + height + bottom, left + width + right, channels]",
        source: "Keras 3, keras.layers.ZeroPadding2D",
        differs: "As in Keras; ((top, bottom), (left, right)) is written as four numbers in that order. No data_format.",
    },
    settings: &[Setting {
        name: "padding",
        default: Default::Int(1),
        allowed: EDGES,
        doc: "rows and columns of zeros: one number, or rows and columns, or top, bottom, left, right",
    }],
    make: |s| {
        let padding = edges("padding", &s.int_or_ints("padding").expect("the setting takes no word"))?;
        Ok(Arc::new(ZeroPadding2D { padding }))
    },
};

pub(super) const EDGES: Allowed = Allowed::IntOrInts(0, 1 << 20, &[]);

/// One number, rows and columns, or top, bottom, left, right.
pub(super) fn edges(name: &str, given: &[i64]) -> Result<[[usize; 2]; 2]> {
    let n = |i: usize| usize::try_from(given[i]).unwrap_or(0);
    match given.len() {
        1 => Ok([[n(0); 2]; 2]),
        2 => Ok([[n(0); 2], [n(1); 2]]),
        4 => Ok([[n(0), n(1)], [n(2), n(3)]]),
        _ => {
            let what = "one number, or rows and columns, or top, bottom, left, right";
            Err(Error::value("value-not-allowed", format!("`{name}` is {given:?}; allowed is {what}")))
        }
    }
}

pub(super) fn edges_argument([rows, cols]: [[usize; 2]; 2]) -> Argument {
    match rows[0] == rows[1] && cols[0] == cols[1] {
        true => images::argument(&[rows[0], cols[0]]),
        false => Argument::List([rows, cols].concat().iter().map(|&n| Argument::Int(n as i64)).collect()),
    }
}

/// Zeros around an image.
///
/// `x: [batch, height, width, channels]`. Errors: `image-axes`.
#[derive(Clone, Copy, Debug)]
pub struct ZeroPadding2D {
    padding: [[usize; 2]; 2],
}

impl ZeroPadding2D {
    /// `[[top, bottom], [left, right]]`.
    pub fn new(padding: [[usize; 2]; 2]) -> Self {
        ZeroPadding2D { padding }
    }
}

impl Layer for ZeroPadding2D {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("padding", edges_argument(self.padding))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        images::axes::<2>(build.graph.shape(x))?;
        let [rows, cols] = self.padding;
        build.graph.pad(x, &[rows, cols, [0, 0]])
    }
}
