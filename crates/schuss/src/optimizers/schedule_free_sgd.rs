//! Schedule-Free SGD.

use super::schedule_free_adamw::{R, WARMUP, WEIGHT_POWER, Weights, average_of, momentum_above_0};
use super::{L2, Now, Optimizer, Rule, Slot, Update, fraction, learning_rate};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "schedule_free_sgd",
    page: Page {
        summary: "descent without a schedule: gradients are taken between the fast weights and their average",
        equation: "α_t = α min(t / warmup_steps, 1), w = t^r (max α_t)^p, c = w / Σw\n\
                   z ← z − α_t g\n\
                   x ← (1 − c) x + c z\n\
                   θ ← (1 − μ) z + μ x",
        source: "Defazio et al. 2024, The road less scheduled, section 2, arXiv 2405.15682; the weights: the authors' \
                 package schedulefree 1.4.1",
        differs: "The authors' form, whose momentum is μ. weight_decay is added to the gradient (l2). x is what is \
                  evaluated and saved, without being asked for.",
    },
    settings: &[
        learning_rate(1.0),
        fraction("momentum", 0.9, "the share μ of the average x in θ"),
        WARMUP,
        R,
        WEIGHT_POWER,
        L2,
    ],
    make: |settings| {
        let rule = ScheduleFreeSgd { mu: momentum_above_0(settings, "momentum")?, weights: Weights::new(settings) };
        Optimizer::new("schedule_free_sgd", settings, rule)
    },
}];

#[derive(Debug)]
struct ScheduleFreeSgd {
    mu: f64,
    weights: Weights,
}

impl Rule for ScheduleFreeSgd {
    fn name(&self) -> &'static str {
        "schedule_free_sgd"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::parameter("z")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn memory(&self) -> Vec<f64> {
        Weights::MEMORY.to_vec()
    }
    /// A schedule's momentum does not act: x follows from θ and z by one μ.
    fn numbers(&self, now: Now, memory: &mut [f64], out: &mut [f64]) {
        let (alpha, c) = self.weights.next(now, memory);
        out.copy_from_slice(&[alpha, c, alpha * (self.mu * (1.0 - c) - 1.0)]);
    }
    fn evaluated(&self, g: &mut Graph, theta: Value, states: &[Value]) -> Result<Option<Value>> {
        average_of(g, theta, states[0], self.mu).map(Some)
    }
}

impl Elementwise for ScheduleFreeSgd {
    /// α_t, c, and what θ moves by along g.
    type At<L: Lane> = [L; 3];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([alpha, c, along]: [L; 3], theta: L, g: L, [z]: [L; 1]) -> (L, [L; 1]) {
        (theta + c * (z - theta) + along * g, [z - alpha * g])
    }
}
