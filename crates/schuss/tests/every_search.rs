//! Steps that take several gradients: L-BFGS beside PyTorch's, sharpness-aware steps and Lookahead beside a second
//! derivation (`testdata/search.json`, made by `xtask/oracle/search.py`), and what they must leave alone.

use schuss::data::{Dataset, Pipeline};
use schuss::lab::{Gradients, Precision, TraceStep, surfaces, trace};
use schuss::layers::{BatchNormalization, Dense, Dropout};
use schuss::losses::{AnyLoss, SparseCategoricalCrossentropy};
use schuss::metrics::{Accuracy, AnyMetric};
use schuss::model::Sequential;
use schuss::optimizers::{Group, Optimizer, Pace, registry};
use schuss::plan::{Batch, MICRO_BATCH, Machine, Options, Spec, Sums};
use schuss::random::Stream;
use schuss::registry::Argument::{self, Bool, Float, Int, Text};
use schuss_kernels::Isa;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    name: String,
    optimizer: String,
    settings: BTreeMap<String, Argument>,
    surface: String,
    start: Vec<f64>,
    theta: Vec<Vec<f64>>,
    #[serde(default)]
    evaluated: Vec<Vec<f64>>,
}

impl Case {
    fn all() -> Vec<Case> {
        #[derive(Deserialize)]
        struct File {
            cases: Vec<Case>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/search.json");
        let File { cases } = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        cases
    }
    fn walk(&self, precision: Precision) -> Vec<TraceStep> {
        let given: Vec<_> = self.settings.clone().into_iter().collect();
        let optimizer = registry().make(&self.optimizer, &given).unwrap();
        let surface = surfaces().make(&self.surface, &[]).unwrap();
        let gradients = Gradients::Of(&surface, self.theta.len());
        trace(&optimizer, &[self.start.len()], &self.start, gradients, precision).unwrap()
    }
}

fn made(name: &str, settings: &[(&str, Argument)]) -> Optimizer {
    let given: Vec<_> = settings.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
    registry().make(name, &given).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn every_case_is_walked_as_its_library_walks_it() {
    let cases = Case::all();
    for case in &cases {
        for (t, step) in case.walk(Precision::F64).iter().enumerate() {
            let near = |what: &str, got: &[f64], want: &[f64]| {
                for (x, y) in got.iter().zip(want) {
                    let near = (x - y).abs() <= 1e-9 * y.abs().max(1e-3);
                    assert!(near, "{}, step {}, {what}: {x} is not {y}", case.name, t + 1);
                }
            };
            near("theta", &step.theta, &case.theta[t]);
            if let Some(want) = case.evaluated.get(t) {
                let shown = step.state.iter().find(|s| s.0 == "evaluated").expect("slow weights are evaluated");
                near("evaluated", &shown.1, want);
            }
        }
    }
    for kind in ["lbfgs-rosenbrock", "lbfgs-probe-beale", "lbfgs-fixed-quadratic", "sam-adam", "lookahead-sgd"] {
        assert!(cases.iter().any(|c| c.name.starts_with(kind)), "no case {kind}");
    }
}

#[test]
fn f32_walks_along() {
    // From lengths that are far off, one comparison of nearly equal numbers leads elsewhere.
    let far = |case: &Case| case.name.strip_prefix("lbfgs-").is_some_and(|name| name.starts_with(char::is_numeric));
    for case in Case::all().into_iter().filter(|case| !far(case)) {
        // A line search decides by comparing; near the end the last digits decide. Where it goes is the same.
        let steps = if case.optimizer == "lbfgs" { 1 } else { case.theta.len() };
        let most = if case.optimizer == "lbfgs" { 5e-2 } else { 1e-4 };
        for (t, step) in case.walk(Precision::F32).iter().enumerate().take(steps) {
            for (x, y) in step.theta.iter().zip(&case.theta[t]) {
                assert!((x - y).abs() <= most * y.abs().max(1.0), "{}, step {}: {x}, {y}", case.name, t + 1);
            }
        }
    }
    // And it ends in the valley.
    let surface = surfaces().make("rosenbrock", &[]).unwrap();
    for precision in [Precision::F32, Precision::F64] {
        let steps = trace(&made("lbfgs", &[]), &[2], &[-1.2, 1.0], Gradients::Of(&surface, 10), precision).unwrap();
        assert!((surface.value)(&steps[9].theta) < 1e-6, "{:?}", steps[9].theta);
    }
}

/// Every rule that takes one gradient can take it where the loss is worst.
#[test]
fn every_rule_can_climb_first() {
    let surface = surfaces().make("quadratic", &[]).unwrap();
    let start = [0.7, -0.4, 0.3, 0.9];
    for name in registry().names() {
        if !made(name, &[]).evaluates_once() {
            continue;
        }
        let walk = |rho: f64, precision| {
            let optimizer = made(name, &[("sam_rho", Float(rho))]);
            trace(&optimizer, &[2, 2], &start, Gradients::Of(&surface, 3), precision)
                .unwrap_or_else(|e| panic!("{name}: {e}"))
        };
        let (double, single, plain) = (walk(0.2, Precision::F64), walk(0.2, Precision::F32), walk(0.0, Precision::F64));
        // Soap's matrices have one value twice at first: 32 bits turn their vectors elsewhere.
        for (x, y) in single[2].theta.iter().zip(&double[2].theta).filter(|_| name != "soap") {
            assert!((x - y).abs() <= 1e-4 * y.abs().max(0.1), "{name}: {x} is not {y}");
        }
        // Signs alone do not show where a gradient was taken.
        if !["lion", "lion:optax", "rprop", "sophia_g"].contains(&name) {
            assert_ne!(double[2].theta, plain[2].theta, "{name}");
        }
    }
}

/// A model with everything that a second evaluation could disturb, and samples with weights.
struct Trial {
    model: Sequential,
    data: Dataset,
    threads: usize,
}

impl Trial {
    fn new(n: usize) -> Self {
        let s = Stream::named(5, "search");
        let x: Vec<f32> = (0..6 * n as u64).map(|i| s.uniform(i) as f32 * 2.0 - 1.0).collect();
        let y: Vec<u32> = x.chunks(6).map(|p| u32::from(p[0] * p[1] + p[2] > 0.0)).collect();
        let model = Sequential::new(&[6])
            .add(Dense::new(9).kernel_regularizer("l2(0.01)"))
            .add(BatchNormalization::default())
            .add(Dropout::new(0.3))
            .add(Dense::new(2).activation("softmax"));
        Trial { model, data: Dataset::classes(x, &[6], y, 2).unwrap(), threads: 1 }
    }
    /// The bits of all variables that outlive the updates, and what was measured.
    fn run(&self, optimizer: &Optimizer, updates: usize) -> (Vec<(String, Vec<u32>)>, Sums) {
        let loss: AnyLoss = Arc::new(SparseCategoricalCrossentropy::default());
        let metrics: Vec<AnyMetric> = vec![Arc::new(Accuracy)];
        let spec = Spec {
            model: &self.model,
            loss: &loss,
            metrics: &metrics,
            optimizer: Some(optimizer),
            target: self.data.target_kind().unwrap(),
            weighted: false,
            frozen: &|_| false,
        };
        let options =
            Options { without: vec!["serial".into()], seed: 3, ..Options::new(self.threads, Isa::chosen().unwrap()) };
        let mut machine = Machine::new(&spec, options).unwrap();
        let indices: Vec<u32> = (0..self.data.len() as u32).collect();
        let batch = Batch { data: &self.data, pipeline: &Pipeline::scale(1.0), indices: &indices, draws: None };
        let mut sums = Sums::new(1);
        for _ in 0..updates {
            machine.update(&batch, Pace::default(), &mut sums).unwrap();
        }
        let list = machine.variables().list().iter().enumerate();
        let bits = |place: usize| machine.variables().read(place).iter().map(|x| x.to_bits()).collect();
        (list.map(|(i, v)| (v.name.clone(), bits(i))).collect(), sums)
    }
}

/// So short a way that no weight moves: the second gradient is the first one, if masks are the same; and the moving
/// statistics, the loss and the metrics are those of one evaluation.
#[test]
fn a_second_evaluation_sees_the_same_and_leaves_no_trace() {
    for n in [37, MICRO_BATCH + 50] {
        let trial = Trial::new(n);
        for name in ["sgd", "adam", "lamb"] {
            let plain = trial.run(&made(name, &[]), 3);
            let climbing = trial.run(&made(name, &[("sam_rho", Float(1e-30))]), 3);
            assert_eq!(plain, climbing, "{name}, {n} samples");
            let far = trial.run(&made(name, &[("sam_rho", Float(0.5))]), 3);
            assert_ne!(plain.0, far.0, "{name}");
            let statistics =
                |run: &[(String, Vec<u32>)]| run.iter().find(|v| v.0.ends_with("moving_mean")).unwrap().1.clone();
            let one = |rho| statistics(&trial.run(&made(name, &[("sam_rho", Float(rho))]), 1).0);
            assert_eq!(one(0.0), one(0.5), "{name}: buffers move once, where the step starts");
        }
    }
}

#[test]
fn a_search_lowers_the_loss_and_threads_change_no_bit() {
    let sam = |rest: &[(&str, Argument)]| {
        made("adam", &[&[("sam_rho", Float(0.05)), ("learning_rate", Float(0.05))], rest].concat())
    };
    for optimizer in [
        made("lbfgs", &[("history_size", Int(3))]),
        made("lbfgs", &[("history_size", Int(5)), ("line_search", Text("none".into())), ("learning_rate", Float(0.1))]),
        sam(&[("global_clipnorm", Float(0.1)), ("weight_decay", Float(0.1)), ("use_ema", Bool(true))]),
        sam(&[("loss_scale", Text("dynamic".into())), ("initial_scale", Float(1e36)), ("lookahead_steps", Int(5))]),
        made("momentum", &[("lookahead_steps", Int(3)), ("lookahead_alpha", Float(0.7))]),
    ] {
        let runs = [1, 2, 3].map(|threads| Trial { threads, ..Trial::new(137) }.run(&optimizer, 8));
        assert!(runs.iter().all(|run| *run == runs[0]), "{}", optimizer.name);
        assert!(runs[0].1.samples == 8 * 137, "{}: measured once a step", optimizer.name);
        let (first, all) = (Trial::new(137).run(&optimizer, 1).1, &runs[0].1);
        assert!(all.loss / 8.0 < first.loss, "{}: {} from {}", optimizer.name, all.loss / 8.0, first.loss);
    }
}

#[test]
fn what_does_not_go_together_is_refused_with_its_reason() {
    let refused = |name: &str, settings: &[(&str, Argument)]| {
        let given: Vec<_> = settings.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
        registry().make(name, &given).unwrap_err()
    };
    let error = refused("adam", &[("sam_rho", Float(0.05)), ("gradient_accumulation_steps", Int(2))]);
    assert_eq!(error.code(), "sam-with-accumulation");
    for (setting, value) in [
        ("weight_decay", Float(0.1)),
        ("clipnorm", Float(1.0)),
        ("gradient_accumulation_steps", Int(2)),
        ("loss_scale", Text("static".into())),
        ("sam_rho", Float(0.1)),
    ] {
        let error = refused("lbfgs", &[(setting, value)]);
        assert_eq!(error.code(), "not-with-a-search", "{setting}: {error}");
    }
    let array = [("theta".to_owned(), vec![2], vec![1.0f32, 2.0])];
    let options = || Options::new(1, Isa::detect());
    let machine = |optimizer: &Optimizer| Machine::of_tensors(&array, optimizer, options());
    let code = |optimizer: &Optimizer| machine(optimizer).err().map(|e| e.code());
    for name in ["schedule_free_adamw", "asgd"] {
        assert_eq!(code(&made(name, &[("lookahead_steps", Int(5))])), Some("two-kinds-of-weights"), "{name}");
    }
    let pattern = regex_lite::Regex::new("theta").unwrap();
    let grouped = Optimizer { groups: vec![Group { pattern, optimizer: made("sgd", &[]) }], ..made("lbfgs", &[]) };
    assert_eq!(code(&grouped), Some("search-with-groups"));
    // Gradients as given are one a step.
    for optimizer in [made("lbfgs", &[]), made("sgd", &[("sam_rho", Float(0.05))])] {
        let error =
            trace(&optimizer, &[2], &[1.0, 2.0], Gradients::Given(&[vec![1.0, 1.0]]), Precision::F64).unwrap_err();
        assert_eq!(error.code(), "needs-a-function", "{error}");
        assert_eq!(machine(&optimizer).unwrap().apply(Pace::default()).unwrap_err().code(), "needs-a-function");
    }
}
