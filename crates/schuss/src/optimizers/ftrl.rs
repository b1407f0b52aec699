//! Ftrl: follow the regularized leader.

use super::{Now, Optimizer, Rule, Slot, Update, learning_rate, not_negative};
use crate::registry::{Entry, Page};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "ftrl",
    page: Page {
        summary: "the weights that would have been best so far, with L1 that makes exact zeros; for sparse inputs",
        equation: "g' = g + 2 λ₃ θ\n\
                   a' = a + g²\n\
                   z ← z + g' − (√a' − √a) / α · θ\n\
                   θ ← (clip(z, ± λ₁) − z) / ((√a' + β) / α + 2 λ₂)\n\
                   a ← a'",
        source: "McMahan et al. 2013, algorithm 1, https://doi.org/10.1145/2487575.2488200",
        differs: "Keras' form with its learning_rate_power of −0.5 (the paper's only one; Keras' other powers are not \
                  offered). λ₂ is l2_regularization_strength; β is added to the root as in the paper.",
    },
    settings: &[
        learning_rate(0.001),
        not_negative("initial_accumulator_value", 0.1, "what the sum a starts from"),
        not_negative("l1_regularization_strength", 0.0, "λ₁: weights whose |z| is below it are 0"),
        not_negative("l2_regularization_strength", 0.0, "λ₂: pulls the weights to 0"),
        not_negative("l2_shrinkage_regularization_strength", 0.0, "λ₃: added to the gradient, not to the sum"),
        not_negative("beta", 0.0, "β, added to the root of the sum"),
    ],
    make: |settings| {
        let rule = Ftrl {
            initial: settings.f64("initial_accumulator_value"),
            l1: settings.f64("l1_regularization_strength"),
            l2: settings.f64("l2_regularization_strength"),
            shrinkage: settings.f64("l2_shrinkage_regularization_strength"),
            beta: settings.f64("beta"),
        };
        Optimizer::new("ftrl", settings, rule)
    },
}];

#[derive(Debug)]
struct Ftrl {
    initial: f64,
    l1: f64,
    l2: f64,
    shrinkage: f64,
    beta: f64,
}

impl Rule for Ftrl {
    fn name(&self) -> &'static str {
        "ftrl"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::of("a", self.initial), Slot::zero("z")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let over_alpha = if now.learning_rate > 0.0 { 1.0 / now.learning_rate } else { f64::from(f32::MAX) };
        out.copy_from_slice(&[over_alpha, self.l1, 2.0 * self.l2 + self.beta * over_alpha, 2.0 * self.shrinkage]);
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
