//! Every loss of the table: against values and gradients of Keras in float64 (`testdata/losses.json`, made by
//! `xtask/oracle/losses.py`), its derivatives against central differences, and how it reads each kind of target.

mod derivatives;
mod table;
mod testdata;

use schuss::activations;
use schuss::graph::ops::input::Source;
use schuss::graph::{Graph, Reference, Tensor, Value, backpropagate};
use schuss::losses::{AnyLoss, SparseCategoricalCrossentropy, check_end, registry};
use schuss::registry::Argument;
use schuss::shape::Shape;
use schuss::target::{Target, TargetKind};
use schuss::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Case {
    name: String,
    loss: String,
    settings: BTreeMap<String, Argument>,
    from_logits: bool,
    shape: [usize; 2],
    prediction: Vec<f64>,
    target: Vec<f64>,
    sample_weight: Option<Vec<f64>>,
    value: f64,
    per_sample: Vec<f64>,
    gradient: Vec<f64>,
}

/// What stands between the leaf `z` and the loss.
type End = fn(&mut Graph, Value) -> Result<Value>;

const NOTHING: End = |_, z| Ok(z);
const SOFTMAX: End = |g, z| g.softmax(z);
const SIGMOID: End = |g, z| g.sigmoid(z);

/// A loss on leaves `z` `[batch, outputs]` and `y`.
struct Built {
    graph: Graph,
    z: Value,
    y: Value,
    per_sample: Value,
}

impl Built {
    fn new(loss: &AnyLoss, outputs: usize, end: End, kind: TargetKind) -> Result<Self> {
        let mut graph = Graph::new();
        let z = graph.input(Source::Data, "z", Shape::batch(&[outputs]));
        let shape = match kind {
            TargetKind::Class(_) => Shape::batch(&[]),
            TargetKind::Numbers(n) => Shape::batch(&[n]),
        };
        let y = graph.input(Source::Data, "y", shape);
        let prediction = end(&mut graph, z)?;
        let per_sample = loss.build(&mut graph, prediction, Target { value: y, kind })?;
        assert_eq!(graph.shape(per_sample), &Shape::batch(&[]), "{}: one number for each sample", loss.kind());
        Ok(Built { graph, z, y, per_sample })
    }

    /// The loss of each sample, and the gradient of Σ weight · loss with respect to z.
    fn run(mut self, batch: usize, z: &[f64], y: &[f64], weight: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let g = &mut self.graph;
        let weights = g.input(Source::Data, "weight", Shape::batch(&[]));
        let weighted = g.multiply(weights, self.per_sample).unwrap();
        let sum = g.sum(weighted).unwrap();
        let gradient = backpropagate(g, sum, &[self.z]).unwrap()[0];
        let mut reference = Reference::new(&self.graph, batch);
        for (leaf, name, data) in [(self.z, "z", z), (self.y, "y", y), (weights, "weight", weight)] {
            let sizes = self.graph.shape(leaf).sizes(batch);
            reference.set(Source::Data, name, Tensor::new(&sizes, data.to_vec()));
        }
        let found = reference.run(&[self.per_sample, gradient]);
        (found[0].data.clone(), found[1].data.clone())
    }
}

fn make(name: &str, settings: &[(&str, Argument)]) -> AnyLoss {
    let given: Vec<_> = settings.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
    registry().make(name, &given).unwrap()
}

fn end_error(loss: &AnyLoss, outputs: usize, end: End, kind: TargetKind) -> Option<Error> {
    let mut graph = Graph::new();
    let z = graph.input(Source::Data, "z", Shape::batch(&[outputs]));
    let prediction = end(&mut graph, z).unwrap();
    check_end(loss, kind, &graph, prediction).err()
}

fn error(loss: &AnyLoss, outputs: usize, end: End, kind: TargetKind) -> Error {
    Built::new(loss, outputs, end, kind).map(|_| ()).expect_err("that does not fit")
}

/// Does it need an output for each class?
fn is_categorical(name: &str) -> bool {
    name.contains("categorical")
}

/// The losses whose target may be numbers.
fn with_numbers() -> Vec<&'static str> {
    registry().names().into_iter().filter(|n| *n != "sparse_categorical_crossentropy").collect()
}

#[test]
fn entries_are_documented_and_made_again_from_their_settings() {
    table::check(&registry(), |_, _| "hinge", |l| (l.kind(), l.settings()));
    assert_eq!(registry().make("mse", &[]).unwrap().kind(), "mean_squared_error");
}

