//! Several outputs, each with a loss and a weight of its own.

use super::{AnyLoss, Loss, registry};
use crate::choice::Choice;
use crate::error::{Error, Result};
use crate::graph::ops::concatenate::Concatenate;
use crate::graph::{Graph, Value};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use crate::target::{Outputs, Target, TargetKind};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLoss> = Entry {
    name: "joint",
    page: Page {
        summary: "the weighted sum of losses, each of an output of its own",
        equation: "L = Σₖ wₖ Lₖ(pₖ, yₖ), p and y cut into parts in order",
        source: "Keras 3, keras.Model.compile, loss_weights",
        differs: "Keras takes lists of outputs and of targets. Here the outputs stand side by side, as the layer \
                  concatenate puts them, and so do the targets: as many numbers as an output has, or the index of a \
                  class for sparse_categorical_crossentropy.",
    },
    settings: &[
        Setting {
            name: "losses",
            default: Default::Texts(&["mean_squared_error"]),
            allowed: Allowed::Texts,
            doc: "the loss of each output, in order: [\"mse\", \"huber(2.0)\"]",
        },
        Setting {
            name: "outputs",
            default: Default::Ints(&[]),
            allowed: Allowed::Ints(1, i32::MAX as i64),
            doc: "how many numbers each output has; none where there is one output",
        },
        Setting {
            name: "weights",
            default: Default::Numbers(&[]),
            allowed: Allowed::Numbers,
            doc: "how much each loss counts; none for 1 each",
        },
    ],
    make: |s| {
        let table = registry();
        let losses = s.texts("losses").into_iter().map(|words| Choice::from_words(&table, &words));
        let (outputs, weights) = (s.ints("outputs"), s.numbers("weights"));
        let losses: Vec<_> = losses.collect();
        let weights = if weights.is_empty() { vec![1.0; losses.len()] } else { weights };
        let outputs = if outputs.is_empty() && losses.len() == 1 { vec![WHOLE] } else { outputs };
        if losses.is_empty() || outputs.len() != losses.len() || weights.len() != losses.len() {
            let message = format!(
                "there are {} losses, {} outputs and {} weights; there is one of each for every output",
                losses.len(),
                outputs.len(),
                weights.len()
            );
            return Err(Error::value("joint-counts", message));
        }
        let parts = losses.into_iter().zip(outputs).zip(weights);
        let part = |((loss, outputs), weight)| Joint::default().output(loss, outputs, weight);
        parts.map(part).try_fold(Joint::default(), |all, one| Ok(all.followed_by(one?))).map(|j| Arc::new(j) as AnyLoss)
    },
};

/// In the place of an output's size: all that there is.
const WHOLE: usize = 0;

/// Losses of outputs that stand side by side: `[batch, n₁ + n₂ + …]`. Errors: `joint-outputs`, `joint-targets`.
///
/// ```
/// use schuss::losses::Joint;
///
/// let loss = Joint::default().output("sparse_categorical_crossentropy", 10, 1.0)?.output("mse", 2, 0.5)?;
/// # Ok::<(), schuss::Error>(())
/// ```
#[derive(Clone, Debug, std::default::Default)]
pub struct Joint {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    loss: AnyLoss,
    words: String,
    outputs: usize,
    weight: f64,
}

impl Part {
    /// Numbers of its output and of its target, of a model that gives so many.
    fn sizes(&self, all: usize) -> (usize, usize) {
        let outputs = if self.outputs == WHOLE { all } else { self.outputs };
        (outputs, if self.loss.takes_index() { 1 } else { outputs })
    }
}

impl Joint {
    /// With one more output of so many numbers.
    pub fn output(mut self, loss: impl Into<Choice<AnyLoss>>, outputs: usize, weight: f64) -> Result<Self> {
        let choice = loss.into();
        let (loss, words) = (choice.get()?.clone(), choice.words().to_owned());
        if loss.kind() == ENTRY.name {
            return Err(Error::value(
                "joint-in-joint",
                "a loss of `joint` is no `joint` itself; name its outputs there",
            ));
        }
        self.parts.push(Part { loss, words, outputs, weight });
        Ok(self)
    }
    fn followed_by(mut self, other: Joint) -> Self {
        self.parts.extend(other.parts);
        self
    }
}

impl Loss for Joint {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let list = |f: fn(&Part) -> Argument| Argument::List(self.parts.iter().map(f).collect());
        let outputs = match self.parts.as_slice() {
            [Part { outputs: WHOLE, .. }] => Argument::List(Vec::new()),
            _ => list(|p| Argument::Int(p.outputs as i64)),
        };
        Settings::from_pairs([
            ("losses", list(|p| Argument::Text(p.words.clone()))),
            ("outputs", outputs),
            ("weights", list(|p| Argument::Float(p.weight))),
        ])
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> Result<Value> {
        if let [part @ Part { outputs: WHOLE, .. }] = self.parts.as_slice() {
            let loss = part.loss.build(g, prediction, target)?;
            return g.scale(loss, part.weight);
        }
        let all = g.shape(prediction).last().unwrap_or(0);
        let sizes: Vec<(usize, usize)> = self.parts.iter().map(|p| p.sizes(all)).collect();
        let (outputs, targets) = sizes.iter().fold((0, 0), |(o, t), p| (o + p.0, t + p.1));
        if g.shape(prediction).sample() != [outputs] {
            let message = format!("the model gives {}; the outputs of the loss are {outputs}", g.shape(prediction));
            return Err(Error::shape("joint-outputs", message));
        }
        if target.kind != TargetKind::Numbers(targets) {
            let message = format!("the target is {}; the losses take {targets} numbers in all", target.kind);
            return Err(Error::shape("joint-targets", message));
        }
        // What was put side by side is taken as it was, so that a softmax is known as one.
        let own = match g.operation::<Concatenate>(prediction) {
            Some(_) => g.node(prediction).inputs.clone(),
            None => Vec::new(),
        };
        let same =
            own.len() == self.parts.len() && own.iter().zip(&sizes).all(|(&v, size)| g.shape(v).sample() == [size.0]);
        let (mut total, mut first, mut column) = (None, 0, 0);
        for (i, (part, (outputs, targets))) in self.parts.iter().zip(sizes).enumerate() {
            let own = if same { own[i] } else { g.slice(prediction, &[first], &[outputs])? };
            let value = g.slice(target.value, &[column], &[targets])?;
            let target = Target { value, kind: TargetKind::Numbers(targets) };
            let loss = part.loss.build(g, own, target).map_err(|e| e.at(format!("output {i}")))?;
            let loss = g.scale(loss, part.weight)?;
            total = Some(total.map_or(Ok(loss), |sum| g.add(sum, loss))?);
            (first, column) = (first + outputs, column + targets);
        }
        total.ok_or_else(|| Error::value("joint-counts", "a joint loss has at least one output"))
    }
    fn is_regression(&self) -> bool {
        !matches!(self.parts.as_slice(), [part] if !part.loss.is_regression())
    }
    fn output(&self, target: TargetKind) -> (usize, &'static str) {
        match self.parts.as_slice() {
            [part @ Part { outputs: WHOLE, .. }] => part.loss.output(target),
            parts => (parts.iter().map(|p| p.outputs).sum(), "linear"),
        }
    }
    fn outputs(&self) -> Outputs {
        match self.parts.as_slice() {
            [part] => part.loss.outputs(),
            _ => Outputs::Numbers,
        }
    }
}
