//! Stochastic gradient descent, with or without momentum. The presets `gradient_descent`, `momentum` and `nag` are
//! this rule.

use super::{L2, Now, Optimizer, Rule, Slot, Update, fraction, learning_rate, switch};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Default, Entry, Page, Setting, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "sgd",
        page: Page {
            summary: "against the gradient, with momentum if asked for",
            equation: "θ ← θ − α g\n\
                   with momentum: v ← μ v − α g; θ ← θ + v\n\
                   with nesterov: v ← μ v − α g; θ ← θ + μ v − α g",
            source: "Robbins and Monro 1951, https://doi.org/10.1214/aoms/1177729586; momentum: Polyak 1964, \
                 https://doi.org/10.1016/0041-5553(64)90137-5; nesterov: Bengio, Boulanger-Lewandowski and Pascanu \
                 2013, section 3.5, arXiv 1212.0901",
            differs: "Keras' form: α is inside v, so a change of the rate acts on new gradients only. PyTorch has α outside \
                  and a default rate of 0.001; both walk the same way at a constant rate. nesterov without momentum is \
                  an error as in PyTorch; Keras runs plain descent without a word.",
        },
        settings: &settings(0.0, false),
        make: |settings| make("sgd", settings),
    },
    Entry {
        name: "sgd:torch",
        page: Page {
            summary: "descent as PyTorch has it: the rate acts on the whole momentum",
            equation: "θ ← θ − α g\n\
                   with momentum: b ← μ b + (1 − d) g (at first b ← g); θ ← θ − α b\n\
                   with nesterov: θ ← θ − α (g + μ b)",
            source: "PyTorch 2.15, torch.optim.SGD; nesterov: Sutskever, Martens, Dahl and Hinton 2013",
            differs: "α is outside b, so that a change of the rate acts on all of the momentum; in Keras it acts on new \
                  gradients only. At a constant rate and without dampening d both walk the same way. The default rate \
                  is 0.001; weight_decay is added to the gradient (l2).",
        },
        settings: &[
            learning_rate(0.001),
            fraction("momentum", 0.0, "the share μ of the old b that stays; 0 for none"),
            fraction("dampening", 0.0, "the share d of the gradient that b is not given"),
            switch("nesterov", "look ahead: take the gradient where the momentum leads"),
            L2,
        ],
        make: |settings| {
            let rule = Torch {
                name: "sgd:torch",
                momentum: settings.f64("momentum"),
                dampening: settings.f64("dampening"),
                nesterov: settings.bool("nesterov"),
            };
            if rule.nesterov && (rule.momentum == 0.0 || rule.dampening != 0.0) {
                let message = "`nesterov` needs a `momentum` above 0 and a `dampening` of 0";
                return Err(Error::value("nesterov-without-momentum", message));
            }
            Optimizer::new("sgd:torch", settings, rule)
        },
    },
    Entry {
        name: "sgd:optax",
        page: Page {
            summary: "descent as Optax has it: the rate acts on the whole momentum",
            equation: "θ ← θ − α g\n\
                   with momentum: b ← μ b + g; θ ← θ − α b\n\
                   with nesterov: θ ← θ − α (g + μ b)",
            source: "Optax 0.2.8, optax.sgd",
            differs: "As sgd:torch without dampening; weight_decay shrinks θ. Optax has no default rate; 0.01 here. \
                  nesterov without momentum is an error here and plain descent there.",
        },
        settings: &settings(0.0, false),
        make: |settings| {
            let (momentum, nesterov) = (settings.f64("momentum"), settings.bool("nesterov"));
            check(momentum, nesterov)?;
            Optimizer::new("sgd:optax", settings, Torch { name: "sgd:optax", momentum, dampening: 0.0, nesterov })
        },
    },
];

#[derive(Debug)]
struct Torch {
    name: &'static str,
    momentum: f64,
    dampening: f64,
    nesterov: bool,
}

