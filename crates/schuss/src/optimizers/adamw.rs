//! AdamW: `adam` with decoupled weight decay.

use super::{Optimizer, adam, epsilon, fraction, learning_rate, switch, weight_decay};
use crate::registry::{Entry, Page, Setting};

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
];

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
