//! D-Adaptation of Adam: a rate that is found, not given.

use super::prodigy::{D0, GROWTH, growth, shrunk};
use super::whole::{average, weighted_sum};
use super::{GraphRule, L2, Now, Optimizer, Rule, Slot, Tensor, Update, epsilon, fraction, learning_rate, switch};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "dadapt_adam",
    page: Page {
        summary: "Adam whose rate d grows as far as gradients along its own way prove it safe; leave α at 1",
        equation: "γ = d α (with use_bias_correction times √(1 − β₂ᵗ) / (1 − β₁ᵗ)), β = √β₂\n\
                   r ← β r + (1 − β) γ Σ g s / (√v + ε)\n\
                   m ← β₁ m + (1 − β₁) γ g\n\
                   v ← β₂ v + (1 − β₂) g²\n\
                   s ← β s + (1 − β) γ g\n\
                   d ← max(d, min(r / ((1 − β) Σ|s|), growth_rate d))\n\
                   θ ← θ − m / (√v + ε)",
        source: "Defazio and Mishchenko 2023, Adam with D-Adaptation, arXiv 2301.07733; the authors' package dadaptation 3.2, \
                 DAdaptAdam",
        differs: "The authors' form: m keeps the rates of its steps. weight_decay is added to the gradient (l2) as there; \
                  decoupled it is multiplied with γ.",
    },
    settings: &[
        learning_rate(1.0),
        fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
        fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
        epsilon(1e-8, "ε, added to the root"),
        D0,
        GROWTH,
        switch("use_bias_correction", "correct the start of the averages as Adam does"),
        L2,
    ],
    make: |settings| {
        let [beta_1, beta_2, epsilon, d0, rate] =
            ["beta_1", "beta_2", "epsilon", "d0", "growth_rate"].map(|name| settings.f64(name));
        let (correct, growth) = (settings.bool("use_bias_correction"), growth(rate)?);
        Optimizer::new("dadapt_adam", settings, DadaptAdam { beta_1, beta_2, epsilon, d0, growth, correct })
    },
}];

#[derive(Debug)]
struct DadaptAdam {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    d0: f64,
    growth: Option<f64>,
    correct: bool,
}

impl Rule for DadaptAdam {
    fn name(&self) -> &'static str {
        "dadapt_adam"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        ["m", "v", "s"].into_iter().map(Slot::zero).collect()
    }
    fn update(&self) -> Update<'_> {
        Update::Graph(self)
    }
    /// By γ λ.
    fn shrinks(&self) -> bool {
        true
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, beta_1) = (now.t as f64, now.momentum.unwrap_or(self.beta_1));
        let correction = if self.correct { (1.0 - self.beta_2.powf(t)).sqrt() / (1.0 - beta_1.powf(t)) } else { 1.0 };
        out.copy_from_slice(&[now.learning_rate * correction, 1.0 - beta_1]);
    }
}

impl GraphRule for DadaptAdam {
    fn numbers(&self) -> usize {
        2
    }
    fn globals(&self) -> Vec<Slot> {
        vec![Slot::of("d", self.d0), Slot::zero("r")]
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], globals: &mut [Value]) -> Result<()> {
        let ([alpha, of_m], [d, r]) = (numbers, &mut *globals) else { unreachable!("it has these") };
        let share = 1.0 - self.beta_2.sqrt();
        let [of_v, of_s, epsilon, zero] = [1.0 - self.beta_2, share, self.epsilon, 0.0].map(|x| g.constant(x));
        let (of_v, of_s, epsilon, zero) = (of_v?, of_s?, epsilon?, zero?);
        let gamma = g.multiply(*d, *alpha)?;
        let (mut way, mut size) = (zero, zero);
        for Tensor { gradient, states, .. } in tensors.iter_mut() {
            let root = g.sqrt(states[1])?;
            let root = g.add(root, epsilon)?;
            let scaled = g.divide(states[2], root)?;
            let along = weighted_sum(g, *gradient, scaled)?;
            way = g.add(way, along)?;
            let step = g.multiply(*gradient, gamma)?;
            states[0] = average(g, states[0], step, *of_m)?;
            let square = g.square(*gradient)?;
            states[1] = average(g, states[1], square, of_v)?;
            states[2] = average(g, states[2], step, of_s)?;
            let absolute = g.absolute(states[2])?;
            let sum = g.sum(absolute)?;
            size = g.add(size, sum)?;
        }
        let way = g.multiply(way, gamma)?;
        *r = average(g, *r, way, of_s)?;
        let size = g.multiply(size, of_s)?;
        let estimate = g.divide(*r, size)?;
        let some = g.greater(size, zero)?;
        let mut estimate = g.select(some, estimate, zero)?;
        if let Some(rate) = self.growth {
            let most = g.scale(*d, rate)?;
            estimate = g.minimum(estimate, most)?;
        }
        *d = g.maximum(*d, estimate)?;
        for Tensor { theta, states, decay, .. } in tensors {
            let root = g.sqrt(states[1])?;
            let root = g.add(root, epsilon)?;
            let step = g.divide(states[0], root)?;
            *theta = shrunk(g, *theta, gamma, *decay)?;
            *theta = g.subtract(*theta, step)?;
        }
        Ok(())
    }
}
