//! Nadam: Adam with Nesterov's look-ahead.

use super::{
    L2, Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, not_negative, weight_decay,
};
use crate::error::Result;
use crate::registry::{Entry, Page, Setting, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "nadam",
        page: Page {
            summary: "Adam with Nesterov's look-ahead and a momentum that grows to β₁",
            equation: "μ_t = β₁ (1 − ½ · 0.96ᵗ), Π_t = μ₁ μ₂ … μ_t\n\
                   m ← β₁ m + (1 − β₁) g\n\
                   v ← β₂ v + (1 − β₂) g²\n\
                   m̂ = μ_t₊₁ m / (1 − Π_t₊₁) + (1 − μ_t) g / (1 − Π_t)\n\
                   θ ← θ − α m̂ / (√(v / (1 − β₂ᵗ)) + ε)",
            source: "Dozat 2016, Incorporating Nesterov momentum into Adam, ICLR workshop, \
                 https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
            differs: "Keras' form: the average m has the share β₁ at every step where the paper has μ_t. PyTorch's schedule \
                  is 250 times slower (0.96 to the power 0.004 t), its rate 0.002, its ε 1e-8.",
        },
        settings: &[
            learning_rate(0.001),
            fraction("beta_1", 0.9, "the share β₁ of the old average of gradients, and what μ_t grows to"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
            epsilon(1e-7, "ε, added to the root"),
        ],
        make: |settings| make("nadam", settings, Form::Keras(1.0)),
    },
    Entry {
        name: "nadam:torch",
        page: Page {
            summary: "Nadam as PyTorch has it: a momentum that grows more slowly",
            equation: "as nadam, with μ_t = β₁ (1 − ½ · 0.96^(ψ t))",
            source: "PyTorch 2.15, torch.optim.NAdam; Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
            differs: "ψ = 0.004 where Keras has 1, α = 0.002, ε = 1e-8. weight_decay is added to the gradient (l2). PyTorch \
                  keeps the product Π of momenta in 32 bits, which shows in the eighth digit; here it has 64.",
        },
        settings: &[
            learning_rate(0.002),
            fraction("beta_1", 0.9, "the share β₁ of the old average of gradients, and what μ_t grows to"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
            epsilon(1e-8, "ε, added to the root"),
            not_negative("momentum_decay", 0.004, "ψ: how fast the momentum grows"),
            L2,
        ],
        make: |settings| make("nadam:torch", settings, Form::Keras(settings.f64("momentum_decay"))),
    },
    Entry {
        name: "nadam:optax",
        page: Page {
            summary: "Nadam as Optax has it: Adam's averages, one step ahead, without a schedule of the momentum",
            equation: "m̂ = β₁ m / (1 − β₁ᵗ⁺¹) + (1 − β₁) g / (1 − β₁ᵗ)\n\
                   θ ← θ − α m̂ / (√(v / (1 − β₂ᵗ)) + ε), m and v as nadam",
            source: "Optax 0.2.8, optax.nadam; Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
            differs: "β₁ where Keras and PyTorch have the growing μ_t. Optax has no default rate; 0.001 here.",
        },
        settings: &OPTAX,
        make: |settings| make("nadam:optax", settings, Form::Optax),
    },
    Entry {
        name: "nadamw:optax",
        page: Page {
            summary: "Nadam with weights that shrink, as Optax has it",
            equation: "θ ← θ − α λ θ, then as nadam:optax",
            source: "Optax 0.2.8, optax.nadamw; Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
            differs: "λ = 0.0001. Optax has no default rate; 0.001 here.",
        },
        settings: &{
            let [rate, beta_1, beta_2, epsilon] = OPTAX;
            [rate, beta_1, beta_2, epsilon, weight_decay(1e-4)]
        },
        make: |settings| make("nadamw:optax", settings, Form::Optax),
    },
    Entry {
        name: "nadam:paper",
        page: Page {
            summary: "Nadam as its paper has it: the scheduled momentum is that of the average too",
            equation: "μ_t = β₁ (1 − ½ · 0.96^(ψ t)), Π_t = μ₁ μ₂ … μ_t\n\
                   m ← μ_t m + (1 − μ_t) g\n\
                   v ← β₂ v + (1 − β₂) g²\n\
                   m̂ = μ_t₊₁ m / (1 − Π_t₊₁) + (1 − μ_t) g / (1 − Π_t)\n\
                   θ ← θ − α m̂ / (√(β₂ v / (1 − β₂ᵗ)) + ε)",
            source: "Dozat 2016, algorithm 2, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
            differs: "Keras and PyTorch keep m with β₁ alone, and have no β₂ before v in the root. Constants as \
                  nadam:torch, ψ = 1/250.",
        },
        settings: &[
            learning_rate(0.002),
            fraction("beta_1", 0.9, "what the share μ_t of the old average of gradients grows to"),
            fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
            epsilon(1e-8, "ε, added to the root"),
            not_negative("momentum_decay", 0.004, "ψ: how fast the momentum grows"),
        ],
        make: |settings| make("nadam:paper", settings, Form::Paper(settings.f64("momentum_decay"))),
    },
];

const OPTAX: [Setting; 4] = [
    learning_rate(0.001),
    fraction("beta_1", 0.9, "the share β₁ of the old average of gradients"),
    fraction("beta_2", 0.999, "the share β₂ of the old average of squares"),
    epsilon(1e-8, "ε, added to the root"),
];

/// How the momentum goes on; with ψ.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A schedule beside the average's β₁.
    Keras(f64),
    /// A schedule that is the average's share too.
    Paper(f64),
    /// No schedule.
    Optax,
}

