//! Adan: Adam with Nesterov's look-ahead by differences of gradients.

use super::{Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, not_negative};
use crate::error::Result;
use crate::registry::{Entry, Page, Setting, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "adan",
        page: Page {
            summary: "averages of the gradient, of its differences, and of the square of both together",
            equation: "Δ = g − g₀ (0 at first), g₀ ← g\n\
                       m ← β₁ m + (1 − β₁) g\n\
                       d ← β₂ d + (1 − β₂) Δ\n\
                       v ← β₃ v + (1 − β₃) (g + β₂ Δ)²\n\
                       θ ← θ − α (m / (1 − β₁ᵗ) + β₂ d / (1 − β₂ᵗ)) / (√(v / (1 − β₃ᵗ)) + ε)",
            source: "Xie et al. 2022, algorithm 1, arXiv 2208.06677 (its β are 1 − β here); the corrections: the authors' \
                     package",
            differs: "The form of the authors' package. weight_decay shrinks θ before the step; the package divides by \
                      1 + α λ after it unless told otherwise (no_prox). Optax has 1 − β₂ in the place of both factors β₂ \
                      and an ε more: adan:optax.",
        },
        settings: &[learning_rate(0.001), BETA_1, BETA_2, BETA_3, epsilon(1e-8, "ε, added to the corrected root")],
        make: |settings| make("adan", settings, false),
    },
    Entry {
        name: "adan:optax",
        page: Page {
            summary: "Adan as Optax has it: differences count for 1 − β₂",
            equation: "as adan, with (1 − β₂) Δ and (1 − β₂) d where it has β₂ Δ and β₂ d, and √(v / (1 − β₃ᵗ) + ε₂) + ε",
            source: "Optax 0.2.8, optax.adan; Xie et al. 2022, algorithm 1, arXiv 2208.06677",
            differs: "Optax reads the paper's factor 1 − β₂ with its own β₂, which is 1 − β₂ there: at the defaults \
                      differences have the share 0.08 where the authors have 0.92. Optax has no default rate; 0.001 here.",
        },
        settings: &[
            learning_rate(0.001),
            BETA_1,
            BETA_2,
            BETA_3,
            epsilon(1e-8, "ε, added to the root"),
            not_negative("epsilon_root", 1e-8, "ε₂, added inside the root"),
        ],
        make: |settings| make("adan:optax", settings, true),
    },
];

const BETA_1: Setting = fraction("beta_1", 0.98, "the share β₁ of the old average of gradients");
const BETA_2: Setting = fraction("beta_2", 0.92, "the share β₂ of the old average of differences");
const BETA_3: Setting = fraction("beta_3", 0.99, "the share β₃ of the old average of squares");

fn make(name: &'static str, settings: &Settings, optax: bool) -> Result<Optimizer> {
    let [beta_1, beta_2, beta_3, epsilon] = ["beta_1", "beta_2", "beta_3", "epsilon"].map(|name| settings.f64(name));
    let root = if optax { settings.f64("epsilon_root") } else { 0.0 };
    let share = if optax { 1.0 - beta_2 } else { beta_2 };
    Optimizer::new(name, settings, Adan { name, beta_1, beta_2, beta_3, epsilon, root, share })
}

#[derive(Debug)]
struct Adan {
    name: &'static str,
    beta_1: f64,
    beta_2: f64,
    beta_3: f64,
    epsilon: f64,
    root: f64,
    /// What differences are multiplied with.
    share: f64,
}

impl Rule for Adan {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        let slot = |name| match name {
            "v" => Slot::zero(name).compact_positive(),
            _ => Slot::zero(name).compact(),
        };
        ["m", "d", "v", "g"].map(slot).into()
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, alpha, beta_1) = (now.t as f64, now.learning_rate, now.momentum.unwrap_or(self.beta_1));
        out.copy_from_slice(&[
            alpha / (1.0 - beta_1.powf(t)),
            alpha * self.share / (1.0 - self.beta_2.powf(t)),
            1.0 - beta_1,
            1.0 - self.beta_2,
            1.0 - self.beta_3,
            if now.t == 1 { 0.0 } else { 1.0 },
            self.share,
            1.0 / (1.0 - self.beta_3.powf(t)),
            self.epsilon,
            self.root,
        ]);
    }
}

impl Elementwise for Adan {
    /// The rates of m and d, 1 − β₁, 1 − β₂, 1 − β₃, whether there is a gradient before, the share of differences,
    /// 1 / (1 − β₃ᵗ), ε, ε₂.
    type At<L: Lane> = [L; 10];
    type State<L: Lane> = [L; 4];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 10], theta: L, g: L, [m, d, v, old]: [L; 4]) -> (L, [L; 4]) {
        let [of_m, of_d, one_minus_beta_1, one_minus_beta_2, one_minus_beta_3, seen, share, over, epsilon, root] = at;
        let difference = seen * (g - old);
        let m = average(m, g, one_minus_beta_1);
        let d = average(d, difference, one_minus_beta_2);
        let v = average(v, (g + share * difference).square(), one_minus_beta_3);
        (theta - (of_m * m + of_d * d) / ((over * v + root).sqrt() + epsilon), [m, d, v, g])
    }
}
