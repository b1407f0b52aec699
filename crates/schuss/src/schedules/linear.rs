//! A straight line.

use super::{Curve, Pace, Position, Schedule, duration, share};
use crate::length::Length;
use crate::registry::{Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "linear",
    page: Page {
        summary: "from one factor of the rate to another in a straight line",
        equation: "α(t) = α (start_factor + (end_factor − start_factor) min(t, total_iters) / total_iters)",
        source: "PyTorch, torch.optim.lr_scheduler.LinearLR",
        differs: "PyTorch's total_iters is 5 unless given.",
    },
    settings: SETTINGS,
    make: |s| {
        let curve =
            Linear { start: s.f64("start_factor"), end: s.f64("end_factor"), total_iters: s.length("total_iters") };
        Ok(Schedule::new(ENTRY.name, s, curve))
    },
};

const SETTINGS: &[Setting] = &[
    share("start_factor", 1.0 / 3.0, "times the optimizer's learning_rate at the start"),
    share("end_factor", 1.0, "times it at the end"),
    duration("total_iters", "from start to end; rest: all that there is"),
];

#[derive(Debug)]
struct Linear {
    start: f64,
    end: f64,
    total_iters: Option<Length>,
}

impl Curve for Linear {
    fn at(&self, now: &Position) -> Pace {
        let p = now.done(now.updates_or_rest(self.total_iters));
        Pace::of(self.start + (self.end - self.start) * p)
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        vec![("total_iters", start.updates_or_rest(self.total_iters))]
    }
}
