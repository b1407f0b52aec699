//! Inverse time decay.

use super::{Curve, Pace, Position, Schedule, period, setting, switch};
use crate::length::Length;
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "inverse_time",
    page: Page {
        summary: "divided by 1 + decay_rate for each decay_steps, evenly or in a staircase",
        equation: "α(t) = α / (1 + decay_rate p), p = t / decay_steps; with staircase: p = ⌊t / decay_steps⌋",
        source: "Keras 3, keras.optimizers.schedules.InverseTimeDecay",
        differs: "As in Keras.",
    },
    settings: SETTINGS,
    make: |s| {
        let decay_steps = s.length("decay_steps").expect("no word stands for it");
        let (decay_rate, staircase) = (s.f64("decay_rate"), s.bool("staircase"));
        Ok(Schedule::new(ENTRY.name, s, InverseTime { decay_steps, decay_rate, staircase }))
    },
};

const SETTINGS: &[Setting] = &[
    period("decay_steps", "in which the divisor grows by decay_rate"),
    setting("decay_rate", Default::Required, Allowed::NotNegative, "what is added to the divisor each decay_steps"),
    switch("staircase", false, "change at the end of each decay_steps only?"),
];

#[derive(Debug)]
struct InverseTime {
    decay_steps: Length,
    decay_rate: f64,
    staircase: bool,
}

impl Curve for InverseTime {
    fn at(&self, now: &Position) -> Pace {
        let p = now.update / now.updates_of(self.decay_steps);
        Pace::of(1.0 / (1.0 + self.decay_rate * if self.staircase { p.floor() } else { p }))
    }
}
