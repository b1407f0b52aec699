//! How other libraries write optimizers down: the names, order and defaults of their arguments, and which settings of
//! which rule here they are.
//!
//! A signature stands as its library prints it (`tests/every_dialect.rs` asks for it), without what names parameters.

use crate::registry::Default;
use std::fmt;

use Default::{Bool, Float, Text};
use Dialect::{Keras, Optax, Paper, Torch};
use To::{Both, One, Only, Product, Times, Tuple};

/// Whose words they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Keras 3.
    Keras,
    /// PyTorch.
    Torch,
    /// Optax.
    Optax,
    /// The paper of the rule, its letters in words.
    Paper,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 4] = [Keras, Torch, Optax, Paper];
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Keras => "keras",
            Torch => "torch",
            Optax => "optax",
            Paper => "paper",
        }
    }
    /// What the arguments of most optimizers mean here.
    fn usual(self) -> &'static [(&'static str, To)] {
        match self {
            Keras => &[],
            Torch => TORCH,
            Optax => OPTAX,
            Paper => PAPER,
        }
    }
    /// Arguments that say how to compute, not what.
    fn passed_over(self) -> &'static [&'static str] {
        match self {
            Keras => &["name", "relative_step", "exclude_embeddings"],
            Torch => &["foreach", "fused", "capturable", "differentiable"],
            Optax | Paper => &[],
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an argument is here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum To {
    /// This setting.
    One(&'static str),
    /// Several in brackets, a setting each.
    Tuple(&'static [&'static str]),
    /// One number for each of these settings.
    Both(&'static [&'static str]),
    /// This many times the setting.
    Times(f64, &'static str),
    /// The first setting times the second.
    Product(&'static str, &'static str),
    /// Nothing: any value means the same.
    Nothing,
    /// It has no setting; allowed is its default alone, or what the form says.
    Only,
}

/// An optimizer in a library's words.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Whose.
    pub dialect: Dialect,
    /// Forms of one family are translated into each other.
    pub family: &'static str,
    /// The entry of the table that walks as it does.
    pub rule: &'static str,
    /// The call: arguments in their order with defaults; those behind `*` by name only.
    pub signature: &'static str,
    /// What arguments are that are not what they are for most, and not called as the setting.
    pub to: &'static [(&'static str, To)],
    /// Values of arguments that choose this form among those of one name.
    pub only: &'static [(&'static str, &'static str)],
    /// Settings that no argument says; of settings that the rule does not have, what it is as if they were.
    pub fixed: &'static [(&'static str, Default)],
    /// Where ε stands, where that is not the same in all forms of the family.
    pub epsilon: &'static str,
    /// What else differs in how it computes.
    pub note: &'static str,
}

impl Form {
    /// Is ε inside a root, where others of the family have it outside?
    pub fn has_epsilon_inside(&self) -> bool {
        self.epsilon == INSIDE
    }
}

impl Form {
    /// What an argument means; `has` tells whether the rule has a setting.
    pub fn to(&self, argument: &'static str, has: impl Fn(&str) -> bool) -> To {
        let there = |to: &To| match to {
            One(name) => has(name),
            Tuple(names) => names.iter().all(|name| has(name)),
            _ => true,
        };
        let own = self.to.iter().find(|(name, _)| *name == argument);
        let usual = || self.dialect.usual().iter().find(|(name, to)| *name == argument && there(to));
        match own.or_else(usual) {
            Some((_, to)) => *to,
            None if has(argument) => One(argument),
            None if self.dialect.passed_over().contains(&argument) => To::Nothing,
            None => Only,
        }
    }
}

const TORCH: &[(&str, To)] =
    &[("lr", One("learning_rate")), ("betas", Tuple(&["beta_1", "beta_2"])), ("eps", One("epsilon"))];

const OPTAX: &[(&str, To)] = &[("b1", One("beta_1")), ("b2", One("beta_2")), ("eps", One("epsilon"))];

const PAPER: &[(&str, To)] = &[("alpha", One("learning_rate")), ("eta", One("learning_rate")), ("mu", One("momentum"))];

const DECOUPLED: &[(&str, Default)] = &[("decay", Text("decoupled"))];

/// What every optimizer of Keras takes besides.
macro_rules! keras {
    ($own:literal) => {
        keras!($own, "weight_decay=None, ")
    };
    ($own:literal, $decay:literal) => {
        concat!(
            $own,
            $decay,
            "clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, \
             ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None)"
        )
    };
}

