//! A constant rate.

use super::{Curve, Pace, Position, Schedule, share};
use crate::registry::{Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "constant",
    page: Page {
        summary: "the same rate all the time",
        equation: "α(t) = factor α",
        source: "PyTorch, torch.optim.lr_scheduler.ConstantLR",
        differs: "PyTorch's lasts total_iters steps and has a factor of 1/3; here it lasts as long as it is let, and the \
                  factor is 1.",
    },
    settings: SETTINGS,
    make: |s| Ok(Schedule::new(ENTRY.name, s, Constant { factor: s.f64("factor") })),
};

const SETTINGS: &[Setting] = &[share("factor", 1.0, "times the optimizer's learning_rate")];

#[derive(Debug)]
struct Constant {
    factor: f64,
}

impl Curve for Constant {
    fn at(&self, _: &Position) -> Pace {
        Pace::of(self.factor)
    }
}
