//! Exponential decay.

use super::{Curve, Pace, Position, Schedule, period, setting, switch};
use crate::length::Length;
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "exponential",
    page: Page {
        summary: "times decay_rate over each decay_steps, evenly or in a staircase",
        equation: "α(t) = α decay_rate^p, p = t / decay_steps; with staircase: p = ⌊t / decay_steps⌋",
        source: "Keras 3, keras.optimizers.schedules.ExponentialDecay",
        differs: "PyTorch's ExponentialLR is decay_steps = \"1 epoch\" with staircase, if called once an epoch.",
    },
    settings: SETTINGS,
    make: |s| {
        let decay_steps = s.length("decay_steps").expect("no word stands for it");
        let (decay_rate, staircase) = (s.f64("decay_rate"), s.bool("staircase"));
        Ok(Schedule::new(ENTRY.name, s, Exponential { decay_steps, decay_rate, staircase }))
    },
};

const SETTINGS: &[Setting] = &[
    period("decay_steps", "in which the rate falls to decay_rate of what it was"),
    setting("decay_rate", Default::Required, Allowed::Positive, "what is left of the rate after decay_steps"),
    switch("staircase", false, "change at the end of each decay_steps only?"),
];

#[derive(Debug)]
struct Exponential {
    decay_steps: Length,
    decay_rate: f64,
    staircase: bool,
}

impl Curve for Exponential {
    fn at(&self, now: &Position) -> Pace {
        let p = now.update / now.updates_of(self.decay_steps);
        Pace::of(self.decay_rate.powf(if self.staircase { p.floor() } else { p }))
    }
}
