//! Several inputs and outputs, each output with a loss and a weight: against Keras in float64 (`testdata/several.json`,
//! made by `xtask/oracle/several.py`), in a file and back, and what does not fit.

mod testdata;

use schuss::data::Dataset;
use schuss::graph::ops::input::Source;
use schuss::graph::{Reference, Tensor};
use schuss::layers::{AnyLayer, Concatenate, Dense, Flatten, Take};
use schuss::losses::{AnyLoss, Joint, Loss, registry};
use schuss::model::{INPUT, Network, Objective};
use schuss::registry::Argument;
use schuss::target::TargetKind;
use schuss::train::Array;
use schuss::{FitOptions, Model};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    name: String,
    names: Vec<String>,
    start: Vec<Vec<f64>>,
    a: Vec<f64>,
    b: Vec<f64>,
    kind: Vec<u32>,
    size: Vec<f64>,
    weights: Vec<f64>,
    rate: f64,
    losses: Vec<f64>,
    end: Vec<Vec<f64>>,
}

fn network() -> Network {
    let dense = |units, activation| Arc::new(Dense::new(units).activation(activation)) as AnyLayer;
    let mut model = Network::new(&[10]);
    let a = model.connect(Some("a"), Arc::new(Take::new(0, &[4])), &[INPUT]);
    let b = model.connect(Some("b"), Arc::new(Take::new(4, &[2, 3])), &[INPUT]);
    let left = model.connect(Some("left"), dense(5, "tanh"), &[&a]);
    let flat = model.connect(None, Arc::new(Flatten), &[&b]);
    let right = model.connect(Some("right"), dense(4, "relu"), &[&flat]);
    let both = model.connect(None, Arc::new(Concatenate::new(-1)), &[&left, &right]);
    let kinds = model.connect(Some("kinds"), dense(3, "softmax"), &[&both]);
    let sizes = model.connect(Some("sizes"), dense(2, "linear"), &[&both]);
    model.connect(None, Arc::new(Concatenate::new(-1)), &[&kinds, &sizes]);
    model
}

fn joint(weights: &[f64]) -> Joint {
    let kinds = Joint::default().output("sparse_categorical_crossentropy", 3, weights[0]);
    kinds.unwrap().output("mse", 2, weights[1]).unwrap()
}

fn case() -> Case {
    let mut cases = testdata::cases::<Case>("several.json");
    assert_eq!(cases.len(), 1);
    cases.remove(0)
}

fn data(case: &Case) -> Dataset {
    let narrow = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
    let a = Dataset::classes(narrow(&case.a), &[4], case.kind.clone(), 3).unwrap();
    let b = Dataset::numbers(narrow(&case.b), &[2, 3], narrow(&case.size), 2).unwrap();
    Dataset::side_by_side(&[a, b]).unwrap()
}

#[test]
fn losses_and_weights_are_those_of_keras() {
    let case = case();
    let (model, loss): (_, AnyLoss) = (network(), Arc::new(joint(&case.weights)));
    let data = data(&case);
    assert_eq!((data.shape.as_slice(), data.target_kind()), (&[10][..], Some(TargetKind::Numbers(3))));
    let n = case.kind.len();
    let o = Objective::new(&model, &loss, &[], TargetKind::Numbers(3), false, true, |_| true).unwrap();
    // Side by side in f64, as `side_by_side` puts them.
    let beside = |a: &[f64], b: &[f64]| -> Vec<f64> {
        let rows = a.chunks(a.len() / n).zip(b.chunks(b.len() / n));
        rows.flat_map(|(a, b)| a.iter().chain(b)).copied().collect()
    };
    let kinds: Vec<f64> = case.kind.iter().map(|&k| f64::from(k)).collect();
    let mut weights = case.start.clone();
    for step in 0..case.losses.len() {
        let mut r = Reference::new(&o.graph, n);
        r.set(Source::Data, "x", Tensor::new(&[n, 10], beside(&case.a, &case.b)));
        r.set(Source::Data, "y", Tensor::new(&[n, 3], beside(&kinds, &case.size)));
        r.set(Source::Setting, "scale", Tensor::new(&[], vec![1.0 / n as f64]));
        for (name, values) in case.names.iter().zip(&weights) {
            let parameter = o.parameters.iter().find(|p| p.name == *name).unwrap_or_else(|| panic!("no {name}"));
            r.set(Source::Parameter, name, Tensor::new(&parameter.shape, values.clone()));
        }
        let values: Vec<_> = [o.losses].into_iter().chain(o.gradients.iter().map(|g| g.1)).collect();
        let found = r.run(&values);
        let loss = found[0].data.iter().sum::<f64>() / n as f64;
        testdata::assert_near(&case.name, &[loss], &[case.losses[step]], 1e-9);
        for ((place, _), gradient) in o.gradients.iter().zip(&found[1..]) {
            let own = case.names.iter().position(|name| *name == o.parameters[*place].name).unwrap();
            weights[own].iter_mut().zip(&gradient.data).for_each(|(w, g)| *w -= case.rate * g);
        }
    }
    for ((name, found), expected) in case.names.iter().zip(&weights).zip(&case.end) {
        testdata::assert_near(name, found, expected, 1e-9);
    }
}

