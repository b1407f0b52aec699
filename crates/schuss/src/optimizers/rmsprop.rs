//! RMSprop, plain or centered, with or without momentum.

use super::{L2, Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, not_negative, switch};
use crate::error::Error;
use crate::registry::{Allowed, Default, Entry, Page, Setting, Settings};
use schuss_kernels::{Elementwise, Lane, Sweep};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "rmsprop",
        page: Page {
            summary: "the gradient over the root of a moving average of its square",
            equation: "v ← ρ v + (1 − ρ) g²\n\
                   θ ← θ − α g / √(v + ε)\n\
                   centered: a ← ρ a + (1 − ρ) g; v − a² in the place of v under the root\n\
                   with momentum: m ← μ m + α g / √(v + ε); θ ← θ − m",
            source: "Tieleman and Hinton 2012, Neural networks for machine learning, lecture 6.5; centered: Graves 2013, \
                 section 4.2, arXiv 1308.0850",
            differs: "Keras' form: ε inside the root, α inside m. PyTorch has ε = 1e-8 outside the root, α outside m, a rate \
                  of 0.01 and ρ (its alpha) = 0.99; with a rate of 0.1 the two end elsewhere after five steps. Rounding \
                  can make v − a² negative, which gives NaN in Keras and PyTorch and counts as 0 here.",
        },
        settings: &[
            learning_rate(0.001),
            fraction("rho", 0.9, "the share ρ of the old average"),
            fraction("momentum", 0.0, "the share μ of the last move that goes on; 0 for none"),
            epsilon(1e-7, "ε, added to the average inside the root"),
            switch("centered", "divide by the gradient's spread about its own moving average"),
        ],
        make: |settings| Optimizer::new("rmsprop", settings, Rmsprop::new("rmsprop", settings)),
    },
    Entry {
        name: "rmsprop:paper",
        page: Page {
            summary: "RMSprop as it was first published: centered, with momentum",
            equation: "as rmsprop centered with momentum, α = 0.0001, ρ = 0.95, μ = 0.9, ε = 0.0001",
            source: "Graves 2013, equations 38 to 41, arXiv 1308.0850",
            differs: "Keras' arithmetic with the paper's constants. Hinton's lecture, which it goes back to, has ρ = 0.9 \
                  and no ε, momentum or centre.",
        },
        settings: &[
            learning_rate(1e-4),
            fraction("rho", 0.95, "the share ρ of the old averages"),
            fraction("momentum", 0.9, "the share μ of the last move that goes on; 0 for none"),
            epsilon(1e-4, "ε, added to the average inside the root"),
            Setting {
                name: "centered",
                default: Default::Bool(true),
                allowed: Allowed::Bool,
                doc: "divide by the gradient's spread about its own moving average",
            },
        ],
        make: |settings| Optimizer::new("rmsprop:paper", settings, Rmsprop::new("rmsprop:paper", settings)),
    },
    Entry {
        name: "rmsprop:optax",
        page: Page {
            summary: "RMSprop as Optax has it: ε inside the root or outside, a start and a correction of the averages",
            equation: "v ← ρ v + (1 − ρ) g²\n\
                   Δ = α g / √(v + ε), or α g / (√v + ε) unless eps_in_sqrt\n\
                   θ ← θ − Δ; with momentum: m ← μ m + Δ; θ ← θ − m; with nesterov: θ ← θ − (Δ + μ m)\n\
                   centered: a ← ρ a + (1 − ρ) g; v − a² in the place of v\n\
                   bias_correction: v / (1 − ρᵗ) and a / (1 − ρᵗ) in the place of v and a",
            source: "Optax 0.2.8, optax.rmsprop; Tieleman and Hinton 2012, lecture 6.5",
            differs: "At the defaults Keras' form with ε = 1e-8 instead of 1e-7. Optax has no default rate; 0.001 here. \
                  Rounding can make v − a² negative, which counts as 0 here.",
        },
        settings: &[
            learning_rate(0.001),
            fraction("rho", 0.9, "the share ρ of the old average, Optax' decay"),
            fraction("momentum", 0.0, "the share μ of the last move that goes on; 0 for none"),
            epsilon(1e-8, "ε, added inside the root or to it"),
            not_negative("initial_scale", 0.0, "what v starts from"),
            Setting {
                name: "eps_in_sqrt",
                default: Default::Bool(true),
                allowed: Allowed::Bool,
                doc: "add ε inside the root",
            },
            switch("centered", "divide by the gradient's spread about its own moving average"),
            switch("nesterov", "look ahead: take the gradient where the momentum leads"),
            switch("bias_correction", "correct the start of the averages"),
        ],
        make: |settings| {
            let plain = Rmsprop::new("rmsprop:optax", settings);
            let [inside, nesterov, correct] =
                ["eps_in_sqrt", "nesterov", "bias_correction"].map(|name| settings.bool(name));
            if nesterov && plain.momentum == 0.0 {
                let message =
                    "`nesterov` is true with a `momentum` of 0; allowed is a momentum above 0, or nesterov = false";
                return Err(Error::value("nesterov-without-momentum", message));
            }
            let rule = Optax { plain, initial: settings.f64("initial_scale"), inside, nesterov, correct };
            Optimizer::new("rmsprop:optax", settings, rule)
        },
    },
    Entry {
        name: "rmsprop:torch",
        page: Page {
            summary: "RMSprop as PyTorch has it: ε outside the root, the rate outside the momentum",
            equation: "v ← ρ v + (1 − ρ) g²\n\
                   θ ← θ − α g / (√v + ε)\n\
                   centered: a ← ρ a + (1 − ρ) g; v − a² in the place of v under the root\n\
                   with momentum: b ← μ b + g / (√v + ε); θ ← θ − α b",
            source: "PyTorch 2.15, torch.optim.RMSprop; Tieleman and Hinton 2012, lecture 6.5",
            differs: "ρ (PyTorch's alpha) = 0.99, α = 0.01 and ε = 1e-8 outside the root, where Keras has 0.9, 0.001 and 1e-7 \
                  inside. weight_decay is added to the gradient (l2). Rounding can make v − a² negative, which counts as \
                  0 here.",
        },
        settings: &[
            learning_rate(0.01),
            fraction("rho", 0.99, "the share ρ of the old average, PyTorch's alpha"),
            fraction("momentum", 0.0, "the share μ of the old b that stays; 0 for none"),
            epsilon(1e-8, "ε, added to the root"),
            switch("centered", "divide by the gradient's spread about its own moving average"),
            L2,
        ],
        make: |settings| Optimizer::new("rmsprop:torch", settings, Torch(Rmsprop::new("rmsprop:torch", settings))),
    },
];

