//! Every model known by name: against the same model in Keras in float64 (`testdata/models.json`, made by
//! `xtask/oracle/models.py`), which data it takes, and that its description and settings are complete.

mod testdata;

use schuss::data::{Dataset, Pipeline};
use schuss::losses::{AnyLoss, SparseCategoricalCrossentropy};
use schuss::model::{Network, Role};
use schuss::optimizers::{self, Pace};
use schuss::plan::{Batch, Machine, Options, Spec, Sums};
use schuss::recipe::{Tables, models};
use schuss::registry::Argument;
use schuss::target::TargetKind;
use schuss::train::predict;
use schuss_kernels::Isa;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const CLASSES: usize = 10;

#[derive(Deserialize)]
struct Case {
    name: String,
    sample: Vec<usize>,
    settings: BTreeMap<String, Argument>,
    parameters: usize,
    trainable: usize,
    outputs: Vec<f64>,
    loss: f64,
    after: BTreeMap<String, f64>,
}

fn network(name: &str, settings: &BTreeMap<String, Argument>, sample: &[usize]) -> schuss::Result<Network> {
    let settings: Vec<_> = settings.clone().into_iter().collect();
    models::registry().make(name, &settings)?.network(sample, CLASSES, "softmax")
}

/// Numbers in [0, 1), as `models.py` makes them.
fn noise(seed: f64, count: usize) -> Vec<f64> {
    let x = |i: usize| (i as f64 * 12.9898 + seed * 78.233).sin() * 43758.5453;
    (0..count).map(|i| x(i) - x(i).floor()).collect()
}

/// What a variable of this name is before the step, as `models.py` makes it.
fn start(name: &str, shape: &[usize]) -> Vec<f32> {
    let seed = name.chars().enumerate().map(|(i, c)| (i + 1) * c as usize).sum::<usize>() % 1000;
    let x = noise(seed as f64, shape.iter().product()).into_iter().map(|x| 2.0 * x - 1.0);
    let inputs = match shape {
        [height, width, ..] if name.contains("depthwise") => height * width,
        [inputs @ .., _] => inputs.iter().product(),
        [] => 1,
    };
    let of = |x: f64| match name.rsplit('/').next().unwrap() {
        "kernel" => x * (6.0 / inputs as f64).sqrt(),
        "gamma" => 0.5 + 0.15 * x,
        "moving_variance" => 1.0 + 0.5 * x,
        _ => 0.2 * x,
    };
    x.map(|x| of(x) as f32).collect()
}

#[test]
fn every_model_is_that_of_keras() {
    // These have tests of their own.
    let mut seen: BTreeSet<String> = ["airbench", "linear", "mlp", "quadratic_deep"].map(str::to_owned).into();
    for case in testdata::cases::<Case>("models.json") {
        let model = network(&case.name, &case.settings, &case.sample).unwrap();
        let loss: AnyLoss = Arc::new(SparseCategoricalCrossentropy::default());
        let rate = ("learning_rate".to_owned(), Argument::Float(0.01));
        let optimizer = optimizers::registry().make("sgd", &[rate]).unwrap();
        let spec = Spec {
            model: &model,
            loss: &loss,
            metrics: &[],
            optimizer: Some(&optimizer),
            target: TargetKind::Class(CLASSES),
            weighted: false,
            frozen: &|_| false,
        };
        let options = Options::new(2, Isa::detect());
        let mut machine = Machine::new(&spec, options).unwrap();
        let variables: Vec<_> = machine.variables().list().iter().cloned().enumerate().collect();
        let count = |role: Option<Role>| -> usize {
            let of_role = variables.iter().filter(|(_, v)| role.is_none_or(|r| v.role == r));
            of_role.map(|(_, v)| v.shape.iter().product::<usize>()).sum()
        };
        assert_eq!((count(None), count(Some(Role::Parameter))), (case.parameters, case.trainable), "{}", case.name);
        for (place, v) in &variables {
            machine.variables_mut().write(*place, &start(&v.name, &v.shape));
        }
        let numbers: usize = case.sample.iter().product();
        let x: Vec<f32> = noise(1.0, 3 * numbers).into_iter().map(|x| x as f32).collect();
        let data = Dataset::classes(x, &case.sample, [3, 7, 0], CLASSES).unwrap();
        let pipeline = Pipeline::scale(1.0);
        let found: Vec<f64> = predict(&mut machine, &data, &pipeline).unwrap().iter().map(|&x| x.into()).collect();
        // Some twenty layers in f32, behind a softmax.
        testdata::assert_near(&format!("{}, outputs", case.name), &found, &case.outputs, 1e-4);
        let (batch, mut sums) =
            (Batch { data: &data, pipeline: &pipeline, indices: &[0, 1, 2], draws: None }, Sums::new(0));
        machine.update(&batch, Pace::default(), &mut sums).unwrap();
        let found = (sums.loss + sums.penalty) / 3.0;
        testdata::assert_near(&format!("{}, loss", case.name), &[found], &[case.loss], 1e-4);
        assert_eq!(case.after.len(), variables.len(), "{}", case.name);
        for (place, v) in &variables {
            let x = machine.variables().read(*place);
            let wave = |(i, &x): (usize, &f32)| f64::from(x) * (0.1 + 0.37 * i as f64).cos();
            let found: f64 = x.iter().enumerate().map(wave).sum();
            // A step of 0.01 of gradients that have gone through as many layers.
            testdata::assert_near(&format!("{}, {}", case.name, v.name), &[found], &[case.after[&v.name]], 1e-4);
        }
        seen.insert(case.name);
    }
    let all: BTreeSet<String> = models::registry().names().into_iter().map(str::to_owned).collect();
    assert_eq!(seen, all, "a model has no case");
}

