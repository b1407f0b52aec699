//! Losses: from a prediction and a target to one number per sample, as operations. One file each.
//!
//! A loss of your own is a type with a `build`, and gets its derivative from the operations it is made of:
//!
//! ```
//! use schuss::graph::{Graph, Value};
//! use schuss::losses::Loss;
//! use schuss::target::Target;
//!
//! /// The mean over outputs of ln cosh(p − y), as |e| + softplus(−2 |e|) − ln 2, which does not overflow.
//! #[derive(Debug)]
//! struct LogCosh;
//!
//! impl Loss for LogCosh {
//!     fn kind(&self) -> &'static str {
//!         "log_cosh"
//!     }
//!     fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> schuss::Result<Value> {
//!         let y = target.numbers(g, prediction)?;
//!         let error = g.subtract(prediction, y)?;
//!         let size = g.absolute(error)?;
//!         let down = g.scale(size, -2.0)?;
//!         let (bend, ln_2) = (g.softplus(down)?, g.constant(std::f64::consts::LN_2)?);
//!         let sum = g.add(size, bend)?;
//!         let each = g.subtract(sum, ln_2)?;
//!         let mean = g.mean_last(each)?;
//!         g.drop_last(mean)
//!     }
//! }
//! ```

use crate::error::{Error, Result};
use crate::graph::ops::add::Add;
use crate::graph::ops::convolution::Convolution;
use crate::graph::ops::gelu::Gelu;
use crate::graph::ops::greater::Greater;
use crate::graph::ops::greater_equal::GreaterEqual;
use crate::graph::ops::input::{Input, Source};
use crate::graph::ops::matmul::MatMul;
use crate::graph::ops::relu::Relu;
use crate::graph::ops::reshape::Reshape;
use crate::graph::ops::select::Select;
use crate::graph::ops::sigmoid::Sigmoid;
use crate::graph::ops::softmax::Softmax;
use crate::graph::ops::softplus::Softplus;
use crate::graph::ops::tanh::Tanh;
use crate::graph::{Graph, Operation, Value};
use crate::registry::{Allowed, Default, Registry, Setting, Settings};
use crate::target::{Outputs, Target, TargetKind};
use std::fmt::Debug;
use std::sync::Arc;

mod binary_crossentropy;
mod categorical_crossentropy;
mod hinge;
mod huber;
mod joint;
mod mean_absolute_error;
mod mean_squared_error;
mod sparse_categorical_crossentropy;
mod squared_hinge;

pub use binary_crossentropy::BinaryCrossentropy;
pub use categorical_crossentropy::CategoricalCrossentropy;
pub use hinge::Hinge;
pub use huber::Huber;
pub use joint::Joint;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_squared_error::MeanSquaredError;
pub use sparse_categorical_crossentropy::SparseCategoricalCrossentropy;
pub use squared_hinge::SquaredHinge;

/// The table of losses. Adding one: a file, its two lines above, and its line here.
pub fn registry() -> Registry<AnyLoss> {
    let entries = [
        binary_crossentropy::ENTRY,
        categorical_crossentropy::ENTRY,
        hinge::ENTRY,
        huber::ENTRY,
        joint::ENTRY,
        mean_absolute_error::ENTRY,
        mean_squared_error::ENTRY,
        sparse_categorical_crossentropy::ENTRY,
        squared_hinge::ENTRY,
    ];
    Registry::new("loss", entries).with_aliases(&[
        ("bce", "binary_crossentropy"),
        ("mae", "mean_absolute_error"),
        ("mse", "mean_squared_error"),
    ])
}

/// A loss.
pub trait Loss: Debug + Send + Sync {
    /// The name in the table.
    fn kind(&self) -> &'static str;
    /// The configuration, such that the table's `make` builds the same loss from it.
    fn settings(&self) -> Settings {
        Settings::default()
    }
    /// The loss of each sample, `[batch]`, from a prediction `[batch, …]`. Where the prediction is a softmax or a
    /// sigmoid and the loss is its cross-entropy, the loss is built on what they were given, which is stable.
    fn build(&self, graph: &mut Graph, prediction: Value, target: Target) -> Result<Value>;
    /// The last layer of a model that is made for this loss: how many units, and which activation.
    fn output(&self, target: TargetKind) -> (usize, &'static str) {
        match target {
            TargetKind::Class(n) => (n, "softmax"),
            TargetKind::Numbers(n) => (n, "linear"),
        }
    }
    /// What the outputs of a model mean that this loss trains to tell classes.
    fn outputs(&self) -> Outputs {
        if self.is_regression() { Outputs::Numbers } else { Outputs::Probabilities }
    }
    /// Is the target of a sample the index of a class, where it is a number?
    fn takes_index(&self) -> bool {
        false
    }
    /// Is a column of targets read as numbers to come near to, rather than as names of classes?
    fn is_regression(&self) -> bool {
        false
    }
}

/// A shared loss.
pub type AnyLoss = Arc<dyn Loss>;

