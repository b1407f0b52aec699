//! Half cosine waves, one after the other.

use super::{Curve, Pace, Position, Schedule, period, setting, share};
use crate::length::Length;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::f64::consts::PI;

pub const ENTRY: Entry<Schedule> = Entry {
    name: "cosine_restarts",
    page: Page {
        summary: "down along half a cosine wave, again and again, each time longer and from less",
        equation: "α(t) = α ((1 − alpha) m_mul^i ½ (1 + cos(π p)) + alpha), p of the i-th wave done, from i = 0\n\
                   wave i lasts first_decay_steps t_mul^i",
        source: "Loshchilov and Hutter 2017, SGDR, section 3, https://arxiv.org/abs/1608.03983; Keras 3, \
                 keras.optimizers.schedules.CosineDecayRestarts",
        differs: "Keras finds the wave by a logarithm, which may be off by rounding at the very update of a restart; here \
                  waves are counted.",
    },
    settings: SETTINGS,
    make: |s| {
        let curve = CosineRestarts {
            first_decay_steps: s.length("first_decay_steps").expect("no word stands for it"),
            t_mul: s.f64("t_mul"),
            m_mul: s.f64("m_mul"),
            alpha: s.f64("alpha"),
        };
        Ok(Schedule::new(ENTRY.name, s, curve))
    },
};

const SETTINGS: &[Setting] = &[
    period("first_decay_steps", "how long the first wave lasts"),
    setting("t_mul", Default::Float(2.0), Allowed::AtLeast(1.0), "how much longer each wave is than the one before"),
    share("m_mul", 1.0, "what is left of the rate at each restart"),
    share("alpha", 0.0, "the share of the rate that is left at the end of a wave"),
];

#[derive(Debug)]
struct CosineRestarts {
    first_decay_steps: Length,
    t_mul: f64,
    m_mul: f64,
    alpha: f64,
}

impl Curve for CosineRestarts {
    fn at(&self, now: &Position) -> Pace {
        let mut length = now.updates_of(self.first_decay_steps);
        let (mut wave, mut update) = (0.0, now.update);
        if self.t_mul == 1.0 {
            wave = (update / length).floor();
            update -= wave * length;
        } else {
            while update >= length {
                (wave, update, length) = (wave + 1.0, update - length, length * self.t_mul);
            }
        }
        let height = self.m_mul.powf(wave) * (0.5 * (1.0 + (PI * (update / length)).cos()));
        Pace::of((1.0 - self.alpha) * height + self.alpha)
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        vec![("first_decay_steps", start.updates_of(self.first_decay_steps))]
    }
}