impl Rmsprop {
    fn new(name: &'static str, settings: &Settings) -> Self {
        Rmsprop {
            name,
            rho: settings.f64("rho"),
            momentum: settings.f64("momentum"),
            epsilon: settings.f64("epsilon"),
            centered: settings.bool("centered"),
        }
    }
}

#[derive(Debug)]
struct Rmsprop {
    name: &'static str,
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
}

impl Rule for Rmsprop {
    fn name(&self) -> &'static str {
        self.name
    }
    fn caution(&self, learning_rate: f64) -> Option<String> {
        (learning_rate >= 0.05 && self.name == "rmsprop").then(|| {
            format!(
                "rmsprop at a rate of {learning_rate:?} takes other steps in PyTorch (ρ = 0.99, ε outside the root); \
                 its form is rmsprop:torch"
            )
        })
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        let kept = [("v", true), ("a", self.centered), ("m", self.momentum > 0.0)];
        let slot = |name| if name == "v" { Slot::zero(name).compact_positive() } else { Slot::zero(name).compact() };
        kept.iter().filter(|slot| slot.1).map(|&(name, _)| slot(name)).collect()
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(match (self.centered, self.momentum > 0.0) {
            (false, false) => Sweep::of::<Plain>(),
            (false, true) => Sweep::of::<Momentum>(),
            (true, false) => Sweep::of::<Centered>(),
            (true, true) => Sweep::of::<CenteredMomentum>(),
        })
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        out.copy_from_slice(&[now.learning_rate, 1.0 - self.rho, now.momentum.unwrap_or(self.momentum), self.epsilon]);
    }
}

/// α, 1 − ρ, μ, ε.
type At<L> = [L; 4];

/// α g / √(v + ε), and the new v.
#[inline(always)]
fn plain<L: Lane>([alpha, one_minus_rho, _, epsilon]: At<L>, g: L, v: L) -> (L, L) {
    let v = average(v, g.square(), one_minus_rho);
    (alpha * g / (v + epsilon).sqrt(), v)
}

/// α g / √(v − a² + ε), and the new v and a.
#[inline(always)]
fn centered<L: Lane>([alpha, one_minus_rho, _, epsilon]: At<L>, g: L, v: L, a: L) -> (L, L, L) {
    let v = average(v, g.square(), one_minus_rho);
    let a = average(a, g, one_minus_rho);
    (alpha * g / ((v - a.square()).max(L::splat(0.0)) + epsilon).sqrt(), v, a)
}

