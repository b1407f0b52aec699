//! Sophia: a momentum over a curvature, clipped.

use super::{Now, Optimizer, Rule, Slot, Update, average, fraction, learning_rate, weight_decay};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "sophia_g",
    page: Page {
        summary: "momentum over a diagonal curvature that is estimated now and then, each step clipped to ± α",
        equation: "m ← β₁ m + (1 − β₁) g\n\
                   θ ← θ − α sign(m) min(1, |m| / (ρ B h + 1e-15))\n\
                   every k-th step: h ← β₂ h + (1 − β₂) g²",
        source: "Liu et al. 2023, algorithm 3, arXiv 2305.14342; constants: the authors' code",
        differs: "The authors' update, with the squares of the batch's own gradients as curvature (the empirical Fisher, \
                  which their ablation calls E-F+clip), where their Gauss-Newton-Bartlett estimate takes gradients for labels \
                  drawn from the model's own prediction; that needs a second evaluation and a loss with labels, and is \
                  not offered. B is their bs. pytorch_optimizer has Sophia-H, with another clipping.",
    },
    settings: &[
        learning_rate(1e-4),
        fraction("beta_1", 0.965, "the share β₁ of the old momentum"),
        fraction("beta_2", 0.99, "the share β₂ of the old curvature"),
        positive("rho", 0.04, "ρ: the greater, the fewer elements are clipped"),
        positive("batch", 5120.0, "B: samples (or tokens) that a gradient is the mean of"),
        Setting {
            name: "update_period",
            default: Default::Int(10),
            allowed: Allowed::Int(1, i64::MAX),
            doc: "k: updates from one estimate of the curvature to the next",
        },
        weight_decay(0.1),
    ],
    make: |settings| {
        let [beta_1, beta_2, rho, batch] = ["beta_1", "beta_2", "rho", "batch"].map(|name| settings.f64(name));
        let period = settings.usize("update_period") as u64;
        Optimizer::new("sophia_g", settings, SophiaG { beta_1, beta_2, scale: rho * batch, period })
    },
}];

const fn positive(name: &'static str, default: f64, doc: &'static str) -> Setting {
    Setting { name, default: Default::Float(default), allowed: Allowed::Positive, doc }
}

#[derive(Debug)]
struct SophiaG {
    beta_1: f64,
    beta_2: f64,
    scale: f64,
    period: u64,
}

impl Rule for SophiaG {
    fn name(&self) -> &'static str {
        "sophia_g"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m"), Slot::zero("h")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let beta_1 = now.momentum.unwrap_or(self.beta_1);
        let share = if now.t.is_multiple_of(self.period) { 1.0 - self.beta_2 } else { 0.0 };
        out.copy_from_slice(&[now.learning_rate, 1.0 - beta_1, share, self.scale]);
    }
}

impl Elementwise for SophiaG {
    /// α, 1 − β₁, 1 − β₂ or 0, ρ B.
    type At<L: Lane> = [L; 4];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>([alpha, one_minus_beta_1, share, scale]: [L; 4], theta: L, g: L, [m, h]: [L; 2]) -> (L, [L; 2]) {
        let m = average(m, g, one_minus_beta_1);
        let ratio = (m.abs() / (scale * h + L::splat(1e-15))).min(L::splat(1.0));
        // Not by a share of 0: the square may be infinite.
        let h = L::select(L::splat(0.0).less(share), average(h, g.square(), share), h);
        (theta - alpha * m.sign() * ratio, [m, h])
    }
}
