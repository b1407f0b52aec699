//! Up and down, again and again.

use super::{Curve, Pace, Position, Schedule, positive, setting, switch};
use crate::length::Length;
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub const ENTRY: Entry<Schedule> = Entry {
    name: "cyclic",
    page: Page {
        summary: "up to max_learning_rate and down again in straight lines, with the momentum the other way",
        equation: "α(t) = α + (α_max − α) h s, μ(t) = μ_max − (μ_max − μ_base) h s\n\
                   h: 0 → 1 in step_size_up, 1 → 0 in step_size_down\n\
                   s: 1 (triangular), ½^i in the i-th cycle from i = 0 (triangular2), γ^t (exp_range)",
        source: "Smith 2017, https://arxiv.org/abs/1506.01186; PyTorch, torch.optim.lr_scheduler.CyclicLR",
        differs: "PyTorch's base_lr is the optimizer's learning_rate here, and its max_lr is max_learning_rate.",
    },
    settings: SETTINGS,
    make: |s| {
        let up = s.length("step_size_up").expect("no word stands for it");
        let curve = Cyclic {
            max_learning_rate: s.f64("max_learning_rate"),
            up,
            down: s.length("step_size_down").unwrap_or(up),
            scale: match s.text("mode") {
                "triangular" => Scale::Same,
                "triangular2" => Scale::Half,
                _ => Scale::Power(s.f64("gamma")),
            },
            momenta: s.bool("cycle_momentum").then(|| (s.f64("base_momentum"), s.f64("max_momentum"))),
        };
        Ok(Schedule::new(ENTRY.name, s, curve))
    },
};

const SETTINGS: &[Setting] = &[
    setting("max_learning_rate", Default::Required, Allowed::NotNegative, "the rate α_max at the top, not a share"),
    setting("step_size_up", Default::Int(2000), Allowed::LengthOr(&[]), "how long the rate rises"),
    setting(
        "step_size_down",
        Default::Text("same"),
        Allowed::LengthOr(&["same"]),
        "how long it falls; same: as it rises",
    ),
    setting(
        "mode",
        Default::Text("triangular"),
        Allowed::OneOf(&["triangular", "triangular2", "exp_range"]),
        "how the tops change: not, to half each time, or by gamma each step",
    ),
    positive("gamma", 1.0, "the tops of exp_range fall to this each step"),
    switch("cycle_momentum", true, "move the momentum (β₁ of Adam) the other way?"),
    setting("base_momentum", Default::Float(0.8), Allowed::Fraction, "the momentum at the top of the rate"),
    setting("max_momentum", Default::Float(0.9), Allowed::Fraction, "the momentum at the optimizer's own rate"),
];

#[derive(Debug)]
enum Scale {
    Same,
    Half,
    Power(f64),
}

#[derive(Debug)]
struct Cyclic {
    max_learning_rate: f64,
    up: Length,
    down: Length,
    scale: Scale,
    /// At the top of the rate, and at the bottom.
    momenta: Option<(f64, f64)>,
}

impl Curve for Cyclic {
    fn at(&self, now: &Position) -> Pace {
        let (up, down) = (now.updates_of(self.up), now.updates_of(self.down));
        let cycle = (now.update / (up + down)).floor();
        let t = now.update - cycle * (up + down);
        let height = if t <= up { t / up } else { 1.0 - (t - up) / down };
        let height = height
            * match self.scale {
                Scale::Same => 1.0,
                Scale::Half => 0.5f64.powf(cycle),
                Scale::Power(gamma) => gamma.powf(now.update),
            };
        Pace {
            factor: 1.0 + (now.factor_of(self.max_learning_rate) - 1.0) * height,
            momentum: self.momenta.map(|(base, max)| max - (max - base) * height),
        }
    }
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        let up = start.updates_of(self.up);
        vec![("step_size_up", up), ("step_size_down", up + start.updates_of(self.down))]
    }
    fn moves_momentum(&self) -> bool {
        self.momenta.is_some()
    }
}
