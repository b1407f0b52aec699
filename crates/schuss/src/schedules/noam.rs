//! The rate of the first transformer.

use super::{Curve, Pace, Position, Schedule, setting};
use crate::length::Length;
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "noam",
    page: Page {
        summary: "up in a straight line, then down with the root of the step; for transformers",
        equation: "α(t) = α d_model^−½ min(n^−½, n warmup_steps^−3/2), n = t + 1",
        source: "Vaswani et al. 2017, Attention is all you need, equation 3, https://arxiv.org/abs/1706.03762",
        differs: "The paper's rate is that of a learning_rate of 1; its Adam has beta_2 = 0.98 and epsilon = 1e-9.",
    },
    settings: SETTINGS,
    make: |s| {
        let warmup_steps = s.length("warmup_steps").expect("no word stands for it");
        Ok(Schedule::new(ENTRY.name, s, Noam { d_model: s.usize("d_model") as f64, warmup_steps }))
    },
};

const SETTINGS: &[Setting] = &[
    setting("d_model", Default::Int(512), Allowed::Int(1, u32::MAX as i64), "the width of the model"),
    setting("warmup_steps", Default::Int(4000), Allowed::LengthOr(&[]), "how long the rate rises"),
];

#[derive(Debug)]
struct Noam {
    d_model: f64,
    warmup_steps: Length,
}

impl Curve for Noam {
    fn at(&self, now: &Position) -> Pace {
        let (n, warmup) = (now.update + 1.0, now.updates_of(self.warmup_steps));
        Pace::of(self.d_model.powf(-0.5) * n.powf(-0.5).min(n * warmup.powf(-1.5)))
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        vec![("warmup_steps", start.updates_of(self.warmup_steps))]
    }
}
