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
//! assert_eq!(adam.rule.slots(&[3]).len(), 2); // the averages m and v beside each element
//! assert!(table.make("adma", &[]).unwrap_err().message().contains("did you mean `adam`"));
//! # Ok::<(), schuss::Error>(())
//! ```

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Registry, Setting, Settings};
use regex_lite::Regex;
use schuss_kernels::{Lane, Sweep};
use std::fmt::Debug;
use std::sync::Arc;

mod around;
mod cautious;
mod dialects;
mod rules;
mod search;
mod walk;
mod whole;

mod adabelief;
mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod adan;
mod asgd;
mod dadapt_adam;
mod ftrl;
mod gradient_descent;
mod lamb;
mod lars;
mod lbfgs;
mod lion;
mod momentum;
mod muon;
mod nadam;
mod nag;
mod prodigy;
mod qhm;
mod radam;
mod rmsprop;
mod rprop;
mod schedule_free_adamw;
mod schedule_free_sgd;
mod sgd;
mod shampoo;
mod soap;
mod sophia_g;
mod yogi;

pub use crate::schedules::Pace;
pub use around::{Around, Clip, Decay, LossScale, State, WHOLE};
pub use dialects::{Dialect, FORMS, Form, To};
pub use rules::{Rules, Updates, average_name, slow_name};
pub use search::{Point, SearchRule};
pub use walk::{Evaluate, Walk};

/// The table of optimizers. Adding one: a file, its `mod` above, and its line here.
pub fn registry() -> Registry<Optimizer> {
    let entries = [
        adabelief::ENTRIES,
        adadelta::ENTRIES,
        adafactor::ENTRIES,
        adagrad::ENTRIES,
        adam::ENTRIES,
        adamax::ENTRIES,
        adamw::ENTRIES,
        adan::ENTRIES,
        asgd::ENTRIES,
        dadapt_adam::ENTRIES,
        ftrl::ENTRIES,
        gradient_descent::ENTRIES,
        lamb::ENTRIES,
        lars::ENTRIES,
        lbfgs::ENTRIES,
        lion::ENTRIES,
        momentum::ENTRIES,
        muon::ENTRIES,
        nadam::ENTRIES,
        nag::ENTRIES,
        prodigy::ENTRIES,
        qhm::ENTRIES,
        radam::ENTRIES,
        rmsprop::ENTRIES,
        rprop::ENTRIES,
        schedule_free_adamw::ENTRIES,
        schedule_free_sgd::ENTRIES,
        sgd::ENTRIES,
        shampoo::ENTRIES,
        soap::ENTRIES,
        sophia_g::ENTRIES,
        yogi::ENTRIES,
    ];
    Registry::new("optimizer", entries.concat()).with_common(around::SETTINGS).with_aliases(ALIASES)
}

/// The plain name of a rule that Keras has is Keras' form of it. Of others it is the form of the library whose name
/// can stand behind it too. Forms that are the same in two places are one entry.
const ALIASES: &[(&str, &str)] = &[
    ("adabelief:optax", "adabelief"),
    ("adabelief:paper", "adabelief"),
    ("adadelta:keras", "adadelta"),
    ("adadelta:optax", "adadelta:torch"),
    ("adafactor:keras", "adafactor"),
    ("adagrad:keras", "adagrad"),
    ("adagrad:optax", "adagrad"),
    ("adagrad:paper", "adagrad:torch"),
    ("adam:keras", "adam"),
    ("adam:paper", "adam:optax"),
    ("adamax:keras", "adamax"),
    ("adamw:keras", "adamw"),
    ("adan:paper", "adan"),
    ("asgd:torch", "asgd"),
    ("ftrl:keras", "ftrl"),
    ("lamb:keras", "lamb"),
    ("lamb:paper", "lamb:optax"),
    ("lars:optax", "lars"),
    ("lars:paper", "lars"),
    ("lion:keras", "lion"),
    ("lion:paper", "lion:optax"),
    ("muon:keras", "muon"),
    ("nadam:keras", "nadam"),
    ("prodigy:paper", "prodigy"),
    ("qhm:paper", "qhm"),
    ("radam:torch", "radam"),
    ("rmsprop:keras", "rmsprop"),
    ("rprop:torch", "rprop"),
    ("schedule_free_adamw:keras", "schedule_free_adamw"),
    ("schedule_free_sgd:paper", "schedule_free_sgd"),
    ("sgd:keras", "sgd"),
    ("shampoo:paper", "shampoo"),
    ("soap:paper", "soap"),
    ("yogi:optax", "yogi"),
];

/// What a state starts from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// This number everywhere.
    Number(f64),
    /// The parameter's own initial numbers; the state has its shape.
    Parameter,
    /// This number on the diagonal of a square matrix, 0 elsewhere.
    Diagonal(f64),
}

