//! Polynomial decay.

use super::{Curve, Pace, Position, Schedule, duration, positive, share, switch};
use crate::length::Length;
use crate::registry::{Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "polynomial",
    page: Page {
        summary: "down to end_learning_rate as a power of what is left of decay_steps",
        equation: "α(t) = (α − α_end) (1 − p)^power + α_end, p = min(t, decay_steps) / decay_steps\n\
                   with cycle: p = t / (decay_steps max(1, ⌈t / decay_steps⌉))",
        source: "Keras 3, keras.optimizers.schedules.PolynomialDecay",
        differs: "Keras has no default for decay_steps. PyTorch's PolynomialLR ends at 0 and has no cycle.",
    },
    settings: SETTINGS,
    make: |s| {
        let curve = Polynomial {
            decay_steps: s.length("decay_steps"),
            end_learning_rate: s.f64("end_learning_rate"),
            power: s.f64("power"),
            cycle: s.bool("cycle"),
        };
        Ok(Schedule::new(ENTRY.name, s, curve))
    },
};

const SETTINGS: &[Setting] = &[
    duration("decay_steps", "until it has come down; rest: all that there is"),
    share("end_learning_rate", 0.0001, "the rate α_end at the end, not a share"),
    positive("power", 1.0, "1 is a straight line"),
    switch("cycle", false, "stretch decay_steps to its next multiple whenever it has passed?"),
];

#[derive(Debug)]
struct Polynomial {
    decay_steps: Option<Length>,
    end_learning_rate: f64,
    power: f64,
    cycle: bool,
}

impl Curve for Polynomial {
    fn at(&self, now: &Position) -> Pace {
        let steps = now.updates_or_rest(self.decay_steps);
        let p = match self.cycle {
            true => now.update / (steps * (now.update / steps).ceil().max(1.0)),
            false => now.done(steps),
        };
        let end = now.factor_of(self.end_learning_rate);
        Pace::of((1.0 - end) * (1.0 - p).powf(self.power) + end)
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        vec![("decay_steps", start.updates_or_rest(self.decay_steps))]
    }
}
