//! Muon: a momentum whose singular values are made equal.

use super::whole::{average, norm, ratio};
use super::{
    GraphRule, Now, Optimizer, Rule, Slot, Tensor, Update, epsilon, fraction, learning_rate, not_negative, weight_decay,
};
use crate::error::Result;
use crate::graph::ops::matmul::MatMul;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Entry, Page, Setting, Settings};
use crate::shape::Shape;

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
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
                  groups. PyTorch has λ = 0.1 and another rate: muon:torch.",
        },
        settings: &[
            learning_rate(0.001),
            fraction("momentum", 0.95, "the share μ of the old momentum"),
            NESTEROV,
            steps(5, 100),
            A,
            B,
            C,
            not_negative("rms_rate", 0.2, "ρ: the root mean square of a step at a rate of 1, nearly"),
            RATIO,
            BETA_1,
            BETA_2,
            epsilon(1e-7, "Adam's ε, added to the root"),
            weight_decay(0.004),
        ],
        make: |settings| made("muon", Form::Keras(settings.f64("rms_rate")), settings),
    },
    Entry {
        name: "muon:torch",
        page: Page {
            summary: "Muon as PyTorch has it, in full precision",
            equation: "m ← μ m + (1 − μ) g, h = (1 − μ) g + μ m (nesterov) or m\n\
                   X = h / max(‖h‖, 1e-7), then as muon\n\
                   θ ← θ − α √max(1, rows / columns) X; with match_rms_adamw α 0.2 √max(rows, columns) X, with \
                   spectral_unclamped α √(rows / columns) X",
            source: "PyTorch 2.15, torch.optim.Muon; Jordan et al. 2024, https://kellerjordan.github.io/posts/muon",
            differs: "PyTorch rounds X to bfloat16 and so moves an element by up to a few percent of a step elsewhere; here \
                  X has the precision of the run. Rows and columns are those of the array: a Dense kernel here is \
                  [inputs, outputs], a PyTorch weight [outputs, inputs]; match_rms_adamw does not care. PyTorch refuses \
                  what is no matrix; here Adam moves it (with its rate a share of α).",
        },
        settings: &[
            learning_rate(0.001),
            fraction("momentum", 0.95, "the share μ of the old momentum"),
            NESTEROV,
            steps(5, 99),
            A,
            B,
            C,
            Setting {
                name: "adjust_lr_fn",
                default: Default::Text("original"),
                allowed: Allowed::OneOf(&["original", "match_rms_adamw", "spectral_unclamped"]),
                doc: "how the rate follows from the matrix' sizes",
            },
            RATIO,
            BETA_1,
            BETA_2,
            epsilon(1e-8, "Adam's ε, added to the corrected root"),
            weight_decay(0.1),
        ],
        make: |settings| {
            let form = match settings.text("adjust_lr_fn") {
                "match_rms_adamw" => Form::MatchRms,
                "spectral_unclamped" => Form::Spectral,
                _ => Form::Original,
            };
            made("muon:torch", form, settings)
        },
    },
    Entry {
        name: "muon:airbench",
        page: Page {
            summary: "Muon as the record for CIFAR-10 has it: for kernels of convolutions, too; weights keep their length",
            equation: "m ← μ m + g, h = g + μ m (nesterov) or m\n\
                   X = h / (‖h‖ + 1e-7), then as muon, but for 3 steps\n\
                   θ ← θ √outputs / ‖θ‖ − α X\n\
                   parameters of rank 1: as muon",
            source: "K. Jordan 2024, https://github.com/KellerJordan/cifar10-airbench, airbench94_muon.py",
            differs: "There X is rounded to bfloat16; here it has the precision of the run. A matrix' rows are all axes but the \
                  last, there all but the first, which is the axis of outputs in both. Parameters of rank 1, which are left \
                  to another optimizer there, are moved by Adam; so is done here by groups. A θ that is 0 stays so before \
                  the step; there it becomes NaN.",
        },
        settings: &[
            learning_rate(0.24),
            fraction("momentum", 0.6, "the share μ of the old momentum"),
            NESTEROV,
            steps(3, 100),
            A,
            B,
            C,
            RATIO,
            BETA_1,
            BETA_2,
            epsilon(1e-7, "Adam's ε, added to the root"),
            weight_decay(0.0),
        ],
        make: |settings| made("muon:airbench", Form::Airbench, settings),
    },
];

const NESTEROV: Setting = Setting {
    name: "nesterov",
    default: Default::Bool(true),
    allowed: Allowed::Bool,
    doc: "look ahead: take the gradient where the momentum leads",
};
const A: Setting = number("muon_a", 3.4445, "the factor a of the iteration");
const B: Setting = number("muon_b", -4.7750, "the factor b of the iteration");
const C: Setting = number("muon_c", 2.0315, "the factor c of the iteration");
const RATIO: Setting = not_negative("adam_lr_ratio", 1.0, "Adam's rate as a share of α");
const BETA_1: Setting = fraction("adam_beta_1", 0.9, "the share β₁ of Adam's average of gradients");
const BETA_2: Setting = fraction("adam_beta_2", 0.999, "the share β₂ of Adam's average of squares");

const fn steps(default: i64, most: i64) -> Setting {
    Setting {
        name: "ns_steps",
        default: Default::Int(default),
        allowed: Allowed::Int(1, most),
        doc: "steps of Newton and Schulz' iteration",
    }
}

