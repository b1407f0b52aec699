//! Schedule-Free AdamW: no schedule, but an average of weights that is evaluated.

use super::{Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, not_negative};
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Entry, Page, Setting, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "schedule_free_adamw",
        page: Page {
            summary: "Adam without a schedule: gradients are taken between the fast weights and their average",
            equation: "v ← β₂ v + (1 − β₂) g²\n\
                       z ← z − α min(t / warmup_steps, 1) g / (√(v / (1 − β₂ᵗ)) + ε)\n\
                       x ← (1 − 1/t) x + z / t\n\
                       θ ← (1 − β₁) z + β₁ x",
            source: "Defazio et al. 2024, The road less scheduled, arXiv 2405.15682",
            differs: "Keras' form, as its JAX backend runs it: every step has the same share in x, where the authors' \
                      package weighs steps by the square of their rate; weight_decay shrinks θ, where the authors shrink z. \
                      Keras 3.15.1 on its PyTorch and TensorFlow backends walks elsewhere from the second step on: at a \
                      rate of 0.1 with gradients t (0.1, 0.2, −0.3) from 1, 2, 3 it has 0.69923 after 4 steps where JAX and \
                      this form have 0.67818. \
                      Here x is what is evaluated and saved, without being asked for.",
        },
        settings: &[
            learning_rate(0.0025),
            fraction("beta_1", 0.9, "the share β₁ of the average x in θ"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
            epsilon(1e-8, "ε, added to the root"),
            WARMUP,
        ],
        make: |settings| {
            let [beta_2, epsilon] = ["beta_2", "epsilon"].map(|name| settings.f64(name));
            let (beta_1, warmup) = (momentum_above_0(settings, "beta_1")?, settings.usize("warmup_steps") as f64);
            Optimizer::new("schedule_free_adamw", settings, ScheduleFree { beta_1, beta_2, epsilon, warmup })
        },
    },
    Entry {
        name: "schedule_free_adamw:paper",
        page: Page {
            summary: "Schedule-Free AdamW as its authors have it: steps weigh as the square of their rate",
            equation: "α_t = α min(t / warmup_steps, 1), w = t^r (max α_t)^p, c = w / Σw\n\
                       v ← β₂ v + (1 − β₂) g²\n\
                       u = g / (√(v / (1 − β₂ᵗ)) + ε) + λ θ\n\
                       z ← z − α_t u\n\
                       x ← (1 − c) x + c z\n\
                       θ ← (1 − β₁) z + β₁ x",
            source: "Defazio et al. 2024, The road less scheduled, arXiv 2405.15682; the authors' package schedulefree \
                     1.4.1, AdamWScheduleFree",
            differs: "Keras gives every step the same share in x, and decays θ alone. A warm-up by warmup_steps and one by \
                      a schedule walk alike. x is what is evaluated and saved, without being asked for.",
        },
        settings: &[
            learning_rate(0.0025),
            fraction("beta_1", 0.9, "the share β₁ of the average x in θ"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
            epsilon(1e-8, "ε, added to the root"),
            WARMUP,
            R,
            WEIGHT_POWER,
        ],
        make: |settings| {
            let [beta_2, epsilon] = ["beta_2", "epsilon"].map(|name| settings.f64(name));
            let beta_1 = momentum_above_0(settings, "beta_1")?;
            let rule = Authors { beta_1, beta_2, epsilon, weights: Weights::new(settings) };
            Optimizer::new("schedule_free_adamw:paper", settings, rule)
        },
    },
];

pub(super) const WARMUP: Setting = Setting {
    name: "warmup_steps",
    default: Default::Int(0),
    allowed: Allowed::Int(0, i64::MAX),
    doc: "updates over which the rate grows to its value",
};
pub(super) const R: Setting = not_negative("r", 0.0, "r: later steps weigh more in x, as t to this power");
pub(super) const WEIGHT_POWER: Setting =
    not_negative("weight_lr_power", 2.0, "p: steps weigh in x as the greatest rate so far to this power");

/// A β₁ that x can be told from θ with.
pub(super) fn momentum_above_0(settings: &Settings, name: &str) -> Result<f64> {
    match settings.f64(name) {
        0.0 => {
            let message = format!("`{name}` is 0, and θ would not tell x any more; allowed is a number above 0");
            Err(Error::value("value-not-allowed", message))
        }
        beta => Ok(beta),
    }
}

/// x, from θ = (1 − β) z + β x.
pub(super) fn average_of(g: &mut Graph, theta: Value, z: Value, beta: f64) -> Result<Value> {
    let (share, beta) = (g.constant(1.0 - beta)?, g.constant(beta)?);
    let part = g.multiply(z, share)?;
    let rest = g.subtract(theta, part)?;
    g.divide(rest, beta)
}