struct Plain;

impl Elementwise for Plain {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>(at: At<L>, theta: L, g: L, [v]: [L; 1]) -> (L, [L; 1]) {
        let (change, v) = plain(at, g, v);
        (theta - change, [v])
    }
}

struct Momentum;

impl Elementwise for Momentum {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: At<L>, theta: L, g: L, [v, m]: [L; 2]) -> (L, [L; 2]) {
        let (change, v) = plain(at, g, v);
        let m = at[2] * m + change;
        (theta - m, [v, m])
    }
}

struct Centered;

impl Elementwise for Centered {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: At<L>, theta: L, g: L, [v, a]: [L; 2]) -> (L, [L; 2]) {
        let (change, v, a) = centered(at, g, v, a);
        (theta - change, [v, a])
    }
}

struct CenteredMomentum;

impl Elementwise for CenteredMomentum {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 3];
    #[inline(always)]
    fn step<L: Lane>(at: At<L>, theta: L, g: L, [v, a, m]: [L; 3]) -> (L, [L; 3]) {
        let (change, v, a) = centered(at, g, v, a);
        let m = at[2] * m + change;
        (theta - m, [v, a, m])
    }
}

/// The form with ε outside the root and α outside the momentum. The state is the same.
#[derive(Debug)]
struct Torch(Rmsprop);

impl Rule for Torch {
    fn name(&self) -> &'static str {
        "rmsprop:torch"
    }
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        self.0.slots(shape)
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(match (self.0.centered, self.0.momentum > 0.0) {
            (false, false) => Sweep::of::<TorchPlain>(),
            (false, true) => Sweep::of::<TorchMomentum>(),
            (true, false) => Sweep::of::<TorchCentered>(),
            (true, true) => Sweep::of::<TorchCenteredMomentum>(),
        })
    }
    fn numbers(&self, now: Now, memory: &mut [f64], out: &mut [f64]) {
        self.0.numbers(now, memory, out);
    }
}

/// g / (√v + ε), and the new v.
#[inline(always)]
fn scaled<L: Lane>([_, one_minus_rho, _, epsilon]: At<L>, g: L, v: L) -> (L, L) {
    let v = average(v, g.square(), one_minus_rho);
    (g / (v.sqrt() + epsilon), v)
}

/// g / (√(v − a²) + ε), and the new v and a.
#[inline(always)]
fn scaled_centered<L: Lane>([_, one_minus_rho, _, epsilon]: At<L>, g: L, v: L, a: L) -> (L, L, L) {
    let v = average(v, g.square(), one_minus_rho);
    let a = average(a, g, one_minus_rho);
    (g / ((v - a.square()).max(L::splat(0.0)).sqrt() + epsilon), v, a)
}

struct TorchPlain;

impl Elementwise for TorchPlain {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>(at: At<L>, theta: L, g: L, [v]: [L; 1]) -> (L, [L; 1]) {
        let (change, v) = scaled(at, g, v);
        (theta - at[0] * change, [v])
    }
}

struct TorchMomentum;

impl Elementwise for TorchMomentum {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: At<L>, theta: L, g: L, [v, b]: [L; 2]) -> (L, [L; 2]) {
        let (change, v) = scaled(at, g, v);
        let b = at[2] * b + change;
        (theta - at[0] * b, [v, b])
    }
}

struct TorchCentered;

impl Elementwise for TorchCentered {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: At<L>, theta: L, g: L, [v, a]: [L; 2]) -> (L, [L; 2]) {
        let (change, v, a) = scaled_centered(at, g, v, a);
        (theta - at[0] * change, [v, a])
    }
}

struct TorchCenteredMomentum;

impl Elementwise for TorchCenteredMomentum {
    type At<L: Lane> = At<L>;
    type State<L: Lane> = [L; 3];
    #[inline(always)]
    fn step<L: Lane>(at: At<L>, theta: L, g: L, [v, a, b]: [L; 3]) -> (L, [L; 3]) {
        let (change, v, a) = scaled_centered(at, g, v, a);
        let b = at[2] * b + change;
        (theta - at[0] * b, [v, a, b])
    }
}

/// The form with all that Optax offers. The state is the same.
#[derive(Debug)]
struct Optax {
    plain: Rmsprop,
    initial: f64,
    /// Is ε inside the root?
    inside: bool,
    nesterov: bool,
    correct: bool,
}

