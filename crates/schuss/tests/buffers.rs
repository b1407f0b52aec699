//! What layers keep without a gradient: it moves as in Keras, once with each batch, and with nothing else.

use schuss::build::Build;
use schuss::data::{Dataset, Pipeline};
use schuss::graph::ops::input::Source;
use schuss::graph::{Reference, Tensor, Value};
use schuss::initializers::{AnyInitializer, Zeros};
use schuss::layers::{BatchNormalization, Dense, Layer, registry};
use schuss::losses::{AnyLoss, SparseCategoricalCrossentropy};
use schuss::model::{Objective, Role, Sequential};
use schuss::optimizers::{self, Optimizer, Pace, Walk};
use schuss::plan::{Batch, MICRO_BATCH, Machine, Options, Spec, Sums};
use schuss::registry::Argument;
use schuss::target::TargetKind;
use schuss::train::{Event, FitOptions, Flow, Origin, Run, State, fit, parameters, predict};
use schuss::{Kind, Model, Result};
use schuss_kernels::Isa;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

mod testdata;

#[derive(Deserialize)]
struct Case {
    name: String,
    rule: String,
    settings: BTreeMap<String, Argument>,
    frozen: bool,
    sample: Vec<usize>,
    layers: Vec<LayerText>,
    start: BTreeMap<String, Vec<f64>>,
    inputs: Vec<Vec<f64>>,
    targets: Vec<Vec<u32>>,
    losses: Vec<f64>,
    states: Vec<BTreeMap<String, Vec<f64>>>,
    outputs: Vec<f64>,
}

#[derive(Deserialize)]
struct LayerText {
    kind: String,
    settings: BTreeMap<String, Argument>,
}

const CLASSES: usize = 3;

fn loss() -> AnyLoss {
    Arc::new(SparseCategoricalCrossentropy::default())
}

fn optimizer(name: &str, settings: &BTreeMap<String, Argument>) -> Optimizer {
    // What a preset fixes is not given; what the file says agrees with it.
    let known = optimizers::registry().find(name).unwrap().settings;
    let given = settings.clone().into_iter().filter(|(n, _)| known.iter().any(|s| s.name == n)).collect::<Vec<_>>();
    optimizers::registry().make(name, &given).unwrap()
}

fn f32s(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| x as f32).collect()
}

fn machine(model: &Sequential, optimizer: &Optimizer, frozen: &dyn Fn(&str) -> bool, threads: usize) -> Machine {
    let (loss, target) = (loss(), TargetKind::Class(CLASSES));
    let optimizer = Some(optimizer);
    let spec = Spec { model, loss: &loss, metrics: &[], optimizer, target, weighted: false, frozen };
    Machine::new(&spec, Options::new(threads, Isa::detect())).unwrap()
}

fn number(machine: &Machine, name: &str) -> f32 {
    machine.variables().read(machine.variables().find(name).unwrap())[0]
}

/// Training in f64: the reference's gradients and buffers, the rule's own arithmetic.
struct Exact {
    objective: Objective,
    walk: Walk,
    trained: Vec<String>,
    fixed: BTreeMap<String, Vec<f64>>,
}

