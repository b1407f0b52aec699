//! Ftrl: follow the regularized leader.

use super::{GraphRule, Now, Optimizer, Rule, Slot, Tensor, Update, learning_rate, not_negative};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "ftrl",
        page: Page {
            summary: "the weights that would have been best so far, with L1 that makes exact zeros; for sparse inputs",
            equation: "g' = g + 2 λ₃ θ\n\
                   a' = a + g²\n\
                   z ← z + g' − (√a' − √a) / α · θ\n\
                   θ ← (clip(z, ± λ₁) − z) / ((√a' + β) / α + 2 λ₂)\n\
                   a ← a'",
            source: "McMahan et al. 2013, algorithm 1, https://doi.org/10.1145/2487575.2488200",
            differs: "Keras' form. The roots are powers −p of the sums, −0.5 the paper's only p. λ₂ is \
                  l2_regularization_strength; β is added to the root as in the paper, but halved and doubled there.",
        },
        settings: &[
            learning_rate(0.001),
            Setting {
                name: "learning_rate_power",
                default: Default::Float(-0.5),
                allowed: Allowed::Number,
                doc: "p, at most 0: how the rate falls with the sum of squares; 0 for a rate that stays",
            },
            not_negative("initial_accumulator_value", 0.1, "what the sum a starts from"),
            not_negative("l1_regularization_strength", 0.0, "λ₁: weights whose |z| is below it are 0"),
            not_negative("l2_regularization_strength", 0.0, "λ₂: pulls the weights to 0"),
            not_negative("l2_shrinkage_regularization_strength", 0.0, "λ₃: added to the gradient, not to the sum"),
            not_negative("beta", 0.0, "β, added to the root of the sum"),
        ],
        make: |settings| {
            let power = settings.f64("learning_rate_power");
            if power > 0.0 {
                let message = format!("`learning_rate_power` is {power:?}; allowed is a number of at most 0");
                return Err(Error::value("value-not-allowed", message));
            }
            let rule = Ftrl {
                name: "ftrl",
                power,
                initial: settings.f64("initial_accumulator_value"),
                l1: settings.f64("l1_regularization_strength"),
                l2: 2.0 * settings.f64("l2_regularization_strength"),
                shrinkage: settings.f64("l2_shrinkage_regularization_strength"),
                beta: settings.f64("beta"),
            };
            Optimizer::new("ftrl", settings, rule)
        },
    },
    Entry {
        name: "ftrl:paper",
        page: Page {
            summary: "Ftrl-Proximal as its paper has it",
            equation: "z ← z + g − (√(a + g²) − √a) / α · θ\n\
                   a ← a + g²\n\
                   θ ← (clip(z, ± λ₁) − z) / ((√a + β) / α + λ₂)",
            source: "McMahan et al. 2013, algorithm 1, https://doi.org/10.1145/2487575.2488200",
            differs: "a starts from 0 and β = 1, which the paper says is usually good enough; λ₂ counts once where Keras \
                  doubles it. The paper leaves α to the user; 0.1 here.",
        },
        settings: &[
            learning_rate(0.1),
            not_negative("beta", 1.0, "β, added to the root of the sum"),
            not_negative("l1_regularization_strength", 0.0, "λ₁: weights whose |z| is below it are 0"),
            not_negative("l2_regularization_strength", 0.0, "λ₂: pulls the weights to 0"),
        ],
        make: |settings| {
            let [beta, l1, l2] =
                ["beta", "l1_regularization_strength", "l2_regularization_strength"].map(|name| settings.f64(name));
            let rule = Ftrl { name: "ftrl:paper", power: -0.5, initial: 0.0, l1, l2, shrinkage: 0.0, beta };
            Optimizer::new("ftrl:paper", settings, rule)
        },
    },
];

#[derive(Debug)]
struct Ftrl {
    name: &'static str,
    power: f64,
    initial: f64,
    l1: f64,
    /// What is added to the divisor, twice Keras' strength.
    l2: f64,
    shrinkage: f64,
    beta: f64,
}

impl Rule for Ftrl {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::of("a", self.initial), Slot::zero("z")]
    }
    fn update(&self) -> Update<'_> {
        if self.power == -0.5 { Update::Elementwise(Sweep::of::<Self>()) } else { Update::Graph(self) }
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let over_alpha = if now.learning_rate > 0.0 { 1.0 / now.learning_rate } else { f64::from(f32::MAX) };
        out.copy_from_slice(&[over_alpha, self.l1, self.l2 + self.beta * over_alpha, 2.0 * self.shrinkage]);
    }
}

impl Elementwise for Ftrl {
    /// 1 / α, λ₁, 2 λ₂ + β / α, 2 λ₃.
    type At<L: Lane> = [L; 4];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>([over_alpha, l1, l2, shrinkage]: [L; 4], theta: L, g: L, [a, z]: [L; 2]) -> (L, [L; 2]) {
        let square = g.square();
        let sum = a + square;
        // √a' − √a without the digits that a difference loses; 0 where both are.
        let growth = square / (sum.sqrt() + a.sqrt()).max(L::splat(1e-30));
        let z = z + (g + shrinkage * theta - growth * over_alpha * theta);
        let clipped = z.max(-l1).min(l1);
        ((clipped - z) / (sum.sqrt() * over_alpha + l2), [sum, z])
    }
}

/// Any power but that of the root.
impl GraphRule for Ftrl {
    fn numbers(&self) -> usize {
        4
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], _: &mut [Value]) -> Result<()> {
        let [over_alpha, l1, l2, shrinkage] = numbers else { unreachable!("it has 4") };
        for Tensor { theta, gradient, states, .. } in tensors {
            let square = g.square(*gradient)?;
            let sum = g.add(states[0], square)?;
            let (new, old) = (self.rooted(g, sum)?, self.rooted(g, states[0])?);
            let growth = g.subtract(new, old)?;
            let growth = g.multiply(growth, *over_alpha)?;
            let pull = g.subtract(*shrinkage, growth)?;
            let pull = g.multiply(pull, *theta)?;
            let change = g.add(*gradient, pull)?;
            let z = g.add(states[1], change)?;
            let least = g.negative(*l1)?;
            let clipped = g.maximum(z, least)?;
            let clipped = g.minimum(clipped, *l1)?;
            let rest = g.subtract(clipped, z)?;
            let divisor = g.multiply(new, *over_alpha)?;
            let divisor = g.add(divisor, *l2)?;
            *theta = g.divide(rest, divisor)?;
            *states = vec![sum, z];
        }
        Ok(())
    }
}

impl Ftrl {
    /// x to the power −p.
    fn rooted(&self, g: &mut Graph, x: Value) -> Result<Value> {
        if self.power == 0.0 {
            return g.constant(1.0);
        }
        let log = g.log(x)?;
        let log = g.scale(log, -self.power)?;
        g.exp(log)
    }
}
