//! Schedules: how fast and how heavy updates are over a run. One file each.
//!
//! A schedule is a pure function of the place in the run, so a resumed run needs nothing but the count of its updates.
//! It gives a factor of the optimizer's `learning_rate`: Keras' `initial_learning_rate` is that rate here. Settings
//! that are rates (`end_learning_rate`) are absolute, as in Keras. Lengths are stated in steps, epochs, samples or a
//! share of the run; a step is a batch, also where gradients are accumulated.
//!
//! ```
//! use schuss::{registry::Argument, schedules::{Sequence, Span, registry}};
//!
//! let cosine = registry().make("cosine", &[("warmup".into(), Argument::Int(10))])?;
//! let span = Span { updates: 110.0, updates_per_epoch: 11.0, samples_per_update: 128.0, learning_rate: 0.001 };
//! let timetable = Sequence::from(vec![cosine]).for_run(&span)?;
//! assert_eq!(timetable.at(5).factor, 0.5);
//! assert_eq!(timetable.at(10).factor, 1.0);
//! assert!((timetable.at(60).factor - 0.5).abs() < 1e-15);
//! # Ok::<(), schuss::Error>(())
//! ```

use crate::error::{Error, Result};
use crate::length::Length;
use crate::registry::{Allowed, Default, Registry, Setting, Settings};
use std::fmt::Debug;
use std::sync::Arc;

mod position;
mod sequence;

mod constant;
mod cosine;
mod cosine_restarts;
mod cyclic;
mod exponential;
mod inverse_time;
mod linear;
mod multi_step;
mod noam;
mod one_cycle;
mod piecewise_constant;
mod polynomial;
mod step;
mod warmup_stable_decay;

pub use position::{Position, Span};
pub use sequence::{Sequence, Timetable};

/// The table of schedules. Adding one: a file, its `mod` above, and its line here.
pub fn registry() -> Registry<Schedule> {
    let entries = [
        constant::ENTRY,
        cosine::ENTRY,
        cosine_restarts::ENTRY,
        cyclic::ENTRY,
        exponential::ENTRY,
        inverse_time::ENTRY,
        linear::ENTRY,
        multi_step::ENTRY,
        noam::ENTRY,
        one_cycle::ENTRY,
        piecewise_constant::ENTRY,
        polynomial::ENTRY,
        step::ENTRY,
        warmup_stable_decay::ENTRY,
    ];
    Registry::new("schedule", entries).with_common(COMMON)
}

/// How fast and how heavy an update is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Times the optimizer's own rate.
    pub factor: f64,
    /// In the place of the momentum, or of β₁.
    pub momentum: Option<f64>,
}

impl std::default::Default for Pace {
    fn default() -> Self {
        Pace::of(1.0)
    }
}

impl Pace {
    /// This factor, and the optimizer's own momentum.
    pub fn of(factor: f64) -> Self {
        Pace { factor, momentum: None }
    }
}

/// The way of a rate, from the end of the warm-up on.
pub trait Curve: Debug + Send + Sync {
    /// The pace of an update.
    fn at(&self, now: &Position) -> Pace;
    /// By when, in updates, what the settings of these names describe has happened: within the run.
    fn ends(&self, start: &Position) -> Vec<(&'static str, f64)> {
        let _ = start;
        Vec::new()
    }
    /// An error if settings do not go together in this run.
    fn check(&self, start: &Position) -> Result<()> {
        let _ = start;
        Ok(())
    }
    /// Does it move the momentum too?
    fn moves_momentum(&self) -> bool {
        false
    }
}

/// A schedule of the table with its settings.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The name in the table.
    pub name: &'static str,
    /// All of them.
    pub settings: Settings,
    /// How long it lasts, in a sequence; none: to the end of the run.
    pub length: Option<Length>,
    /// How long the rate rises first.
    pub warmup: Length,
    /// From which share of the rate.
    pub warmup_start: f64,
    /// What comes then.
    pub curve: Arc<dyn Curve>,
}

