//! Every metric of the table: against results of Keras in float64 (`testdata/metrics.json`, made by
//! `xtask/oracle/metrics.py`), and how it reads each kind of target.

mod table;
mod testdata;

use schuss::graph::ops::input::Source;
use schuss::graph::{Graph, Reference, Tensor, Value};
use schuss::losses;
use schuss::metrics::{AnyMetric, for_target, registry};
use schuss::model::{Objective, Sequential};
use schuss::registry::Argument;
use schuss::shape::Shape;
use schuss::target::{Target, TargetKind};
use schuss::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Case {
    name: String,
    metric: String,
    settings: BTreeMap<String, Argument>,
    batches: Vec<Batch>,
}

#[derive(Deserialize)]
struct Batch {
    shape: [usize; 2],
    target: Vec<f64>,
    prediction: Vec<f64>,
    sample_weight: Option<Vec<f64>>,
    result: f64,
}

type End = fn(&mut Graph, Value) -> Result<Value>;

const NOTHING: End = |_, z| Ok(z);

/// The metric of each sample.
fn per_sample(
    metric: &AnyMetric,
    outputs: usize,
    end: End,
    kind: TargetKind,
    z: &[f64],
    y: &[f64],
) -> Result<Vec<f64>> {
    let mut g = Graph::new();
    let batch = z.len() / outputs;
    let leaf = g.input(Source::Data, "z", Shape::batch(&[outputs]));
    let shape = match kind {
        TargetKind::Class(_) => Shape::batch(&[]),
        TargetKind::Numbers(n) => Shape::batch(&[n]),
    };
    let sizes = shape.sizes(batch);
    let value = g.input(Source::Data, "y", shape);
    let prediction = end(&mut g, leaf)?;
    let found = metric.build(&mut g, prediction, Target { value, kind })?;
    assert_eq!(g.shape(found), &Shape::batch(&[]), "{}: one number for each sample", metric.kind());
    let mut reference = Reference::new(&g, batch);
    reference.set(Source::Data, "z", Tensor::new(&[batch, outputs], z.to_vec()));
    reference.set(Source::Data, "y", Tensor::new(&sizes, y.to_vec()));
    Ok(reference.run(&[found]).remove(0).data)
}

fn make(name: &str) -> AnyMetric {
    registry().make(name, &[]).unwrap()
}

#[test]
fn entries_are_documented_and_made_again_from_their_settings() {
    table::check(&registry(), |_, _| unreachable!("no metric has words"), |m| (m.kind(), m.settings()));
}

#[test]
fn results_are_those_of_keras() {
    let mut seen = BTreeSet::new();
    for case in testdata::cases::<Case>("metrics.json") {
        let given: Vec<_> = case.settings.into_iter().collect();
        let metric = registry().make(&case.metric, &given).unwrap();
        seen.insert(metric.kind());
        let (mut sum, mut weights) = (0.0, 0.0);
        for b in case.batches {
            let [batch, outputs] = b.shape;
            let kind = if case.metric.starts_with("sparse") {
                TargetKind::Class(outputs)
            } else {
                TargetKind::Numbers(outputs)
            };
            let values = per_sample(&metric, outputs, NOTHING, kind, &b.prediction, &b.target).unwrap();
            if kind == TargetKind::Class(outputs) {
                let as_number = per_sample(&metric, outputs, NOTHING, TargetKind::Numbers(1), &b.prediction, &b.target);
                assert_eq!(as_number.unwrap(), values, "{}: a single number is an index", case.name);
            }
            let weight = b.sample_weight.unwrap_or_else(|| vec![1.0; batch]);
            sum += values.iter().zip(&weight).map(|(v, w)| v * w).sum::<f64>();
            weights += weight.iter().sum::<f64>();
            testdata::assert_near(&case.name, &[sum / weights], &[b.result], 1e-14);
        }
    }
    // Keras' loss of that name has cases in losses.json.
    seen.insert("mean_absolute_error");
    assert_eq!(seen, registry().names().into_iter().collect(), "a metric has no case");
}

