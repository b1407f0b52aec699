//! Shampoo: gradients between roots of what their rows and columns were.

use super::whole::sides;
use super::{GraphRule, Initial, L2, Now, Optimizer, Rule, Slot, Tensor, Update, learning_rate};
use crate::error::Result;
use crate::graph::ops::matmul::MatMul;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use crate::shape::Shape;

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "shampoo",
    page: Page {
        summary: "the gradient between roots of the sums of its squares, as rows and as columns",
        equation: "L ← L + G Gᵀ, R ← R + Gᵀ G, both ε I at first\n\
                   θ ← θ − α L^(−1/4) G R^(−1/4)\n\
                   vectors: L ← L + g gᵀ; θ ← θ − α L^(−1/2) g",
        source: "Gupta, Koren and Singer 2018, algorithm 1, arXiv 1802.09568",
        differs: "The form of pytorch_optimizer's Shampoo, without its momentum. Of more than two axes all but the last \
                  are one here, where the paper has a matrix for each. A side that is longer than max_precondition_dim \
                  is left alone, and the other's root is then −1/2. Roots are made at the first update and at every \
                  update_period-th; each costs about 10 n³ operations on one thread (a second for n = 784). Old roots of nearly \
                  singular sums multiply what is new by up to ε^(−1/2): an update_period above 1 wants a greater ε. \
                  weight_decay is added to the \
                  gradient (l2).",
    },
    settings: &[
        learning_rate(0.001),
        Setting {
            name: "matrix_epsilon",
            default: Default::Float(1e-6),
            allowed: Allowed::Positive,
            doc: "ε: what the diagonals start from, and the least eigenvalue that counts",
        },
        Setting {
            name: "update_period",
            default: Default::Int(1),
            allowed: Allowed::Int(1, i64::MAX),
            doc: "updates from one making of the roots to the next",
        },
        LONGEST,
        L2,
    ],
    make: |settings| {
        let (epsilon, period) = (settings.f64("matrix_epsilon"), settings.usize("update_period") as u64);
        let longest = settings.usize("max_precondition_dim");
        Optimizer::new("shampoo", settings, Shampoo { epsilon, period, longest })
    },
}];

pub(super) const LONGEST: Setting = Setting {
    name: "max_precondition_dim",
    default: Default::Int(1024),
    allowed: Allowed::Int(1, i64::MAX),
    doc: "the longest side that a matrix is kept for",
};

#[derive(Debug)]
struct Shampoo {
    epsilon: f64,
    period: u64,
    longest: usize,
}

impl Rule for Shampoo {
    fn name(&self) -> &'static str {
        "shampoo"
    }
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let names = [("l", "l_root"), ("r", "r_root")];
        let sum = Initial::Diagonal(self.epsilon);
        let of = |((name, root), n): (_, Option<usize>)| {
            let shape = n.map(|n| vec![n, n])?;
            Some([Slot { initial: sum, ..Slot::zero(name).shaped(&shape) }, Slot::zero(root).shaped(&shape)])
        };
        names.into_iter().zip(sides(shape, self.longest)).filter_map(of).flatten().collect()
    }
    fn update(&self) -> Update<'_> {
        Update::Graph(self)
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let make = now.t == 1 || now.t.is_multiple_of(self.period);
        out.copy_from_slice(&[now.learning_rate, if make { 1.0 } else { 0.0 }]);
    }
}

impl GraphRule for Shampoo {
    fn numbers(&self) -> usize {
        2
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], _: &mut [Value]) -> Result<()> {
        let [alpha, now] = numbers else { unreachable!("it has 2") };
        for Tensor { theta, gradient, states, .. } in tensors {
            let shape = g.shape(*theta).clone();
            let sizes = shape.sizes(1);
            let sides = sides(&sizes, self.longest);
            let order = sides.iter().flatten().count() as f64;
            let columns = if sizes.len() < 2 { 1 } else { sizes[sizes.len() - 1] };
            let rows = shape.len(1) / columns;
            let matrix = g.reshape(*gradient, &Shape::fixed(&[rows, columns]))?;
            let (mut step, mut place) = (matrix, 0);
            for (left, side) in [true, false].into_iter().zip(sides) {
                if side.is_none() {
                    continue;
                }
                let square = g.apply(MatMul { transpose_a: !left, transpose_b: left }, &[matrix, matrix])?;
                let sum = g.add(states[place], square)?;
                let root = g.matrix_power(sum, -0.5 / order, self.epsilon, states[place + 1], *now)?;
                step = if left { g.matmul(root, step)? } else { g.matmul(step, root)? };
                (states[place], states[place + 1]) = (sum, root);
                place += 2;
            }
            let step = g.reshape(step, &shape)?;
            let change = g.multiply(step, *alpha)?;
            *theta = g.subtract(*theta, change)?;
        }
        Ok(())
    }
}
