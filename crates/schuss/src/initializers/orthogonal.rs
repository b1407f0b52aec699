//! A rotation: columns, or rows, that stand at right angles.

use super::{AnyInitializer, Initializer};
use crate::error::{Error, Result};
use crate::random::Stream;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "orthogonal",
    page: Page {
        summary: "a random rotation: columns of length 1 at right angles, or rows where there are fewer of them",
        equation: "w = g Q, where Q R is a matrix of normal numbers and the diagonal of R is positive",
        source: "Saxe, McClelland and Ganguli 2014, https://arxiv.org/abs/1312.6120; Keras 3, keras.initializers.Orthogonal",
        differs: "As in Keras and PyTorch, but that PyTorch takes the first axis for the rows, Keras the last one for the \
                  columns. The numbers are a function of the run's seed and the parameter's name.",
    },
    settings: &[Setting {
        name: "gain",
        default: Default::Float(1.0),
        allowed: Allowed::Number,
        doc: "the length g of a column",
    }],
    make: |s| Ok(Arc::new(Orthogonal { gain: s.f64("gain") })),
};

/// Columns of length `gain` at right angles, or rows where there are fewer of them; all axes but the last are rows.
#[derive(Clone, Copy, Debug)]
pub struct Orthogonal {
    /// The length of a column.
    pub gain: f64,
}

impl std::default::Default for Orthogonal {
    fn default() -> Self {
        Orthogonal { gain: 1.0 }
    }
}

impl Initializer for Orthogonal {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([("gain", Argument::Float(self.gain))])
    }
    fn check(&self, shape: &[usize]) -> Result<()> {
        if shape.len() < 2 {
            let message = format!("initializer orthogonal: shape {shape:?} has no rows and columns");
            return Err(Error::shape("initializer-shape", message));
        }
        Ok(())
    }
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]) {
        let cols = shape.last().copied().unwrap_or(1);
        let rows = shape.iter().product::<usize>() / cols.max(1);
        let (long, short) = (rows.max(cols), rows.min(cols));
        // Each of the fewer vectors lies in one piece.
        let mut q: Vec<f64> = (0..).map(|i| stream.normal(i)).take(long * short).collect();
        for i in 0..short {
            let (before, own) = q.split_at_mut(i * long);
            let own = &mut own[..long];
            // Twice: what rounding left of the others the first time is gone the second.
            for _ in 0..2 {
                for other in before.chunks(long) {
                    let along = dot(own, other);
                    own.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
                }
                let length = dot(own, own).sqrt();
                own.iter_mut().for_each(|x| *x /= length);
            }
        }
        for (i, x) in out.iter_mut().enumerate() {
            let (row, col) = (i / cols, i % cols);
            let place = if rows >= cols { col * long + row } else { row * long + col };
            *x = (self.gain * q[place]) as f32;
        }
    }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}