#[test]
fn errors_are_distances() {
    for (name, expected) in [("mean_absolute_error", [1.5, 0.0]), ("mean_squared_error", [2.5, 0.0])] {
        let (z, y) = ([1.0, -1.0, 4.0, 4.0], [0.0, 1.0, 4.0, 4.0]);
        assert_eq!(per_sample(&make(name), 2, NOTHING, TargetKind::Numbers(2), &z, &y).unwrap(), expected);
        assert!(!make(name).greater_is_better());
    }
}

#[test]
fn accuracy_is_what_the_target_and_the_outputs_make_of_it() {
    let accuracy = make("accuracy");
    let of = |outputs, kind, z: &[f64], y: &[f64]| per_sample(&accuracy, outputs, NOTHING, kind, z, y).unwrap();
    // One output: yes or no; what is at one half is no.
    let (z, y) = ([0.2, 0.7, 0.5, 0.6], [0.0, 1.0, 1.0, 0.0]);
    for kind in [TargetKind::Class(2), TargetKind::Numbers(1)] {
        assert_eq!(of(1, kind, &z, &y), [1.0, 1.0, 0.0, 0.0]);
    }
    // Of logits and margins what is above 0 is yes.
    let objective = |loss: &str| {
        let (loss, model) = (losses::registry().make(loss, &[]).unwrap(), Sequential::new(&[1]));
        Objective::new(&model, &loss, std::slice::from_ref(&accuracy), TargetKind::Class(2), false, false, |_| false)
            .unwrap()
    };
    for (loss, wanted) in [("hinge", [1.0, 1.0, 0.0, 0.0]), ("mean_squared_error", [1.0, 0.0, 0.0, 1.0])] {
        let objective = objective(loss);
        let mut reference = Reference::new(&objective.graph, 4);
        reference.set(Source::Data, "x", Tensor::new(&[4, 1], vec![-0.2, 0.4, 0.0, 0.3]));
        reference.set(Source::Data, "y", Tensor::new(&[4], vec![0.0, 1.0, 1.0, 0.0]));
        assert_eq!(reference.run(&objective.metrics).remove(0).data, wanted, "{loss}");
    }
    // Several: the greatest, as index and as shares.
    let z = [0.1, 0.7, 0.2, 0.5, 0.5, 0.0];
    assert_eq!(of(3, TargetKind::Class(3), &z, &[1.0, 1.0]), [1.0, 0.0]);
    assert_eq!(of(3, TargetKind::Numbers(3), &z, &[0.2, 0.8, 0.0, 0.4, 0.6, 0.0]), [1.0, 0.0]);
    assert!(accuracy.greater_is_better());
}

#[test]
fn ranks_are_those_of_what_a_softmax_was_given() {
    // The softmax of these is 0, 1, 0: beneath it the first and the last are not equal.
    let z = [1e4, 2e4, 1.5e4];
    let softmax: End = |g, z| g.softmax(z);
    let top_2 = registry().make("top_k_categorical_accuracy", &[("k".into(), Argument::Int(2))]).unwrap();
    let of = |label: f64| per_sample(&top_2, 3, softmax, TargetKind::Class(3), &z, &[label]).unwrap();
    assert_eq!([of(0.0), of(1.0), of(2.0)], [[0.0], [1.0], [1.0]]);
    // The softmax of these is 1/2, 1/2 to the last bit, with the first one as the greatest.
    let z = [0.0, 1e-17];
    assert_eq!(per_sample(&make("accuracy"), 2, softmax, TargetKind::Class(2), &z, &[1.0]).unwrap(), [1.0]);
}

#[test]
fn the_default_is_accuracy_for_classes() {
    assert_eq!(for_target(TargetKind::Class(7)).unwrap().kind(), "accuracy");
    assert!(for_target(TargetKind::Numbers(1)).is_none());
}

#[test]
fn what_does_not_fit_is_refused() {
    for name in registry().names() {
        let error = |outputs: usize, end, kind| -> Error {
            per_sample(&make(name), outputs, end, kind, &vec![0.0; outputs], &[]).expect_err("that does not fit")
        };
        let found = error(4, NOTHING, TargetKind::Class(3));
        let message = "the prediction is [batch, 4] and must be [batch, 3], as the target is one of 3 classes";
        assert_eq!((found.code(), found.message()), ("target-shape", message), "{name}");
        assert_eq!(error(4, |g, z| g.reshape(z, &Shape::batch(&[2, 2])), TargetKind::Class(2)).code(), "target-shape");
    }
}