#[test]
fn a_model_of_several_outputs_is_trained_saved_and_asked() {
    let case = case();
    let data = data(&case);
    let loss = registry();
    let texts = ["sparse_categorical_crossentropy", "mse"].map(|t| Argument::Text(t.into())).to_vec();
    let weights = Argument::List(case.weights.iter().map(|&w| Argument::Float(w)).collect());
    let outputs = Argument::List(vec![Argument::Int(3), Argument::Int(2)]);
    let given = [("losses".into(), Argument::List(texts)), ("outputs".into(), outputs), ("weights".into(), weights)];
    let loss = loss.make("joint", &given).unwrap();
    // What is written in words is what is built by hand.
    assert_eq!(loss.settings(), joint(&case.weights).settings());
    let rate = format!("sgd({})", case.rate);
    let mut model = Model::new(network()).compile(rate.as_str(), joint(&case.weights), &[]).unwrap();
    let options = || FitOptions { epochs: 3, batch_size: Some(6.into()), ..FitOptions::default() };
    model.fit(&data, options()).unwrap();
    // From where Keras starts.
    let file = std::env::temp_dir().join(format!("schuss-several-{}.safetensors", std::process::id()));
    let start: Vec<Array> = model
        .weights()
        .into_iter()
        .map(|w| {
            let own = case.names.iter().position(|name| *name == w.name).unwrap();
            Array { values: case.start[own].iter().map(|&x| x as f32).collect(), ..w }
        })
        .collect();
    model.set_weights(&start).unwrap();
    model.save(&file).unwrap();
    let mut model = Model::load(&file).unwrap().compile(rate.as_str(), joint(&case.weights), &[]).unwrap();
    let history = model.fit(&data, options()).unwrap();
    testdata::assert_near("losses", &history.get("loss"), &case.losses, 1e-5);
    for w in model.weights() {
        let own = case.names.iter().position(|name| *name == w.name).unwrap();
        let found: Vec<f64> = w.values.iter().map(|&x| x.into()).collect();
        testdata::assert_near(&w.name, &found, &case.end[own], 1e-5);
    }
    assert_eq!(model.predict(&data).unwrap().len(), 6 * 5);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn what_does_not_fit_is_said() {
    let built = |loss: Joint, target| {
        let loss: AnyLoss = Arc::new(loss);
        Objective::new(&network(), &loss, &[], target, false, true, |_| true).unwrap_err()
    };
    let one = || Joint::default().output("mse", 3, 1.0).unwrap();
    let error = built(one(), TargetKind::Numbers(3));
    assert!(error.message().contains("the model gives [batch, 5]; the outputs of the loss are 3"), "{error}");
    let error = built(joint(&[1.0, 1.0]), TargetKind::Numbers(5));
    assert!(error.message().contains("the target is 5 numbers; the losses take 3 numbers in all"), "{error}");
    let list = |n: &[i64]| Argument::List(n.iter().map(|&i| Argument::Int(i)).collect());
    let error = registry().make("joint", &[("outputs".into(), list(&[1, 2]))]).unwrap_err();
    assert!(error.message().contains("1 losses, 2 outputs and 1 weights"), "{error}");
    let error = Joint::default().output(one(), 3, 1.0).unwrap_err();
    assert_eq!(error.code(), "joint-in-joint");
    let error = Joint::default().output("mes", 3, 1.0).unwrap_err();
    assert!(error.message().contains("no loss `mes`"), "{error}");

    let mut model = Network::new(&[4]);
    model.connect(None, Arc::new(Take::new(2, &[3])), &[]);
    let error = model.build(true).unwrap_err().to_string();
    assert!(error.contains("layer take") && error.contains("a sample has 4"), "{error}");

    let (a, b) = (Dataset::inputs([1.0, 2.0], &[1]).unwrap(), Dataset::inputs([1.0], &[1]).unwrap());
    assert_eq!(Dataset::side_by_side(&[a, b]).unwrap_err().code(), "counts-differ");
    assert_eq!(Dataset::side_by_side(&[]).unwrap_err().code(), "no-samples");
}
