//! QHM: a mix of momentum and plain gradient.

use super::{L2, Now, Optimizer, Rule, Slot, Update, average, fraction, learning_rate};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "qhm",
    page: Page {
        summary: "quasi-hyperbolic momentum: a mix of a slow average of gradients and the gradient itself",
        equation: "m ← β m + (1 − β) g\nθ ← θ − α ((1 − ν) g + ν m)",
        source: "Ma and Yarats 2019, section 3, arXiv 1810.06801",
        differs: "β and ν as the paper advises (0.999 and 0.7). ν = 1 is momentum whose new share is 1 − β, ν = 0 plain \
                  descent, ν = β Nesterov's. The authors' package has no default rate; 0.1 here. weight_decay is added \
                  to the gradient (l2).",
    },
    settings: &[
        learning_rate(0.1),
        fraction("momentum", 0.999, "the share β of the old average"),
        Setting {
            name: "nu",
            default: Default::Float(0.7),
            allowed: Allowed::NotNegative,
            doc: "ν: the share of the average in the step, at most 1",
        },
        L2,
    ],
    make: |settings| {
        let (beta, nu) = (settings.f64("momentum"), settings.f64("nu"));
        if nu > 1.0 {
            let message = format!("`nu` is {nu:?}; allowed is a number from 0 to 1");
            return Err(crate::error::Error::value("value-not-allowed", message));
        }
        Optimizer::new("qhm", settings, Qhm { beta, nu })
    },
}];

#[derive(Debug)]
struct Qhm {
    beta: f64,
    nu: f64,
}

impl Rule for Qhm {
    fn name(&self) -> &'static str {
        "qhm"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (alpha, beta) = (now.learning_rate, now.momentum.unwrap_or(self.beta));
        out.copy_from_slice(&[alpha * (1.0 - self.nu), alpha * self.nu, 1.0 - beta]);
    }
}

impl Elementwise for Qhm {
    /// α (1 − ν), α ν, 1 − β.
    type At<L: Lane> = [L; 3];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([of_g, of_m, one_minus_beta]: [L; 3], theta: L, g: L, [m]: [L; 1]) -> (L, [L; 1]) {
        let m = average(m, g, one_minus_beta);
        (theta - (of_g * g + of_m * m), [m])
    }
}
