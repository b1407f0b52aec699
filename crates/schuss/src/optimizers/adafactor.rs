//! Adafactor: averages of squares kept as a row and a column.

use super::whole::{mean_over, root_mean_square};
use super::{GraphRule, Now, Optimizer, Rule, Slot, Tensor, Update, learning_rate, not_negative};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Default, Entry, Page, Setting, Settings};

pub const ENTRIES: &[Entry<Optimizer>] = &[
    Entry {
        name: "adafactor",
        page: Page {
            summary: "Adam without momentum, whose squares are kept as a row and a column: little memory for matrices",
            equation: "β_t = 1 − t^p, ρ_t = min(α, 1/√t), s = g² + ε₁\n\
                       matrices, over the last two axes: r ← β_t r + (1 − β_t) mean(s over columns), \
                       c ← β_t c + (1 − β_t) mean(s over rows), v = r c / mean(r)\n\
                       others: v ← β_t v + (1 − β_t) s\n\
                       u = g / √v\n\
                       θ ← θ − ρ_t max(ε₂, RMS(θ)) u / max(1, RMS(u) / d)",
            source: "Shazeer and Stern 2018, algorithms 4 and 5, arXiv 1804.04235",
            differs: "Keras' form, which takes the smaller of α and 1/√t whatever its relative_step says; that setting is \
                      therefore left out. PyTorch has α = 0.01, no ε₁ in s, and bounds v below by ε₁².",
        },
        settings: &[
            learning_rate(0.001),
            POWER,
            not_negative("epsilon_1", 1e-30, "ε₁, added to squares"),
            EPSILON_2,
            CLIP,
        ],
        make: |settings| make("adafactor", settings, Form::Keras),
    },
    Entry {
        name: "adafactor:paper",
        page: Page {
            summary: "Adafactor as its paper has it: a rate of at most 0.01",
            equation: "as adafactor, with α = 0.01",
            source: "Shazeer and Stern 2018, algorithms 4 to 6, arXiv 1804.04235",
            differs: "Keras' default rate is 0.001.",
        },
        settings: &[
            learning_rate(0.01),
            POWER,
            not_negative("epsilon_1", 1e-30, "ε₁, added to squares"),
            EPSILON_2,
            CLIP,
        ],
        make: |settings| make("adafactor:paper", settings, Form::Keras),
    },
    Entry {
        name: "adafactor:optax",
        page: Page {
            summary: "Adafactor as Optax has it: a constant rate, and small matrices not factored",
            equation: "as adafactor, but θ ← θ − α max(10⁻³, RMS(θ)) u / max(1, RMS(u) / d), and v of the two longest \
                       axes, if both have min_dim_size_to_factor",
            source: "Optax 0.2.8, optax.adafactor; Shazeer and Stern 2018, arXiv 1804.04235",
            differs: "The rate does not fall with 1/√t. Axes below 128 are not factored, and of more than two axes the \
                      longest are, where Keras takes the last. beta_2_decay is minus its decay_rate. Without a rate, as \
                      by default there, Optax has α = 1. With weight_decay Optax adds λ θ behind the rate; here θ \
                      shrinks by α λ.",
        },
        settings: &[
            learning_rate(1.0),
            POWER,
            not_negative("epsilon_1", 1e-30, "ε₁, added to squares"),
            CLIP,
            Setting {
                name: "min_dim_size_to_factor",
                default: Default::Int(128),
                allowed: Allowed::Int(1, i64::MAX),
                doc: "how long both axes are at least, for v to be kept as a row and a column",
            },
            Setting {
                name: "multiply_by_parameter_scale",
                default: Default::Bool(true),
                allowed: Allowed::Bool,
                doc: "multiply the rate with the parameter's root mean square",
            },
        ],
        make: |settings| make("adafactor:optax", settings, Form::Optax),
    },
    Entry {
        name: "adafactor:torch",
        page: Page {
            summary: "Adafactor as PyTorch has it",
            equation: "as adafactor with s = g², v = r c / max(mean(r), ε₁), u = g / √max(v, ε₁²)",
            source: "PyTorch 2.15, torch.optim.Adafactor; Shazeer and Stern 2018, arXiv 1804.04235",
            differs: "α = 0.01; ε₁ is the spacing of 32-bit numbers at 1 (PyTorch's None); its d is clip_threshold here. \
                      With weight_decay RMS(θ) is of the decayed θ here, of the old one there.",
        },
        settings: &[
            learning_rate(0.01),
            POWER,
            not_negative("epsilon_1", 1.1920928955078125e-7, "ε₁, the least mean of r; ε₁² the least v"),
            EPSILON_2,
            CLIP,
        ],
        make: |settings| make("adafactor:torch", settings, Form::Torch),
    },
];

const POWER: Setting = Setting {
    name: "beta_2_decay",
    default: Default::Float(-0.8),
    allowed: Allowed::Number,
    doc: "p: the share of old squares is 1 − t^p",
};
const EPSILON_2: Setting = not_negative("epsilon_2", 1e-3, "ε₂: the least RMS of θ that counts");
const CLIP: Setting = Setting {
    name: "clip_threshold",
    default: Default::Float(1.0),
    allowed: Allowed::Positive,
    doc: "d: steps whose RMS is greater are scaled to it",
};

