//! Lion: the sign of a momentum.

use super::{Now, Optimizer, Rule, Slot, Update, average, fraction, learning_rate, weight_decay};
use crate::error::Result;
use crate::registry::{Entry, Page, Setting, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "lion",
        page: Page {
            summary: "steps of one size: the sign of a mix of momentum and gradient",
            equation: "θ ← θ − α sign(β₁ m + (1 − β₁) g)\nm ← β₂ m + (1 − β₂) g",
            source: "Chen et al. 2023, algorithm 2, arXiv 2302.06675",
            differs: "Keras' form, with a rate of 0.001; the paper's are 3 to 10 times smaller than Adam's. Decay is off \
                      here as in Keras; Optax has 0.001.",
        },
        settings: &[learning_rate(0.001), BETA_1, BETA_2],
        make: |settings| make("lion", settings),
    },
    Entry {
        name: "lion:optax",
        page: Page {
            summary: "Lion as Optax has it: with decay",
            equation: "θ ← θ − α λ θ, then as lion",
            source: "Optax 0.2.8, optax.lion; Chen et al. 2023, algorithm 2, arXiv 2302.06675",
            differs: "weight_decay λ = 0.001 where Keras has none. Optax has no default rate; 0.001 here.",
        },
        settings: &[learning_rate(0.001), BETA_1, BETA_2, weight_decay(1e-3)],
        make: |settings| make("lion:optax", settings),
    },
];

const BETA_1: Setting = fraction("beta_1", 0.9, "the share β₁ of the momentum in the step");
const BETA_2: Setting = fraction("beta_2", 0.99, "the share β₂ of the old momentum that stays");

fn make(name: &'static str, settings: &Settings) -> Result<Optimizer> {
    Optimizer::new(name, settings, Lion { name, beta_1: settings.f64("beta_1"), beta_2: settings.f64("beta_2") })
}

#[derive(Debug)]
struct Lion {
    name: &'static str,
    beta_1: f64,
    beta_2: f64,
}

impl Rule for Lion {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m").compact()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let beta_1 = now.momentum.unwrap_or(self.beta_1);
        out.copy_from_slice(&[now.learning_rate, 1.0 - beta_1, 1.0 - self.beta_2]);
    }
}

impl Elementwise for Lion {
    /// α, 1 − β₁, 1 − β₂.
    type At<L: Lane> = [L; 3];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([alpha, one_minus_beta_1, one_minus_beta_2]: [L; 3], theta: L, g: L, [m]: [L; 1]) -> (L, [L; 1]) {
        let step = average(m, g, one_minus_beta_1).sign();
        (theta - alpha * step, [average(m, g, one_minus_beta_2)])
    }
}
