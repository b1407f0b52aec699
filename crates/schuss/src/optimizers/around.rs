//! What is done around every rule, once: clipping, weight decay, accumulation, averages of weights, loss scaling.
//!
//! The order of an update is Keras': gradients are divided by the loss scale, added up over the steps of an
//! accumulation, clipped; L2 decay is added; decoupled decay shrinks θ; the rule moves it; averages follow.

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Setting, Settings};
use regex_lite::Regex;

/// Settings that every optimizer takes, with Keras' words. A number of 0 stands for Keras' `None`.
pub const SETTINGS: &[Setting] = &[
    number("weight_decay", 0.0, "the share λ of θ that goes at each update, times the rate (decoupled)"),
    Setting {
        name: "decay",
        default: Default::Text("decoupled"),
        allowed: Allowed::OneOf(&["decoupled", "l2"]),
        doc: "what weight_decay does: decoupled shrinks θ by α λ θ, l2 adds λ θ to the gradient",
    },
    text("exclude_from_weight_decay", "a regular expression: parameters whose name it finds do not decay"),
    Setting {
        name: "cautious",
        default: Default::Bool(false),
        allowed: Allowed::Bool,
        doc: "move only elements whose step goes against their gradient, and those further by n / (their count + 1)",
    },
    Setting {
        name: "state",
        default: Default::Text("f32"),
        allowed: Allowed::OneOf(&["f32", "bf16", "int8"]),
        doc: "bits of what is kept beside each element: bf16 is half as much; int8 a third, in blocks of 16 with a \
              common exponent, for arrays of 4,096 elements and more",
    },
    number("clipvalue", 0.0, "clip each number of a gradient to ± this; 0 for none"),
    number("clipnorm", 0.0, "scale each parameter's gradient to this norm where it is greater; 0 for none"),
    number("global_clipnorm", 0.0, "scale all gradients so that their norm together is at most this; 0 for none"),
    Setting {
        name: "gradient_accumulation_steps",
        default: Default::Int(1),
        allowed: Allowed::Int(1, i64::MAX),
        doc: "batches whose gradients are averaged for one update, which alone counts as a step",
    },
    Setting {
        name: "use_ema",
        default: Default::Bool(false),
        allowed: Allowed::Bool,
        doc: "keep a moving average of the weights; it is evaluated, and saved at the end",
    },
    Setting {
        name: "ema_momentum",
        default: Default::Float(0.99),
        allowed: Allowed::Fraction,
        doc: "the share of the old average of weights that stays at each update",
    },
    Setting {
        name: "ema_overwrite_frequency",
        default: Default::Int(0),
        allowed: Allowed::Int(0, i64::MAX),
        doc: "updates after which the weights are set to their average; 0 for at the end only",
    },
    number(
        "sam_rho",
        0.0,
        "sharpness-aware: take the gradient where the loss is worst within this distance, 0.05 say; 0 for none",
    ),
    Setting {
        name: "lookahead_steps",
        default: Default::Int(0),
        allowed: Allowed::Int(0, i64::MAX),
        doc: "updates after which slow weights follow the weights, which go on from there, 5 say; 0 for none",
    },
    Setting {
        name: "lookahead_alpha",
        default: Default::Float(0.5),
        allowed: Allowed::Fraction,
        doc: "the share of their distance that slow weights follow",
    },
    Setting {
        name: "loss_scale",
        default: Default::Text("none"),
        allowed: Allowed::OneOf(&["none", "static", "dynamic"]),
        doc: "multiply the loss, and divide the gradients again; dynamic: half as much and no update where a gradient is \
              not finite, double after dynamic_growth_steps",
    },
    Setting {
        name: "initial_scale",
        default: Default::Float(32768.0),
        allowed: Allowed::Positive,
        doc: "the loss scale at first",
    },
    Setting {
        name: "dynamic_growth_steps",
        default: Default::Int(2000),
        allowed: Allowed::Int(1, i64::MAX),
        doc: "updates without a number that is not finite after which a dynamic loss scale doubles",
    },
];

/// Those of them that are done for all parameters together, not for a group of them.
pub const WHOLE: &[&str] = &[
    "clipvalue",
    "clipnorm",
    "global_clipnorm",
    "gradient_accumulation_steps",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "sam_rho",
    "lookahead_steps",
    "lookahead_alpha",
    "loss_scale",
    "initial_scale",
    "dynamic_growth_steps",
];

const fn number(name: &'static str, default: f64, doc: &'static str) -> Setting {
    Setting { name, default: Default::Float(default), allowed: Allowed::NotNegative, doc }
}

