//! Prodigy: Adam that finds its own rate.

use super::whole::{average, weighted_sum};
use super::{
    GraphRule, Now, Optimizer, Rule, Slot, Tensor, Update, epsilon, fraction, learning_rate, not_negative, switch,
};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "prodigy",
    page: Page {
        summary: "Adam whose rate d grows to what the distance from the start says; leave α at 1",
        equation: "γ = d α (with use_bias_correction times √(1 − β₂ᵗ) / (1 − β₁ᵗ))\n\
                   m ← β₁ m + (1 − β₁) d g\n\
                   v ← β₂ v + (1 − β₂) d² g²\n\
                   r ← β₃ r + d γ / d₀ Σ g (θ₀ − θ)\n\
                   s ← β₃ s + d γ / d₀ g (with safeguard_warmup d² / d₀ g)\n\
                   d̂ = d_coef r / Σ|s|; d' = d̂ where d = d₀ and d̂ > d, else d; d_max ← max(d_max, d̂); \
                   d ← min(d_max, growth_rate d')\n\
                   θ ← θ − γ λ θ − γ m / (√v + d ε)",
        source: "Mishchenko and Defazio 2023, the version for Adam, arXiv 2306.06101; the authors' package prodigyopt 1.1.2",
        differs: "The authors' form: γ is still made from the old d. weight_decay λ is multiplied with d too. Before any \
                  gradient that is not 0 the package does not decay, here θ decays.",
    },
    settings: &[
        learning_rate(1.0),
        fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
        fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
        fraction("beta_3", 0.0, "the share β₃ of the old sums; 0 for √β₂"),
        epsilon(1e-8, "ε, times d added to the root"),
        D0,
        Setting {
            name: "d_coef",
            default: Default::Float(1.0),
            allowed: Allowed::Positive,
            doc: "what the estimate of d is multiplied with: the one number to tune",
        },
        GROWTH,
        switch("use_bias_correction", "correct the start of the averages as Adam does"),
        switch("safeguard_warmup", "leave α out of s, for a rate that warms up"),
    ],
    make: |settings| {
        let [beta_1, beta_2, beta_3, epsilon, d0, d_coef, growth] =
            ["beta_1", "beta_2", "beta_3", "epsilon", "d0", "d_coef", "growth_rate"].map(|name| settings.f64(name));
        let beta_3 = if beta_3 == 0.0 { beta_2.sqrt() } else { beta_3 };
        let [correct, safeguard] = ["use_bias_correction", "safeguard_warmup"].map(|name| settings.bool(name));
        let growth = self::growth(growth)?;
        let rule = Prodigy { beta_1, beta_2, beta_3, epsilon, d0, d_coef, growth, correct, safeguard };
        Optimizer::new("prodigy", settings, rule)
    },
}];

pub(super) const D0: Setting = Setting {
    name: "d0",
    default: Default::Float(1e-6),
    allowed: Allowed::Positive,
    doc: "the rate d at first, below what is right",
};
pub(super) const GROWTH: Setting =
    not_negative("growth_rate", 0.0, "what d may at most be multiplied with in a step, at least 1; 0 for no bound");

/// The bound on the growth of d, if there is one.
pub(super) fn growth(rate: f64) -> Result<Option<f64>> {
    if rate > 0.0 && rate < 1.0 {
        let message = format!("`growth_rate` is {rate:?}; allowed is a number of at least 1, or 0 for no bound");
        return Err(crate::error::Error::value("value-not-allowed", message));
    }
    Ok((rate > 0.0).then_some(rate))
}

#[derive(Debug)]
struct Prodigy {
    beta_1: f64,
    beta_2: f64,
    beta_3: f64,
    epsilon: f64,
    d0: f64,
    d_coef: f64,
    growth: Option<f64>,
    correct: bool,
    safeguard: bool,
}

impl Rule for Prodigy {
    fn name(&self) -> &'static str {
        "prodigy"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m"), Slot::zero("v"), Slot::zero("s"), Slot::parameter("start"), Slot::zero("gone")]
    }
    fn update(&self) -> Update<'_> {
        Update::Graph(self)
    }
    /// By d α λ.
    fn shrinks(&self) -> bool {
        true
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, beta_1) = (now.t as f64, now.momentum.unwrap_or(self.beta_1));
        let correction = if self.correct { (1.0 - self.beta_2.powf(t)).sqrt() / (1.0 - beta_1.powf(t)) } else { 1.0 };
        out.copy_from_slice(&[now.learning_rate * correction, 1.0 - beta_1]);
    }
}