impl Exact {
    fn new(model: &Sequential, optimizer: &Optimizer, frozen: &dyn Fn(&str) -> bool, case: &Case) -> Self {
        let target = TargetKind::Class(CLASSES);
        let objective = Objective::new(model, &loss(), &[], target, false, true, |name| !frozen(name)).unwrap();
        let trained: Vec<_> = objective.gradients.iter().map(|g| objective.parameters[g.0].clone()).collect();
        let tensors = trained.iter().map(|p| (p.name.clone(), p.shape.clone(), case.start[&p.name].clone())).collect();
        let trained: Vec<String> = trained.into_iter().map(|p| p.name).collect();
        let fixed = case.start.clone().into_iter().filter(|(name, _)| !trained.contains(name)).collect();
        Exact { walk: Walk::new(optimizer, tensors).unwrap(), objective, trained, fixed }
    }
    fn value(&self, name: &str) -> &[f64] {
        match self.trained.iter().position(|n| n == name) {
            Some(i) => self.walk.theta(i),
            None => &self.fixed[name],
        }
    }
    fn step(&mut self, x: &[f64], y: &[u32]) -> f64 {
        let (o, n) = (&self.objective, y.len());
        let mut r = Reference::new(&o.graph, n);
        for (name, v) in o.graph.inputs(Source::Parameter) {
            r.set(Source::Parameter, &name, Tensor::new(&o.graph.shape(v).sizes(n), self.value(&name).to_vec()));
        }
        let sizes = |name| o.graph.shape(o.graph.find(Source::Data, name).unwrap()).sizes(n);
        r.set(Source::Data, "x", Tensor::new(&sizes("x"), x.to_vec()));
        r.set(Source::Data, "y", Tensor::new(&sizes("y"), y.iter().map(|&c| f64::from(c)).collect()));
        r.set(Source::Setting, "scale", Tensor::full(&[], 1.0 / n as f64));
        let gradients: Vec<Value> = o.gradients.iter().map(|g| g.1).collect();
        let new: Vec<Value> = o.assignments.iter().map(|a| a.1).collect();
        let mut out: Vec<Vec<f64>> =
            r.run(&[&[o.losses], &gradients[..], &new].concat()).into_iter().map(|t| t.data).collect();
        let names: BTreeMap<Value, String> =
            o.graph.inputs(Source::Parameter).into_iter().map(|(name, v)| (v, name)).collect();
        for ((leaf, _), value) in o.assignments.iter().zip(out.split_off(1 + gradients.len())) {
            self.fixed.insert(names[leaf].clone(), value);
        }
        self.walk.step(&out[1..], Pace::default()).unwrap();
        out[0].iter().sum::<f64>() / n as f64
    }
}

#[test]
fn every_step_is_keras_own() {
    let mut frozen_seen = 0;
    for case in testdata::cases::<Case>("training/buffers.json") {
        let mut model = Sequential::new(&case.sample);
        for l in &case.layers {
            let settings: Vec<_> = l.settings.clone().into_iter().collect();
            model.push(None, registry().make(&l.kind, &settings).unwrap());
        }
        let optimizer = optimizer(&case.rule, &case.settings);
        let frozen = |name: &str| case.frozen && name.starts_with("batch_normalization");
        let mut exact = Exact::new(&model, &optimizer, &frozen, &case);
        let mut m = machine(&model, &optimizer, &frozen, 2);
        for (name, values) in &case.start {
            let place = m.variables().find(name).unwrap();
            m.variables_mut().write(place, &f32s(values));
        }
        let pipeline = Pipeline::scale(1.0);
        let data = |step: usize| {
            Dataset::classes(f32s(&case.inputs[step]), &case.sample, case.targets[step].clone(), CLASSES).unwrap()
        };
        for (step, state) in case.states.iter().enumerate() {
            let what = format!("{}, step {}", case.name, step + 1);
            let (data, n) = (data(step), case.targets[step].len());
            let indices: Vec<u32> = (0..n as u32).collect();
            let (batch, mut sums) =
                (Batch { data: &data, pipeline: &pipeline, indices: &indices, draws: None }, Sums::new(0));
            m.update(&batch, Pace::default(), &mut sums).unwrap();
            let loss = exact.step(&case.inputs[step], &case.targets[step]);
            testdata::assert_near(&what, &[loss], &[case.losses[step]], 1e-9);
            testdata::assert_near(&what, &[sums.loss / n as f64], &[case.losses[step]], 1e-5);
            for (name, want) in state {
                let place = m.variables().find(name).unwrap();
                let planned: Vec<f64> = m.variables().read(place).iter().map(|&x| x.into()).collect();
                testdata::assert_near(&format!("{what}, {name}"), exact.value(name), want, 1e-9);
                testdata::assert_near(&format!("{what}, {name} of the plan"), &planned, want, 1e-5);
            }
        }
        let outputs: Vec<f64> = predict(&mut m, &data(0), &pipeline).unwrap().iter().map(|&x| x.into()).collect();
        testdata::assert_near(&format!("{}, evaluation", case.name), &outputs, &case.outputs, 1e-5);
        let moved = case.start["batch_normalization/moving_mean"] != case.states[0]["batch_normalization/moving_mean"];
        assert_eq!(moved, !case.frozen, "{}: Keras' file is what it says", case.name);
        frozen_seen += usize::from(case.frozen);
    }
    assert!(frozen_seen > 0);
}

/// Adds what it counted to its input, and counts one more.
#[derive(Debug)]
struct Count;