/// How near to 0 and 1 a probability counts that is no softmax or sigmoid in the graph (Keras' epsilon).
const EDGE: f64 = 1e-7;

const FROM_LOGITS: Setting = Setting {
    name: "from_logits",
    default: Default::Bool(false),
    allowed: Allowed::Bool,
    doc: "is the prediction what a softmax or sigmoid would be given? For models that do not end in one",
};

const LABEL_SMOOTHING: Setting = Setting {
    name: "label_smoothing",
    default: Default::Float(0.0),
    allowed: Allowed::Fraction,
    doc: "s: how much of the target is spread over all classes alike",
};

/// The mean over outputs, `[batch]`, of `[batch, outputs]`.
fn mean(g: &mut Graph, x: Value) -> Result<Value> {
    let column = g.mean_last(x)?;
    g.drop_last(column)
}

/// Prediction less target, `[batch, outputs]`.
fn error(g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
    let y = target.numbers(g, prediction)?;
    g.subtract(prediction, y)
}

/// What the operation `O` at the end of the model was given, or the prediction itself if it is said to be that; nothing
/// if the prediction is a probability from elsewhere.
fn logits<O: Operation>(g: &Graph, prediction: Value, from_logits: bool) -> Result<Option<Value>> {
    match g.operation::<O>(prediction) {
        Some(end) if from_logits => {
            let message = format!("`from_logits` is true, but the model ends in {}; leave one of them out", end.name());
            Err(Error::value("not-logits", message))
        }
        Some(_) => Ok(Some(g.node(prediction).inputs[0])),
        None => Ok(from_logits.then_some(prediction)),
    }
}

/// Refuses to train a model whose outputs the loss takes for probabilities, and which are none. Errors:
/// `not-probabilities`.
pub fn check_end(loss: &AnyLoss, target: TargetKind, g: &Graph, prediction: Value) -> Result<()> {
    let (_, activation) = loss.output(target);
    let taken = loss.outputs() == Outputs::Probabilities && ["sigmoid", "softmax"].contains(&activation);
    if !taken || !is_no_probability(g, prediction) {
        return Ok(());
    }
    let message = format!(
        "the model ends in a layer whose outputs are no probabilities, as they may be below 0 or above 1; give that layer \
         activation='{activation}', or set loss.from_logits=true"
    );
    Err(Error::value("not-probabilities", message))
}

/// Is this what a layer with weights gives, without an activation or with one that goes below 0 or above 1? Of anything else
/// nothing is known.
fn is_no_probability(g: &Graph, v: Value) -> bool {
    let v = unshaped(g, v);
    let inputs = &g.node(v).inputs;
    let is_rectified = g.operation::<Relu>(v).is_some() || g.operation::<Softplus>(v).is_some();
    let is_curved = g.operation::<Gelu>(v).is_some() || g.operation::<Tanh>(v).is_some();
    if is_rectified || is_curved {
        return is_weighted_sum(g, inputs[0]);
    }
    // A rectifier that lets something through below 0, too.
    let is_above = |v: Value| g.operation::<Greater>(v).is_some() || g.operation::<GreaterEqual>(v).is_some();
    if g.operation::<Select>(v).is_some() && is_above(inputs[0]) && g.node(inputs[0]).inputs[0] == inputs[1] {
        return is_weighted_sum(g, inputs[1]);
    }
    is_weighted_sum(g, v)
}

fn is_weighted_sum(g: &Graph, v: Value) -> bool {
    let v = unshaped(g, v);
    let inputs = &g.node(v).inputs;
    let is_weight = |v: Value| g.operation::<Input>(v).is_some_and(|leaf| leaf.source == Source::Parameter);
    if g.operation::<MatMul>(v).is_some() || g.operation::<Convolution>(v).is_some() {
        // A share of probabilities is one, where the weights are shares.
        let seen = unshaped(g, inputs[0]);
        let of_probabilities = g.operation::<Softmax>(seen).is_some() || g.operation::<Sigmoid>(seen).is_some();
        return is_weight(inputs[1]) && !of_probabilities;
    }
    g.operation::<Add>(v).is_some() && is_weight(inputs[1]) && is_weighted_sum(g, inputs[0])
}

/// What was given its shape at the end.
fn unshaped(g: &Graph, v: Value) -> Value {
    if g.operation::<Reshape>(v).is_some() { unshaped(g, g.node(v).inputs[0]) } else { v }
}

/// y (1 − s) + s · share.
fn smoothed(g: &mut Graph, y: Value, s: f64, share: f64) -> Result<Value> {
    let (kept, spread) = (g.scale(y, 1.0 - s)?, g.constant(s * share)?);
    g.add(kept, spread)
}

/// A probability, at least [`EDGE`] from 0 and 1.
fn clipped(g: &mut Graph, p: Value) -> Result<Value> {
    let (low, high) = (g.constant(EDGE)?, g.constant(1.0 - EDGE)?);
    let p = g.maximum(p, low)?;
    g.minimum(p, high)
}
