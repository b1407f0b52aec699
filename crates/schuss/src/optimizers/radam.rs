//! RAdam: Adam that does not divide by a root it cannot trust yet.

use super::{L2, Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate};
use crate::registry::{Entry, Page};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
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
    make: |settings| {
        let [beta_1, beta_2, epsilon] = ["beta_1", "beta_2", "epsilon"].map(|name| settings.f64(name));
        Optimizer::new("radam", settings, Radam { beta_1, beta_2, epsilon })
    },
}];

#[derive(Debug)]
struct Radam {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Rule for Radam {
    fn name(&self) -> &'static str {
        "radam"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m"), Slot::zero("v")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, beta_1) = (now.t as f64, now.momentum.unwrap_or(self.beta_1));
        let power = self.beta_2.powf(t);
        let most = 2.0 / (1.0 - self.beta_2) - 1.0;
        let rho = most - 2.0 * t * power / (1.0 - power);
        let alpha = now.learning_rate / (1.0 - beta_1.powf(t));
        let rectified = (rho - 4.0) * (rho - 2.0) * most / ((most - 4.0) * (most - 2.0) * rho);
        let (plain, scaled) =
            if rho > 5.0 { (0.0, alpha * rectified.sqrt() * (1.0 - power).sqrt()) } else { (alpha, 0.0) };
        out.copy_from_slice(&[plain, scaled, 1.0 - beta_1, 1.0 - self.beta_2, self.epsilon]);
    }
}

impl Elementwise for Radam {
    /// The rates of m and of m / (√v + ε), one of them 0; 1 − β₁, 1 − β₂, ε.
    type At<L: Lane> = [L; 5];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 5], theta: L, g: L, [m, v]: [L; 2]) -> (L, [L; 2]) {
        let [plain, scaled, one_minus_beta_1, one_minus_beta_2, epsilon] = at;
        let m = average(m, g, one_minus_beta_1);
        let v = average(v, g.square(), one_minus_beta_2);
        (theta - m * (plain + scaled / (v.sqrt() + epsilon)), [m, v])
    }
}