/// The authors' weights of steps.
#[derive(Debug)]
pub(super) struct Weights {
    warmup: f64,
    r: f64,
    power: f64,
}

impl Weights {
    /// The greatest rate and the sum of weights.
    pub(super) const MEMORY: [f64; 2] = [0.0, 0.0];

    pub(super) fn new(settings: &Settings) -> Self {
        let (r, power) = (settings.f64("r"), settings.f64("weight_lr_power"));
        Weights { warmup: settings.usize("warmup_steps") as f64, r, power }
    }
    /// The rate, and the share of the new z in x.
    pub(super) fn next(&self, now: Now, memory: &mut [f64]) -> (f64, f64) {
        let t = now.t as f64;
        let alpha = now.learning_rate * (t / self.warmup.max(1.0)).min(1.0);
        memory[0] = memory[0].max(alpha);
        let weight = t.powf(self.r) * memory[0].powf(self.power);
        memory[1] += weight;
        (alpha, if memory[1] > 0.0 { weight / memory[1] } else { 0.0 })
    }
}

#[derive(Debug)]
struct ScheduleFree {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    warmup: f64,
}

impl Rule for ScheduleFree {
    fn name(&self) -> &'static str {
        "schedule_free_adamw"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::parameter("z"), Slot::zero("v")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    /// A schedule's momentum does not act: x follows from θ and z by one β₁.
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let t = now.t as f64;
        let alpha = now.learning_rate * (t / self.warmup.max(1.0)).min(1.0);
        let over_root = (1.0 - self.beta_2.powf(t)).sqrt().recip();
        let kept = 1.0 - 1.0 / t;
        out.copy_from_slice(&[
            alpha,
            1.0 - self.beta_2,
            over_root,
            self.epsilon,
            // θ = (1 − β₁) z' + β₁ ((1 − 1/t) (θ₀ − (1 − β₁) z) / β₁ + z' / t), gathered by θ₀, z and z'.
            kept,
            kept * (1.0 - self.beta_1),
            (1.0 - self.beta_1) + self.beta_1 / t,
        ]);
    }
    fn evaluated(&self, g: &mut Graph, theta: Value, states: &[Value]) -> Result<Option<Value>> {
        average_of(g, theta, states[0], self.beta_1).map(Some)
    }
}

impl Elementwise for ScheduleFree {
    /// α, 1 − β₂, 1 / √(1 − β₂ᵗ), ε, and the shares of the old θ, the old z (taken away) and the new z.
    type At<L: Lane> = [L; 7];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 7], theta: L, g: L, [z, v]: [L; 2]) -> (L, [L; 2]) {
        let [alpha, one_minus_beta_2, over_root, epsilon, of_theta, of_z, of_new] = at;
        let v = average(v, g.square(), one_minus_beta_2);
        let new = z - alpha * g / (over_root * v.sqrt() + epsilon);
        (of_theta * theta - of_z * z + of_new * new, [new, v])
    }
}

#[derive(Debug)]
struct Authors {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    weights: Weights,
}

impl Rule for Authors {
    fn name(&self) -> &'static str {
        "schedule_free_adamw:paper"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::parameter("z"), Slot::zero("v")]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    fn memory(&self) -> Vec<f64> {
        Weights::MEMORY.to_vec()
    }
    /// λ θ is a part of what moves z too.
    fn shrinks(&self) -> bool {
        true
    }
    /// A schedule's momentum does not act: x follows from θ and z by one β₁.
    fn numbers(&self, now: Now, memory: &mut [f64], out: &mut [f64]) {
        let (alpha, c) = self.weights.next(now, memory);
        let over_root = (1.0 - self.beta_2.powf(now.t as f64)).sqrt().recip();
        let along = alpha * (self.beta_1 * (1.0 - c) - 1.0);
        out.copy_from_slice(&[alpha, c, along, 1.0 - self.beta_2, over_root, self.epsilon, now.weight_decay]);
    }
    fn evaluated(&self, g: &mut Graph, theta: Value, states: &[Value]) -> Result<Option<Value>> {
        average_of(g, theta, states[0], self.beta_1).map(Some)
    }
}

impl Elementwise for Authors {
    /// α_t, c, what θ moves by along u, 1 − β₂, 1 / √(1 − β₂ᵗ), ε, λ.
    type At<L: Lane> = [L; 7];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 7], theta: L, g: L, [z, v]: [L; 2]) -> (L, [L; 2]) {
        let [alpha, c, along, one_minus_beta_2, over_root, epsilon, lambda] = at;
        let v = average(v, g.square(), one_minus_beta_2);
        let u = g / (over_root * v.sqrt() + epsilon) + lambda * theta;
        (theta + c * (z - theta) + along * u, [z - alpha * u, v])
    }
}
