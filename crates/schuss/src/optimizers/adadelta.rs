//! Adadelta.

use super::{Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate};
use crate::registry::{Entry, Page};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "adadelta",
    page: Page {
        summary: "steps in the units of the parameter: past moves over past gradients, both as moving averages",
        equation: "a ← ρ a + (1 − ρ) g²\n\
                   Δ = −√(d + ε) g / √(a + ε)\n\
                   d ← ρ d + (1 − ρ) Δ²\n\
                   θ ← θ + α Δ",
        source: "Zeiler 2012, algorithm 1, arXiv 1212.5701 (a is its E[g²], d its E[Δx²])",
        differs: "Keras' defaults, whose rate of 0.001 makes steps a thousandth of the paper's, which has no rate \
                  (α = 1) and ε = 1e-6. PyTorch: α = 1, ρ = 0.9, ε = 1e-6.",
    },
    settings: &[
        learning_rate(0.001),
        fraction("rho", 0.95, "the share ρ of the old averages"),
        epsilon(1e-7, "ε, added to both averages inside the roots; it sets the size of the first steps"),
    ],
    make: |settings| {
        let rule = Adadelta { rho: settings.f64("rho"), epsilon: settings.f64("epsilon") };
        Optimizer::new("adadelta", settings, rule)
    },
}];

#[derive(Debug)]
struct Adadelta {
    rho: f64,
    epsilon: f64,
}

impl Rule for Adadelta {
    fn name(&self) -> &'static str {
        "adadelta"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("a"), Slot::zero("d")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        out.copy_from_slice(&[now.learning_rate, 1.0 - self.rho, self.epsilon]);
    }
}

impl Elementwise for Adadelta {
    type At<L: Lane> = [L; 3];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>([alpha, one_minus_rho, epsilon]: [L; 3], theta: L, g: L, [a, d]: [L; 2]) -> (L, [L; 2]) {
        let a = average(a, g.square(), one_minus_rho);
        let delta = -((d + epsilon).sqrt() * g / (a + epsilon).sqrt());
        let d = average(d, delta.square(), one_minus_rho);
        (theta + alpha * delta, [a, d])
    }
}
