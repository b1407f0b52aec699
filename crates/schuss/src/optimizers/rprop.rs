//! Rprop: the sign of the gradient, with a step for each element.

use super::{Now, Optimizer, Rule, Slot, Update, learning_rate};
use crate::error::Error;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "rprop",
    page: Page {
        summary: "a step for each element, longer while the gradient keeps its sign and shorter after it turned",
        equation: "s ← clip(s η₊, s_min, s_max) where g g₀ > 0\n\
                   s ← clip(s η₋, s_min, s_max) and g ← 0 where g g₀ < 0\n\
                   θ ← θ − s sign(g)\n\
                   g₀ ← g",
        source: "Riedmiller and Braun 1993, https://doi.org/10.1109/ICNN.1993.298623",
        differs: "PyTorch's form: after a turn the element rests for a step (Rprop⁻ with a forgotten gradient). \
                  learning_rate is the first step s; schedules do not act on it. For whole batches only: the sign of a \
                  mini-batch's gradient is mostly noise.",
    },
    settings: &[
        learning_rate(0.01),
        Setting {
            name: "eta_minus",
            default: Default::Float(0.5),
            allowed: Allowed::Fraction,
            doc: "η₋: what a step is multiplied with after a turn",
        },
        positive("eta_plus", 1.2, "η₊: what it is multiplied with otherwise, above 1"),
        positive("step_min", 1e-6, "the shortest step"),
        positive("step_max", 50.0, "the longest step"),
    ],
    make: |settings| {
        let [step, eta_minus, eta_plus, step_min, step_max] =
            ["learning_rate", "eta_minus", "eta_plus", "step_min", "step_max"].map(|name| settings.f64(name));
        if eta_plus <= 1.0 {
            let message = format!("`eta_plus` is {eta_plus:?}; allowed is a number above 1");
            return Err(Error::value("value-not-allowed", message));
        }
        if step_min > step_max {
            let message = format!("`step_min` is {step_min:?}, above `step_max`, {step_max:?}");
            return Err(Error::value("value-not-allowed", message));
        }
        Optimizer::new("rprop", settings, Rprop { step, eta_minus, eta_plus, step_min, step_max })
    },
}];

const fn positive(name: &'static str, default: f64, doc: &'static str) -> Setting {
    Setting { name, default: Default::Float(default), allowed: Allowed::Positive, doc }
}

#[derive(Debug)]
struct Rprop {
    step: f64,
    eta_minus: f64,
    eta_plus: f64,
    step_min: f64,
    step_max: f64,
}

impl Rule for Rprop {
    fn name(&self) -> &'static str {
        "rprop"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::of("s", self.step), Slot::zero("g")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, _: Now, _: &mut [f64], out: &mut [f64]) {
        out.copy_from_slice(&[self.eta_minus, self.eta_plus, self.step_min, self.step_max]);
    }
}

impl Elementwise for Rprop {
    /// η₋, η₊, s_min, s_max.
    type At<L: Lane> = [L; 4];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>([minus, plus, least, most]: [L; 4], theta: L, g: L, [s, old]: [L; 2]) -> (L, [L; 2]) {
        let zero = L::splat(0.0);
        // Signs are multiplied, not gradients, whose product may vanish.
        let agree = g.sign() * old.sign();
        let turned = agree.less(zero);
        let factor = L::select(turned, minus, L::select(zero.less(agree), plus, L::splat(1.0)));
        let s = (s * factor).max(least).min(most);
        let g = L::select(turned, zero, g);
        (theta - s * g.sign(), [s, g])
    }
}
