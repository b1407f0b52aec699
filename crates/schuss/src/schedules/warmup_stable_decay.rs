//! Warm-up, a long stable stage, and a short decay.

use super::{Curve, Pace, Position, Schedule, setting, share};
use crate::length::Length;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::f64::consts::PI;

pub const ENTRY: Entry<Schedule> = Entry {
    name: "warmup_stable_decay",
    page: Page {
        summary: "up, constant for most of the run, and down in its last part",
        equation: "α(t) = α until decay_steps are left, then α ((1 − alpha) f(p) + alpha), p of them done\n\
                   f(p) = 1 − p (linear), 1 − √p (1-sqrt), ½ (1 + cos(π p)) (cosine)",
        source: "Hu et al. 2024, MiniCPM, section 4, https://arxiv.org/abs/2404.06395; Hägele et al. 2024, section 3, \
                 https://arxiv.org/abs/2405.18392",
        differs: "MiniCPM decays exponentially over a tenth of the run; 1-sqrt over a fifth is what the second paper \
                  recommends. The share of the warm-up is our choice.",
    },
    settings: SETTINGS,
    make: |s| {
        let curve = WarmupStableDecay {
            decay_steps: s.length("decay_steps").expect("no word stands for it"),
            shape: match s.text("decay") {
                "linear" => |p| 1.0 - p,
                "cosine" => |p| 0.5 * (1.0 + (PI * p).cos()),
                _ => |p| 1.0 - p.sqrt(),
            },
            alpha: s.f64("alpha"),
        };
        Ok(Schedule::new(ENTRY.name, s, curve))
    },
};

const SETTINGS: &[Setting] = &[
    setting("warmup", Default::Text("5 %"), Allowed::Length, "how long the rate rises first"),
    setting("decay_steps", Default::Text("20 %"), Allowed::LengthOr(&[]), "how long before the end it starts to fall"),
    setting(
        "decay",
        Default::Text("1-sqrt"),
        Allowed::OneOf(&["linear", "cosine", "1-sqrt"]),
        "along which curve it falls",
    ),
    share("alpha", 0.0, "the share of the rate that is left at the end"),
];

#[derive(Debug)]
struct WarmupStableDecay {
    decay_steps: Length,
    shape: fn(f64) -> f64,
    alpha: f64,
}

impl Curve for WarmupStableDecay {
    fn at(&self, now: &Position) -> Pace {
        let decay = now.updates_of(self.decay_steps);
        let p = (now.update - (now.updates - decay)).clamp(0.0, decay) / decay;
        Pace::of((1.0 - self.alpha) * (self.shape)(p) + self.alpha)
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        vec![("decay_steps", start.updates_of(self.decay_steps))]
    }
}
