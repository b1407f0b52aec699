//! RMSprop, plain or centered, with or without momentum.

use super::{L2, Now, Optimizer, Rule, Slot, Update, average, epsilon, fraction, learning_rate, switch};
use crate::registry::{Entry, Page, Settings};
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
        make: |settings| Optimizer::new("rmsprop", settings, Rmsprop::new(settings)),
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
        make: |settings| Optimizer::new("rmsprop:torch", settings, Torch(Rmsprop::new(settings))),
    },
];

impl Rmsprop {
    fn new(settings: &Settings) -> Self {
        Rmsprop {
            rho: settings.f64("rho"),
            momentum: settings.f64("momentum"),
            epsilon: settings.f64("epsilon"),
            centered: settings.bool("centered"),
        }
    }
}

#[derive(Debug)]
struct Rmsprop {
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
}

impl Rule for Rmsprop {
    fn name(&self) -> &'static str {
        "rmsprop"
    }
    fn caution(&self, learning_rate: f64) -> Option<String> {
        (learning_rate >= 0.05).then(|| {
            format!(
                "rmsprop at a rate of {learning_rate:?} takes other steps in PyTorch (ρ = 0.99, ε outside the root); \
                 its form is rmsprop:torch"
            )
        })
    }
    fn slots(&self, _: &[usize]) -> Vec<Slot> {
        let kept = [("v", true), ("a", self.centered), ("m", self.momentum > 0.0)];
        kept.iter().filter(|slot| slot.1).map(|&(name, _)| Slot::zero(name)).collect()
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