const fn text(name: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: Default::Text(""), allowed: Allowed::Text, doc }
}

/// What weight decay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// θ ← θ − α λ θ before the rule moves it.
    Decoupled,
    /// g ← g + λ θ, so that the rule's own scaling acts on it.
    L2,
}

/// How gradients are clipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// Not.
    None,
    /// Each number to ± this.
    Value(f64),
    /// Each parameter's gradient to this norm.
    Norm(f64),
    /// All gradients together to this norm.
    GlobalNorm(f64),
}

/// Whether and how the loss is scaled up, so that small gradients of few bits do not vanish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LossScale {
    /// Not.
    None,
    /// Always by this.
    Static(f64),
    /// By what the gradients bear.
    Dynamic {
        /// At first.
        initial: f64,
        /// Updates after which it doubles.
        growth: u64,
    },
}

/// How what is kept beside elements is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it is.
    F32,
    /// In 16 bits.
    Bf16,
    /// In 8 bits and an exponent for every 16 of them.
    Int8,
}

impl State {
    /// Its name among the settings.
    pub fn name(self) -> &'static str {
        match self {
            State::F32 => "f32",
            State::Bf16 => "bf16",
            State::Int8 => "int8",
        }
    }
}

/// The greatest loss scale, 2¹²⁰, whose inverse an f32 holds.
pub const GREATEST_SCALE: f64 = (1u128 << 120) as f64;

/// What is done around a rule.
#[derive(Clone, Debug)]
pub struct Around {
    /// λ.
    pub weight_decay: f64,
    /// What it does.
    pub decay: Decay,
    /// Parameters that do not decay.
    pub exclude: Option<Regex>,
    /// Do only elements move whose step agrees with their gradient?
    pub cautious: bool,
    /// How what the rule keeps is stored.
    pub state: State,
    /// How gradients are clipped.
    pub clip: Clip,
    /// Batches for one update.
    pub accumulation: usize,
    /// The share of an old average of weights that stays, if one is kept.
    pub ema: Option<f64>,
    /// Updates after which the weights are set to their average; 0: never.
    pub ema_overwrite: u64,
    /// How far from the weights a sharpness-aware step takes its gradient; 0: there.
    pub sam_rho: f64,
    /// Updates after which slow weights follow; 0: there are none.
    pub lookahead: u64,
    /// The share of the distance that they follow.
    pub lookahead_alpha: f64,
    /// Whether the loss is scaled.
    pub loss_scale: LossScale,
}

impl Around {
    /// From an optimizer's settings; also those settings without what is as usual here.
    pub fn new(all: &Settings) -> Result<(Self, Settings)> {
        let float = |name: &str| all.get(name).map_or(0.0, |_| all.f64(name));
        let count = |name: &str, usual: usize| all.get(name).map_or(usual, |_| all.usize(name));
        let word = |name: &str| all.get(name).map_or("", |_| all.text(name));
        let clips = [
            ("clipvalue", Clip::Value(float("clipvalue"))),
            ("clipnorm", Clip::Norm(float("clipnorm"))),
            ("global_clipnorm", Clip::GlobalNorm(float("global_clipnorm"))),
        ];
        let mut given = clips.iter().filter(|(name, _)| float(name) > 0.0);
        let clip = given.next();
        if let (Some((a, _)), Some((b, _))) = (clip, given.next()) {
            let message = format!("`{a}` and `{b}` exclude each other; allowed is one kind of clipping");
            return Err(Error::value("two-kinds-of-clipping", message));
        }
        let exclude = match word("exclude_from_weight_decay") {
            "" => None,
            words => Some(Regex::new(words).map_err(|e| {
                let message = format!("`exclude_from_weight_decay` is {words:?}, no regular expression: {e}");
                Error::value("bad-expression", message.replace('\n', " "))
            })?),
        };
        let initial = float("initial_scale");
        if initial > GREATEST_SCALE && word("loss_scale") != "none" {
            let message = format!("`initial_scale` is {initial:?}; it is at most 2¹²⁰ ({GREATEST_SCALE:?})");
            return Err(Error::value("loss-scale-too-great", message));
        }
        let around = Around {
            weight_decay: float("weight_decay"),
            decay: if word("decay") == "l2" { Decay::L2 } else { Decay::Decoupled },
            exclude,
            cautious: all.get("cautious").is_some_and(|_| all.bool("cautious")),
            state: match word("state") {
                "bf16" => State::Bf16,
                "int8" => State::Int8,
                _ => State::F32,
            },
            clip: clip.map_or(Clip::None, |(_, clip)| *clip),
            accumulation: count("gradient_accumulation_steps", 1),
            ema: all.get("use_ema").is_some_and(|_| all.bool("use_ema")).then(|| float("ema_momentum")),
            ema_overwrite: count("ema_overwrite_frequency", 0) as u64,
            sam_rho: float("sam_rho"),
            lookahead: count("lookahead_steps", 0) as u64,
            lookahead_alpha: float("lookahead_alpha"),
            loss_scale: match word("loss_scale") {
                "static" => LossScale::Static(initial),
                "dynamic" => LossScale::Dynamic { initial, growth: count("dynamic_growth_steps", 1) as u64 },
                _ => LossScale::None,
            },
        };
        if around.ema.is_none() && around.ema_overwrite > 0 {
            let message = "`ema_overwrite_frequency` needs `use_ema = true`";
            return Err(Error::value("no-average", message));
        }
        if around.sam_rho > 0.0 && around.accumulation > 1 {
            let message = "`sam_rho` and `gradient_accumulation_steps` exclude each other: the second gradient is of the \
                           same samples, and those of the batches before are gone; allowed is a greater batch size";
            return Err(Error::value("sam-with-accumulation", message));
        }
        let usual = |name: &str, value: &_| {
            SETTINGS.iter().any(|s| s.name == name && s.default.value().as_ref() == Some(value))
        };
        let rest = all.iter().filter(|(name, value)| !usual(name, value)).map(|(name, value)| (name, value.clone()));
        Ok((around, Settings::from_pairs(rest)))
    }

