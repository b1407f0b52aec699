//! Scores of outputs that are there already: of averages over several views of a sample.

use super::description::Parts;
use crate::data::{Dataset, Features, Pipeline};
use crate::error::Result;
use crate::model::Sequential;
use crate::plan::{Machine, Options, Spec};
use crate::train::{Scores, evaluate};

/// Loss and metrics of these outputs, row-major; the loss is without what layers add to it.
pub(super) fn scores_of(parts: &Parts, outputs: &[f32], data: &Dataset, threads: usize) -> Result<Scores> {
    // The model that they come from is done; what is left is one that changes nothing.
    let width = outputs.len() / data.len();
    let spec = Spec {
        model: &Sequential::new(&[width]),
        loss: &parts.loss,
        metrics: &parts.metrics,
        optimizer: None,
        target: parts.target,
        weighted: false,
        frozen: &|_| false,
    };
    let options = Options::new(threads, super::model::isa()?);
    let mut machine = Machine::new(&spec, options)?;
    let outputs = Dataset {
        shape: vec![width],
        features: Features::F32(outputs.to_vec()),
        targets: data.targets.clone(),
        weights: data.weights.clone(),
        classes: data.classes.clone(),
    };
    evaluate(&mut machine, &outputs, &Pipeline::scale(1.0), &parts.metrics)
}
