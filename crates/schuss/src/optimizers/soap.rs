//! SOAP: Adam where Shampoo's matrices are diagonal.

use super::shampoo::LONGEST;
use super::whole::{average, sides};
use super::{GraphRule, Now, Optimizer, Rule, Slot, Tensor, Update, epsilon, fraction, learning_rate, weight_decay};
use crate::error::Result;
use crate::graph::ops::matmul::MatMul;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use crate::shape::Shape;

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "soap",
    page: Page {
        summary: "Adam in the directions that gradients of a matrix mostly have; vectors as adam",
        equation: "at first: L = (1 − β_s) G Gᵀ, R = (1 − β_s) Gᵀ G, U and W their eigenvectors; θ rests. Then, t counted \
                   from the second update:\n\
                   M ← β₁ M + (1 − β₁) G\n\
                   V ← β₂ V + (1 − β₂) (Uᵀ G W)²\n\
                   N = U (Uᵀ M W / (√V + ε)) Wᵀ\n\
                   θ ← (1 − α λ) (θ − α √(1 − β₂ᵗ) / (1 − β₁ᵗ) N)\n\
                   L ← β_s L + (1 − β_s) G Gᵀ, R ← β_s R + (1 − β_s) Gᵀ G\n\
                   every k-th time: U ← orthonormal L U, W ← orthonormal R W",
        source: "Vyas et al. 2024, algorithm 3, arXiv 2409.11321; the order of things: the authors' code",
        differs: "The authors' form, by pytorch_optimizer. Of more than two axes all but the last are one here, where \
                  the authors have a matrix for each unless told to merge. A side that is longer than \
                  max_precondition_dim (10000 there) is left alone; a basis costs about 10 n³ operations on one \
                  thread. Eigenvectors whose eigenvalue is 0 may be any: here they do not depend on rounding.",
    },
    settings: &[
        learning_rate(0.003),
        fraction("beta_1", 0.95, "the share β₁ of the old average of gradients"),
        fraction("beta_2", 0.95, "the share β₂ of the old average of squares"),
        fraction("shampoo_beta", 0.0, "the share β_s of the old L and R; 0 for β₂"),
        epsilon(1e-8, "ε, added to the root"),
        Setting {
            name: "precondition_frequency",
            default: Default::Int(10),
            allowed: Allowed::Int(1, i64::MAX),
            doc: "k: updates from one turn of the bases to the next",
        },
        LONGEST,
        weight_decay(0.01),
    ],
    make: |settings| {
        let [beta_1, beta_2, beta_s, epsilon] =
            ["beta_1", "beta_2", "shampoo_beta", "epsilon"].map(|name| settings.f64(name));
        let beta_s = if beta_s == 0.0 { beta_2 } else { beta_s };
        let [period, longest] = ["precondition_frequency", "max_precondition_dim"].map(|name| settings.usize(name));
        let rule = Soap { beta_1, beta_2, beta_s, epsilon, period: period as u64, longest };
        Optimizer::new("soap", settings, rule)
    },
}];

#[derive(Debug)]
struct Soap {
    beta_1: f64,
    beta_2: f64,
    beta_s: f64,
    epsilon: f64,
    period: u64,
    longest: usize,
}

impl Soap {
    fn sides(&self, shape: &[usize]) -> [Option<usize>; 2] {
        if shape.len() < 2 { [None, None] } else { sides(shape, self.longest) }
    }
}

impl Rule for Soap {
    fn name(&self) -> &'static str {
        "soap"
    }
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let mut all = vec![Slot::zero("m"), Slot::zero("v")];
        for ((sum, basis), side) in [("l", "u"), ("r", "w")].into_iter().zip(self.sides(shape)) {
            all.extend(side.into_iter().flat_map(|n| [sum, basis].map(|name| Slot::zero(name).shaped(&[n, n]))));
        }
        all
    }
    fn update(&self) -> Update<'_> {
        Update::Graph(self)
    }
    /// After its step.
    fn shrinks(&self) -> bool {
        true
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        if now.t == 1 {
            out.copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 1.0]);
            return;
        }
        let (t, alpha, beta_1) = ((now.t - 1) as f64, now.learning_rate, now.momentum.unwrap_or(self.beta_1));
        let rate = alpha * (1.0 - self.beta_2.powf(t)).sqrt() / (1.0 - beta_1.powf(t));
        let turn = if (now.t - 1).is_multiple_of(self.period) { 2.0 } else { 0.0 };
        out.copy_from_slice(&[rate, 1.0 - beta_1, 1.0 - self.beta_2, alpha, turn]);
    }
}

impl GraphRule for Soap {
    fn numbers(&self) -> usize {
        5
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], _: &mut [Value]) -> Result<()> {
        let [rate, of_m, of_v, alpha, turn] = numbers else { unreachable!("it has 5") };
        let (of_sum, epsilon) = (g.constant(1.0 - self.beta_s)?, g.constant(self.epsilon)?);
        for Tensor { theta, gradient, states, decay } in tensors {
            let shape = g.shape(*theta).clone();
            let sizes = shape.sizes(1);
            let sides = self.sides(&sizes);
            let matrix = match sizes[..] {
                [.., columns] if sizes.len() >= 2 => Shape::fixed(&[shape.len(1) / columns, columns]),
                _ => shape.clone(),
            };
            let bases: Vec<(bool, Value)> = [true, false]
                .into_iter()
                .zip(sides)
                .filter(|(_, side)| side.is_some())
                .zip(states[2..].chunks_exact(2))
                .map(|((left, _), state)| (left, state[1]))
                .collect();
            // Into the bases, or out of them.
            let turned = |g: &mut Graph, x: Value, back: bool| {
                bases.iter().try_fold(x, |x, &(left, basis)| match left {
                    true => g.apply(MatMul { transpose_a: !back, transpose_b: false }, &[basis, x]),
                    false => g.apply(MatMul { transpose_a: false, transpose_b: back }, &[x, basis]),
                })
            };
            let own = g.reshape(*gradient, &matrix)?;
            let projected = turned(g, own, false)?;
            let projected = g.reshape(projected, &shape)?;
            let square = g.square(projected)?;
            let (m, v) = (average(g, states[0], *gradient, *of_m)?, average(g, states[1], square, *of_v)?);
            let flat = g.reshape(m, &matrix)?;
            let flat = turned(g, flat, false)?;
            let root = g.sqrt(v)?;
            let root = g.add(root, epsilon)?;
            let root = g.reshape(root, &matrix)?;
            let step = g.divide(flat, root)?;
            let step = turned(g, step, true)?;
            let step = g.reshape(step, &shape)?;
            let change = g.multiply(step, *rate)?;
            *theta = g.subtract(*theta, change)?;
            *theta = super::prodigy::shrunk(g, *theta, *alpha, *decay)?;
            let mut new = vec![m, v];
            for (&(left, basis), state) in bases.iter().zip(states[2..].chunks_exact(2)) {
                let square = g.apply(MatMul { transpose_a: !left, transpose_b: left }, &[own, own])?;
                let sum = average(g, state[0], square, of_sum)?;
                new.extend([sum, g.eigenbasis(sum, basis, *turn)?]);
            }
            *states = new;
        }
        Ok(())
    }
}