const fn form(dialect: Dialect, family: &'static str, rule: &'static str, signature: &'static str) -> Form {
    Form { dialect, family, rule, signature, to: &[], only: &[], fixed: &[], epsilon: "", note: "" }
}

const SQUARES: &str = "ε₁ is added to squares";
const INSIDE: &str = "ε is added to the average inside the root";
const OUTSIDE: &str = "ε is added to the root";
const HAT: &str = "ε is added to the uncorrected root √v";
const CORRECTED: &str = "ε is added to the corrected root √(v / (1 − β₂ᵗ))";
const RATE_INSIDE: &str = "the rate is inside the momentum";
const RATE_OUTSIDE: &str = "the rate is outside the momentum";

/// Every form. Rules without one are in the dialect `paper` by their own name, with their own settings.
pub const FORMS: &[Form] = &[
    // Descent.
    Form {
        fixed: &[("dampening", Float(0.0))],
        note: RATE_INSIDE,
        ..form(Keras, "sgd", "sgd", keras!("SGD(learning_rate=0.01, momentum=0.0, nesterov=False, "))
    },
    Form {
        note: RATE_OUTSIDE,
        ..form(
            Torch,
            "sgd",
            "sgd:torch",
            "SGD(lr=0.001, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False, foreach=None, \
             differentiable=False, fused=None)",
        )
    },
    Form {
        fixed: &[("dampening", Float(0.0))],
        note: RATE_OUTSIDE,
        ..form(Optax, "sgd", "sgd:torch", "sgd(learning_rate, momentum=None, nesterov=False, accumulator_dtype=None)")
    },
    Form {
        fixed: &[("dampening", Float(0.0))],
        note: RATE_INSIDE,
        ..form(Paper, "sgd", "sgd", "SGD(alpha, mu=0.0, nesterov=False)")
    },
    // RMSprop.
    Form {
        epsilon: INSIDE,
        ..form(
            Keras,
            "rmsprop",
            "rmsprop",
            keras!("RMSprop(learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07, centered=False, "),
        )
    },
    Form {
        to: &[("alpha", One("rho"))],
        epsilon: OUTSIDE,
        ..form(
            Torch,
            "rmsprop",
            "rmsprop:torch",
            "RMSprop(lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0, momentum=0, centered=False, capturable=False, \
             foreach=None, maximize=False, differentiable=False)",
        )
    },
    Form { only: &[("eps_in_sqrt", "True")], fixed: &[("eps_in_sqrt", Bool(true))], epsilon: INSIDE, ..OPTAX_RMSPROP },
    Form {
        only: &[("eps_in_sqrt", "False")],
        fixed: &[("eps_in_sqrt", Bool(false))],
        epsilon: OUTSIDE,
        ..OPTAX_RMSPROP
    },
    Form {
        fixed: &[("centered", Bool(true))],
        epsilon: INSIDE,
        ..form(Paper, "rmsprop", "rmsprop", "RMSprop(alpha=0.0001, rho=0.95, mu=0.9, epsilon=0.0001)")
    },
    // Adam.
    Form {
        epsilon: HAT,
        ..form(
            Keras,
            "adam",
            "adam",
            keras!("Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False, "),
        )
    },
    Form {
        epsilon: HAT,
        ..form(
            Keras,
            "adam",
            "adamw",
            keras!(
                "AdamW(learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False, ",
                ""
            ),
        )
    },
    Form { only: &[("decoupled_weight_decay", "False")], ..TORCH_ADAM },
    Form { only: &[("decoupled_weight_decay", "True")], fixed: DECOUPLED, ..TORCH_ADAM },
    Form {
        epsilon: CORRECTED,
        ..form(
            Torch,
            "adam",
            "adamw:torch",
            "AdamW(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, amsgrad=False, *, maximize=False, \
             foreach=None, capturable=False, differentiable=False, fused=None)",
        )
    },
    Form {
        fixed: &[("amsgrad", Bool(false))],
        epsilon: CORRECTED,
        ..form(
            Optax,
            "adam",
            "adam:optax",
            "adam(learning_rate, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, mu_dtype=None, *, nesterov=False)",
        )
    },
    Form {
        fixed: &[("amsgrad", Bool(false))],
        epsilon: CORRECTED,
        ..form(
            Optax,
            "adam",
            "adamw:optax",
            "adamw(learning_rate, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, mu_dtype=None, weight_decay=0.0001, \
             mask=None, *, nesterov=False)",
        )
    },
    Form {
        fixed: &[("amsgrad", Bool(false))],
        epsilon: CORRECTED,
        ..form(Paper, "adam", "adam:optax", "Adam(alpha=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08)")
    },
    // The paper shrinks θ by λ itself, which a schedule scales as it does α.
    Form {
        to: &[("lambda", Product("weight_decay", "learning_rate"))],
        fixed: &[("amsgrad", Bool(false))],
        epsilon: CORRECTED,
        note: "θ shrinks by λ, not by α λ",
        ..form(Paper, "adam", "adamw:optax", "AdamW(lambda, alpha=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08)")
    },
    Form {
        fixed: &[("amsgrad", Bool(true))],
        epsilon: CORRECTED,
        note: "amsgrad takes the maximum of corrected averages",
        ..form(
            Optax,
            "adam",
            "adam:optax",
            "amsgrad(learning_rate, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, mu_dtype=None, bias_correction_mu=True, \
             bias_correction_nu=True)",
        )
    },
    // Adamax.
    Form {
        epsilon: "ε is added to the greatest gradient as it is divided by",
        ..form(
            Keras,
            "adamax",
            "adamax",
            keras!("Adamax(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, "),
        )
    },
    Form {
        epsilon: WITHIN,
        ..form(
            Torch,
            "adamax",
            "adamax:torch",
            "Adamax(lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0, foreach=None, *, maximize=False, \
             differentiable=False, capturable=False)",
        )
    },
    Form {
        epsilon: WITHIN,
        ..form(Optax, "adamax", "adamax:torch", "adamax(learning_rate, b1=0.9, b2=0.999, eps=1e-08)")
    },
    Form {
        fixed: DECOUPLED,
        epsilon: WITHIN,
        ..form(
            Optax,
            "adamax",
            "adamax:torch",
            "adamaxw(learning_rate, b1=0.9, b2=0.999, eps=1e-08, weight_decay=0.0001, mask=None)",
        )
    },
    Form {
        epsilon: "there is no ε",
        ..form(Paper, "adamax", "adamax:paper", "Adamax(alpha=0.002, beta_1=0.9, beta_2=0.999)")
    },
    // Nadam.
    Form {
        fixed: &[("momentum_decay", Float(1.0))],
        note: "the momentum grows as 0.96ᵗ falls",
        ..form(Keras, "nadam", "nadam", keras!("Nadam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, "))
    },
    Form { only: &[("decoupled_weight_decay", "False")], ..TORCH_NADAM },
    Form { only: &[("decoupled_weight_decay", "True")], fixed: DECOUPLED, ..TORCH_NADAM },
    Form {
        note: STILL,
        ..form(
            Optax,
            "nadam",
            "nadam:optax",
            "nadam(learning_rate, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, mu_dtype=None, *, nesterov=True)",
        )
    },
    Form {
        note: STILL,
        ..form(
            Optax,
            "nadam",
            "nadamw:optax",
            "nadamw(learning_rate, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, mu_dtype=None, weight_decay=0.0001, \
             mask=None, *, nesterov=True)",
        )
    },
    Form {
        only: &[("nesterov", "True")],
        note: STILL,
        ..form(
            Optax,
            "nadam",
            "nadam:optax",
            "adam(learning_rate, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, mu_dtype=None, *, nesterov=False)",
        )
    },
    Form {
        only: &[("nesterov", "True")],
        note: STILL,
        ..form(
            Optax,
            "nadam",
            "nadamw:optax",
            "adamw(learning_rate, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, mu_dtype=None, weight_decay=0.0001, \
             mask=None, *, nesterov=False)",
        )
    },
    // Adagrad.
    Form {
        fixed: &[("lr_decay", Float(0.0))],
        epsilon: INSIDE,
        ..form(
            Keras,
            "adagrad",
            "adagrad",
            keras!("Adagrad(learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-07, "),
        )
    },
    Form {
        epsilon: OUTSIDE,
        ..form(
            Torch,
            "adagrad",
            "adagrad:torch",
            "Adagrad(lr=0.01, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, foreach=None, *, \
             maximize=False, differentiable=False, fused=None)",
        )
    },
    Form {
        fixed: &[("lr_decay", Float(0.0))],
        epsilon: INSIDE,
        ..form(Optax, "adagrad", "adagrad", "adagrad(learning_rate, initial_accumulator_value=0.1, eps=1e-07)")
    },
    Form {
        to: &[("delta", One("epsilon"))],
        fixed: &[("lr_decay", Float(0.0)), ("initial_accumulator_value", Float(0.0))],
        epsilon: OUTSIDE,
        ..form(Paper, "adagrad", "adagrad:torch", "Adagrad(eta, delta)")
    },
    // Adadelta.
    form(Keras, "adadelta", "adadelta", keras!("Adadelta(learning_rate=0.001, rho=0.95, epsilon=1e-07, ")),
    form(
        Torch,
        "adadelta",
        "adadelta:torch",
        "Adadelta(lr=1.0, rho=0.9, eps=1e-06, weight_decay=0, foreach=None, *, capturable=False, maximize=False, \
         differentiable=False)",
    ),
    // Optax prints `learning_rate=None`, and fails without one.
    form(
        Optax,
        "adadelta",
        "adadelta:torch",
        "adadelta(learning_rate, rho=0.9, eps=1e-06, weight_decay=0.0, weight_decay_mask=None)",
    ),
    Form {
        fixed: &[("learning_rate", Float(1.0))],
        ..form(Paper, "adadelta", "adadelta:paper", "Adadelta(rho=0.95, epsilon=1e-06)")
    },
    // Ftrl.
    Form {
        ..form(
            Keras,
            "ftrl",
            "ftrl",
            keras!(
                "Ftrl(learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1, \
                 l1_regularization_strength=0.0, l2_regularization_strength=0.0, \
                 l2_shrinkage_regularization_strength=0.0, beta=0.0, "
            ),
        )
    },
    Form {
        to: &[("lambda_1", One("l1_regularization_strength")), ("lambda_2", Times(2.0, "l2_regularization_strength"))],
        fixed: &[
            ("learning_rate_power", Float(-0.5)),
            ("initial_accumulator_value", Float(0.0)),
            ("l2_shrinkage_regularization_strength", Float(0.0)),
        ],
        note: "the sum starts from 0; λ₂ is twice Keras' l2_regularization_strength",
        ..form(Paper, "ftrl", "ftrl", "Ftrl(alpha, beta, lambda_1, lambda_2)")
    },
    // Lion.
    form(Keras, "lion", "lion", keras!("Lion(learning_rate=0.001, beta_1=0.9, beta_2=0.99, ")),
    form(
        Optax,
        "lion",
        "lion:optax",
        "lion(learning_rate, b1=0.9, b2=0.99, mu_dtype=None, weight_decay=0.001, mask=None)",
    ),
    Form {
        to: &[("lambda", One("weight_decay"))],
        ..form(Paper, "lion", "lion:optax", "Lion(eta, lambda, beta_1=0.9, beta_2=0.99)")
    },
    // LAMB and LARS.
    Form {
        fixed: &[("epsilon_root", Float(0.0))],
        note: "weight_decay shrinks θ before the step",
        ..form(Keras, "lamb", "lamb", keras!("Lamb(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, "))
    },
    Form {
        to: &[("eps_root", One("epsilon_root"))],
        note: "weight_decay is part of the step",
        ..form(
            Optax,
            "lamb",
            "lamb:optax",
            "lamb(learning_rate, b1=0.9, b2=0.999, eps=1e-06, eps_root=0.0, weight_decay=0.0, mask=None)",
        )
    },
    Form {
        to: &[("lambda", One("weight_decay"))],
        fixed: &[("epsilon_root", Float(0.0))],
        note: "weight_decay is part of the step",
        ..form(Paper, "lamb", "lamb:optax", "LAMB(eta, beta_1=0.9, beta_2=0.999, epsilon=1e-06, lambda=0.0)")
    },
    form(
        Optax,
        "lars",
        "lars",
        "lars(learning_rate, weight_decay=0.0, weight_decay_mask=True, trust_coefficient=0.001, eps=0.0, \
         trust_ratio_mask=True, momentum=0.9, nesterov=False)",
    ),
    Form {
        to: &[
            ("gamma", One("learning_rate")),
            ("m", One("momentum")),
            ("eta", One("trust_coefficient")),
            ("beta", Only),
        ],
        note: "the norms of gradient and decay are added",
        ..form(Paper, "lars", "lars", "LARS(gamma, m=0.9, eta=0.001, beta=0.0)")
    },
    // Adafactor.
    Form {
        epsilon: SQUARES,
        ..form(
            Keras,
            "adafactor",
            "adafactor",
            keras!(
                "Adafactor(learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=0.001, \
                 clip_threshold=1.0, relative_step=True, "
            ),
        )
    },
    Form {
        to: &[
            ("beta2_decay", One("beta_2_decay")),
            ("eps", Tuple(&["epsilon_1", "epsilon_2"])),
            ("d", One("clip_threshold")),
        ],
        epsilon: "squares get no ε₁; ε₁² is the least average of them",
        ..form(
            Torch,
            "adafactor",
            "adafactor:torch",
            "Adafactor(lr=0.01, beta2_decay=-0.8, eps=(None, 0.001), d=1.0, weight_decay=0.0, *, foreach=None, \
             maximize=False)",
        )
    },
    Form {
        to: &[("rho", One("learning_rate")), ("d", One("clip_threshold"))],
        epsilon: SQUARES,
        ..form(
            Paper,
            "adafactor",
            "adafactor",
            "Adafactor(rho=0.01, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=0.001, d=1.0)",
        )
    },
    Form {
        to: &[
            ("decay_rate", Times(-1.0, "beta_2_decay")),
            ("clipping_threshold", One("clip_threshold")),
            ("eps", One("epsilon_1")),
        ],
        fixed: &[("epsilon_2", Float(1e-3))],
        epsilon: SQUARES,
        note: "the rate does not fall with 1/√t, and axes below min_dim_size_to_factor are not factored",
        ..form(
            Optax,
            "adafactor",
            "adafactor:optax",
            "adafactor(learning_rate=None, min_dim_size_to_factor=128, decay_rate=0.8, decay_offset=0, \
             multiply_by_parameter_scale=True, clipping_threshold=1.0, momentum=None, dtype_momentum=float32, \
             weight_decay_rate=None, eps=1e-30, factored=True, weight_decay_mask=None)",
        )
    },
    // Muon.
    Form {
        to: &[("ns_coefficients", Tuple(&["muon_a", "muon_b", "muon_c"])), ("eps", Only)],
        note: "the rate is √max(1, rows / columns), or as adjust_lr_fn says; θ rests where it is no matrix",
        ..form(
            Torch,
            "muon",
            "muon:torch",
            "Muon(lr=0.001, weight_decay=0.1, momentum=0.95, nesterov=True, ns_coefficients=(3.4445, -4.775, 2.0315), \
             eps=1e-07, ns_steps=5, adjust_lr_fn=None)",
        )
    },
    Form {
        to: &[("adam_weight_decay", One("weight_decay"))],
        note: "the rate is rms_rate √max(rows, columns); Adam moves what is no matrix",
        ..form(
            Keras,
            "muon",
            "muon",
            "Muon(learning_rate=0.001, adam_beta_1=0.9, adam_beta_2=0.999, adam_weight_decay=0.004, epsilon=1e-07, \
             weight_decay=0.004, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, \
             ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None, \
             exclude_layers=None, exclude_embeddings=True, muon_a=3.4445, muon_b=-4.775, muon_c=2.0315, \
             adam_lr_ratio=1, momentum=0.95, ns_steps=5, nesterov=True, rms_rate=0.2)",
        )
    },
    // Schedule-Free.
    form(
        Keras,
        "schedule_free_adamw",
        "schedule_free_adamw",
        keras!("ScheduleFreeAdamW(learning_rate=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-08, warmup_steps=0, "),
    ),
    Form {
        to: &[("lambda", One("weight_decay"))],
        note: "steps weigh in the average by their rate, and decay is part of the step",
        ..form(
            Paper,
            "schedule_free_adamw",
            "schedule_free_adamw:paper",
            "ScheduleFreeAdamW(alpha=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-08, lambda=0.0, warmup_steps=0, r=0.0, \
             weight_lr_power=2.0)",
        )
    },
    // RAdam.
    Form {
        only: &[("decoupled_weight_decay", "False")],
        fixed: &[("threshold", Float(5.0)), ("nesterov", Bool(false))],
        ..TORCH_RADAM
    },
    Form {
        only: &[("decoupled_weight_decay", "True")],
        fixed: &[("threshold", Float(5.0)), ("nesterov", Bool(false)), ("decay", Text("decoupled"))],
        ..TORCH_RADAM
    },
    Form {
        epsilon: CORRECTED,
        ..form(
            Optax,
            "radam",
            "radam:optax",
            "radam(learning_rate, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, threshold=5.0, *, nesterov=False)",
        )
    },
    // Those of PyTorch alone.
    Form {
        to: &[("alpha", One("alpha"))],
        ..form(
            Torch,
            "asgd",
            "asgd",
            "ASGD(lr=0.01, lambd=0.0001, alpha=0.75, t0=1000000.0, weight_decay=0, foreach=None, maximize=False, \
             differentiable=False, capturable=False)",
        )
    },
    Form {
        to: &[("etas", Tuple(&["eta_minus", "eta_plus"])), ("step_sizes", Tuple(&["step_min", "step_max"]))],
        ..form(
            Torch,
            "rprop",
            "rprop",
            "Rprop(lr=0.01, etas=(0.5, 1.2), step_sizes=(1e-06, 50), *, capturable=False, foreach=None, maximize=False, \
             differentiable=False)",
        )
    },
    Form {
        to: &[("line_search_fn", One("line_search"))],
        ..form(
            Torch,
            "lbfgs",
            "lbfgs",
            "LBFGS(lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-07, tolerance_change=1e-09, history_size=100, \
             line_search_fn=None, *, maximize=False)",
        )
    },
    // Those of Optax.
    Form {
        to: &[("eps_root", One("epsilon_root"))],
        ..form(
            Optax,
            "adabelief",
            "adabelief",
            "adabelief(learning_rate, b1=0.9, b2=0.999, eps=1e-16, eps_root=1e-16, *, nesterov=False)",
        )
    },
    Form {
        to: &[("epsilon", Both(&["epsilon", "epsilon_root"]))],
        note: "ε and ε₂ are one number",
        ..form(Paper, "adabelief", "adabelief", "AdaBelief(epsilon, alpha=0.001, beta_1=0.9, beta_2=0.999)")
    },
    Form {
        to: &[("b3", One("beta_3")), ("eps_root", One("epsilon_root"))],
        ..form(
            Optax,
            "adan",
            "adan:optax",
            "adan(learning_rate, b1=0.98, b2=0.92, b3=0.99, eps=1e-08, eps_root=1e-08, weight_decay=0.0, mask=None)",
        )
    },
    Form {
        fixed: &[("initial_accumulator_value", Float(1e-6))],
        ..form(Optax, "yogi", "yogi", "yogi(learning_rate, b1=0.9, b2=0.999, eps=0.001)")
    },
];

