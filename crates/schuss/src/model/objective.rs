//! What training minimises and reports: a model's graph with a loss, metrics and gradients in it.

use super::Sequential;
use crate::build::Parameter;
use crate::error::{Error, Result};
use crate::graph::ops::input::Source;
use crate::graph::{Graph, Precision, Value, backpropagate, trim};
use crate::losses::AnyLoss;
use crate::metrics::AnyMetric;
use crate::shape::Shape;
use crate::target::{Target, TargetKind};

/// A graph with everything that a step computes.
///
/// Leaves: data `x`, `y` and, if weighted, `weight` (one number per sample); the settings `scale` = 1 / (samples in the
/// logical batch), as Keras' `sum_over_batch_size` divides, and `share`, the part of the penalty that counts here: 1,
/// and 0 for all but the first part of a logical batch that is cut.
#[derive(Clone, Debug)]
pub struct Objective {
    /// The operations.
    pub graph: Graph,
    /// The model's output.
    pub output: Value,
    /// All parameters.
    pub parameters: Vec<Parameter>,
    /// All buffers.
    pub buffers: Vec<Parameter>,
    /// For training: what buffers are set to, the leaf that is the old value and the new one.
    pub assignments: Vec<(Value, Value)>,
    /// What the target is.
    pub target: TargetKind,
    /// Has every sample a weight?
    pub weighted: bool,
    /// The loss of each sample times its weight, `[batch]`.
    pub losses: Value,
    /// Each metric of each sample times its weight, `[batch]`.
    pub metrics: Vec<Value>,
    /// What the layers add to the loss, if anything: a single number.
    pub penalty: Option<Value>,
    /// For training: each trained parameter (its place in the list) with its gradient.
    pub gradients: Vec<(usize, Value)>,
}

impl Objective {
    /// The graph of a step. `trained` says which parameters have a gradient, and which buffers move; none for
    /// evaluation, which is also where random layers do nothing.
    pub fn new(
        model: &Sequential,
        loss: &AnyLoss,
        metrics: &[AnyMetric],
        target: TargetKind,
        weighted: bool,
        training: bool,
        trained: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let built = if training { model.build_frozen(|name| !trained(name))? } else { model.build(false)? };
        let (mut g, output) = (built.graph, built.output);
        let shape = match target {
            TargetKind::Class(_) => Shape::batch(&[]),
            TargetKind::Numbers(n) => Shape::batch(&[n]),
        };
        let y = Target { value: g.input(Source::Data, "y", shape), kind: target };
        let weight = weighted.then(|| g.input(Source::Data, "weight", Shape::batch(&[])));
        let weigh = |g: &mut Graph, what: String, v: Value| {
            if *g.shape(v) != Shape::batch(&[]) {
                let found = g.shape(v);
                let message = format!("{what} must give one number per sample, [batch], and gave {found}");
                return Err(Error::shape("not-per-sample", message));
            }
            weight.map_or(Ok(v), |w| g.multiply(v, w))
        };
        let place = |e: Error, kind: &str| e.at(format!("loss or metric {kind}"));
        let per_sample = loss.build(&mut g, output, y).map_err(|e| place(e, loss.kind()))?;
        let losses = weigh(&mut g, format!("loss {}", loss.kind()), per_sample)?;
        let mut metric_values = Vec::new();
        for m in metrics {
            let per_sample = m.build_of(&mut g, output, y, loss.outputs()).map_err(|e| place(e, m.kind()))?;
            metric_values.push(weigh(&mut g, format!("metric {}", m.kind()), per_sample)?);
        }
        let penalty = built.penalties.into_iter().try_fold(None, |sum, p| match sum {
            None => Ok(Some(p)),
            Some(s) => g.add(s, p).map(Some),
        })?;
        let assigned = built.assignments.iter().flat_map(|a| [a.0, a.1]);
        let kept = [output, losses].into_iter().chain(metric_values.iter().copied()).chain(penalty).chain(assigned);
        let (mut g, map) = trim(&g, &kept.collect::<Vec<_>>())?;
        let now = |v: Value| map[v.index()];
        let (output, losses, penalty) = (now(output), now(losses), penalty.map(now));
        let metrics = metric_values.into_iter().map(now).collect();
        let assignments = built.assignments.into_iter().map(|(from, to)| (now(from), now(to))).collect();
        let mut gradients = Vec::new();
        if training {
            let scale = g.input(Source::Setting, "scale", Shape::scalar());
            let sum = g.sum(losses)?;
            let mut total = g.multiply(sum, scale)?;
            if let Some(p) = penalty {
                let share = g.input(Source::Setting, "share", Shape::scalar());
                let p = g.multiply(p, share)?;
                total = g.add(total, p)?;
            }
            let places: Vec<usize> =
                (0..built.parameters.len()).filter(|&i| trained(&built.parameters[i].name)).collect();
            let leaf =
                |i: &usize| g.find(Source::Parameter, &built.parameters[*i].name).expect("parameters are leaves");
            let wrt: Vec<Value> = places.iter().map(leaf).collect();
            gradients = places.into_iter().zip(backpropagate(&mut g, total, &wrt)?).collect();
        }
        Ok(Objective {
            graph: g,
            output,
            parameters: built.parameters,
            buffers: built.buffers,
            assignments,
            target,
            weighted,
            losses,
            metrics,
            penalty,
            gradients,
        })
    }

    /// The same with products in this precision.
    pub fn in_precision(self, precision: Precision) -> Result<Self> {
        if precision == Precision::F32 {
            return Ok(self);
        }
        let (graph, map) = precision.of(&self.graph)?;
        let now = |v: Value| map[v.index()];
        Ok(Objective {
            graph,
            output: now(self.output),
            losses: now(self.losses),
            metrics: self.metrics.into_iter().map(now).collect(),
            penalty: self.penalty.map(now),
            assignments: self.assignments.into_iter().map(|(from, to)| (now(from), now(to))).collect(),
            gradients: self.gradients.into_iter().map(|(place, v)| (place, now(v))).collect(),
            ..self
        })
    }
}
