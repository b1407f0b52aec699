//! Whole trainings against Keras 3.15.1 in float64: losses, gradients and weights over steps of every optimizer, in the
//! f64 reference to 1e-9 and in the plan to 1e-5; and the loss curves of all nine names on the digits.

use schuss::build::Parameter;
use schuss::data::{self, Dataset, Features, Pipeline, Targets};
use schuss::graph::ops::input::Source;
use schuss::graph::{Reference, Tensor};
use schuss::layers::Dense;
use schuss::model::{Objective, Sequential};
use schuss::optimizers::{Optimizer, Pace, Walk};
use schuss::plan::{Batch, Machine, Options, Spec, Sums};
use schuss::registry::Argument;
use schuss::target::TargetKind;
use schuss::{losses, losses::AnyLoss, optimizers};
use schuss_kernels::Isa;
use serde_json::Value as Json;

fn read(name: &str) -> Json {
    let path = format!("{}/../../testdata/training/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
fn numbers(j: &Json) -> Vec<f64> {
    j.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}
fn f32s(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| x as f32).collect()
}
fn arguments(j: &Json) -> Vec<(String, Argument)> {
    let argument = |v: &Json| serde_json::from_value::<Argument>(v.clone()).unwrap();
    j.as_object().unwrap().iter().map(|(k, v)| (k.clone(), argument(v))).collect()
}
fn optimizer(name: &str, settings: &Json) -> Optimizer {
    // The names of presets fix some settings by their meaning; what the file says agrees with them.
    let table = optimizers::registry();
    let known: Vec<&str> = table.find(name).unwrap().settings.iter().map(|s| s.name).collect();
    let given: Vec<_> = arguments(settings).into_iter().filter(|(n, _)| known.contains(&n.as_str())).collect();
    table.make(name, &given).unwrap()
}
fn near(what: &str, found: f64, want: f64, tolerance: f64) {
    assert!((found - want).abs() <= tolerance * want.abs().max(1.0), "{what}: {found} instead of {want}");
}

/// The names of gradient descent's history; `every_optimizer.rs` has the others' trajectories.
const NINE: [&str; 9] =
    ["adadelta", "adagrad", "adam", "gradient_descent", "momentum", "nadam", "nag", "rmsprop", "sgd"];

/// Training in f64: the reference's gradients, the rule's own arithmetic.
struct Exact {
    objective: Objective,
    walk: Walk,
}

impl Exact {
    fn new(
        model: &Sequential,
        loss: &AnyLoss,
        target: TargetKind,
        weighted: bool,
        optimizer: Optimizer,
        start: &[Vec<f64>],
    ) -> Self {
        let objective = Objective::new(model, loss, &[], target, weighted, true, |_| true).unwrap();
        let tensor = |(p, start): (&Parameter, &Vec<f64>)| (p.name.clone(), p.shape.clone(), start.clone());
        let tensors = objective.parameters.iter().zip(start).map(tensor).collect();
        let walk = Walk::new(&optimizer, tensors).unwrap();
        Exact { objective, walk }
    }
    /// The loss (with penalties) and the gradients at the present weights.
    fn gradients(&self, x: &[f64], y: &[f64], weight: Option<&[f64]>, n: usize) -> (f64, Vec<Vec<f64>>) {
        let o = &self.objective;
        let mut r = Reference::new(&o.graph, n);
        let leaves = [Source::Data, Source::Setting, Source::Parameter].map(|s| (s, o.graph.inputs(s)));
        for (source, name, v) in leaves.iter().flat_map(|(s, l)| l.iter().map(|(n, v)| (*s, n.as_str(), *v))) {
            let data = match (source, name) {
                (Source::Data, "x") => x.to_vec(),
                (Source::Data, "y") => y.to_vec(),
                (Source::Data, _) => weight.unwrap().to_vec(),
                (Source::Setting, "scale") => vec![1.0 / n as f64],
                (Source::Setting, _) => vec![1.0],
                (Source::Parameter, _) => {
                    self.walk.theta(o.parameters.iter().position(|p| p.name == name).unwrap()).to_vec()
                }
            };
            r.set(source, name, Tensor::new(&o.graph.shape(v).sizes(n), data));
        }
        let values: Vec<_> = o.gradients.iter().map(|g| g.1).chain([o.losses]).chain(o.penalty).collect();
        let mut out: Vec<Vec<f64>> = r.run(&values).into_iter().map(|t| t.data).collect();
        let rest = out.split_off(o.gradients.len());
        let penalty = rest.get(1).map_or(0.0, |p| p[0]);
        (rest[0].iter().sum::<f64>() / n as f64 + penalty, out)
    }
    fn step(&mut self, x: &[f64], y: &[f64], weight: Option<&[f64]>, n: usize) -> f64 {
        let (loss, gradients) = self.gradients(x, y, weight, n);
        self.walk.step(&gradients, Pace::default()).unwrap();
        loss
    }
}

fn machine(model: &Sequential, loss: &AnyLoss, data: &Dataset, optimizer: &Optimizer, start: &[Vec<f64>]) -> Machine {
    let spec = Spec {
        model,
        loss,
        metrics: &[],
        optimizer: Some(optimizer),
        target: data.target_kind().unwrap(),
        weighted: data.weights.is_some(),
        frozen: &|_| false,
    };
    let options = Options::new(2, Isa::detect());
    let mut m = Machine::new(&spec, options).unwrap();
    start.iter().enumerate().for_each(|(i, p)| m.variables_mut().write(i, &f32s(p)));
    m
}

#[test]
fn every_step_is_keras_own() {
    let mut optimizers_seen = Vec::new();
    for case in read("dense")["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let shape = numbers(&case["input_shape"]);
        let (n, width) = (shape[0] as usize, shape[1] as usize);
        let l2 = case["kernel_l2"].as_f64().unwrap();
        let mut model = Sequential::new(&[width]);
        for layer in case["layers"].as_array().unwrap() {
            let units = layer["units"].as_u64().unwrap() as usize;
            let mut dense = Dense::new(units).activation(layer["activation"].as_str().unwrap());
            if l2 > 0.0 {
                dense = dense.kernel_regularizer(format!("l2({l2})").as_str());
            }
            model = model.add(dense);
        }
        let loss = losses::registry().make(case["loss"].as_str().unwrap(), &arguments(&case["loss_settings"])).unwrap();
        let (x, y) = (numbers(&case["input"]), numbers(&case["target"]));
        let weight = case["sample_weight"].as_array().map(|_| numbers(&case["sample_weight"]));
        let units = case["layers"].as_array().unwrap().last().unwrap()["units"].as_u64().unwrap() as usize;
        let data = if y.len() == n {
            Dataset::classes(f32s(&x), &[width], y.iter().map(|&c| c as u32).collect::<Vec<_>>(), units)
        } else {
            Dataset::numbers(f32s(&x), &[width], f32s(&y), y.len() / n)
        };
        let mut data = data.unwrap();
        if let Some(w) = &weight {
            data = data.with_weights(f32s(w)).unwrap();
        }
        let target = data.target_kind().unwrap();
        let start: Vec<Vec<f64>> = case["start"].as_array().unwrap().iter().map(numbers).collect();
        for run in case["runs"].as_array().unwrap() {
            let rule = run["rule"].as_str().unwrap();
            let what = format!("{name} with {rule}");
            optimizers_seen.push(rule.to_owned());
            let optimizer = optimizer(rule, &run["settings"]);
            let mut exact = Exact::new(&model, &loss, target, weight.is_some(), optimizer.clone(), &start);
            let (at_start, gradients) = exact.gradients(&x, &y, weight.as_deref(), n);
            near(&what, at_start, case["loss_at_start"].as_f64().unwrap(), 1e-9);
            for (found, want) in gradients.iter().zip(case["gradients_at_start"].as_array().unwrap()) {
                found.iter().zip(numbers(want)).for_each(|(f, w)| near(&format!("{what}, gradient"), *f, w, 1e-9));
            }
            let mut m = machine(&model, &loss, &data, &optimizer, &start);
            let indices: Vec<u32> = (0..n as u32).collect();
            let batch = Batch { data: &data, pipeline: &Pipeline::scale(1.0), indices: &indices, draws: None };
            let losses = numbers(&run["losses"]);
            for (step, weights) in run["weights"].as_array().unwrap().iter().enumerate() {
                let what = format!("{what}, step {}", step + 1);
                let mut sums = Sums::new(0);
                m.update(&batch, Pace::default(), &mut sums).unwrap();
                let exact_before = exact.step(&x, &y, weight.as_deref(), n);
                let planned = (sums.loss + sums.penalty) / n as f64;
                // Keras' list has the loss of the weights before the step or after it; both are told apart here.
                near(&format!("{what}, loss"), planned, exact_before, 1e-5);
                for (i, want) in weights.as_array().unwrap().iter().enumerate() {
                    for (j, want) in numbers(want).into_iter().enumerate() {
                        near(&format!("{what}, parameter {i}"), exact.walk.theta(i)[j], want, 1e-9);
                        near(
                            &format!("{what}, parameter {i} of the plan"),
                            f64::from(m.variables().read(i)[j]),
                            want,
                            1e-5,
                        );
                    }
                }
                let after = exact.gradients(&x, &y, weight.as_deref(), n).0;
                let (before, after) = ((losses[step] - exact_before).abs(), (losses[step] - after).abs());
                assert!(before.min(after) < 1e-9, "{what}: Keras' loss is {}", losses[step]);
            }
        }
    }
    for name in NINE.iter().filter(|n| **n != "gradient_descent") {
        assert!(optimizers_seen.iter().any(|s| s == name), "no run of {name}");
    }
}

#[test]
fn the_loss_curves_of_all_nine_names_are_keras_own() {
    let file = read("digits_curves");
    let cases = file["cases"].as_array().unwrap();
    let start: Vec<Vec<f64>> = cases[0]["start"].as_array().unwrap().iter().map(numbers).collect();
    let loaded = data::open("digits", data::Task::Classes, &data::Options::default()).unwrap();
    let digits = &loaded.train;
    let Features::U8(pixels) = &digits.features else { panic!("digits are bytes") };
    let Targets::Classes(labels) = &digits.targets else { panic!("digits have classes") };
    let x: Vec<f64> = pixels.iter().map(|&p| f64::from(p) / 16.0).collect();
    let y: Vec<f64> = labels.iter().map(|&l| f64::from(l)).collect();
    let model = Sequential::new(&[64]).add(Dense::new(32).activation("relu")).add(Dense::new(10).activation("softmax"));
    let loss = losses::registry().make("sparse_categorical_crossentropy", &[]).unwrap();
    let data = Dataset::classes(f32s(&x), &[64], labels.clone(), 10).unwrap();
    let mut names: Vec<&str> = cases.iter().map(|c| c["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, NINE, "every name has a curve");
    for case in cases {
        let name = case["name"].as_str().unwrap();
        // At its default rate: what the name means is tested with it.
        let optimizer = optimizers::registry().make(name, &[]).unwrap();
        let size = case["batch_size"].as_u64().unwrap() as usize;
        let mut exact = Exact::new(&model, &loss, TargetKind::Class(10), false, optimizer.clone(), &start);
        let mut m = machine(&model, &loss, &data, &optimizer, &start);
        for (epoch, want) in numbers(&case["epoch_losses"]).into_iter().enumerate() {
            let (mut sum, mut sums) = (0.0, Sums::new(0));
            let rows: Vec<u32> = (0..1437).collect();
            for part in rows.chunks(size) {
                let (a, b) = (part[0] as usize, part[0] as usize + part.len());
                sum += exact.step(&x[a * 64..b * 64], &y[a..b], None, part.len()) * part.len() as f64;
                let batch = Batch { data: &data, pipeline: &Pipeline::scale(1.0), indices: part, draws: None };
                m.update(&batch, Pace::default(), &mut sums).unwrap();
            }
            near(&format!("{name}, epoch {}", epoch + 1), sum / 1437.0, want, 1e-9);
            near(&format!("{name}, epoch {}, plan", epoch + 1), sums.loss / 1437.0, want, 1e-5);
        }
    }
}