impl GraphRule for Prodigy {
    fn numbers(&self) -> usize {
        2
    }
    fn globals(&self) -> Vec<Slot> {
        vec![Slot::of("d", self.d0), Slot::of("d_max", self.d0), Slot::zero("r")]
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], globals: &mut [Value]) -> Result<()> {
        let ([alpha, of_m], [d, d_max, r]) = (numbers, &mut *globals) else { unreachable!("it has these") };
        let [of_v, beta_3, epsilon, over_d0, first] =
            [1.0 - self.beta_2, self.beta_3, self.epsilon, 1.0 / self.d0, self.d0].map(|x| g.constant(x));
        let (of_v, beta_3, epsilon, over_d0, first) = (of_v?, beta_3?, epsilon?, over_d0?, first?);
        let gamma = g.multiply(*d, *alpha)?;
        let grown = g.multiply(*d, over_d0)?;
        let weight = g.multiply(grown, gamma)?;
        let of_s = if self.safeguard { g.multiply(grown, *d)? } else { weight };
        let (mut way, mut size) = (g.constant(0.0)?, g.constant(0.0)?);
        for Tensor { theta, gradient, states, .. } in tensors.iter_mut() {
            states[4] = gone(g, *theta, states[3], states[4])?;
            let along = weighted_sum(g, *gradient, states[4])?;
            way = g.add(way, along)?;
            let scaled = g.multiply(*gradient, *d)?;
            states[0] = average(g, states[0], scaled, *of_m)?;
            let square = g.square(scaled)?;
            states[1] = average(g, states[1], square, of_v)?;
            let (kept, new) = (g.multiply(states[2], beta_3)?, g.multiply(*gradient, of_s)?);
            states[2] = g.add(kept, new)?;
            let absolute = g.absolute(states[2])?;
            let sum = g.sum(absolute)?;
            size = g.add(size, sum)?;
        }
        let (kept, new) = (g.multiply(*r, beta_3)?, g.multiply(way, weight)?);
        *r = g.add(kept, new)?;
        let (zero, d_coef) = (g.constant(0.0)?, g.constant(self.d_coef)?);
        let estimate = g.divide(*r, size)?;
        let estimate = g.multiply(estimate, d_coef)?;
        let some = g.greater(size, zero)?;
        let estimate = g.select(some, estimate, zero)?;
        let greater = g.maximum(*d, estimate)?;
        let at_first = g.equal(*d, first)?;
        let now = g.select(at_first, greater, *d)?;
        *d_max = g.maximum(*d_max, estimate)?;
        *d = match self.growth {
            None => *d_max,
            Some(rate) => {
                let rate = g.constant(rate)?;
                let most = g.multiply(now, rate)?;
                g.minimum(*d_max, most)?
            }
        };
        let little = g.multiply(*d, epsilon)?;
        for Tensor { theta, states, decay, .. } in tensors {
            let root = g.sqrt(states[1])?;
            let root = g.add(root, little)?;
            let step = g.divide(states[0], root)?;
            let mut change = g.multiply(step, gamma)?;
            if *decay > 0.0 {
                let share = g.scale(gamma, *decay)?;
                let part = g.multiply(*theta, share)?;
                change = g.add(change, part)?;
            }
            *theta = g.subtract(*theta, change)?;
            states[4] = g.add(states[4], change)?;
        }
        Ok(())
    }
}

/// θ₀ − θ, from the sum of all changes: of two numbers that are nearly one, their difference in 32 bits keeps few digits,
/// and d grows by them. Unless θ has been set by something else since.
fn gone(g: &mut Graph, theta: Value, start: Value, sum: Value) -> Result<Value> {
    let difference = g.subtract(start, theta)?;
    let apart = g.subtract(difference, sum)?;
    let apart = g.absolute(apart)?;
    let (here, there) = (g.absolute(theta)?, g.absolute(start)?);
    let size = g.maximum(here, there)?;
    let rounding = g.scale(size, 1e-5)?;
    let set = g.greater(apart, rounding)?;
    g.select(set, difference, sum)
}

/// θ − γ λ θ.
pub(super) fn shrunk(g: &mut Graph, theta: Value, gamma: Value, lambda: f64) -> Result<Value> {
    if lambda == 0.0 {
        return Ok(theta);
    }
    let share = g.scale(gamma, lambda)?;
    let part = g.multiply(theta, share)?;
    g.subtract(theta, part)
}
