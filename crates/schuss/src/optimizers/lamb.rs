//! LAMB: Adam whose step has a length for each layer.

use super::whole::{average, norm, ratio};
use super::{GraphRule, Now, Optimizer, Rule, Slot, Tensor, Update, epsilon, fraction, learning_rate, not_negative};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page, Settings};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "lamb",
        page: Page {
            summary: "Adam's direction, as long as the parameter's norm says; for great batches",
            equation: "m ← β₁ m + (1 − β₁) g\n\
                   v ← β₂ v + (1 − β₂) g²\n\
                   u = m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)\n\
                   θ ← θ − α ‖θ‖ / ‖u‖ · u, the ratio 1 where a norm is 0",
            source: "You et al. 2020, algorithm 2, arXiv 1904.00962",
            differs: "Keras' form: weight_decay shrinks θ before the step, where the paper has it inside u. Norms are of each \
                  parameter, not clipped.",
        },
        settings: &[
            learning_rate(0.001),
            fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
            epsilon(1e-7, "ε, added to the corrected root"),
        ],
        make: |settings| make("lamb", settings),
    },
    Entry {
        name: "lamb:optax",
        page: Page {
            summary: "LAMB as Optax and its paper have it: decay is a part of the step whose length is set",
            equation: "u = m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ) + ε₂) + ε) + λ θ\n\
                   θ ← θ − α ‖θ‖ / ‖u‖ · u, the ratio 1 where a norm is 0; m and v as lamb",
            source: "Optax 0.2.8, optax.lamb; You et al. 2020, algorithm 2, arXiv 1904.00962",
            differs: "weight_decay is inside u, where Keras shrinks θ before the step; ε = 1e-6. Optax has no default rate; \
                  0.001 here.",
        },
        settings: &[
            learning_rate(0.001),
            fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
            epsilon(1e-6, "ε, added to the corrected root"),
            not_negative("epsilon_root", 0.0, "ε₂, added inside the root"),
        ],
        make: |settings| make("lamb:optax", settings),
    },
];

fn make(name: &'static str, settings: &Settings) -> Result<Optimizer> {
    let [beta_1, beta_2, epsilon] = ["beta_1", "beta_2", "epsilon"].map(|name| settings.f64(name));
    let root = settings.get("epsilon_root").map_or(0.0, |_| settings.f64("epsilon_root"));
    Optimizer::new(name, settings, Lamb { name, beta_1, beta_2, epsilon, root })
}

#[derive(Debug)]
struct Lamb {
    name: &'static str,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    root: f64,
}

impl Rule for Lamb {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m"), Slot::zero("v")]
    }
    fn update(&self) -> Update<'_> {
        Update::Graph(self)
    }
    /// As a part of u.
    fn shrinks(&self) -> bool {
        self.name == "lamb:optax"
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, beta_1) = (now.t as f64, now.momentum.unwrap_or(self.beta_1));
        let over_root = (1.0 - self.beta_2.powf(t)).sqrt().recip();
        let over_m = 1.0 / (1.0 - beta_1.powf(t));
        out.copy_from_slice(&[now.learning_rate, 1.0 - beta_1, 1.0 - self.beta_2, over_m, over_root]);
    }
}

impl GraphRule for Lamb {
    fn numbers(&self) -> usize {
        5
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], _: &mut [Value]) -> Result<()> {
        let [alpha, one_minus_beta_1, one_minus_beta_2, over_m, over_root] = numbers else { unreachable!("it has 5") };
        let epsilon = g.constant(self.epsilon)?;
        for Tensor { theta, gradient, states, decay } in tensors {
            let m = average(g, states[0], *gradient, *one_minus_beta_1)?;
            let square = g.square(*gradient)?;
            let v = average(g, states[1], square, *one_minus_beta_2)?;
            let root = if self.root == 0.0 {
                let root = g.sqrt(v)?;
                g.multiply(root, *over_root)?
            } else {
                let (over, little) = (g.square(*over_root)?, g.constant(self.root)?);
                let corrected = g.multiply(v, over)?;
                let more = g.add(corrected, little)?;
                g.sqrt(more)?
            };
            let root = g.add(root, epsilon)?;
            let corrected = g.multiply(m, *over_m)?;
            let mut u = g.divide(corrected, root)?;
            if *decay > 0.0 {
                let pull = g.scale(*theta, *decay)?;
                u = g.add(u, pull)?;
            }
            let (length, step) = (norm(g, *theta)?, norm(g, u)?);
            let ratio = ratio(g, length, step)?;
            let rate = g.multiply(ratio, *alpha)?;
            let change = g.multiply(u, rate)?;
            *theta = g.subtract(*theta, change)?;
            *states = vec![m, v];
        }
        Ok(())
    }
}
