//! A rate for each part of the run.

use super::{Curve, Pace, Position, Schedule, position, setting};
use crate::error::{Error, Result};
use crate::length::Length;
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "piecewise_constant",
    page: Page {
        summary: "a rate for each part of the run",
        equation: "α(t) = values[i], where i boundaries are below t",
        source: "Keras 3, keras.optimizers.schedules.PiecewiseConstantDecay",
        differs: "As in Keras: a value still holds at its boundary. The values are rates; they stand in the place of the \
                  optimizer's learning_rate.",
    },
    settings: SETTINGS,
    make: |s| {
        let (boundaries, values) = (s.lengths("boundaries"), s.numbers("values"));
        if values.len() != boundaries.len() + 1 || values.iter().any(|v| *v < 0.0) {
            let message = format!(
                "`values` are {} for {} boundaries; they are rates of at least 0, one more than boundaries",
                s.get("values").expect("it is in the list"),
                boundaries.len()
            );
            return Err(Error::value("piecewise-values", message));
        }
        Ok(Schedule::new(ENTRY.name, s, PiecewiseConstant { boundaries, values }))
    },
};

const SETTINGS: &[Setting] = &[
    setting("boundaries", Default::Required, Allowed::Lengths, "up to when each value but the last holds"),
    setting("values", Default::Required, Allowed::Numbers, "the rates, one more than boundaries"),
];

#[derive(Debug)]
struct PiecewiseConstant {
    boundaries: Vec<Length>,
    values: Vec<f64>,
}

impl Curve for PiecewiseConstant {
    fn at(&self, now: &Position) -> Pace {
        let passed = self.boundaries.iter().filter(|b| now.updates_of(**b) < now.update).count();
        Pace::of(now.factor_of(self.values[passed]))
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        self.boundaries.iter().map(|b| ("boundaries", start.updates_of(*b))).collect()
    }
    fn check(&self, start: &Position) -> Result<()> {
        position::increasing("boundaries", start, &self.boundaries)
    }
}