fn made(name: &'static str, form: Form, settings: &Settings) -> Result<Optimizer> {
    let rule = Muon {
        name,
        form,
        momentum: settings.f64("momentum"),
        nesterov: settings.bool("nesterov"),
        steps: settings.usize("ns_steps"),
        polynomial: ["muon_a", "muon_b", "muon_c"].map(|name| settings.f64(name)),
        ratio: settings.f64("adam_lr_ratio"),
        beta_1: settings.f64("adam_beta_1"),
        beta_2: settings.f64("adam_beta_2"),
        epsilon: settings.f64("epsilon"),
    };
    Optimizer::new(name, settings, rule)
}

/// What is a matrix, and how the rate follows from its sizes: Keras' form with ρ, airbench's, and PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Keras(f64),
    Airbench,
    Original,
    MatchRms,
    Spectral,
}

impl Form {
    fn rate(self, rows: f64, columns: f64) -> f64 {
        match self {
            Form::Keras(rho) => rho * rows.max(columns).sqrt(),
            Form::Airbench => 1.0,
            Form::Original => (rows / columns).max(1.0).sqrt(),
            Form::MatchRms => 0.2 * rows.max(columns).sqrt(),
            Form::Spectral => (rows / columns).sqrt(),
        }
    }
    /// Does m sum gradients, rather than average them?
    fn sums(self) -> bool {
        matches!(self, Form::Keras(_) | Form::Airbench)
    }
    /// Is a parameter of this shape a matrix?
    fn takes(self, shape: &[usize]) -> bool {
        shape.len() == 2 || shape.len() > 2 && self == Form::Airbench
    }
}

const fn number(name: &'static str, default: f64, doc: &'static str) -> Setting {
    Setting { name, default: Default::Float(default), allowed: Allowed::Number, doc }
}

#[derive(Debug)]
struct Muon {
    name: &'static str,
    form: Form,
    momentum: f64,
    nesterov: bool,
    steps: usize,
    polynomial: [f64; 3],
    ratio: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Rule for Muon {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        if self.form.takes(shape) { vec![Slot::zero("m")] } else { vec![Slot::zero("m"), Slot::zero("v")] }
    }
    fn update(&self) -> Update<'_> {
        Update::Graph(self)
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (t, alpha) = (now.t as f64, now.learning_rate);
        let (root, left) = ((1.0 - self.beta_2.powf(t)).sqrt(), 1.0 - self.beta_1.powf(t));
        // ε beside the uncorrected root stands for ε √(1 − β₂ᵗ) beside the corrected one.
        let epsilon = if self.form.sums() { self.epsilon } else { self.epsilon * root };
        let mu = now.momentum.unwrap_or(self.momentum);
        out.copy_from_slice(&[alpha, mu, 1.0 - mu, alpha * self.ratio * root / left, epsilon]);
    }
}

impl GraphRule for Muon {
    fn numbers(&self) -> usize {
        5
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], _: &mut [Value]) -> Result<()> {
        let [alpha, mu, rest, adam, epsilon] = numbers else { unreachable!("it has 5") };
        for tensor in tensors {
            if tensor.states.len() == 1 {
                self.matrix(g, *alpha, *mu, *rest, tensor)?;
            } else {
                self.adam(g, *adam, *epsilon, tensor)?;
            }
        }
        Ok(())
    }
}

impl Muon {
    fn matrix(&self, g: &mut Graph, alpha: Value, mu: Value, rest: Value, tensor: &mut Tensor) -> Result<()> {
        let shape = g.shape(tensor.theta).clone();
        let (outputs, all) = (shape.sizes(1).last().copied().unwrap_or(1), shape.len(1));
        let sizes = [all / outputs, outputs];
        let tall = sizes[0] > sizes[1];
        let kept = g.multiply(tensor.states[0], mu)?;
        let new = if self.form.sums() { tensor.gradient } else { g.multiply(tensor.gradient, rest)? };
        let m = g.add(kept, new)?;
        let ahead = g.multiply(m, mu)?;
        let h = if self.nesterov { g.add(new, ahead)? } else { m };
        let [a, b, c] = self.polynomial.map(|x| g.constant(x));
        let (a, b, c, little) = (a?, b?, c?, g.constant(1e-7)?);
        let length = norm(g, h)?;
        let length = if self.form.sums() { g.add(length, little)? } else { g.maximum(length, little)? };
        let x = g.divide(h, length)?;
        let mut x = g.reshape(x, &Shape::fixed(&sizes))?;
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
        let rate = g.scale(alpha, self.form.rate(sizes[0] as f64, sizes[1] as f64))?;
        let change = g.multiply(x, rate)?;
        let change = g.reshape(change, &shape)?;
        let start = if self.form == Form::Airbench {
            let (length, wanted) = (norm(g, tensor.theta)?, g.constant((outputs as f64).sqrt())?);
            let share = ratio(g, wanted, length)?;
            g.multiply(tensor.theta, share)?
        } else {
            tensor.theta
        };
        tensor.theta = g.subtract(start, change)?;
        tensor.states[0] = m;
        Ok(())
    }
    fn adam(&self, g: &mut Graph, rate: Value, epsilon: Value, tensor: &mut Tensor) -> Result<()> {
        let (of_m, of_v) = (g.constant(1.0 - self.beta_1)?, g.constant(1.0 - self.beta_2)?);
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
