//! ASGD: descent whose weights are averaged.

use super::{L2, Now, Optimizer, Rule, Slot, Update, learning_rate, not_negative};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "asgd",
    page: Page {
        summary: "descent at a falling rate, and the average of all its weights from some step on",
        equation: "η_t = α / (1 + λ α (t − 1))^p, μ_t = 1 / max(1, t − 1 − t₀)\n\
                   θ ← (1 − λ η_t) θ − η_t g\n\
                   a ← a + μ_t (θ − a)",
        source: "Polyak and Juditsky 1992, https://doi.org/10.1137/0330046; the rate: Bottou 2012, Stochastic gradient \
                 descent tricks, section 5.2",
        differs: "PyTorch's form, where the settings p and t₀ are called alpha and t0. PyTorch leaves the average a in \
                  its state; here a is what is evaluated and saved. It also makes η_t at the end of the step before, so that a \
                 schedule acts a step late: with α = 0.05 halved at the third step it had 1.00793 there in a test where \
                 this form has 1.01245. weight_decay is added to the gradient (l2).",
    },
    settings: &[
        learning_rate(0.01),
        not_negative("lambd", 1e-4, "λ: weights shrink, and the rate falls with it"),
        not_negative("alpha", 0.75, "p: the power with which the rate falls"),
        not_negative("t0", 1e6, "t₀: the step after which weights are averaged"),
        L2,
    ],
    make: |settings| {
        let [lambda, power, t0] = ["lambd", "alpha", "t0"].map(|name| settings.f64(name));
        Optimizer::new("asgd", settings, Asgd { lambda, power, t0 })
    },
}];

#[derive(Debug)]
struct Asgd {
    lambda: f64,
    power: f64,
    t0: f64,
}

impl Rule for Asgd {
    fn name(&self) -> &'static str {
        "asgd"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("a")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (before, alpha) = ((now.t - 1) as f64, now.learning_rate);
        let eta = alpha / (1.0 + self.lambda * alpha * before).powf(self.power);
        let mu = 1.0 / (before - self.t0).max(1.0);
        out.copy_from_slice(&[1.0 - self.lambda * eta, eta, mu, 1.0 - mu]);
    }
    fn evaluated(&self, _: &mut Graph, _: Value, states: &[Value]) -> Result<Option<Value>> {
        Ok(Some(states[0]))
    }
}

impl Elementwise for Asgd {
    /// 1 − λ η, η, μ, 1 − μ.
    type At<L: Lane> = [L; 4];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([keep, eta, mu, rest]: [L; 4], theta: L, g: L, [a]: [L; 1]) -> (L, [L; 1]) {
        let theta = keep * theta - eta * g;
        (theta, [rest * a + mu * theta])
    }
}
