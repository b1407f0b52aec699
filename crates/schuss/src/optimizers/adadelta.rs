//! Adadelta.

use super::{L2, Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate};
use crate::error::Result;
use crate::registry::{Entry, Page, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "adadelta",
        page: Page {
            summary: "steps in the units of the parameter: past moves over past gradients, both as moving averages",
            equation: "a ← ρ a + (1 − ρ) g²\n\
                   Δ = −√(d + ε) g / √(a + ε)\n\
                   d ← ρ d + (1 − ρ) Δ²\n\
                   θ ← θ + α Δ",
            source: "Zeiler 2012, algorithm 1, arXiv 1212.5701 (a is its E[g²], d its E[Δx²])",
            differs: "Keras' defaults, whose rate of 0.001 makes steps a thousandth of the paper's, which has no rate \
                  (α = 1) and ε = 1e-6. PyTorch: α = 1, ρ = 0.9, ε = 1e-6.",
        },
        settings: &[
            learning_rate(0.001),
            fraction("rho", 0.95, "the share ρ of the old averages"),
            epsilon(1e-7, "ε, added to both averages inside the roots; it sets the size of the first steps"),
        ],
        make: |settings| make("adadelta", settings),
    },
    Entry {
        name: "adadelta:torch",
        page: Page {
            summary: "Adadelta as PyTorch has it: a rate of 1",
            equation: "as adadelta, with α = 1, ρ = 0.9, ε = 1e-6",
            source: "PyTorch 2.15, torch.optim.Adadelta; Zeiler 2012, algorithm 1, arXiv 1212.5701",
            differs: "Keras' default rate is 0.001, and its steps are about 1000 times smaller. weight_decay is added to the \
                  gradient (l2).",
        },
        settings: &[
            learning_rate(1.0),
            fraction("rho", 0.9, "the share ρ of the old averages"),
            epsilon(1e-6, "ε, added to the averages inside the roots"),
            L2,
        ],
        make: |settings| make("adadelta:torch", settings),
    },
    Entry {
        name: "adadelta:paper",
        page: Page {
            summary: "Adadelta as its paper has it: no rate at all, which is a rate of 1",
            equation: "as adadelta, with α = 1, ρ = 0.95, ε = 1e-6",
            source: "Zeiler 2012, algorithm 1 and section 4.1, arXiv 1212.5701",
            differs: "Keras' default rate is 0.001, PyTorch's ρ 0.9.",
        },
        settings: &[
            learning_rate(1.0),
            fraction("rho", 0.95, "the share ρ of the old averages"),
            epsilon(1e-6, "ε, added to the averages inside the roots"),
        ],
        make: |settings| make("adadelta:paper", settings),
    },
];

fn make(name: &'static str, settings: &Settings) -> Result<Optimizer> {
    let rule = Adadelta { name, rho: settings.f64("rho"), epsilon: settings.f64("epsilon") };
    Optimizer::new(name, settings, rule)
}

#[derive(Debug)]
struct Adadelta {
    name: &'static str,
    rho: f64,
    epsilon: f64,
}

impl Rule for Adadelta {
    fn name(&self) -> &'static str {
        self.name
    }
    fn caution(&self, learning_rate: f64) -> Option<String> {
        (learning_rate > 0.0 && learning_rate <= 0.01).then(|| {
            format!(
                "adadelta at a rate of {learning_rate:?} takes {:.0} times smaller steps than its paper and PyTorch have \
                 (a rate of 1); their forms are adadelta:paper and adadelta:torch",
                1.0 / learning_rate
            )
        })
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("a").compact_positive(), Slot::zero("d").compact_positive()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        out.copy_from_slice(&[now.learning_rate, 1.0 - self.rho, self.epsilon]);
    }
}

impl Elementwise for Adadelta {
    type At<L: Lane> = [L; 3];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>([alpha, one_minus_rho, epsilon]: [L; 3], theta: L, g: L, [a, d]: [L; 2]) -> (L, [L; 2]) {
        let a = average(a, g.square(), one_minus_rho);
        let delta = -((d + epsilon).sqrt() * g / (a + epsilon).sqrt());
        let d = average(d, delta.square(), one_minus_rho);
        (theta + alpha * delta, [a, d])
    }
}
