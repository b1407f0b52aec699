//! Muon: a momentum whose singular values are made equal.

use super::whole::{average, norm};
use super::{
    GraphRule, Now, Optimizer, Rule, Slot, Tensor, Update, epsilon, fraction, learning_rate, not_negative, weight_decay,
};
use crate::error::Result;
use crate::graph::ops::matmul::MatMul;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "muon",
    page: Page {
        summary: "a momentum turned into the nearest orthogonal matrix; Adam for what is no matrix",
        equation: "m ← μ m + g, h = g + μ m (nesterov) or m\n\
                   X = h / (‖h‖ + 1e-7); ns_steps times: A = X Xᵀ, X ← a X + (b A + c A²) X\n\
                   θ ← θ − α ρ √max(rows, columns) X\n\
                   parameters of another rank than 2: as adam, with α · adam_lr_ratio",
        source: "Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; the rate: Liu et al. 2025, \
                 arXiv 2502.16982",
        differs: "Keras' form (ρ is its rms_rate), on matrices; of rank 3, which Keras takes as batches of matrices, Adam \
                  here. weight_decay is one for matrices and others. Which parameters are left to Adam besides is said by \
                  groups. PyTorch's Muon runs in bfloat16, has λ = 0.1 and another rate, and is not offered.",
    },
    settings: &[
        learning_rate(0.001),
        fraction("momentum", 0.95, "the share μ of the old momentum"),
        Setting {
            name: "nesterov",
            default: Default::Bool(true),
            allowed: Allowed::Bool,
            doc: "look ahead: take the gradient where the momentum leads",
        },
        Setting {
            name: "ns_steps",
            default: Default::Int(5),
            allowed: Allowed::Int(1, 100),
            doc: "steps of Newton and Schulz' iteration",
        },
        number("muon_a", 3.4445, "the factor a of the iteration"),
        number("muon_b", -4.7750, "the factor b of the iteration"),
        number("muon_c", 2.0315, "the factor c of the iteration"),
        not_negative("rms_rate", 0.2, "ρ: the root mean square of a step at a rate of 1, nearly"),
        not_negative("adam_lr_ratio", 1.0, "Adam's rate as a share of α"),
        fraction("adam_beta_1", 0.9, "the share β₁ of Adam's average of gradients"),
        fraction("adam_beta_2", 0.999, "the share β₂ of Adam's average of squares"),
        epsilon(1e-7, "Adam's ε, added to the root"),
        weight_decay(0.004),
    ],
    make: |settings| {
        let rule = Muon {
            momentum: settings.f64("momentum"),
            nesterov: settings.bool("nesterov"),
            steps: settings.usize("ns_steps"),
            polynomial: ["muon_a", "muon_b", "muon_c"].map(|name| settings.f64(name)),
            rms_rate: settings.f64("rms_rate"),
            ratio: settings.f64("adam_lr_ratio"),
            beta_1: settings.f64("adam_beta_1"),
            beta_2: settings.f64("adam_beta_2"),
            epsilon: settings.f64("epsilon"),
        };
        Optimizer::new("muon", settings, rule)
    },
}];

const fn number(name: &'static str, default: f64, doc: &'static str) -> Setting {
    Setting { name, default: Default::Float(default), allowed: Allowed::Number, doc }
}

#[derive(Debug)]
struct Muon {
    momentum: f64,
    nesterov: bool,
    steps: usize,
    polynomial: [f64; 3],
    rms_rate: f64,
    ratio: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Rule for Muon {
    fn name(&self) -> &'static str {
        "muon"
    }
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        if shape.len() == 2 { vec![Slot::zero("m")] } else { vec![Slot::zero("m"), Slot::zero("v")] }
    }
    fn update(&self) -> Update<'_> {
        Update::Graph(self)
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, alpha) = (now.t as f64, now.learning_rate);
        let adam = alpha * self.ratio * (1.0 - self.beta_2.powf(t)).sqrt() / (1.0 - self.beta_1.powf(t));
        out.copy_from_slice(&[alpha * self.rms_rate, now.momentum.unwrap_or(self.momentum), adam]);
    }
}

impl GraphRule for Muon {
    fn numbers(&self) -> usize {
        3
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], _: &mut [Value]) -> Result<()> {
        let [alpha, mu, adam] = numbers else { unreachable!("it has 3") };
        for tensor in tensors {
            if tensor.states.len() == 1 { self.matrix(g, *alpha, *mu, tensor)? } else { self.adam(g, *adam, tensor)? }
        }
        Ok(())
    }
}

impl Muon {
    fn matrix(&self, g: &mut Graph, alpha: Value, mu: Value, tensor: &mut Tensor) -> Result<()> {
        let sizes = g.shape(tensor.theta).sizes(1);
        let tall = sizes[0] > sizes[1];
        let kept = g.multiply(tensor.states[0], mu)?;
        let m = g.add(kept, tensor.gradient)?;
        let ahead = g.multiply(m, mu)?;
        let h = if self.nesterov { g.add(tensor.gradient, ahead)? } else { m };
        let [a, b, c] = self.polynomial.map(|x| g.constant(x));
        let (a, b, c, little) = (a?, b?, c?, g.constant(1e-7)?);
        let length = norm(g, h)?;
        let length = g.add(length, little)?;
        let mut x = g.divide(h, length)?;
        for _ in 0..self.steps {
            // Of a tall matrix the smaller square is Xᵀ X, and what it is multiplied to stands on the left.
            let square = g.apply(MatMul { transpose_a: tall, transpose_b: !tall }, &[x, x])?;
            let fourth = g.matmul(square, square)?;
            let (square, fourth) = (g.multiply(square, b)?, g.multiply(fourth, c)?);
            let factor = g.add(square, fourth)?;
            let turned = if tall { g.matmul(x, factor)? } else { g.matmul(factor, x)? };
            let plain = g.multiply(x, a)?;
            x = g.add(plain, turned)?;
        }
        let longer = g.constant((sizes[0].max(sizes[1]) as f64).sqrt())?;
        let rate = g.multiply(alpha, longer)?;
        let change = g.multiply(x, rate)?;
        tensor.theta = g.subtract(tensor.theta, change)?;
        tensor.states[0] = m;
        Ok(())
    }
    fn adam(&self, g: &mut Graph, rate: Value, tensor: &mut Tensor) -> Result<()> {
        let (of_m, of_v) = (g.constant(1.0 - self.beta_1)?, g.constant(1.0 - self.beta_2)?);
        let epsilon = g.constant(self.epsilon)?;
        let m = average(g, tensor.states[0], tensor.gradient, of_m)?;
        let square = g.square(tensor.gradient)?;
        let v = average(g, tensor.states[1], square, of_v)?;
        let root = g.sqrt(v)?;
        let root = g.add(root, epsilon)?;
        let step = g.divide(m, root)?;
        let change = g.multiply(step, rate)?;
        tensor.theta = g.subtract(tensor.theta, change)?;
        tensor.states = vec![m, v];
        Ok(())
    }
}
