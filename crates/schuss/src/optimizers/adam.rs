//! Adam, and its form AMSGrad.

use super::{Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, switch};
use crate::registry::{Entry, Page};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "adam",
    page: Page {
        summary: "a moving average of the gradient over the root of one of its square, both corrected for their start",
        equation: "m ← β₁ m + (1 − β₁) g\n\
                   v ← β₂ v + (1 − β₂) g²\n\
                   θ ← θ − α √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)\n\
                   amsgrad: v̂ ← max(v̂, v), and v̂ in the place of v in the last line",
        source: "Kingma and Ba 2015, end of section 2, arXiv 1412.6980; amsgrad: Reddi, Kale and Kumar 2018, \
                 arXiv 1904.09237",
        differs: "Keras' form, where ε is added to the uncorrected √v (the paper's ε̂) and the maximum is of the \
                  uncorrected v. The paper's algorithm 1 and PyTorch add ε = 1e-8 to the corrected √v.",
    },
    settings: &[
        learning_rate(0.001),
        fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
        fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
        epsilon(1e-7, "ε, added to the root"),
        switch("amsgrad", "divide by the greatest average of squares so far"),
    ],
    make: |settings| {
        let rule = Adam {
            beta_1: settings.f64("beta_1"),
            beta_2: settings.f64("beta_2"),
            epsilon: settings.f64("epsilon"),
            amsgrad: settings.bool("amsgrad"),
        };
        Optimizer::new("adam", settings, rule)
    },
}];

#[derive(Debug)]
struct Adam {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    amsgrad: bool,
}

impl Rule for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        let names: &[_] = if self.amsgrad { &["m", "v", "v_hat"] } else { &["m", "v"] };
        names.iter().map(|&name| Slot::zero(name)).collect()
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(if self.amsgrad { Sweep::of::<Amsgrad>() } else { Sweep::of::<Self>() })
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (beta_1, t) = (now.momentum.unwrap_or(self.beta_1), now.t as f64);
        let alpha_t = now.learning_rate * (1.0 - self.beta_2.powf(t)).sqrt() / (1.0 - beta_1.powf(t));
        out.copy_from_slice(&[alpha_t, 1.0 - beta_1, 1.0 - self.beta_2, self.epsilon]);
    }
}

/// α_t, 1 − β₁, 1 − β₂, ε.
type At<L> = [L; 4];

/// The new m and v.
#[inline(always)]
fn averages<L: Lane>([_, one_minus_beta_1, one_minus_beta_2, _]: At<L>, g: L, m: L, v: L) -> (L, L) {
    (average(m, g, one_minus_beta_1), average(v, g.square(), one_minus_beta_2))
}

impl Elementwise for Adam {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at @ [alpha_t, _, _, epsilon]: At<L>, theta: L, g: L, [m, v]: [L; 2]) -> (L, [L; 2]) {
        let (m, v) = averages(at, g, m, v);
        (theta - alpha_t * m / (v.sqrt() + epsilon), [m, v])
    }
}

struct Amsgrad;

impl Elementwise for Amsgrad {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 3];
    #[inline(always)]
    fn step<L: Lane>(at @ [alpha_t, _, _, epsilon]: At<L>, theta: L, g: L, [m, v, v_hat]: [L; 3]) -> (L, [L; 3]) {
        let (m, v) = averages(at, g, m, v);
        let v_hat = v_hat.max(v);
        (theta - alpha_t * m / (v_hat.sqrt() + epsilon), [m, v, v_hat])
    }
}
