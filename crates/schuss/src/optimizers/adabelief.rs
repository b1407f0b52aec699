//! AdaBelief: Adam that divides by how far gradients stray from their average.

use super::{Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, not_negative};
use crate::registry::{Entry, Page};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "adabelief",
    page: Page {
        summary: "Adam that divides by how far gradients stray from their average: long steps where they agree",
        equation: "m ← β₁ m + (1 − β₁) g\n\
                   s ← β₂ s + (1 − β₂) (g − m)² + ε₂\n\
                   θ ← θ − α / (1 − β₁ᵗ) · m / (√(s / (1 − β₂ᵗ)) + ε)",
        source: "Zhuang et al. 2020, algorithm 2, arXiv 2010.07468",
        differs: "Optax' form, which is the paper's with ε₂ beside ε, both 1e-16. Optax has no default rate; 0.001 here. \
                  The authors' package also rectifies as radam unless told otherwise.",
    },
    settings: &[
        learning_rate(0.001),
        fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
        fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
        epsilon(1e-16, "ε, added to the root"),
        not_negative("epsilon_root", 1e-16, "ε₂, added to the average of squares at each step"),
    ],
    make: |settings| {
        let [beta_1, beta_2, epsilon] = ["beta_1", "beta_2", "epsilon"].map(|name| settings.f64(name));
        let root = settings.f64("epsilon_root");
        Optimizer::new("adabelief", settings, Adabelief { beta_1, beta_2, epsilon, root })
    },
}];

#[derive(Debug)]
struct Adabelief {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    root: f64,
}

impl Rule for Adabelief {
    fn name(&self) -> &'static str {
        "adabelief"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m").compact(), Slot::zero("s").compact_positive()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, beta_1) = (now.t as f64, now.momentum.unwrap_or(self.beta_1));
        let alpha = now.learning_rate / (1.0 - beta_1.powf(t));
        let over_root = (1.0 - self.beta_2.powf(t)).sqrt().recip();
        out.copy_from_slice(&[alpha, 1.0 - beta_1, 1.0 - self.beta_2, over_root, self.epsilon, self.root]);
    }
}

impl Elementwise for Adabelief {
    /// α / (1 − β₁ᵗ), 1 − β₁, 1 − β₂, 1 / √(1 − β₂ᵗ), ε, ε₂.
    type At<L: Lane> = [L; 6];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 6], theta: L, g: L, [m, s]: [L; 2]) -> (L, [L; 2]) {
        let [alpha, one_minus_beta_1, one_minus_beta_2, over_root, epsilon, root] = at;
        let m = average(m, g, one_minus_beta_1);
        let s = average(s, (g - m).square(), one_minus_beta_2) + root;
        (theta - alpha * m / (over_root * s.sqrt() + epsilon), [m, s])
    }
}
