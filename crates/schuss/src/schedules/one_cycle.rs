//! The one-cycle policy.

use super::{Curve, Pace, Position, Schedule, duration, positive, setting, switch};
use crate::error::Error;
use crate::length::Length;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::f64::consts::PI;

pub const ENTRY: Entry<Schedule> = Entry {
    name: "one_cycle",
    page: Page {
        summary: "up to the learning rate and down to almost nothing, with the momentum the other way",
        equation: "α(t): α / div_factor → α → α / (div_factor final_div_factor)\n\
                   μ(t): max_momentum → base_momentum → max_momentum\n\
                   with three_phase: α / div_factor → α → α / div_factor → α / (div_factor final_div_factor)\n\
                   a → b: b + (a − b) ½ (1 + cos(π p)), or a + (b − a) p",
        source: "Smith and Topin 2018, https://arxiv.org/abs/1708.07120; PyTorch, torch.optim.lr_scheduler.OneCycleLR",
        differs: "PyTorch's max_lr is the optimizer's learning_rate here, and its total_steps has no default. fastai: \
                  pct_start 0.25, final_div_factor 4000. Cosines and two phases are fastai's; the paper has straight \
                  lines and three.",
    },
    settings: SETTINGS,
    make: |s| {
        let pct_start = s.f64("pct_start");
        if s.bool("three_phase") && pct_start > 0.5 {
            let message = format!(
                "`three_phase` has two phases of pct_start = {pct_start:?}, more than the run; allowed is at most 0.5"
            );
            return Err(Error::value("one-cycle-phases", message));
        }
        let curve = OneCycle {
            total_steps: s.length("total_steps"),
            pct_start,
            cosine: s.text("anneal_strategy") == "cos",
            momenta: s.bool("cycle_momentum").then(|| (s.f64("base_momentum"), s.f64("max_momentum"))),
            initial: 1.0 / s.f64("div_factor"),
            last: 1.0 / s.f64("div_factor") / s.f64("final_div_factor"),
            three_phase: s.bool("three_phase"),
        };
        Ok(Schedule::new(ENTRY.name, s, curve))
    },
};

const SETTINGS: &[Setting] = &[
    duration("total_steps", "how long the cycle takes; rest: all that there is"),
    setting("pct_start", Default::Float(0.3), Allowed::Fraction, "the share of it in which the rate rises"),
    setting("anneal_strategy", Default::Text("cos"), Allowed::OneOf(&["cos", "linear"]), "along a cosine, or a line"),
    switch("cycle_momentum", true, "move the momentum (β₁ of Adam) the other way?"),
    setting("base_momentum", Default::Float(0.85), Allowed::Fraction, "the momentum at the top of the rate"),
    setting("max_momentum", Default::Float(0.95), Allowed::Fraction, "the momentum at start and end"),
    positive("div_factor", 25.0, "the learning rate over the first one"),
    positive("final_div_factor", 10000.0, "the first rate over the last one"),
    switch("three_phase", false, "come down as fast as it went up, and then to the last rate?"),
];

#[derive(Debug)]
struct OneCycle {
    total_steps: Option<Length>,
    pct_start: f64,
    cosine: bool,
    /// At the top of the rate, and elsewhere.
    momenta: Option<(f64, f64)>,
    initial: f64,
    last: f64,
    three_phase: bool,
}

impl OneCycle {
    fn between(&self, start: f64, end: f64, p: f64) -> f64 {
        if self.cosine { end + (start - end) / 2.0 * ((PI * p).cos() + 1.0) } else { (end - start) * p + start }
    }
}

impl Curve for OneCycle {
    fn at(&self, now: &Position) -> Pace {
        let total = now.updates_or_rest(self.total_steps);
        // Where the phases end; the first update of all is 0, so the last is total − 1.
        let (top, end) = (self.pct_start * total - 1.0, total - 1.0);
        let t = now.update.min(end);
        let (base, max) = self.momenta.unwrap_or_default();
        let down = 2.0 * self.pct_start * total - 2.0;
        let (from, to, rates, momenta) = match self.three_phase {
            _ if t <= top => (0.0, top, (self.initial, 1.0), (max, base)),
            false => (top, end, (1.0, self.last), (base, max)),
            true if t <= down => (top, down, (1.0, self.initial), (base, max)),
            true => (down, end, (self.initial, self.last), (max, max)),
        };
        let p = if to > from { (t - from) / (to - from) } else { 1.0 };
        Pace {
            factor: self.between(rates.0, rates.1, p),
            momentum: self.momenta.map(|_| self.between(momenta.0, momenta.1, p)),
        }
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        vec![("total_steps", start.updates_or_rest(self.total_steps))]
    }
    fn moves_momentum(&self) -> bool {
        self.momenta.is_some()
    }
}