#[test]
fn entries_are_documented() {
    for entry in Tables::default().models.entries() {
        assert!(!entry.page.summary.is_empty() && !entry.page.source.is_empty(), "{}", entry.name);
        assert!(entry.settings.iter().all(|s| !s.doc.is_empty()), "{}", entry.name);
    }
}

#[test]
fn pictures_of_any_size_and_depth_are_taken_and_other_samples_refused() {
    let none = BTreeMap::new();
    for name in models::registry().names() {
        if ["linear", "mlp", "quadratic_deep"].contains(&name) {
            continue;
        }
        for sample in [&[28, 28][..], &[32, 32, 3], &[64, 48, 3], &[33, 29, 1]] {
            let model = network(name, &none, sample).unwrap();
            let built = model.build(true).unwrap_or_else(|e| panic!("{name} on {sample:?}: {e}"));
            assert_eq!(built.graph.shape(built.output).sample(), [CLASSES], "{name}");
        }
        let error = network(name, &none, &[11]).unwrap_err();
        assert_eq!(error.code(), "model-input", "{name}: {error}");
        // Too small to be pooled as often: one error, by the layer's name.
        if let Err(error) = network(name, &none, &[3, 3, 1]).unwrap().build(true) {
            assert!(error.message().starts_with("layer "), "{name}: {error}");
        }
    }
}

#[test]
fn stochastic_depth_is_a_setting_of_residual_networks() {
    let settings = BTreeMap::from([("stochastic_depth".to_owned(), Argument::Float(0.2))]);
    let model = network("resnet20", &settings, &[8, 8, 3]).unwrap();
    let rates: Vec<f64> = model
        .layers()
        .iter()
        .filter(|l| l.layer.kind() == "stochastic_depth")
        .map(|l| l.layer.settings().f64("rate"))
        .collect();
    assert_eq!(rates.len(), 9);
    assert!(rates.windows(2).all(|w| w[0] < w[1]) && rates[8] == 0.2, "{rates:?}");
    model.build(true).unwrap();
}

#[test]
fn airbench_looks_at_the_data_first_and_learns_them() {
    // 3·2·2·2 filters; 24·64, 64·64, 64·256, 256·256 … of nine places; a bias for each normalisation; no other.
    let built = network("airbench", &BTreeMap::new(), &[32, 32, 3]).unwrap().build(true).unwrap();
    let count: usize = built.parameters.iter().map(|p| p.shape.iter().product::<usize>()).sum();
    let convolutions = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256);
    assert_eq!(count, 24 + convolutions + 2 * (64 + 256 + 256) + 256 * 10);

    let settings = BTreeMap::from([("filters".to_owned(), Argument::List([8, 8].map(Argument::Int).into()))]);
    let layers = network("airbench", &settings, &[8, 8, 3]).unwrap();
    let x: Vec<f32> = noise(5.0, 60 * 192).into_iter().map(|x| x as f32).collect();
    let y: Vec<u32> = (0..60).map(|i| i % 3).collect();
    // A class is brighter than the one before it.
    let x: Vec<f32> = x.chunks(192).zip(&y).flat_map(|(x, &y)| x.iter().map(move |x| x + 0.3 * y as f32)).collect();
    let data = Dataset::classes(x, &[8, 8, 3], y, CLASSES).unwrap();
    let model = schuss::Model::new(layers);
    let mut model = model.compile("adam(0.01)", "categorical_crossentropy", &["accuracy"]).unwrap();
    model.fit(&data, schuss::FitOptions { epochs: 15, batch_size: Some(20.into()), ..Default::default() }).unwrap();
    assert!(model.evaluate(&data).unwrap().metrics[0].1 > 0.9);
    let weights = model.weights();
    let kernel = &weights.iter().find(|w| w.name == "whitening_conv2d/kernel").unwrap().values;
    // The second half of the filters are the opposites of the first, which no random start and no step leaves so.
    assert!(kernel.chunks(24).all(|row| (0..12).all(|i| row[i] == -row[12 + i] && row[i] != 0.0)));

    let mut behind = Network::new(&[8, 8, 3]).add(schuss::layers::Activation::new("relu"));
    behind.push(None, Arc::new(schuss::layers::WhiteningConv2D::new(2, 0.1)));
    assert_eq!(behind.adapt(&[0.0; 192]).unwrap_err().code(), "adapts-behind-layers");
}