#[test]
fn values_and_gradients_are_those_of_keras() {
    let mut seen = BTreeSet::new();
    for case in testdata::cases::<Case>("losses.json") {
        let [batch, outputs] = case.shape;
        let settings = |from_logits: bool| {
            let mut all: Vec<_> = case.settings.clone().into_iter().collect();
            if from_logits {
                all.push(("from_logits".into(), Argument::Bool(true)));
            }
            registry().make(&case.loss, &all).unwrap()
        };
        // The same loss from logits, and after the softmax or sigmoid that they are logits of.
        let mut forms = vec![(settings(case.from_logits), NOTHING)];
        if case.from_logits {
            forms.push((settings(false), if is_categorical(&case.loss) { SOFTMAX } else { SIGMOID }));
        }
        let kinds = match case.loss.as_str() {
            "sparse_categorical_crossentropy" => vec![TargetKind::Class(outputs), TargetKind::Numbers(1)],
            _ => vec![TargetKind::Numbers(outputs)],
        };
        // The derivative of the mean over samples.
        let each = case.sample_weight.clone().unwrap_or_else(|| vec![1.0; batch]);
        let weight: Vec<f64> = each.iter().map(|w| w / batch as f64).collect();
        for (loss, end) in &forms {
            for kind in &kinds {
                let what = format!("{}, {kind:?}", case.name);
                let built = Built::new(loss, outputs, *end, *kind).unwrap_or_else(|e| panic!("{what}: {e}"));
                let (per_sample, gradient) = built.run(batch, &case.prediction, &case.target, &weight);
                // Keras says 1e-15; sums of 31 terms, and of exponentials whose argument is large.
                testdata::assert_near(&what, &per_sample, &case.per_sample, 1e-12);
                testdata::assert_near(&format!("{what}, gradient"), &gradient, &case.gradient, 1e-12);
                let value: f64 = per_sample.iter().zip(&weight).map(|(l, w)| l * w).sum();
                testdata::assert_near(&format!("{what}, mean"), &[value], &[case.value], 1e-12);
            }
        }
        seen.insert(case.loss);
    }
    // In `several.rs`.
    seen.insert("joint".into());
    assert_eq!(seen, registry().names().iter().map(|n| n.to_string()).collect(), "a loss has no case");
}

#[test]
fn derivatives_are_those_of_central_differences() {
    for entry in registry().entries() {
        let mut forms = vec![(vec![], NOTHING)];
        if entry.settings.iter().any(|s| s.name == "from_logits") {
            forms.push((vec![("from_logits", Argument::Bool(true))], NOTHING));
            forms.extend([(vec![], SOFTMAX), (vec![], SIGMOID)]);
        }
        if entry.settings.iter().any(|s| s.name == "label_smoothing") {
            let smoothing = || vec![("label_smoothing", Argument::Float(0.3))];
            forms.extend([(smoothing(), NOTHING), (smoothing(), SOFTMAX), (smoothing(), SIGMOID)]);
        }
        for (settings, end) in forms {
            for (batch, outputs) in [(1, 2), (3, 17), (7, 3)] {
                let loss = make(entry.name, &settings);
                let mut built = Built::new(&loss, outputs, end, TargetKind::Class(outputs)).unwrap();
                let g = &mut built.graph;
                let c = g.input(Source::Data, "c", Shape::batch(&[]));
                let product = g.multiply(c, built.per_sample).unwrap();
                let sum = g.sum(product).unwrap();
                // Probabilities away from the edges, and so away from every kink.
                let half = |name: &str, sizes: &[usize]| {
                    let x = derivatives::random(sizes, 5, name);
                    Tensor::from_fn(sizes, |i| 0.5 + 0.4 * x.data[i])
                };
                let labels = Tensor::from_fn(&[batch], |i| (i * 5 % outputs) as f64);
                let point = [half("z", &[batch, outputs]), labels, half("c", &[batch])];
                let leaves = [built.z, built.y, c];
                let found = derivatives::check_at(g, batch, sum, &leaves, &point, &[0, 2], 1);
                assert_eq!(found, Ok(()), "{} {settings:?} at {batch} x {outputs}", entry.name);
            }
        }
    }
}