    /// Does a parameter of this name decay?
    pub fn decays(&self, name: &str) -> bool {
        self.weight_decay > 0.0 && !self.exclude.as_ref().is_some_and(|e| e.is_match(name))
    }

    /// The share λ of decoupled decay.
    pub fn decoupled(&self) -> f64 {
        match self.decay {
            Decay::Decoupled => self.weight_decay,
            Decay::L2 => 0.0,
        }
    }
    /// The factor of θ that is left by decoupled decay at this rate.
    pub fn keep(&self, learning_rate: f64) -> f64 {
        1.0 - learning_rate * self.decoupled()
    }

    /// Clips the gradients of all parameters.
    pub fn clipped(&self, g: &mut Graph, gradients: &[Value]) -> Result<Vec<Value>> {
        match self.clip {
            Clip::None => Ok(gradients.to_vec()),
            Clip::Value(bound) => {
                let (low, high) = (g.constant(-bound)?, g.constant(bound)?);
                let clip = |&x: &Value| g.maximum(x, low).and_then(|x| g.minimum(x, high));
                gradients.iter().map(clip).collect()
            }
            // g c / max(‖g‖, c)
            Clip::Norm(bound) => {
                let c = g.constant(bound)?;
                let mut clip = |&x: &Value| {
                    let norm = global_norm(g, &[x])?;
                    let greatest = g.maximum(norm, c)?;
                    let factor = g.divide(c, greatest)?;
                    g.multiply(x, factor)
                };
                gradients.iter().map(&mut clip).collect()
            }
            // g c min(1 / N, 1 / c); N − N makes all of them NaN where N is not finite.
            Clip::GlobalNorm(bound) => {
                let n = global_norm(g, gradients)?;
                let (c, most) = (g.constant(bound)?, g.constant(1.0 / bound)?);
                let one_over_n = g.reciprocal(n)?;
                let factor = g.minimum(one_over_n, most)?;
                let nothing = g.subtract(n, n)?;
                let factor = g.add(factor, nothing)?;
                let factor = g.multiply(factor, c)?;
                gradients.iter().map(|&x| g.multiply(x, factor)).collect()
            }
        }
    }

    /// Adds λ θ to a gradient, if that is what decay means.
    pub fn with_l2(&self, g: &mut Graph, name: &str, theta: Value, gradient: Value) -> Result<Value> {
        if self.decay != Decay::L2 || !self.decays(name) {
            return Ok(gradient);
        }
        let lambda = g.constant(self.weight_decay)?;
        let pull = g.multiply(theta, lambda)?;
        g.add(gradient, pull)
    }
}

/// The norm of all these arrays together.
pub(super) fn global_norm(g: &mut Graph, of: &[Value]) -> Result<Value> {
    let mut total = None;
    for &x in of {
        let square = g.square(x)?;
        let sum = g.sum(square)?;
        total = Some(total.map_or(Ok(sum), |t| g.add(t, sum))?);
    }
    let total = total.map_or_else(|| g.constant(0.0), Ok)?;
    g.sqrt(total)
}
