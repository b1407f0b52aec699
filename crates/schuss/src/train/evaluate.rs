//! Measuring a model on samples, and asking it about them.

use crate::data::{Dataset, Pipeline, Views};
use crate::error::Result;
use crate::metrics::AnyMetric;
use crate::plan::{Batch, Machine, Sums};

/// Samples that are evaluated at once: fixed, so that the order of every sum is.
const BATCH: usize = 1024;

/// What a model scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The mean loss, with what the layers add to it.
    pub loss: f64,
    /// The mean of each metric, by name.
    pub metrics: Vec<(String, f64)>,
}

/// The names of the columns that loss and metrics have in a history: `loss`, then each metric's own name; as in Keras
/// the second of a name gets `_1`.
pub fn metric_names(metrics: &[AnyMetric]) -> Vec<String> {
    let mut names = vec!["loss".to_owned()];
    for (i, metric) in metrics.iter().enumerate() {
        let before = metrics[..i].iter().filter(|m| m.kind() == metric.kind()).count();
        names.push(if before == 0 { metric.kind().to_owned() } else { format!("{}_{before}", metric.kind()) });
    }
    names
}

/// Loss and metrics of all samples.
pub fn evaluate(machine: &mut Machine, data: &Dataset, pipeline: &Pipeline, metrics: &[AnyMetric]) -> Result<Scores> {
    let sums = measure(machine, data, pipeline, metrics.len())?;
    let mut values = means(&sums, &metric_names(metrics), "").into_iter();
    let (_, loss) = values.next().expect("the loss is the first");
    Ok(Scores { loss, metrics: values.collect() })
}

/// The outputs for all samples, row-major.
pub fn predict(machine: &mut Machine, data: &Dataset, pipeline: &Pipeline) -> Result<Vec<f32>> {
    let mut out = Vec::with_capacity(data.len() * machine.output_width());
    let all = all(data);
    let _reading = pipeline.read_ahead(data, &all, None);
    for indices in all.chunks(BATCH) {
        machine.predict(&Batch { data, pipeline, indices, draws: None }, &mut out)?;
    }
    Ok(out)
}

/// As [`predict`], the means over these views of each picture.
pub fn predict_views(machine: &mut Machine, data: &Dataset, pipeline: &Pipeline, views: Views) -> Result<Vec<f32>> {
    let all = views.of(&pipeline.output_shape(&data.shape)?)?;
    let mut means = vec![0.0; machine.output_width() * data.len()];
    for (share, view) in all {
        let outputs = predict(machine, data, &pipeline.seen(view))?;
        means.iter_mut().zip(outputs).for_each(|(mean, x)| *mean += share * x);
    }
    Ok(means)
}

pub(super) fn measure(machine: &mut Machine, data: &Dataset, pipeline: &Pipeline, metrics: usize) -> Result<Sums> {
    let mut sums = Sums::new(metrics);
    let all = all(data);
    let _reading = pipeline.read_ahead(data, &all, None);
    for indices in all.chunks(BATCH) {
        machine.evaluate(&Batch { data, pipeline, indices, draws: None }, &mut sums)?;
    }
    Ok(sums)
}

fn all(data: &Dataset) -> Vec<u32> {
    (0..data.len() as u32).collect()
}

/// Means from sums, as Keras has them: the loss by the number of samples, metrics by the sum of weights.
pub(super) fn means(sums: &Sums, names: &[String], prefix: &str) -> Vec<(String, f64)> {
    let over = |sum: f64, count: f64| if count > 0.0 { sum / count } else { 0.0 };
    let loss = over(sums.loss + sums.penalty, sums.samples as f64);
    let metrics = sums.metrics.iter().map(|m| over(*m, sums.weight));
    let values = std::iter::once(loss).chain(metrics);
    names.iter().map(|n| format!("{prefix}{n}")).zip(values).collect()
}
