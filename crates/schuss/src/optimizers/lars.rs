//! LARS: momentum whose step has a length for each layer.

use super::whole::{norm, ratio};
use super::{GraphRule, L2, Now, Optimizer, Rule, Slot, Tensor, Update, fraction, learning_rate, not_negative};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "lars",
    page: Page {
        summary: "momentum of gradients scaled to a share of the parameter's norm; for great batches",
        equation: "u = η ‖θ‖ / ‖g‖ · g, the ratio η‖θ‖/‖g‖ being 1 where a norm is 0\n\
                   v ← μ v − α u\n\
                   θ ← θ + v",
        source: "You, Gitman and Ginsburg 2017, algorithm 1, arXiv 1708.03888",
        differs: "Optax' form. weight_decay is added to the gradient before its norm is taken (l2), as in the paper. \
                  Optax has no default rate; 0.1 here.",
    },
    settings: &[
        learning_rate(0.1),
        fraction("momentum", 0.9, "the share μ of the last move that goes on"),
        not_negative("trust_coefficient", 0.001, "η: the step's length as a share of the parameter's"),
        L2,
    ],
    make: |settings| {
        let rule = Lars { momentum: settings.f64("momentum"), trust: settings.f64("trust_coefficient") };
        Optimizer::new("lars", settings, rule)
    },
}];

#[derive(Debug)]
struct Lars {
    momentum: f64,
    trust: f64,
}

impl Rule for Lars {
    fn name(&self) -> &'static str {
        "lars"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("v")]
    }
    fn update(&self) -> Update<'_> {
        Update::Graph(self)
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        out.copy_from_slice(&[now.learning_rate, now.momentum.unwrap_or(self.momentum)]);
    }
}

impl GraphRule for Lars {
    fn numbers(&self) -> usize {
        2
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], _: &mut [Value]) -> Result<()> {
        let [alpha, mu] = numbers else { unreachable!("it has 2") };
        let trust = g.constant(self.trust)?;
        for Tensor { theta, gradient, states, .. } in tensors {
            let length = norm(g, *theta)?;
            let (length, steep) = (g.multiply(length, trust)?, norm(g, *gradient)?);
            let ratio = ratio(g, length, steep)?;
            let rate = g.multiply(ratio, *alpha)?;
            let (kept, change) = (g.multiply(states[0], *mu)?, g.multiply(*gradient, rate)?);
            states[0] = g.subtract(kept, change)?;
            *theta = g.add(*theta, states[0])?;
        }
        Ok(())
    }
}