/// Whose form.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Keras,
    Torch,
    Optax,
}

fn make(name: &'static str, settings: &Settings, form: Form) -> Result<Optimizer> {
    let [power, epsilon_1, clip] = ["beta_2_decay", "epsilon_1", "clip_threshold"].map(|name| settings.f64(name));
    let mut rule = Adafactor { name, power, epsilon_1, epsilon_2: 1e-3, clip, form, least: 1, scaled: true };
    if form == Form::Optax {
        rule.least = settings.usize("min_dim_size_to_factor");
        rule.scaled = settings.bool("multiply_by_parameter_scale");
    } else {
        rule.epsilon_2 = settings.f64("epsilon_2");
    }
    Optimizer::new(name, settings, rule)
}

#[derive(Debug)]
struct Adafactor {
    name: &'static str,
    power: f64,
    epsilon_1: f64,
    epsilon_2: f64,
    clip: f64,
    form: Form,
    /// The least length of an axis that is factored over.
    least: usize,
    /// Does the parameter's size scale the rate?
    scaled: bool,
}

impl Adafactor {
    /// The axes, counted from the last, which is 1, that the row and the column of v are means over; if it has them.
    fn axes(&self, shape: &[usize]) -> Option<[usize; 2]> {
        let rank = shape.len();
        if rank < 2 {
            return None;
        }
        let mut axes: Vec<usize> = (0..rank).collect();
        if self.form == Form::Optax {
            axes.sort_by_key(|&i| shape[i]);
        }
        let [column, row] = [axes[rank - 2], axes[rank - 1]];
        (shape[column] >= self.least).then_some([rank - row, rank - column])
    }
}

impl Rule for Adafactor {
    fn name(&self) -> &'static str {
        self.name
    }
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let Some([row, column]) = self.axes(shape) else { return vec![Slot::zero("v")] };
        let with = |axis: usize| {
            let mut sizes = shape.to_vec();
            sizes[shape.len() - axis] = 1;
            sizes
        };
        vec![Slot::zero("r").shaped(&with(row)), Slot::zero("c").shaped(&with(column))]
    }
    fn update(&self) -> Update<'_> {
        Update::Graph(self)
    }
    fn numbers(&self, now: Now, _: &mut [f64], out: &mut [f64]) {
        let t = now.t as f64;
        let falling = if self.form == Form::Optax { f64::INFINITY } else { 1.0 / t.sqrt() };
        out.copy_from_slice(&[now.learning_rate.min(falling), t.powf(self.power)]);
    }
}

impl GraphRule for Adafactor {
    fn numbers(&self) -> usize {
        2
    }
    fn build(&self, g: &mut Graph, numbers: &[Value], tensors: &mut [Tensor], _: &mut [Value]) -> Result<()> {
        let [rho, share] = numbers else { unreachable!("it has 2") };
        let [least_mean, least_scale, one] = [self.epsilon_1, self.epsilon_2, 1.0].map(|x| g.constant(x));
        let (least_mean, least_scale, one) = (least_mean?, least_scale?, one?);
        let over_clip = g.constant(1.0 / self.clip)?;
        for Tensor { theta, gradient, states, .. } in tensors {
            let mut s = g.square(*gradient)?;
            if self.form != Form::Torch {
                s = g.add(s, least_mean)?;
            }
            // √v; of the row and the column apart, whose product can be too small for f32.
            let mut root = if let Some(axes) = self.axes(&g.shape(*theta).sizes(1)) {
                for (state, axis) in states.iter_mut().zip(axes) {
                    let mean = mean_over(g, s, axis)?;
                    *state = super::whole::average(g, *state, mean, *share)?;
                }
                let mut mean = mean_over(g, states[0], axes[1])?;
                if self.form == Form::Torch {
                    mean = g.maximum(mean, least_mean)?;
                }
                let row = g.divide(states[0], mean)?;
                let (row, column) = (g.sqrt(row)?, g.sqrt(states[1])?);
                g.multiply(row, column)?
            } else {
                states[0] = super::whole::average(g, states[0], s, *share)?;
                g.sqrt(states[0])?
            };
            if self.form == Form::Torch {
                root = g.maximum(root, least_mean)?;
            }
            let u = g.divide(*gradient, root)?;
            let over = root_mean_square(g, u)?;
            let over = g.multiply(over, over_clip)?;
            let over = g.maximum(over, one)?;
            let mut rate = *rho;
            if self.scaled {
                let size = root_mean_square(g, *theta)?;
                let size = g.maximum(size, least_scale)?;
                rate = g.multiply(size, rate)?;
            }
            let rate = g.divide(rate, over)?;
            let change = g.multiply(u, rate)?;
            *theta = g.subtract(*theta, change)?;
        }
        Ok(())
    }
}