impl Layer for Count {
    fn kind(&self) -> &'static str {
        "count"
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let zeros: AnyInitializer = Arc::new(Zeros);
        let seen = build.buffer("seen", &[1], &zeros)?;
        let one = build.graph.constant(1.0)?;
        let more = build.graph.add(seen, one)?;
        build.assign(seen, more)?;
        build.graph.add(x, seen)
    }
}

fn counting() -> Sequential {
    Sequential::new(&[2]).add(Count).add(Dense::new(CLASSES).activation("softmax"))
}

fn data(n: usize) -> Dataset {
    let x = (0..2 * n).map(|i| ((i * 37) % 101) as f32 / 101.0 - 0.5).collect::<Vec<_>>();
    let y = x.chunks(2).map(|p| u32::from(p[0] > p[1]) + u32::from(p[0] > 0.3)).collect::<Vec<_>>();
    Dataset::classes(x, &[2], y, CLASSES).unwrap()
}

fn with(settings: &[(&str, Argument)]) -> Optimizer {
    let settings: Vec<_> = settings.iter().map(|(name, v)| (name.to_string(), v.clone())).collect();
    optimizers::registry().make("adam", &settings).unwrap()
}

#[test]
fn buffers_move_once_with_each_batch_and_never_at_evaluation() {
    let dynamic = [("loss_scale", Argument::Text("dynamic".into()))];
    let ema = [("use_ema", Argument::Bool(true)), ("weight_decay", Argument::Float(0.1))];
    let three = [("gradient_accumulation_steps", Argument::Int(3)), ("clipnorm", Argument::Float(0.5))];
    for settings in [&[][..], &dynamic, &ema, &three] {
        for n in [5, MICRO_BATCH, 2 * MICRO_BATCH + 5] {
            let (data, pipeline) = (data(n), Pipeline::scale(1.0));
            let mut m = machine(&counting(), &with(settings), &|_| false, 2);
            let indices: Vec<u32> = (0..n as u32).collect();
            let batch = Batch { data: &data, pipeline: &pipeline, indices: &indices, draws: None };
            for step in 1..=4u8 {
                m.update(&batch, Pace::default(), &mut Sums::new(0)).unwrap();
                assert_eq!(number(&m, "count/seen"), f32::from(step), "{settings:?}, {n} samples");
                m.evaluate(&batch, &mut Sums::new(0)).unwrap();
                m.predict(&batch, &mut Vec::new()).unwrap();
                m.show_evaluated().unwrap();
                assert_eq!(number(&m, "count/seen"), f32::from(step), "evaluation moves nothing");
                m.show_trained();
            }
            // An optimizer keeps nothing for it.
            let own = |name: &str| name.starts_with("count/");
            let roles: Vec<_> = m.variables().list().iter().filter(|v| own(&v.name)).map(|v| v.role).collect();
            assert_eq!(roles, [Role::Buffer]);
        }
    }
}

#[test]
fn a_step_reads_what_buffers_were_before_it() {
    let (data, pipeline) = (data(5), Pipeline::scale(1.0));
    let indices: Vec<u32> = (0..5).collect();
    let batch = Batch { data: &data, pipeline: &pipeline, indices: &indices, draws: None };
    let mut m = machine(&counting(), &with(&[]), &|_| false, 1);
    let (mut trained, mut evaluated) = (Sums::new(0), Sums::new(0));
    m.evaluate(&batch, &mut evaluated).unwrap();
    m.update(&batch, Pace::default(), &mut trained).unwrap();
    assert_eq!(trained.loss, evaluated.loss);
}

#[test]
fn a_frozen_buffer_stays() {
    let (data, pipeline) = (data(5), Pipeline::scale(1.0));
    let indices: Vec<u32> = (0..5).collect();
    let batch = Batch { data: &data, pipeline: &pipeline, indices: &indices, draws: None };
    let layers = || Sequential::new(&[2]).add(BatchNormalization::new()).add(Dense::new(CLASSES).activation("softmax"));
    for (expression, moves) in [("gamma", true), ("moving_mean", false), ("batch_normalization/", false)] {
        let mut m = machine(&layers(), &with(&[]), &|name| name.contains(expression), 1);
        m.update(&batch, Pace::default(), &mut Sums::new(0)).unwrap();
        assert_eq!(number(&m, "batch_normalization/moving_mean") != 0.0, moves, "{expression}");
        assert_eq!(number(&m, "batch_normalization/moving_variance") != 1.0, moves, "{expression}");
    }
}

