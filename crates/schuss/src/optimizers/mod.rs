//! Optimizers: how a parameter moves, given the gradient. One file each.
//!
//! A rule is arithmetic on one element ([`schuss_kernels::Elementwise`]), written once and run as f64 in the
//! reference and as f32 in the plan. Forms of a rule that keep different numbers are different arithmetic, chosen by
//! the rule's settings. A preset (`momentum`) is a rule (`sgd`) under another name with other defaults.
//!
//! ```
//! use schuss::{optimizers, registry::Argument};
//!
//! let table = optimizers::registry();
//! let adam = table.make("adam", &[("beta_2".into(), Argument::Float(0.99))])?;
//! assert_eq!(adam.learning_rate, 0.001);
//! assert_eq!(adam.rule.slots().len(), 2); // the averages m and v beside each element
//! assert!(table.make("adma", &[]).unwrap_err().message().contains("did you mean `adam`"));
//! # Ok::<(), schuss::Error>(())
//! ```

use crate::registry::{Allowed, Default, Registry, Setting, Settings};
use schuss_kernels::{Lane, Sweep};
use std::fmt::Debug;
use std::sync::Arc;

mod adadelta;
mod adagrad;
mod adam;
mod gradient_descent;
mod momentum;
mod nadam;
mod nag;
mod rmsprop;
mod sgd;

/// The table of optimizers. Adding one: a file, its `mod` above, and its line here.
pub fn registry() -> Registry<Optimizer> {
    let entries = [
        adadelta::ENTRY,
        adagrad::ENTRY,
        adam::ENTRY,
        gradient_descent::ENTRY,
        momentum::ENTRY,
        nadam::ENTRY,
        nag::ENTRY,
        rmsprop::ENTRY,
        sgd::ENTRY,
    ];
    Registry::new("optimizer", entries)
}

/// A number kept beside every element of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// Its letter in the paper: `m`, `v` …; in files the state of `dense/kernel` is `dense/kernel/m`.
    pub name: &'static str,
    /// What it starts from.
    pub initial: f64,
}

/// An element-wise update rule with its settings.
pub trait Rule: Debug + Send + Sync {
    /// The rule's own name in the table, also where it was asked for by the name of a preset.
    fn name(&self) -> &'static str;
    /// What is kept beside each element.
    fn slots(&self) -> Vec<Slot>;
    /// The arithmetic, compiled for every instruction set.
    fn sweep(&self) -> Sweep;
    /// What [`Rule::numbers`] keeps from step to step, as it is before the first: saved with the state.
    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }
    /// The numbers that the arithmetic is given for update `t` (from 1) at this learning rate, computed in f64.
    /// `out` has room for as many as the sweep asks for.
    fn numbers(&self, t: u64, learning_rate: f64, memory: &mut [f64], out: &mut [f64]);
}

/// An optimizer: a rule and what goes with it.
#[derive(Clone, Debug)]
pub struct Optimizer {
    /// The name in the table.
    pub name: &'static str,
    /// All its settings.
    pub settings: Settings,
    /// The rate α at the start.
    pub learning_rate: f64,
    /// Does it take all samples in one batch unless told otherwise?
    pub full_batch: bool,
    /// The rule.
    pub rule: Arc<dyn Rule>,
}

impl Optimizer {
    /// A rule under a name, with the settings it was made from; `learning_rate` is one of them.
    pub fn new(name: &'static str, settings: &Settings, rule: impl Rule + 'static) -> Self {
        let learning_rate = settings.f64("learning_rate");
        Optimizer { name, settings: settings.clone(), learning_rate, full_batch: false, rule: Arc::new(rule) }
    }
}

/// The exponential moving average β old + (1 − β) new. It is given 1 − β from f64: made from a β in f32, the 0.001 of
/// β = 0.999 would be wrong by 1e-5.
#[inline(always)]
fn average<L: Lane>(old: L, new: L, one_minus_beta: L) -> L {
    old + one_minus_beta * (new - old)
}

// Settings that several rules have.

const fn learning_rate(default: f64) -> Setting {
    let doc = "the rate α; a schedule changes it from step to step";
    Setting { name: "learning_rate", default: Default::Float(default), allowed: Allowed::NotNegative, doc }
}

const fn epsilon(default: f64, doc: &'static str) -> Setting {
    Setting { name: "epsilon", default: Default::Float(default), allowed: Allowed::Positive, doc }
}

const fn fraction(name: &'static str, default: f64, doc: &'static str) -> Setting {
    Setting { name, default: Default::Float(default), allowed: Allowed::Fraction, doc }
}

const fn switch(name: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: Default::Bool(false), allowed: Allowed::Bool, doc }
}
