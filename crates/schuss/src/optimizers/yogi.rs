//! Yogi: Adam whose average of squares falls slowly.

use super::{Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, not_negative};
use crate::error::Result;
use crate::registry::{Entry, Page, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "yogi",
        page: Page {
            summary: "Adam whose average of squares moves by the gradient's size alone, so that it cannot fall fast",
            equation: "m ← β₁ m + (1 − β₁) g\n\
                   v ← v − (1 − β₂) sign(v − g²) g²\n\
                   θ ← θ − α / (1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ)) + ε)",
            source: "Zaheer et al. 2018, algorithm 2, https://papers.nips.cc/paper/8186",
            differs: "Optax' form: m and v start from 1e-6 and are corrected as Adam's; the paper corrects neither and has a \
                  rate of 0.01. Optax has no default rate; 0.01 here.",
        },
        settings: &[
            learning_rate(0.01),
            fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
            fraction("beta_2", 0.999, "1 − β₂ is how far v moves towards the square"),
            epsilon(1e-3, "ε, added to the root"),
            not_negative("initial_accumulator_value", 1e-6, "what m and v start from"),
        ],
        make: |settings| make("yogi", settings),
    },
    Entry {
        name: "yogi:paper",
        page: Page {
            summary: "Yogi as its paper has it: nothing is corrected for its start",
            equation: "m ← β₁ m + (1 − β₁) g\n\
                   v ← v − (1 − β₂) sign(v − g²) g²\n\
                   θ ← θ − α m / (√v + ε)",
            source: "Zaheer et al. 2018, algorithm 2, https://papers.nips.cc/paper/8186",
            differs: "Optax corrects m and v as Adam does and starts m from 1e-6 too. The paper starts v from the square of \
                  the first gradients or a constant: 1e-6 here.",
        },
        settings: &[
            learning_rate(0.01),
            fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
            fraction("beta_2", 0.999, "1 − β₂ is how far v moves towards the square"),
            epsilon(1e-3, "ε, added to the root"),
            not_negative("initial_accumulator_value", 1e-6, "what v starts from"),
        ],
        make: |settings| make("yogi:paper", settings),
    },
];

fn make(name: &'static str, settings: &Settings) -> Result<Optimizer> {
    let [beta_1, beta_2, epsilon] = ["beta_1", "beta_2", "epsilon"].map(|name| settings.f64(name));
    let initial = settings.f64("initial_accumulator_value");
    Optimizer::new(name, settings, Yogi { name, corrected: name == "yogi", beta_1, beta_2, epsilon, initial })
}

#[derive(Debug)]
struct Yogi {
    name: &'static str,
    /// Are averages corrected for their start?
    corrected: bool,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    initial: f64,
}

impl Rule for Yogi {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        let m = Slot::of("m", if self.corrected { self.initial } else { 0.0 });
        vec![m.compact(), Slot::of("v", self.initial).compact_positive()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, beta_1) = (now.t as f64, now.momentum.unwrap_or(self.beta_1));
        let (alpha, over_root) = if self.corrected {
            (now.learning_rate / (1.0 - beta_1.powf(t)), (1.0 - self.beta_2.powf(t)).sqrt().recip())
        } else {
            (now.learning_rate, 1.0)
        };
        out.copy_from_slice(&[alpha, 1.0 - beta_1, 1.0 - self.beta_2, over_root, self.epsilon]);
    }
}

impl Elementwise for Yogi {
    /// α / (1 − β₁ᵗ), 1 − β₁, 1 − β₂, 1 / √(1 − β₂ᵗ), ε.
    type At<L: Lane> = [L; 5];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 5], theta: L, g: L, [m, v]: [L; 2]) -> (L, [L; 2]) {
        let [alpha, one_minus_beta_1, one_minus_beta_2, over_root, epsilon] = at;
        let m = average(m, g, one_minus_beta_1);
        let square = g.square();
        let v = v - one_minus_beta_2 * (v - square).sign() * square;
        (theta - alpha * m / (over_root * v.sqrt() + epsilon), [m, v])
    }
}