#[test]
fn a_resumed_run_ends_with_the_same_buffers() {
    let model = || {
        let hidden = Dense::new(5).activation("tanh");
        let last = Dense::new(CLASSES).activation("softmax");
        Sequential::new(&[2]).add(hidden).add(BatchNormalization::new().momentum(0.9)).add(Count).add(last)
    };
    let optimizer = with(&[("gradient_accumulation_steps", Argument::Int(2))]);
    let (data, validation, pipeline) = (data(37), data(11), Pipeline::scale(1.0));
    let options =
        FitOptions { epochs: 3, batch_size: Some(8.into()), validation: Some(&validation), ..FitOptions::default() };
    let run = |threads, stop: Option<usize>| {
        let mut kept = None;
        let mut machine = machine(&model(), &optimizer, &|_| false, threads);
        let mut steps = 0;
        let mut from = Origin::Start;
        if let Some(stop) = stop {
            let mut interrupt = |event: &Event, state: &State| {
                steps += usize::from(matches!(event, Event::Step { .. }));
                if matches!(event, Event::Interrupt) {
                    kept = Some(state.snapshot());
                }
                let now = steps == stop && matches!(event, Event::Step { .. });
                Ok(if now { Flow::Interrupt } else { Flow::Continue })
            };
            let mut run =
                Run { machine: &mut machine, data: &data, pipeline: &pipeline, optimizer: &optimizer, metrics: &[] };
            let error = fit(&mut run, &options, Origin::Start, &mut [&mut interrupt]).unwrap_err();
            assert_eq!(error.kind(), Kind::Interrupted);
            from = Origin::Snapshot(Box::new(kept.unwrap()));
            machine = self::machine(&model(), &optimizer, &|_| false, threads);
        }
        let mut run =
            Run { machine: &mut machine, data: &data, pipeline: &pipeline, optimizer: &optimizer, metrics: &[] };
        fit(&mut run, &options, from, &mut []).unwrap();
        let bits =
            |a: &schuss::train::Array| (a.name.clone(), a.values.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        parameters(&machine).iter().map(bits).collect::<Vec<_>>()
    };
    let whole = run(1, None);
    assert!(whole.iter().any(|(name, _)| name == "batch_normalization/moving_variance"));
    for stop in [1, 2, 7, 12] {
        assert_eq!(run(1, Some(stop)), whole, "stopped after {stop}");
    }
    assert_eq!(run(3, Some(5)), whole, "by three threads");
}

#[test]
fn a_model_file_holds_buffers_and_a_summary_counts_them_apart() {
    let path = std::env::temp_dir().join(format!("schuss-buffers-{}.safetensors", std::process::id()));
    let layers =
        Sequential::new(&[2]).add(BatchNormalization::new().center(false)).add(Dense::new(3).activation("softmax"));
    let mut model = Model::new(layers).compile("adam", "sparse_categorical_crossentropy", &[]).unwrap();
    model.fit(&data(40), FitOptions { epochs: 2, ..FitOptions::default() }).unwrap();
    model.save(&path).unwrap();
    let mut loaded = Model::load(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let sorted = |model: &Model| {
        let mut all = model.weights();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    };
    assert_eq!(sorted(&loaded), sorted(&model));
    assert_ne!(model.weights()[3].values, [0.0; 2], "the moving mean has moved");
    assert_eq!(loaded.predict(&data(5)).unwrap(), model.predict(&data(5)).unwrap());
    let counts: Vec<_> = model.summary().unwrap().iter().map(|l| (l.parameters, l.buffers)).collect();
    assert_eq!(counts, [(2, 4), (9, 0)]);
}

#[test]
fn a_buffer_of_another_shape_is_refused() {
    #[derive(Debug)]
    struct Wrong;
    impl Layer for Wrong {
        fn kind(&self) -> &'static str {
            "wrong"
        }
        fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
            let zeros: AnyInitializer = Arc::new(Zeros);
            let buffer = build.buffer("b", &[2], &zeros)?;
            let sum = build.graph.sum(buffer)?;
            build.assign(buffer, sum)?;
            Ok(x)
        }
    }
    let error = Sequential::new(&[2]).add(Wrong).build(true).unwrap_err().to_string();
    assert_eq!(error, "layer wrong: a buffer of shape [2] is set to a value of shape [] [buffer-shape]");
}
