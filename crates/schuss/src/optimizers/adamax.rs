//! Adamax: Adam with the greatest gradient so far in the place of the root.

use super::{L2, Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate};
use crate::error::Result;
use crate::registry::{Entry, Page, Setting, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "adamax",
        page: Page {
            summary: "a moving average of the gradient over the greatest one so far, which is forgotten slowly",
            equation: "m ← β₁ m + (1 − β₁) g\n\
                       u ← max(β₂ u, |g|)\n\
                       θ ← θ − α / (1 − β₁ᵗ) · m / (u + ε)",
            source: "Kingma and Ba 2015, algorithm 2, arXiv 1412.6980",
            differs: "Keras' form: ε = 1e-7 is added to u as it is divided by; the paper has none. PyTorch adds 1e-8 to \
                      |g| before the maximum and has a rate of 0.002.",
        },
        settings: &settings(0.001, 1e-7),
        make: |settings| make("adamax", settings, Form::Beside),
    },
    Entry {
        name: "adamax:torch",
        page: Page {
            summary: "Adamax as PyTorch has it: ε inside the maximum",
            equation: "m ← β₁ m + (1 − β₁) g\n\
                       u ← max(β₂ u, |g| + ε)\n\
                       θ ← θ − α / (1 − β₁ᵗ) · m / u",
            source: "PyTorch 2.15, torch.optim.Adamax; Kingma and Ba 2015, algorithm 2, arXiv 1412.6980",
            differs: "α = 0.002 and ε = 1e-8 inside the maximum. weight_decay is added to the gradient (l2).",
        },
        settings: &{
            let [rate, beta_1, beta_2, epsilon] = settings(0.002, 1e-8);
            [rate, beta_1, beta_2, epsilon, L2]
        },
        make: |settings| make("adamax:torch", settings, Form::Inside),
    },
    Entry {
        name: "adamax:optax",
        page: Page {
            summary: "Adamax as Optax has it: ε inside the maximum",
            equation: "m ← β₁ m + (1 − β₁) g\n\
                       u ← max(|g| + ε, β₂ u)\n\
                       θ ← θ − α / (1 − β₁ᵗ) · m / u",
            source: "Optax 0.2.8, optax.adamax and adamaxw; Kingma and Ba 2015, algorithm 2, arXiv 1412.6980",
            differs: "As adamax:torch; weight_decay shrinks θ, which is Optax' adamaxw (λ = 0.0001 there). Optax has no \
                      default rate; 0.001 here.",
        },
        settings: &settings(0.001, 1e-8),
        make: |settings| make("adamax:optax", settings, Form::Inside),
    },
    Entry {
        name: "adamax:paper",
        page: Page {
            summary: "Adamax as its paper has it: without ε",
            equation: "m ← β₁ m + (1 − β₁) g\n\
                       u ← max(β₂ u, |g|)\n\
                       θ ← θ − α / (1 − β₁ᵗ) · m / u, not moved where u = 0",
            source: "Kingma and Ba 2015, algorithm 2, arXiv 1412.6980",
            differs: "α = 0.002 as the paper advises. An element that never had a gradient rests, which the paper leaves \
                      open. Numbers below 1e-30 count as 1e-30.",
        },
        settings: &{
            let [rate, beta_1, beta_2, _] = settings(0.002, 1.0);
            [rate, beta_1, beta_2]
        },
        make: |settings| make("adamax:paper", settings, Form::Bare),
    },
];

const fn settings(rate: f64, eps: f64) -> [Setting; 4] {
    [
        learning_rate(rate),
        fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
        fraction("beta_2", 0.999, "the share β₂ of the old greatest gradient"),
        epsilon(eps, "ε, added to the greatest gradient"),
    ]
}

fn make(name: &'static str, settings: &Settings, form: Form) -> Result<Optimizer> {
    let [beta_1, beta_2] = ["beta_1", "beta_2"].map(|name| settings.f64(name));
    let epsilon = if form == Form::Bare { 1e-30 } else { settings.f64("epsilon") };
    Optimizer::new(name, settings, Adamax { name, beta_1, beta_2, epsilon, form })
}

/// Where ε stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// Beside u.
    Beside,
    /// Inside the maximum.
    Inside,
    /// Nowhere.
    Bare,
}

#[derive(Debug)]
struct Adamax {
    name: &'static str,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    form: Form,
}

impl Rule for Adamax {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m").compact(), Slot::zero("u").compact_positive()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(match self.form {
            Form::Beside => Sweep::of::<Self>(),
            Form::Inside => Sweep::of::<Inside>(),
            Form::Bare => Sweep::of::<Bare>(),
        })
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let beta_1 = now.momentum.unwrap_or(self.beta_1);
        let alpha_t = now.learning_rate / (1.0 - beta_1.powf(now.t as f64));
        out.copy_from_slice(&[alpha_t, 1.0 - beta_1, self.beta_2, self.epsilon]);
    }
}

impl Elementwise for Adamax {
    /// α / (1 − β₁ᵗ), 1 − β₁, β₂, ε.
    type At<L: Lane> = [L; 4];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 4], theta: L, g: L, [m, u]: [L; 2]) -> (L, [L; 2]) {
        let [alpha_t, one_minus_beta_1, beta_2, epsilon] = at;
        let m = average(m, g, one_minus_beta_1);
        let u = (beta_2 * u).max(g.abs());
        (theta - alpha_t * m / (u + epsilon), [m, u])
    }
}

struct Inside;

impl Elementwise for Inside {
    type At<L: Lane> = [L; 4];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 4], theta: L, g: L, [m, u]: [L; 2]) -> (L, [L; 2]) {
        let [alpha_t, one_minus_beta_1, beta_2, epsilon] = at;
        let m = average(m, g, one_minus_beta_1);
        let u = (beta_2 * u).max(g.abs() + epsilon);
        (theta - alpha_t * m / u, [m, u])
    }
}

struct Bare;

impl Elementwise for Bare {
    type At<L: Lane> = [L; 4];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 4], theta: L, g: L, [m, u]: [L; 2]) -> (L, [L; 2]) {
        let [alpha_t, one_minus_beta_1, beta_2, least] = at;
        let m = average(m, g, one_minus_beta_1);
        let u = (beta_2 * u).max(g.abs());
        (theta - alpha_t * m / u.max(least), [m, u])
    }
}
