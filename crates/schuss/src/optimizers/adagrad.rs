//! Adagrad.

use super::{L2, Now, Optimizer, Rule, Slot, Update, epsilon, learning_rate, not_negative};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "adagrad",
        page: Page {
            summary: "a rate for each element that falls with the sum of its squared gradients",
            equation: "a ← a + g²\nθ ← θ − α g / √(a + ε)",
            source: "Duchi, Hazan and Singer 2011, figure 1 with the diagonal of the matrix, \
                 https://jmlr.org/papers/v12/duchi11a.html",
            differs: "Keras' form: ε inside the root, a starts from 0.1. PyTorch starts a from 0 and has ε = 1e-10 outside \
                  the root and a rate of 0.01, so that its first step is α sign(g).",
        },
        settings: &[
            learning_rate(0.001),
            Setting {
                name: "initial_accumulator_value",
                default: Default::Float(0.1),
                allowed: Allowed::NotNegative,
                doc: "what the sum a starts from",
            },
            epsilon(1e-7, "ε, added to the sum inside the root"),
        ],
        make: |settings| {
            let rule = Adagrad { initial: settings.f64("initial_accumulator_value"), epsilon: settings.f64("epsilon") };
            Optimizer::new("adagrad", settings, rule)
        },
    },
    Entry {
        name: "adagrad:torch",
        page: Page {
            summary: "Adagrad as PyTorch has it: a sum that starts from 0, a rate that may decay, ε outside the root",
            equation: "a ← a + g²\nθ ← θ − α / (1 + (t − 1) δ) · g / (√a + ε)",
            source: "PyTorch 2.15, torch.optim.Adagrad; Duchi, Hazan and Singer 2011, \
                 https://jmlr.org/papers/v12/duchi11a.html",
            differs: "a starts from 0 and ε = 1e-10 is outside the root, so that the first step is α sign(g) with α = 0.01; \
                  Keras has 0.1, 1e-7 inside, and 0.001. weight_decay is added to the gradient (l2).",
        },
        settings: &[
            learning_rate(0.01),
            not_negative("lr_decay", 0.0, "δ: the rate is divided by 1 + (t − 1) δ"),
            not_negative("initial_accumulator_value", 0.0, "what the sum a starts from"),
            epsilon(1e-10, "ε, added to the root"),
            L2,
        ],
        make: |settings| {
            let rule = Torch {
                initial: settings.f64("initial_accumulator_value"),
                epsilon: settings.f64("epsilon"),
                decay: settings.f64("lr_decay"),
            };
            Optimizer::new("adagrad:torch", settings, rule)
        },
    },
];

#[derive(Debug)]
struct Torch {
    initial: f64,
    epsilon: f64,
    decay: f64,
}

impl Rule for Torch {
    fn name(&self) -> &'static str {
        "adagrad:torch"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::of("a", self.initial).compact_positive()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let alpha = now.learning_rate / (1.0 + (now.t - 1) as f64 * self.decay);
        out.copy_from_slice(&[alpha, self.epsilon]);
    }
}

impl Elementwise for Torch {
    type At<L: Lane> = [L; 2];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([alpha, epsilon]: [L; 2], theta: L, g: L, [a]: [L; 1]) -> (L, [L; 1]) {
        let a = a + g.square();
        (theta - alpha * g / (a.sqrt() + epsilon), [a])
    }
}

#[derive(Debug)]
struct Adagrad {
    initial: f64,
    epsilon: f64,
}

impl Rule for Adagrad {
    fn name(&self) -> &'static str {
        "adagrad"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::of("a", self.initial).compact_positive()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        out.copy_from_slice(&[now.learning_rate, self.epsilon]);
    }
}

impl Elementwise for Adagrad {
    type At<L: Lane> = [L; 2];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([alpha, epsilon]: [L; 2], theta: L, g: L, [a]: [L; 1]) -> (L, [L; 1]) {
        let a = a + g.square();
        (theta - alpha * g / (a + epsilon).sqrt(), [a])
    }
}
