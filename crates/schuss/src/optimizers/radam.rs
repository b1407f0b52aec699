//! RAdam: Adam that does not divide by a root it cannot trust yet.

use super::{L2, Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, switch};
use crate::error::Result;
use crate::registry::{Allowed, Default, Entry, Page, Setting, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "radam",
        page: Page {
            summary: "Adam that warms up by itself: at first momentum alone, then a root as it can be trusted",
            equation: "m ← β₁ m + (1 − β₁) g\n\
                   v ← β₂ v + (1 − β₂) g²\n\
                   ρ∞ = 2 / (1 − β₂) − 1, ρ_t = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)\n\
                   ρ_t > 5: r = √((ρ_t − 4)(ρ_t − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ_t)); \
                   θ ← θ − α r √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)\n\
                   else: θ ← θ − α m / (1 − β₁ᵗ)",
            source: "Liu et al. 2020, algorithm 2, arXiv 1908.03265",
            differs: "PyTorch's form: ε = 1e-8 is added to the uncorrected root, and the root is used where ρ_t > 5 (the \
                  paper: > 4). Keras has no RAdam. weight_decay is added to the gradient (l2).",
        },
        settings: &[
            learning_rate(0.001),
            fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
            epsilon(1e-8, "ε, added to the root"),
            L2,
        ],
        make: |settings| make("radam", settings),
    },
    Entry {
        name: "radam:optax",
        page: Page {
            summary: "RAdam as Optax has it: ε is added to the corrected root, and Nesterov's look-ahead if asked for",
            equation: "ρ_t ≥ threshold: θ ← θ − α r m̂ / (√(v / (1 − β₂ᵗ)) + ε), r and ρ_t as radam\n\
                   else: θ ← θ − α m̂\n\
                   m̂ = m / (1 − β₁ᵗ); with nesterov: m̂ = β₁ m / (1 − β₁ᵗ⁺¹) + (1 − β₁) g / (1 − β₁ᵗ)",
            source: "Optax 0.2.8, optax.radam; Liu et al. 2020, algorithm 2, arXiv 1908.03265",
            differs: "ε beside the corrected root where PyTorch has the uncorrected one; threshold 5 as there, and ρ_t may be \
                  equal to it. weight_decay shrinks θ. Optax has no default rate; 0.001 here.",
        },
        settings: &[
            learning_rate(0.001),
            fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
            epsilon(1e-8, "ε, added to the corrected root"),
            Setting {
                name: "threshold",
                default: Default::Float(5.0),
                allowed: Allowed::AtLeast(4.0),
                doc: "the ρ_t from which on the root is used",
            },
            switch("nesterov", "look ahead: take the gradient where the momentum leads"),
        ],
        make: |settings| make("radam:optax", settings),
    },
    Entry {
        name: "radam:paper",
        page: Page {
            summary: "RAdam as its paper has it: without ε, and a root that is trusted earlier",
            equation: "ρ_t > 4: θ ← θ − α r m / (1 − β₁ᵗ) · √((1 − β₂ᵗ) / v), r and ρ_t as radam; not moved where v = 0\n\
                       else: θ ← θ − α m / (1 − β₁ᵗ)",
            source: "Liu et al. 2020, algorithm 2, arXiv 1908.03265",
            differs: "PyTorch and Optax use the root above 5, and add ε to it. An element that never had a gradient rests, \
                      which the paper leaves open: 1e-30 is added to the root.",
        },
        settings: &[
            learning_rate(0.001),
            fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
        ],
        make: |settings| make("radam:paper", settings),
    },
];

fn make(name: &'static str, settings: &Settings) -> Result<Optimizer> {
    let [beta_1, beta_2] = ["beta_1", "beta_2"].map(|name| settings.f64(name));
    let epsilon = settings.get("epsilon").map_or(1e-30, |_| settings.f64("epsilon"));
    let optax = settings.get("threshold").map(|_| settings.f64("threshold"));
    let nesterov = optax.is_some() && settings.bool("nesterov");
    Optimizer::new(name, settings, Radam { name, beta_1, beta_2, epsilon, optax, nesterov })
}

#[derive(Debug)]
struct Radam {
    name: &'static str,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    /// The threshold, where ε is beside the corrected root.
    optax: Option<f64>,
    nesterov: bool,
}

impl Rule for Radam {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m").compact(), Slot::zero("v").compact_positive()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, beta_1) = (now.t as f64, now.momentum.unwrap_or(self.beta_1));
        let power = self.beta_2.powf(t);
        let most = 2.0 / (1.0 - self.beta_2) - 1.0;
        let rho = most - 2.0 * t * power / (1.0 - power);
        let rectified = (rho - 4.0) * (rho - 2.0) * most / ((most - 4.0) * (most - 2.0) * rho);
        let most_wrong = if self.name == "radam:paper" { 4.0 } else { 5.0 };
        let trusted = self.optax.map_or(rho > most_wrong, |threshold| rho >= threshold);
        let root = (1.0 - power).sqrt();
        let (plain, scaled) = if trusted { (0.0, rectified.sqrt() * root) } else { (1.0, 0.0) };
        let (next, left) = (1.0 - beta_1.powf(t + 1.0), 1.0 - beta_1.powf(t));
        let (of_m, of_g) = if self.nesterov { (beta_1 / next, (1.0 - beta_1) / left) } else { (1.0 / left, 0.0) };
        // Beside the uncorrected root ε stands for ε √(1 − β₂ᵗ) beside the corrected one.
        let epsilon = if self.optax.is_some() { self.epsilon * root } else { self.epsilon };
        let alpha = now.learning_rate;
        out.copy_from_slice(&[alpha * of_m, alpha * of_g, plain, scaled, 1.0 - beta_1, 1.0 - self.beta_2, epsilon]);
    }
}

impl Elementwise for Radam {
    /// The rates of m and g, the shares of them alone and over √v + ε, one of which is 0; 1 − β₁, 1 − β₂, ε.
    type At<L: Lane> = [L; 7];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 7], theta: L, g: L, [m, v]: [L; 2]) -> (L, [L; 2]) {
        let [of_m, of_g, plain, scaled, one_minus_beta_1, one_minus_beta_2, epsilon] = at;
        let m = average(m, g, one_minus_beta_1);
        let v = average(v, g.square(), one_minus_beta_2);
        (theta - (of_m * m + of_g * g) * (plain + scaled / (v.sqrt() + epsilon)), [m, v])
    }
}
