//! Adam, and its form AMSGrad.

use super::{L2, Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, switch};
use crate::error::Result;
use crate::registry::{Entry, Page, Setting, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "adam",
        page: Page {
            summary: "a moving average of the gradient over the root of one of its square, both corrected for their start",
            equation: "m ← β₁ m + (1 − β₁) g\n\
                   v ← β₂ v + (1 − β₂) g²\n\
                   θ ← θ − α √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)\n\
                   amsgrad: v̂ ← max(v̂, v), and v̂ in the place of v in the last line",
            source: "Kingma and Ba 2015, end of section 2, arXiv 1412.6980; amsgrad: Reddi, Kale and Kumar 2018, \
                 arXiv 1904.09237",
            differs: "Keras' form, where ε is added to the uncorrected √v (the paper's ε̂) and the maximum is of the \
                  uncorrected v. The paper's algorithm 1 and PyTorch add ε = 1e-8 to the corrected √v.",
        },
        settings: &[
            learning_rate(0.001),
            BETA_1,
            BETA_2,
            epsilon(1e-7, "ε, added to the uncorrected root"),
            switch("amsgrad", "divide by the greatest average of squares so far"),
        ],
        make: |settings| make("adam", settings, false),
    },
    Entry {
        name: "adam:torch",
        page: Page {
            summary: "Adam as PyTorch has it: ε is added to the corrected root",
            equation: CORRECTED,
            source: "PyTorch 2.15, torch.optim.Adam; Kingma and Ba 2015, algorithm 1, arXiv 1412.6980",
            differs: "ε = 1e-8 beside √(v / (1 − β₂ᵗ)), where Keras has 1e-7 beside √v: the same in the long run, and other \
                  steps at the start and for gradients near ε. weight_decay is added to the gradient (l2).",
        },
        settings: &[
            learning_rate(0.001),
            BETA_1,
            BETA_2,
            epsilon(1e-8, "ε, added to the corrected root"),
            switch("amsgrad", "divide by the greatest average of squares so far"),
            L2,
        ],
        make: |settings| make("adam:torch", settings, true),
    },
    Entry {
        name: "adam:optax",
        page: Page {
            summary: "Adam as Optax and the paper's algorithm 1 have it",
            equation: "as adam:torch; amsgrad: v̂ ← max(v̂, v / (1 − β₂ᵗ)), and √v̂ + ε in the last line",
            source: "Optax 0.2.8, optax.adam; Kingma and Ba 2015, algorithm 1, arXiv 1412.6980",
            differs: "ε = 1e-8 beside √(v / (1 − β₂ᵗ)). Optax has no default rate; 0.001 here. Its amsgrad, a rule of its \
                  own there, takes the maximum of corrected averages, where Keras and PyTorch correct the maximum.",
        },
        settings: &[
            learning_rate(0.001),
            BETA_1,
            BETA_2,
            epsilon(1e-8, "ε, added to the corrected root"),
            switch("amsgrad", "divide by the greatest corrected average of squares so far"),
        ],
        make: |settings| make("adam:optax", settings, true),
    },
];

const BETA_1: Setting = fraction("beta_1", 0.9, "the share β₁ of the old average of gradients");
const BETA_2: Setting = fraction("beta_2", 0.999, "the share β₂ of the old average of squares");

/// Algorithm 1.
const CORRECTED: &str = "m ← β₁ m + (1 − β₁) g\n\
                         v ← β₂ v + (1 − β₂) g²\n\
                         θ ← θ − α / (1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ)) + ε)";

/// An Adam under a name; `corrected`: ε is added to the corrected root.
pub(super) fn make(name: &'static str, settings: &Settings, corrected: bool) -> Result<Optimizer> {
    let rule = Adam {
        name,
        corrected,
        beta_1: settings.f64("beta_1"),
        beta_2: settings.f64("beta_2"),
        epsilon: settings.f64("epsilon"),
        amsgrad: settings.get("amsgrad").is_some_and(|_| settings.bool("amsgrad")),
    };
    Optimizer::new(name, settings, rule)
}

#[derive(Debug)]
struct Adam {
    name: &'static str,
    corrected: bool,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    amsgrad: bool,
}

impl Rule for Adam {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        let names: &[_] = if self.amsgrad { &["m", "v", "v_hat"] } else { &["m", "v"] };
        let slot = |(i, &name)| if i == 0 { Slot::zero(name).compact() } else { Slot::zero(name).compact_positive() };
        names.iter().enumerate().map(slot).collect()
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(match (self.amsgrad, self.name) {
            (false, _) => Sweep::of::<Self>(),
            (true, "adam:optax") => Sweep::of::<CorrectedAmsgrad>(),
            (true, _) => Sweep::of::<Amsgrad>(),
        })
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let (beta_1, t) = (now.momentum.unwrap_or(self.beta_1), now.t as f64);
        let (left, root) = (1.0 - beta_1.powf(t), (1.0 - self.beta_2.powf(t)).sqrt());
        // ε beside the uncorrected root, and the corrections together; or each where it stands in algorithm 1.
        let (alpha_t, over_root) = if self.corrected { (1.0 / left, 1.0 / root) } else { (root / left, 1.0) };
        let alpha_t = now.learning_rate * alpha_t;
        out.copy_from_slice(&[alpha_t, 1.0 - beta_1, 1.0 - self.beta_2, self.epsilon, over_root]);
    }
}

/// α_t, 1 − β₁, 1 − β₂, ε, what the root of v is multiplied with.
type At<L> = [L; 5];

/// The new m and v.
#[inline(always)]
fn averages<L: Lane>([_, one_minus_beta_1, one_minus_beta_2, ..]: At<L>, g: L, m: L, v: L) -> (L, L) {
    (average(m, g, one_minus_beta_1), average(v, g.square(), one_minus_beta_2))
}

impl Elementwise for Adam {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at @ [alpha_t, _, _, epsilon, over_root]: At<L>, theta: L, g: L, [m, v]: [L; 2]) -> (L, [L; 2]) {
        let (m, v) = averages(at, g, m, v);
        (theta - alpha_t * m / (over_root * v.sqrt() + epsilon), [m, v])
    }
}

struct Amsgrad;

impl Elementwise for Amsgrad {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 3];
    #[inline(always)]
    fn step<L: Lane>(
        at @ [alpha_t, _, _, epsilon, over_root]: At<L>,
        theta: L,
        g: L,
        [m, v, v_hat]: [L; 3],
    ) -> (L, [L; 3]) {
        let (m, v) = averages(at, g, m, v);
        let v_hat = v_hat.max(v);
        (theta - alpha_t * m / (over_root * v_hat.sqrt() + epsilon), [m, v, v_hat])
    }
}

/// The maximum is of what is corrected already.
struct CorrectedAmsgrad;

impl Elementwise for CorrectedAmsgrad {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 3];
    #[inline(always)]
    fn step<L: Lane>(
        at @ [alpha_t, _, _, epsilon, over_root]: At<L>,
        theta: L,
        g: L,
        [m, v, v_hat]: [L; 3],
    ) -> (L, [L; 3]) {
        let (m, v) = averages(at, g, m, v);
        let v_hat = v_hat.max(over_root.square() * v);
        (theta - alpha_t * m / (v_hat.sqrt() + epsilon), [m, v, v_hat])
    }
}
