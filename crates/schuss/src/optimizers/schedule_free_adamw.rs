//! Schedule-Free AdamW: no schedule, but an average of weights that is evaluated.

use super::{Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
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
                  Keras 3.15.1 on its PyTorch backend walks elsewhere from the second step on: at a rate of 0.1 with \
                  gradients t (0.1, 0.2, −0.3) from 1, 2, 3 it has 0.69923 after 4 steps where this form has 0.67818. \
                  Here x is what is evaluated and saved, without being asked for.",
    },
    settings: &[
        learning_rate(0.0025),
        fraction("beta_1", 0.9, "the share β₁ of the average x in θ"),
        fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
        epsilon(1e-8, "ε, added to the root"),
        Setting {
            name: "warmup_steps",
            default: Default::Int(0),
            allowed: Allowed::Int(0, i64::MAX),
            doc: "updates over which the rate grows to its value",
        },
    ],
    make: |settings| {
        let [beta_1, beta_2, epsilon] = ["beta_1", "beta_2", "epsilon"].map(|name| settings.f64(name));
        let warmup = settings.usize("warmup_steps") as f64;
        if beta_1 == 0.0 {
            let message = "`beta_1` is 0; it is above 0, as θ would not tell x any more";
            return Err(crate::error::Error::value("value-not-allowed", message));
        }
        Optimizer::new("schedule_free_adamw", settings, ScheduleFree { beta_1, beta_2, epsilon, warmup })
    },
}];

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
        let (share, beta_1) = (g.constant(1.0 - self.beta_1)?, g.constant(self.beta_1)?);
        let part = g.multiply(states[0], share)?;
        let rest = g.subtract(theta, part)?;
        g.divide(rest, beta_1).map(Some)
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