/// An array kept beside a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Its letter in the paper: `m`, `v` …; in files the state of `dense/kernel` is `dense/kernel/m`.
    pub name: &'static str,
    /// What it starts from.
    pub initial: Initial,
    /// Its sizes, where they are not the parameter's.
    pub shape: Option<Vec<usize>>,
    /// If it may be kept in fewer bits: which numbers it holds.
    pub compact: Option<Sign>,
}

/// Which numbers a state holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Of both signs.
    Any,
    /// None below 0.
    Positive,
}

impl Slot {
    /// A number beside each element, 0 at first.
    pub fn zero(name: &'static str) -> Self {
        Slot::of(name, 0.0)
    }
    /// A number beside each element, at first this one.
    pub fn of(name: &'static str, initial: f64) -> Self {
        Slot { name, initial: Initial::Number(initial), shape: None, compact: None }
    }
    /// A number beside each element, at first the element itself.
    pub fn parameter(name: &'static str) -> Self {
        Slot { name, initial: Initial::Parameter, shape: None, compact: None }
    }
    /// The same; it may be kept in fewer bits: each step forgets some of it, or what it has is only compared.
    pub fn compact(self) -> Self {
        Slot { compact: Some(Sign::Any), ..self }
    }
    /// The same, of numbers that are not negative.
    pub fn compact_positive(self) -> Self {
        Slot { compact: Some(Sign::Positive), ..self }
    }
    /// The same, with sizes of its own.
    pub fn shaped(self, shape: &[usize]) -> Self {
        Slot { shape: Some(shape.to_vec()), ..self }
    }
}

/// What a rule's numbers may depend on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Now {
    /// The update, counted from 1.
    pub t: u64,
    /// The rate α, as schedules have it now.
    pub learning_rate: f64,
    /// What a schedule sets in the place of the momentum, or of β₁.
    pub momentum: Option<f64>,
    /// The share λ of decoupled decay, for a rule that shrinks θ itself ([`Rule::shrinks`]); 0 for parameters that do
    /// not decay.
    pub weight_decay: f64,
}

/// How a rule computes.
pub enum Update<'a> {
    /// Element by element: compiled for every instruction set.
    Elementwise(Sweep),
    /// By operations on whole arrays.
    Graph(&'a dyn GraphRule),
    /// By a search that asks for the loss at several places.
    Search(&'a dyn SearchRule),
}

/// A parameter in the graph of an update: leaves at first; a [`GraphRule`] puts the new values in their place.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// θ.
    pub theta: Value,
    /// g.
    pub gradient: Value,
    /// In the order of [`Rule::slots`].
    pub states: Vec<Value>,
    /// The share λ of decoupled decay, for a rule that shrinks θ itself; else 0.
    pub decay: f64,
}

/// A rule on whole arrays, or on all of them together.
pub trait GraphRule {
    /// How many numbers [`Rule::numbers`] gives.
    fn numbers(&self) -> usize;
    /// What is kept once for all parameters, each a single number.
    fn globals(&self) -> Vec<Slot> {
        Vec::new()
    }
    /// Writes the operations and replaces every θ, state and global by its new value. `numbers` and `globals` are
    /// single numbers, of shape `[]`. θ has been decayed already, unless the rule shrinks it itself.
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], globals: &mut [Value]) -> Result<()>;
}

/// An update rule with its settings.
pub trait Rule: Debug + Send + Sync {
    /// The rule's own name in the table, also where it was asked for by the name of a preset.
    fn name(&self) -> &'static str;
    /// What is kept beside a parameter of these sizes.
    fn slots(&self, shape: &[usize]) -> Vec<Slot>;
    /// The arithmetic.
    fn update(&self) -> Update<'_>;
    /// What [`Rule::numbers`] keeps from step to step, as it is before the first: saved with the state.
    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }
    /// An error if the rule cannot move a parameter of these sizes.
    fn fits(&self, shape: &[usize]) -> Result<()> {
        let _ = shape;
        Ok(())
    }
    /// The numbers that the arithmetic is given now, computed in f64. `out` has room for as many as it asks for.
    fn numbers(&self, now: Now, memory: &mut [f64], out: &mut [f64]);
    /// Is decoupled decay the rule's own: at another rate than α, or at another place than before its step?
    fn shrinks(&self) -> bool {
        false
    }
    /// What a user should know about a rate that means something else in another library, if it is one.
    fn caution(&self, learning_rate: f64) -> Option<String> {
        let _ = learning_rate;
        None
    }
    /// The weights to evaluate with and to keep, from θ and its states, where they are not θ.
    fn evaluated(&self, g: &mut Graph, theta: Value, states: &[Value]) -> Result<Option<Value>> {
        let _ = (g, theta, states);
        Ok(None)
    }
}

