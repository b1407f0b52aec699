//! Half a cosine wave.

use super::{Curve, Pace, Position, Schedule, duration, share};
use crate::length::Length;
use crate::registry::{Entry, Page, Setting};
use std::f64::consts::PI;

pub const ENTRY: Entry<Schedule> = Entry {
    name: "cosine",
    page: Page {
        summary: "down to a share alpha along half a cosine wave",
        equation: "α(t) = α ((1 − alpha) ½ (1 + cos(π p)) + alpha), p = min(t, decay_steps) / decay_steps",
        source: "Loshchilov and Hutter 2017, SGDR, equation 5, https://arxiv.org/abs/1608.03983; Keras 3, \
                 keras.optimizers.schedules.CosineDecay",
        differs: "Keras has no default for decay_steps. Its warmup_target is the optimizer's learning_rate here, its \
                  warmup_steps is warmup, and its initial_learning_rate is warmup_start, as a share. PyTorch's \
                  CosineAnnealingLR goes up again after T_max.",
    },
    settings: SETTINGS,
    make: |s| Ok(Schedule::new(ENTRY.name, s, Cosine { decay_steps: s.length("decay_steps"), alpha: s.f64("alpha") })),
};

const SETTINGS: &[Setting] = &[
    duration("decay_steps", "until it has come down; rest: all that there is"),
    share("alpha", 0.0, "the share of the rate that is left at the end"),
];

#[derive(Debug)]
struct Cosine {
    decay_steps: Option<Length>,
    alpha: f64,
}

impl Curve for Cosine {
    fn at(&self, now: &Position) -> Pace {
        let p = now.done(now.updates_or_rest(self.decay_steps));
        Pace::of((1.0 - self.alpha) * (0.5 * (1.0 + (PI * p).cos())) + self.alpha)
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        vec![("decay_steps", start.updates_or_rest(self.decay_steps))]
    }
}
