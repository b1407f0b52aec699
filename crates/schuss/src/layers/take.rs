//! Some of a sample's numbers: one of several inputs that stand side by side.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::shape::Shape;
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "take",
    page: Page {
        summary: "takes some numbers of a sample, in order, under axes of their own: one of several inputs",
        equation: "y = x[first …], as many as [c, d, …] hold, as [batch, c, d, …]",
        source: "Keras 3, keras.Input, of which a functional model may have several",
        differs: "Keras gives a model a list of arrays. Here the inputs of a sample stand side by side in one row, and \
                  each branch takes its own.",
    },
    settings: &[
        Setting {
            name: "target_shape",
            default: Default::Required,
            allowed: Allowed::Ints(1, i32::MAX as i64),
            doc: "the axes of what is taken, without the batch",
        },
        Setting {
            name: "first",
            default: Default::Int(0),
            allowed: Allowed::Int(0, i32::MAX as i64),
            doc: "the first number that is taken, counted from 0",
        },
    ],
    make: |s| Ok(Arc::new(Take::new(s.usize("first"), &s.ints("target_shape")))),
};

/// `x: [batch, …]`, `y: [batch, target…]`. Errors: `take-range`.
#[derive(Clone, Debug)]
pub struct Take {
    first: usize,
    target: Vec<usize>,
}

impl Take {
    /// From this number on, as many as these axes hold.
    pub fn new(first: usize, target: &[usize]) -> Self {
        Take { first, target: target.to_vec() }
    }
}

impl Layer for Take {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let sizes = self.target.iter().map(|&n| Argument::Int(n as i64)).collect();
        let first = Argument::Int(self.first as i64);
        Settings::from_pairs([("target_shape", Argument::List(sizes)), ("first", first)])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let g = &mut build.graph;
        let there: usize = g.shape(x).sample().iter().product();
        let count = self.target.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
        let Some(count) = count.filter(|n| self.first.checked_add(*n).is_some_and(|end| end <= there)) else {
            let message = format!(
                "it takes {:?} from number {} on; a sample has {there}, counted from 0",
                self.target, self.first
            );
            return Err(Error::shape("take-range", message));
        };
        let row = g.reshape(x, &Shape::batch(&[there]))?;
        let own = g.slice(row, &[self.first], &[count])?;
        g.reshape(own, &Shape::batch(&self.target))
    }
}