fn make(name: &'static str, settings: &Settings, form: Form) -> Result<Optimizer> {
    let [beta_1, beta_2, epsilon] = ["beta_1", "beta_2", "epsilon"].map(|name| settings.f64(name));
    Optimizer::new(name, settings, Nadam { name, form, beta_1, beta_2, epsilon })
}

#[derive(Debug)]
struct Nadam {
    name: &'static str,
    form: Form,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Rule for Nadam {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        vec![Slot::zero("m").compact(), Slot::zero("v").compact_positive()]
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(Sweep::of::<Self>())
    }
    /// Π₀.
    fn memory(&self) -> Vec<f64> {
        vec![1.0]
    }
    fn numbers(&self, now: Now, memory: &mut [f64], out: &mut [f64]) {
        let (t, alpha) = (now.t, now.learning_rate);
        let beta_1 = now.momentum.unwrap_or(self.beta_1);
        let mu = |t: u64| match self.form {
            Form::Keras(psi) | Form::Paper(psi) => beta_1 * (1.0 - 0.5 * 0.96_f64.powf(t as f64 * psi)),
            Form::Optax => beta_1,
        };
        memory[0] *= mu(t);
        let (product, next_product) = (memory[0], memory[0] * mu(t + 1));
        out.copy_from_slice(&[
            alpha * mu(t + 1) / (1.0 - next_product),
            alpha * (1.0 - mu(t)) / (1.0 - product),
            if let Form::Paper(_) = self.form { 1.0 - mu(t) } else { 1.0 - beta_1 },
            1.0 - self.beta_2,
            if let Form::Paper(_) = self.form { self.beta_2.sqrt() } else { 1.0 }
                / (1.0 - self.beta_2.powf(t as f64)).sqrt(),
            self.epsilon,
        ]);
    }
}

impl Elementwise for Nadam {
    /// The factors of m and of g in α m̂, 1 − β₁, 1 − β₂, 1 / √(1 − β₂ᵗ), ε.
    type At<L: Lane> = [L; 6];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: [L; 6], theta: L, g: L, [m, v]: [L; 2]) -> (L, [L; 2]) {
        let [of_m, of_g, one_minus_beta_1, one_minus_beta_2, correction, epsilon] = at;
        let m = average(m, g, one_minus_beta_1);
        let v = average(v, g.square(), one_minus_beta_2);
        (theta - (of_m * m + of_g * g) / (correction * v.sqrt() + epsilon), [m, v])
    }
}