impl Schedule {
    /// A curve under a name, with the settings it was made from.
    pub fn new(name: &'static str, settings: &Settings, curve: impl Curve + 'static) -> Self {
        Schedule {
            name,
            settings: settings.clone(),
            length: settings.length("length"),
            warmup: settings.length("warmup").expect("no word stands for it"),
            warmup_start: settings.f64("warmup_start"),
            curve: Arc::new(curve),
        }
    }
    /// The pace of an update, counted from the schedule's own start.
    fn at(&self, now: &Position) -> Pace {
        let (warmup, mut then) = (now.updates_of(self.warmup), self.after_warmup(now));
        if now.update >= warmup {
            return self.curve.at(&then);
        }
        then.update = 0.0;
        let pace = self.curve.at(&then);
        let risen = self.warmup_start + (1.0 - self.warmup_start) * (now.update / warmup);
        Pace { factor: risen * pace.factor, ..pace }
    }
    fn after_warmup(&self, now: &Position) -> Position {
        let warmup = now.updates_of(self.warmup);
        Position { update: now.update - warmup, updates: now.updates - warmup, ..*now }
    }
    /// An error if a run, or a part of it, has no room for this.
    fn check(&self, start: &Position) -> Result<()> {
        let late = |setting: &str, end: f64| {
            let message = format!(
                "`{setting}` is {}, which ends after {} steps; there are {}",
                self.settings.get(setting).map_or_else(String::new, ToString::to_string),
                shown(end),
                shown(start.updates)
            );
            Error::value("schedule-too-long", message)
        };
        let warmup = start.updates_of(self.warmup);
        if is_after(warmup, start.updates) {
            return Err(late("warmup", warmup));
        }
        let after = self.after_warmup(start);
        if let Some((setting, end)) = self.curve.ends(&after).into_iter().find(|e| is_after(e.1, after.updates)) {
            return Err(late(setting, warmup + end));
        }
        self.curve.check(&after)?;
        if !self.curve.at(&after).factor.is_finite() {
            let rate = start.span.learning_rate;
            let message = format!(
                "it states rates, and the optimizer's learning_rate is {rate:?}, of which no factor makes them; a \
                 learning_rate above 0 is needed"
            );
            return Err(Error::value("schedule-without-rate", message));
        }
        Ok(())
    }
}

/// Is one number of updates after the other? Thirds of a run may not add up to the last bit.
fn is_after(a: f64, b: f64) -> bool {
    a > b * (1.0 + 1e-12)
}

/// A number of updates as people read it.
fn shown(updates: f64) -> String {
    if updates.fract() == 0.0 { format!("{updates}") } else { format!("{updates:.2}") }
}

/// What every schedule takes.
const COMMON: &[Setting] = &[
    Setting {
        name: "warmup",
        default: Default::Int(0),
        allowed: Allowed::Length,
        doc: "how long the rate rises first",
    },
    Setting {
        name: "warmup_start",
        default: Default::Float(0.0),
        allowed: Allowed::Fraction,
        doc: "the share of the rate from which it rises, in a straight line",
    },
    Setting {
        name: "length",
        default: Default::Text("rest"),
        allowed: Allowed::LengthOr(&["rest"]),
        doc: "how long it lasts where another one follows",
    },
];

// Settings that several schedules have.

const fn setting(name: &'static str, default: Default, allowed: Allowed, doc: &'static str) -> Setting {
    Setting { name, default, allowed, doc }
}

/// A length that must be given.
const fn period(name: &'static str, doc: &'static str) -> Setting {
    setting(name, Default::Required, Allowed::LengthOr(&[]), doc)
}

/// How long a curve takes: unless given, all that there is after the warm-up.
const fn duration(name: &'static str, doc: &'static str) -> Setting {
    setting(name, Default::Text("rest"), Allowed::LengthOr(&["rest"]), doc)
}

const fn positive(name: &'static str, default: f64, doc: &'static str) -> Setting {
    setting(name, Default::Float(default), Allowed::Positive, doc)
}

const fn share(name: &'static str, default: f64, doc: &'static str) -> Setting {
    setting(name, Default::Float(default), Allowed::NotNegative, doc)
}

const fn switch(name: &'static str, default: bool, doc: &'static str) -> Setting {
    setting(name, Default::Bool(default), Allowed::Bool, doc)
}