#[test]
fn a_class_counts_as_one_at_its_output() {
    let z = [0.2, 0.7, 0.1, 0.5, 0.3, 0.9];
    for name in with_numbers() {
        let loss = make(name, &[]);
        let of = |kind, y: &[f64]| Built::new(&loss, 3, NOTHING, kind).unwrap().run(2, &z, y, &[1.0, 0.5]);
        assert_eq!(of(TargetKind::Class(3), &[2.0, 0.0]), of(TargetKind::Numbers(3), &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]));
    }
}

#[test]
fn two_classes_and_one_output_are_no_and_yes() {
    for name in with_numbers() {
        let loss = make(name, &[]);
        if is_categorical(name) {
            let message = error(&loss, 1, NOTHING, TargetKind::Class(2)).to_string();
            assert!(message.contains("[batch, 1] and must be [batch, 2]"), "{message}");
            continue;
        }
        let of =
            |kind| Built::new(&loss, 1, NOTHING, kind).unwrap().run(3, &[0.2, 0.7, 0.4], &[0.0, 1.0, 1.0], &[1.0; 3]);
        assert_eq!(of(TargetKind::Class(2)), of(TargetKind::Numbers(1)), "{name}");
    }
}

#[test]
fn a_hinge_target_does_not_depend_on_its_neighbours() {
    // −1 and 0 are the same, beside 1 or beside −1.
    let loss = make("hinge", &[]);
    let built = Built::new(&loss, 1, NOTHING, TargetKind::Numbers(1)).unwrap();
    let (losses, _) = built.run(4, &[0.5; 4], &[-1.0, 0.0, 1.0, 0.0], &[1.0; 4]);
    assert_eq!(losses, [1.5, 1.5, 0.5, 1.5]);
}

#[test]
fn smoothing_is_of_the_target() {
    let s = 0.3;
    let target = [0.0, 1.0, 0.0, 0.25, 0.25, 0.5];
    for (name, share) in [("binary_crossentropy", 0.5), ("categorical_crossentropy", 1.0 / 3.0)] {
        let smooth = target.map(|y| y * (1.0 - s) + s * share);
        for end in [NOTHING, SOFTMAX, SIGMOID] {
            let of = |settings: &[(&str, Argument)], y: &[f64]| {
                let built = Built::new(&make(name, settings), 3, end, TargetKind::Numbers(3)).unwrap();
                built.run(2, &[0.2, 0.7, 0.1, 0.5, 0.3, 0.9], y, &[1.0, 0.5])
            };
            let ((found, slope), (expected, its_slope)) =
                (of(&[("label_smoothing", Argument::Float(s))], &target), of(&[], &smooth));
            testdata::assert_near(name, &found, &expected, 1e-15);
            testdata::assert_near(name, &slope, &its_slope, 1e-15);
        }
    }
}

#[test]
fn a_sure_error_keeps_its_gradient_after_a_softmax_or_a_sigmoid() {
    let table = registry();
    for name in table.names().into_iter().filter(|n| n.contains("crossentropy")) {
        let end = if is_categorical(name) { SOFTMAX } else { SIGMOID };
        let built = Built::new(&make(name, &[]), 2, end, TargetKind::Class(2)).unwrap();
        let (losses, gradient) = built.run(2, &[1e4, -1e4, 1e4, -1e4], &[1.0, 0.0], &[1.0, 1.0]);
        // Of the categorical ones the distance of the logits; of the binary one the mean of two errors of 1e4.
        let (far, slope) = if is_categorical(name) { (2e4, 1.0) } else { (1e4, 0.5) };
        assert_eq!(losses, [far, 0.0], "{name}");
        assert_eq!(gradient, [slope, -slope, 0.0, 0.0], "{name}");
    }
}

