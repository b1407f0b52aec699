//! A factor after each period.

use super::{Curve, Pace, Position, Schedule, period, positive};
use crate::length::Length;
use crate::registry::{Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "step",
    page: Page {
        summary: "times gamma after each step_size",
        equation: "α(t) = α γ^⌊t / step_size⌋",
        source: "PyTorch, torch.optim.lr_scheduler.StepLR",
        differs: "PyTorch's counts calls, one an epoch by custom: step_size = \"30 epochs\".",
    },
    settings: SETTINGS,
    make: |s| {
        let step_size = s.length("step_size").expect("no word stands for it");
        Ok(Schedule::new(ENTRY.name, s, Step { step_size, gamma: s.f64("gamma") }))
    },
};

const SETTINGS: &[Setting] =
    &[period("step_size", "from one change to the next"), positive("gamma", 0.1, "times this, each time")];

#[derive(Debug)]
struct Step {
    step_size: Length,
    gamma: f64,
}

impl Curve for Step {
    fn at(&self, now: &Position) -> Pace {
        Pace::of(self.gamma.powf((now.update / now.updates_of(self.step_size)).floor()))
    }
}