impl Rule for Torch {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        if self.momentum == 0.0 { vec![] } else { vec![Slot::zero("b").compact()] }
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(match (self.momentum == 0.0, self.nesterov) {
            (true, _) => Sweep::of::<Plain>(),
            (false, false) => Sweep::of::<Outside>(),
            (false, true) => Sweep::of::<OutsideNesterov>(),
        })
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let share = if now.t == 1 { 1.0 } else { 1.0 - self.dampening };
        let all = [now.learning_rate, now.momentum.unwrap_or(self.momentum), share];
        out.copy_from_slice(&all[..out.len()]);
    }
}

struct Outside;

impl Elementwise for Outside {
    type At<L: Lane> = [L; 3];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([alpha, mu, share]: [L; 3], theta: L, g: L, [b]: [L; 1]) -> (L, [L; 1]) {
        let b = mu * b + share * g;
        (theta - alpha * b, [b])
    }
}

struct OutsideNesterov;

impl Elementwise for OutsideNesterov {
    type At<L: Lane> = [L; 3];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([alpha, mu, share]: [L; 3], theta: L, g: L, [b]: [L; 1]) -> (L, [L; 1]) {
        let b = mu * b + share * g;
        (theta - alpha * (g + mu * b), [b])
    }
}

pub(super) const fn settings(momentum: f64, nesterov: bool) -> [Setting; 3] {
    let doc = "look ahead: take the gradient where the momentum leads";
    let nesterov = Setting { name: "nesterov", default: Default::Bool(nesterov), allowed: Allowed::Bool, doc };
    [
        learning_rate(0.01),
        fraction("momentum", momentum, "the share μ of the last move that goes on; 0 for none"),
        nesterov,
    ]
}

pub(super) fn make(name: &'static str, settings: &Settings) -> Result<Optimizer> {
    let rule = Sgd { momentum: settings.f64("momentum"), nesterov: settings.bool("nesterov") };
    check(rule.momentum, rule.nesterov)?;
    Optimizer::new(name, settings, rule)
}

fn check(momentum: f64, nesterov: bool) -> Result<()> {
    if nesterov && momentum == 0.0 {
        let message = "`nesterov` is true with a `momentum` of 0; allowed is a momentum above 0, or nesterov = false";
        return Err(Error::value("nesterov-without-momentum", message));
    }
    Ok(())
}

#[derive(Debug)]
struct Sgd {
    momentum: f64,
    nesterov: bool,
}

impl Rule for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        if self.momentum == 0.0 { vec![] } else { vec![Slot::zero("v").compact()] }
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(match (self.momentum == 0.0, self.nesterov) {
            (true, _) => Sweep::of::<Plain>(),
            (false, false) => Sweep::of::<Momentum>(),
            (false, true) => Sweep::of::<Nesterov>(),
        })
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        out.copy_from_slice(&[now.learning_rate, now.momentum.unwrap_or(self.momentum)]);
    }
}

struct Plain;

impl Elementwise for Plain {
    type At<L: Lane> = [L; 2];
    type State<L: Lane> = [L; 0];
    #[inline(always)]
    fn step<L: Lane>([alpha, _]: [L; 2], theta: L, g: L, []: [L; 0]) -> (L, [L; 0]) {
        (theta - alpha * g, [])
    }
}

struct Momentum;

impl Elementwise for Momentum {
    type At<L: Lane> = [L; 2];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([alpha, mu]: [L; 2], theta: L, g: L, [v]: [L; 1]) -> (L, [L; 1]) {
        let v = mu * v - alpha * g;
        (theta + v, [v])
    }
}

struct Nesterov;

impl Elementwise for Nesterov {
    type At<L: Lane> = [L; 2];
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>([alpha, mu]: [L; 2], theta: L, g: L, [v]: [L; 1]) -> (L, [L; 1]) {
        let v = mu * v - alpha * g;
        (theta + mu * v - alpha * g, [v])
    }
}