impl Rule for Optax {
    fn name(&self) -> &'static str {
        "rmsprop:optax"
    }
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let mut slots = self.plain.slots(shape);
        slots[0] = Slot::of("v", self.initial).compact_positive();
        slots
    }
    fn update(&self) -> Update<'_> {
        Update::Elementwise(match (self.plain.centered, self.plain.momentum > 0.0) {
            (false, false) => Sweep::of::<OptaxPlain>(),
            (false, true) => Sweep::of::<OptaxMomentum>(),
            (true, false) => Sweep::of::<OptaxCentered>(),
            (true, true) => Sweep::of::<OptaxCenteredMomentum>(),
        })
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let Rmsprop { rho, momentum, epsilon, .. } = self.plain;
        let mu = now.momentum.unwrap_or(momentum);
        let over = if self.correct { 1.0 / (1.0 - rho.powf(now.t as f64)) } else { 1.0 };
        let (inside, outside) = if self.inside { (epsilon, 0.0) } else { (0.0, epsilon) };
        let (of_change, of_m) = if self.nesterov { (1.0, mu) } else { (0.0, 1.0) };
        out.copy_from_slice(&[now.learning_rate, 1.0 - rho, mu, inside, outside, over, of_change, of_m]);
    }
}

/// α, 1 − ρ, μ, ε inside the root, ε outside, 1 / (1 − ρᵗ), what of the change and of m moves θ.
type OptaxAt<L> = [L; 8];

/// The change, and the new v.
#[inline(always)]
fn optax_plain<L: Lane>(at: OptaxAt<L>, g: L, v: L) -> (L, L) {
    let [alpha, one_minus_rho, _, inside, outside, over, ..] = at;
    let v = average(v, g.square(), one_minus_rho);
    (alpha * g / ((over * v + inside).sqrt() + outside), v)
}

/// The change, and the new v and a.
#[inline(always)]
fn optax_centered<L: Lane>(at: OptaxAt<L>, g: L, v: L, a: L) -> (L, L, L) {
    let [alpha, one_minus_rho, _, inside, outside, over, ..] = at;
    let v = average(v, g.square(), one_minus_rho);
    let a = average(a, g, one_minus_rho);
    let spread = (over * v - (over * a).square()).max(L::splat(0.0));
    (alpha * g / ((spread + inside).sqrt() + outside), v, a)
}

struct OptaxPlain;

impl Elementwise for OptaxPlain {
    type At<L: Lane> = OptaxAt<L>;
    type State<L: Lane> = [L; 1];
    #[inline(always)]
    fn step<L: Lane>(at: OptaxAt<L>, theta: L, g: L, [v]: [L; 1]) -> (L, [L; 1]) {
        let (change, v) = optax_plain(at, g, v);
        (theta - change, [v])
    }
}

struct OptaxMomentum;

impl Elementwise for OptaxMomentum {
    type At<L: Lane> = OptaxAt<L>;
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: OptaxAt<L>, theta: L, g: L, [v, m]: [L; 2]) -> (L, [L; 2]) {
        let (change, v) = optax_plain(at, g, v);
        let m = at[2] * m + change;
        (theta - (at[6] * change + at[7] * m), [v, m])
    }
}

struct OptaxCentered;

impl Elementwise for OptaxCentered {
    type At<L: Lane> = OptaxAt<L>;
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>(at: OptaxAt<L>, theta: L, g: L, [v, a]: [L; 2]) -> (L, [L; 2]) {
        let (change, v, a) = optax_centered(at, g, v, a);
        (theta - change, [v, a])
    }
}

struct OptaxCenteredMomentum;

impl Elementwise for OptaxCenteredMomentum {
    type At<L: Lane> = OptaxAt<L>;
    type State<L: Lane> = [L; 3];
    #[inline(always)]
    fn step<L: Lane>(at: OptaxAt<L>, theta: L, g: L, [v, a, m]: [L; 3]) -> (L, [L; 3]) {
        let (change, v, a) = optax_centered(at, g, v, a);
        let m = at[2] * m + change;
        (theta - (at[6] * change + at[7] * m), [v, a, m])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schuss_kernels::Isa;

    /// v − a² → 0 from above, and below it by rounding.
    #[test]
    fn a_gradient_that_stays_the_same_gives_no_nan() {
        let (mut theta, mut v, mut a) = ([0.0], [0.0], [0.0]);
        for _ in 0..400 {
            let finite = Sweep::of::<Centered>().run(
                Isa::Portable,
                &[1.0, 1e-3, 0.1, 0.0, 1e-7],
                &mut theta,
                &[77.7],
                &mut [&mut v, &mut a],
            );
            assert!(finite);
        }
    }
}