const STILL: &str = "the momentum does not grow";
const WITHIN: &str = "ε is added to |g| inside the maximum";

const OPTAX_RMSPROP: Form = Form {
    to: &[("decay", One("rho")), ("initial_scale", Only), ("eps_in_sqrt", Only)],
    ..form(
        Optax,
        "rmsprop",
        "rmsprop:optax",
        "rmsprop(learning_rate, decay=0.9, eps=1e-08, initial_scale=0.0, eps_in_sqrt=True, centered=False, \
         momentum=None, nesterov=False, bias_correction=False)",
    )
};

const TORCH_ADAM: Form = Form {
    epsilon: CORRECTED,
    ..form(
        Torch,
        "adam",
        "adam:torch",
        "Adam(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0, amsgrad=False, *, foreach=None, maximize=False, \
         capturable=False, differentiable=False, fused=None, decoupled_weight_decay=False)",
    )
};

const TORCH_NADAM: Form = Form {
    note: "the momentum grows as 0.96^(momentum_decay t) falls",
    ..form(
        Torch,
        "nadam",
        "nadam:torch",
        "NAdam(lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0, momentum_decay=0.004, \
         decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False, differentiable=False)",
    )
};

const TORCH_RADAM: Form = Form {
    epsilon: HAT,
    ..form(
        Torch,
        "radam",
        "radam",
        "RAdam(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0, decoupled_weight_decay=False, *, foreach=None, \
     maximize=False, capturable=False, differentiable=False)",
    )
};
