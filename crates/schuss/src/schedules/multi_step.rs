//! A factor after each milestone.

use super::{Curve, Pace, Position, Schedule, position, positive, setting};
use crate::error::Result;
use crate::length::Length;
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "multi_step",
    page: Page {
        summary: "times gamma from each milestone on",
        equation: "α(t) = α γ^(milestones ≤ t)",
        source: "PyTorch, torch.optim.lr_scheduler.MultiStepLR",
        differs: "PyTorch's counts calls, one an epoch by custom: milestones = [\"30 epochs\", \"80 epochs\"]. They stand in \
                  increasing order here.",
    },
    settings: SETTINGS,
    make: |s| {
        Ok(Schedule::new(ENTRY.name, s, MultiStep { milestones: s.lengths("milestones"), gamma: s.f64("gamma") }))
    },
};

const SETTINGS: &[Setting] = &[
    setting("milestones", Default::Required, Allowed::Lengths, "when the rate changes"),
    positive("gamma", 0.1, "times this, each time"),
];

#[derive(Debug)]
struct MultiStep {
    milestones: Vec<Length>,
    gamma: f64,
}

impl Curve for MultiStep {
    fn at(&self, now: &Position) -> Pace {
        let passed = self.milestones.iter().filter(|m| now.updates_of(**m) <= now.update).count();
        Pace::of(self.gamma.powi(passed as i32))
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        self.milestones.iter().map(|m| ("milestones", start.updates_of(*m))).collect()
    }
    fn check(&self, start: &Position) -> Result<()> {
        position::increasing("milestones", start, &self.milestones)
    }
}
