//! Adagrad.

use super::{Now, Optimizer, Rule, Slot, Update, epsilon, learning_rate};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
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
}];

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
        vec![Slot::of("a", self.initial)]
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
