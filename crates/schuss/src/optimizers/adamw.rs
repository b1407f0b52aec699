//! AdamW: `adam` with decoupled weight decay.

use super::{
    Now, Optimizer, Rule, Slot, Update, adam, average, epsilon, fraction, learning_rate, switch, weight_decay,
};
use crate::registry::{Entry, Page, Setting};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "adamw",
        page: Page {
            summary: "Adam, and weights that shrink by themselves instead of through the gradient",
            equation: "θ ← θ − α λ θ, then as adam",
            source: "Loshchilov and Hutter 2019, algorithm 2, arXiv 1711.05101",
            differs: "Keras' form: adam with weight_decay λ = 0.004. PyTorch has λ = 0.01, Optax 0.0001, both ε = 1e-8 \
                      beside the corrected root. The paper's λ is not multiplied with α.",
        },
        settings: &settings(1e-7, 0.004),
        make: |settings| adam::make("adamw", settings, false),
    },
    Entry {
        name: "adamw:torch",
        page: Page {
            summary: "AdamW as PyTorch has it",
            equation: "θ ← θ − α λ θ, then as adam:torch",
            source: "PyTorch 2.15, torch.optim.AdamW; Loshchilov and Hutter 2019, arXiv 1711.05101",
            differs: "λ = 0.01 where Keras has 0.004; ε = 1e-8, beside the corrected root.",
        },
        settings: &settings(1e-8, 0.01),
        make: |settings| adam::make("adamw:torch", settings, true),
    },
    Entry {
        name: "adamw:optax",
        page: Page {
            summary: "AdamW as Optax has it",
            equation: "θ ← θ − α λ θ, then as adam:optax",
            source: "Optax 0.2.8, optax.adamw; Loshchilov and Hutter 2019, arXiv 1711.05101",
            differs: "λ = 0.0001 where Keras has 0.004; ε = 1e-8, beside the corrected root. Optax has no default rate; \
                      0.001 here.",
        },
        settings: &{
            let [rate, beta_1, beta_2, epsilon, _, decay] = settings(1e-8, 1e-4);
            [rate, beta_1, beta_2, epsilon, decay]
        },
        make: |settings| adam::make("adamw:optax", settings, true),
    },
    Entry {
        name: "adamw:paper",
        page: Page {
            summary: "AdamW as its paper has it: the rate does not act on the decay, only a schedule does",
            equation: "θ ← θ − η_t (α / (1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ)) + ε) + λ θ), η_t being what a schedule \
                       multiplies α with; m and v as adam",
            source: "Loshchilov and Hutter 2019, algorithm 2, arXiv 1711.05101",
            differs: "λ is not multiplied with α: the same number decays 1000 times more than elsewhere at a rate of \
                      0.001. The paper leaves λ to the user; 1e-5 here is PyTorch's 0.01 times its rate.",
        },
        settings: &{
            let [rate, beta_1, beta_2, epsilon, _, decay] = settings(1e-8, 1e-5);
            [rate, beta_1, beta_2, epsilon, decay]
        },
        make: |settings| {
            let [alpha, beta_1, beta_2, epsilon] =
                ["learning_rate", "beta_1", "beta_2", "epsilon"].map(|name| settings.f64(name));
            Optimizer::new("adamw:paper", settings, Paper { alpha, beta_1, beta_2, epsilon })
        },
    },
];

#[derive(Debug)]
struct Paper {
    alpha: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Rule for Paper {
    fn name(&self) -> &'static str {
        "adamw:paper"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m").compact(), Slot::zero("v").compact_positive()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    /// By η_t λ.
    fn shrinks(&self) -> bool {
        true
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, beta_1) = (now.t as f64, now.momentum.unwrap_or(self.beta_1));
        let scheduled = if self.alpha > 0.0 { now.learning_rate / self.alpha } else { 1.0 };
        out.copy_from_slice(&[
            now.learning_rate / (1.0 - beta_1.powf(t)),
            1.0 - beta_1,
            1.0 - self.beta_2,
            self.epsilon,
            (1.0 - self.beta_2.powf(t)).sqrt().recip(),
            1.0 - scheduled * now.weight_decay,
        ]);
    }
}

impl Elementwise for Paper {
    /// α_t, 1 − β₁, 1 − β₂, ε, 1 / √(1 − β₂ᵗ), 1 − η_t λ.
    type At<L: Lane> = [L; 6];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 6], theta: L, g: L, [m, v]: [L; 2]) -> (L, [L; 2]) {
        let [alpha_t, one_minus_beta_1, one_minus_beta_2, epsilon, over_root, keep] = at;
        let m = average(m, g, one_minus_beta_1);
        let v = average(v, g.square(), one_minus_beta_2);
        (keep * theta - alpha_t * m / (over_root * v.sqrt() + epsilon), [m, v])
    }
}

const fn settings(eps: f64, decay: f64) -> [Setting; 6] {
    [
        learning_rate(0.001),
        fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
        fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
        epsilon(eps, "ε, added to the root"),
        switch("amsgrad", "divide by the greatest average of squares so far"),
        weight_decay(decay),
    ]
}
