//! Several inputs one after another.

use super::{AnyLayer, Layer, merge};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "concatenate",
    page: Page {
        summary: "its inputs one after another along an axis",
        equation: "[batch, …, m], [batch, …, n], … become [batch, …, m + n + …]",
        source: "Keras 3, keras.layers.Concatenate",
        differs: "As in Keras; the batch, axis 0, stays what it is.",
    },
    settings: &[Setting {
        name: "axis",
        default: Default::Int(-1),
        allowed: Allowed::Int(-8, 8),
        doc: "the axis, counted with the batch as 0, or from −1 for the last",
    }],
    make: |s| {
        let Some(Argument::Int(axis)) = s.get("axis") else { unreachable!("the setting is a whole number") };
        Ok(Arc::new(Concatenate::new(*axis)))
    },
};

/// Inputs `[batch, …]` of equal sizes but along the axis. Errors: `layer-inputs`, `merge-shapes`, `concatenate-axis`.
#[derive(Clone, Copy, Debug)]
pub struct Concatenate {
    axis: i64,
}

impl Concatenate {
    /// Along this axis, counted with the batch as 0, or from −1 for the last.
    pub fn new(axis: i64) -> Self {
        Concatenate { axis }
    }
}

impl Layer for Concatenate {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("axis", Argument::Int(self.axis))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        self.build_all(build, &[x])
    }
    fn build_all(&self, build: &mut Build, inputs: &[Value]) -> Result<Value> {
        let g = &mut build.graph;
        let first = g.shape(merge::several(self.kind(), inputs)?[0]).clone();
        let rank = first.rank() as i64;
        let axis = if self.axis < 0 { rank + self.axis } else { self.axis };
        if !(1..rank).contains(&axis) {
            let message = format!("`axis` is {}; an input is {first}, whose axis 0 is the batch", self.axis);
            return Err(Error::shape("concatenate-axis", message));
        }
        let axis = axis as usize;
        let fits = |v: &Value| {
            let shape = g.shape(*v);
            shape.rank() == first.rank() && (0..first.rank()).all(|i| i == axis || shape.dims()[i] == first.dims()[i])
        };
        if !inputs.iter().all(fits) {
            let message =
                format!("its inputs are {}; sizes must be equal but along axis {axis}", merge::shapes(g, inputs));
            return Err(Error::shape("merge-shapes", message));
        }
        g.concatenate(inputs, axis)
    }
}