#[test]
fn probabilities_from_elsewhere_are_clipped() {
    // Through another operation the loss does not look: Keras' formula, which has no slope there.
    let elsewhere: End = |g, z| g.relu(z);
    for name in registry().names().into_iter().filter(|n| n.contains("crossentropy")) {
        let built = Built::new(&make(name, &[]), 2, elsewhere, TargetKind::Class(2)).unwrap();
        let (losses, gradient) = built.run(1, &[1.0, 0.0], &[1.0], &[1.0]);
        testdata::assert_near(name, &losses, &[-(1e-7f64.ln())], 1e-8);
        assert_eq!(gradient, [0.0, 0.0], "{name}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for name in registry().names() {
        let loss = make(name, &[]);
        let found = error(&loss, 4, NOTHING, TargetKind::Class(3));
        assert_eq!(found.code(), "target-shape");
        let message = "the prediction is [batch, 4] and must be [batch, 3], as the target is one of 3 classes";
        assert_eq!(found.message(), message);
        let picture: End = |g, z| g.reshape(z, &Shape::batch(&[2, 2]));
        let found = error(&loss, 4, picture, TargetKind::Class(4));
        assert_eq!((found.code(), found.message().contains("flatten")), ("target-shape", true), "{name}: {found}");
    }
    for name in with_numbers() {
        let found = error(&make(name, &[]), 2, NOTHING, TargetKind::Numbers(1));
        assert!(found.message().ends_with("[batch, 2] and must be [batch, 1], as the target is a number"), "{found}");
    }
    for (name, end) in [("binary_crossentropy", SIGMOID), ("categorical_crossentropy", SOFTMAX)] {
        let loss = make(name, &[("from_logits", Argument::Bool(true))]);
        assert_eq!(error(&loss, 2, end, TargetKind::Class(2)).code(), "not-logits");
    }
}

/// What a layer with weights gives, with an activation.
fn layer(g: &mut Graph, z: Value, activation: &str) -> Result<Value> {
    let w = g.input(Source::Parameter, "w", Shape::fixed(&[2, 2]));
    let b = g.input(Source::Parameter, "b", Shape::fixed(&[2]));
    let y = g.matmul(z, w)?;
    let y = g.add(y, b)?;
    activations::registry().make(activation, &[])?.build(g, y)
}

#[test]
fn outputs_that_are_no_probabilities_are_refused() {
    const ENDS: [(&str, End); 7] = [
        ("linear", |g, z| layer(g, z, "linear")),
        ("relu", |g, z| layer(g, z, "relu")),
        ("leaky_relu", |g, z| layer(g, z, "leaky_relu")),
        ("elu", |g, z| layer(g, z, "elu")),
        ("gelu", |g, z| layer(g, z, "gelu")),
        ("softplus", |g, z| layer(g, z, "softplus")),
        ("tanh", |g, z| layer(g, z, "tanh")),
    ];
    // Between 0 and 1, or of whom nothing is known.
    const OTHERS: [End; 6] = [
        |g, z| {
            let p = layer(g, z, "softmax")?;
            layer(g, p, "linear")
        },
        |g, z| layer(g, z, "sigmoid"),
        |g, z| layer(g, z, "hard_sigmoid"),
        |g, z| layer(g, z, "softmax"),
        |g, z| {
            let y = layer(g, z, "tanh")?;
            g.relu(y)
        },
        NOTHING,
    ];
    for (name, end, kind) in [
        ("binary_crossentropy", "sigmoid", TargetKind::Numbers(2)),
        ("categorical_crossentropy", "softmax", TargetKind::Numbers(2)),
        ("sparse_categorical_crossentropy", "softmax", TargetKind::Class(2)),
    ] {
        let (loss, logits) = (make(name, &[]), make(name, &[("from_logits", Argument::Bool(true))]));
        for (activation, layer) in ENDS {
            let found = end_error(&loss, 2, layer, kind).unwrap();
            assert_eq!(found.code(), "not-probabilities", "{name} of {activation}");
            assert!(found.message().contains(&format!("activation='{end}'")), "{found}");
            assert!(found.message().contains("loss.from_logits=true"), "{found}");
            assert!(end_error(&logits, 2, layer, kind).is_none(), "{name} of {activation}");
            // A model that was trained so is still evaluated.
            assert!(Built::new(&loss, 2, layer, kind).is_ok(), "{name} of {activation}");
        }
        assert!(OTHERS.iter().all(|end| end_error(&loss, 2, *end, kind).is_none()), "{name}");
    }
}

#[test]
fn a_sparse_target_is_an_index() {
    let sparse: AnyLoss = std::sync::Arc::new(SparseCategoricalCrossentropy { from_logits: true });
    assert_eq!(error(&sparse, 3, NOTHING, TargetKind::Numbers(3)).code(), "not-a-label");
    let built = Built::new(&sparse, 2, NOTHING, TargetKind::Numbers(1)).unwrap();
    let (losses, _) = built.run(4, &[0.0; 8], &[1.0, 2.0, -1.0, 0.5], &[1.0; 4]);
    assert_eq!(losses[0], std::f64::consts::LN_2);
    assert!(losses[1..].iter().all(|l| l.is_nan()), "what is no index must stop a training: {losses:?}");
}