/// An optimizer: a rule and what goes with it.
#[derive(Clone, Debug)]
pub struct Optimizer {
    /// The name in the table.
    pub name: &'static str,
    /// The rule's settings, and what differs from the usual in those that every optimizer takes.
    pub settings: Settings,
    /// The rate α at the start.
    pub learning_rate: f64,
    /// Does it take all samples in one batch unless told otherwise?
    pub full_batch: bool,
    /// The rule.
    pub rule: Arc<dyn Rule>,
    /// What is done around it.
    pub around: Around,
    /// Parameters that another optimizer moves; of its settings, those for clipping, accumulation, averages and loss
    /// scale don't count.
    pub groups: Vec<Group>,
}

/// Parameters that an optimizer of their own moves.
#[derive(Clone, Debug)]
pub struct Group {
    /// Finds their names.
    pub pattern: Regex,
    /// Moves them.
    pub optimizer: Optimizer,
}

impl Group {
    /// Is the parameter of this name in the group?
    pub fn matches(&self, name: &str) -> bool {
        self.pattern.is_match(name)
    }
}

impl Optimizer {
    /// A rule under a name, with the settings it was made from; `learning_rate` is one of them.
    pub fn new(name: &'static str, settings: &Settings, rule: impl Rule + 'static) -> Result<Self> {
        let learning_rate = settings.f64("learning_rate");
        let (around, settings) = Around::new(settings)?;
        if around.cautious {
            let additive = match rule.update() {
                Update::Elementwise(sweep) => cautious::change(&sweep.recording()).is_some(),
                Update::Graph(_) | Update::Search(_) => false,
            };
            if !additive || rule.shrinks() {
                let message = format!(
                    "`cautious` is true, and {name} is no rule whose step is an element-wise change that θ has no part \
                     in; allowed is false"
                );
                return Err(Error::value("cautious-not-offered", message));
            }
        }
        if around.state != State::F32 {
            let compact = rule.slots(&[64, 64]).iter().any(|slot| slot.compact.is_some());
            if !compact || around.cautious || !matches!(rule.update(), Update::Elementwise(_)) {
                let with = if around.cautious { "cautious " } else { "" };
                let message = format!(
                    "`state` is {}, and {with}{name} keeps nothing that bears fewer bits; allowed is f32",
                    around.state.name()
                );
                return Err(Error::value("state-not-offered", message));
            }
        }
        Ok(Optimizer {
            name,
            settings,
            learning_rate,
            full_batch: false,
            rule: Arc::new(rule),
            around,
            groups: Vec::new(),
        })
    }
    /// Does a step take one gradient, where θ is? Else it asks for several: to climb first (SAM), or to search.
    pub fn evaluates_once(&self) -> bool {
        self.around.sam_rho == 0.0 && !matches!(self.rule.update(), Update::Search(_))
    }
    /// The error where it is given one gradient and asks for several.
    pub fn needs_a_function(&self) -> Error {
        let message = format!(
            "{} as it is set takes the loss and its gradient at several places in a step; it needs a function (a \
             surface), not given gradients",
            self.name
        );
        Error::value("needs-a-function", message)
    }
    /// How many numbers the arithmetic is given: see [`Optimizer::numbers`].
    pub fn count(&self) -> usize {
        match self.rule.update() {
            Update::Elementwise(sweep) => sweep.at(),
            Update::Graph(rule) => 1 + rule.numbers(),
            Update::Search(_) => 1,
        }
    }
    /// What the arithmetic is given now: the factor that decays θ, then the rule's numbers.
    pub fn numbers(&self, now: Now, memory: &mut [f64], out: &mut [f64]) {
        out[0] = if self.rule.shrinks() { 1.0 } else { self.around.keep(now.learning_rate) };
        self.rule.numbers(now, memory, &mut out[1..]);
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

/// The share λ of decay, of an entry that decays unless told otherwise.
const fn weight_decay(default: f64) -> Setting {
    let doc = "the share λ of θ that goes at each update, times the rate (decoupled)";
    Setting { name: "weight_decay", default: Default::Float(default), allowed: Allowed::NotNegative, doc }
}

/// What `weight_decay` does, of an entry of a library where it is added to the gradient.
const L2: Setting = Setting {
    name: "decay",
    default: Default::Text("l2"),
    allowed: Allowed::OneOf(&["decoupled", "l2"]),
    doc: "what weight_decay does: l2 adds λ θ to the gradient, decoupled shrinks θ by α λ θ",
};

const fn not_negative(name: &'static str, default: f64, doc: &'static str) -> Setting {
    Setting { name, default: Default::Float(default), allowed: Allowed::NotNegative, doc }
}
