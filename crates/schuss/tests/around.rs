//! What is done around every rule: the plan's f32 against `Walk`'s f64, and both against Keras where it has the same
//! (`testdata/around.json`, made by `xtask/oracle/around.py`).

use schuss::optimizers::{Optimizer, Pace, Walk, registry};
use schuss::plan::{Machine, Options};
use schuss::random::Stream;
use schuss::registry::Argument;
use schuss_kernels::Isa;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Three parameters: a matrix, a vector, and one that is not a multiple of anything.
const SHAPES: [(&str, &[usize]); 3] = [("dense/kernel", &[40, 33]), ("dense/bias", &[33]), ("scale", &[3, 2, 5])];
const STEPS: usize = 12;

fn draw(name: &str, step: u64, len: usize) -> Vec<f64> {
    let stream = Stream::named(7, name).part(step);
    (0..len as u64).map(|i| f64::from((stream.uniform(i) - 0.5) as f32)).collect()
}

fn optimizer(name: &str, settings: &[(&str, Argument)]) -> Optimizer {
    let given: Vec<_> = settings.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
    registry().make(name, &given).unwrap_or_else(|e| panic!("{e}"))
}

fn options(threads: usize, without: &[&str]) -> Options {
    let without = without.iter().map(|s| s.to_string()).collect();
    Options { without, ..Options::new(threads, Isa::chosen().unwrap()) }
}

fn lengths() -> impl Iterator<Item = (&'static str, &'static [usize], usize)> {
    SHAPES.iter().map(|(name, shape)| (*name, *shape, shape.iter().product()))
}

fn machine(optimizer: &Optimizer, options: Options) -> Machine {
    let narrow = |x: Vec<f64>| x.into_iter().map(|x| x as f32).collect();
    let array = |(name, shape, len): (&str, &[usize], usize)| (name.into(), shape.to_vec(), narrow(draw(name, 0, len)));
    Machine::of_tensors(&lengths().map(array).collect::<Vec<_>>(), optimizer, options).unwrap()
}

/// The parameters after each step, all in a row, and the weights to evaluate with at the end.
fn run(optimizer: &Optimizer, options: Options, pace: impl Fn(usize) -> Pace) -> (Vec<Vec<f32>>, Vec<f32>) {
    let mut machine = machine(optimizer, options);
    let all = |m: &Machine| (0..SHAPES.len()).flat_map(|i| m.variables().read(i).to_vec()).collect::<Vec<f32>>();
    let step = |t: usize| {
        for (i, (name, _, len)) in lengths().enumerate() {
            for (to, from) in machine.gradient_mut(i).unwrap().iter_mut().zip(draw(name, t as u64 + 1, len)) {
                *to = from as f32;
            }
        }
        assert!(machine.apply(pace(t)).unwrap(), "a number is not finite");
        all(&machine)
    };
    let steps = (0..STEPS).map(step).collect();
    machine.show_evaluated().unwrap();
    let shown = all(&machine);
    machine.show_trained();
    (steps, shown)
}

fn walk(optimizer: &Optimizer, pace: impl Fn(usize) -> Pace) -> (Vec<Vec<f64>>, Vec<f64>) {
    let start = |(name, shape, len): (&str, &[usize], usize)| (name.into(), shape.to_vec(), draw(name, 0, len));
    let mut walk = Walk::new(optimizer, lengths().map(start).collect()).unwrap();
    let step = |t: usize| {
        let gradients: Vec<_> = lengths().map(|(name, _, len)| draw(name, t as u64 + 1, len)).collect();
        walk.step(&gradients, pace(t)).unwrap();
        (0..SHAPES.len()).flat_map(|i| walk.theta(i).to_vec()).collect()
    };
    let steps: Vec<Vec<f64>> = (0..STEPS).map(step).collect();
    let last = steps[STEPS - 1].clone();
    (steps, walk.evaluated().unwrap().map_or(last, |all| all.concat()))
}

fn variants() -> Vec<(&'static str, Vec<(&'static str, Argument)>)> {
    use Argument::{Bool, Float, Int, Text};
    let text = |s: &str| Text(s.into());
    vec![
        ("nothing", vec![]),
        ("decoupled", vec![("weight_decay", Float(0.1))]),
        ("decoupled but", vec![("weight_decay", Float(0.1)), ("exclude_from_weight_decay", text("bias|scale"))]),
        ("l2", vec![("weight_decay", Float(0.1)), ("decay", text("l2"))]),
        ("clipvalue", vec![("clipvalue", Float(0.2))]),
        ("clipnorm", vec![("clipnorm", Float(1.5))]),
        ("global_clipnorm", vec![("global_clipnorm", Float(2.0)), ("weight_decay", Float(0.05))]),
        ("global_clipnorm far off", vec![("global_clipnorm", Float(1e6))]),
        ("ema", vec![("use_ema", Bool(true)), ("ema_momentum", Float(0.8))]),
        (
            "ema, overwriting",
            vec![("use_ema", Bool(true)), ("ema_momentum", Float(0.7)), ("ema_overwrite_frequency", Int(5))],
        ),
        ("cautious", vec![("cautious", Bool(true)), ("weight_decay", Float(0.1))]),
        ("lookahead", vec![("lookahead_steps", Int(3)), ("lookahead_alpha", Float(0.7))]),
        ("static loss scale", vec![("loss_scale", text("static")), ("initial_scale", Float(1.0))]),
    ]
}

/// Learning rates that change, and a momentum that does.
fn pace(t: usize) -> Pace {
    Pace { factor: 1.0 + 0.25 * (t % 4) as f64, momentum: (t % 3 == 1).then_some(0.7) }
}

#[test]
fn the_plan_does_what_the_walk_does_around_every_rule() {
    let mut wrong = Vec::new();
    let once = |name: &&'static str| optimizer(name, &[]).evaluates_once();
    for name in registry().names().into_iter().filter(once) {
        for (variant, settings) in variants() {
            let given: Vec<_> = settings.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
            // Rules whose step is no change of elements refuse to be cautious (every_optimizer.rs).
            if variant == "cautious" && registry().make(name, &given).is_err_and(|e| e.code() == "cautious-not-offered")
            {
                continue;
            }
            let optimizer = optimizer(name, &settings);
            // Rules that evaluate with weights of their own go with no slow ones.
            let start = vec![("theta".into(), vec![1], vec![0.0])];
            if variant == "lookahead" && Walk::new(&optimizer, start).is_err_and(|e| e.code() == "two-kinds-of-weights")
            {
                continue;
            }
            let (want, want_shown) = walk(&optimizer, pace);
            let (got, got_shown) = run(&optimizer, options(1, &[]), pace);
            let steps = got.iter().zip(&want).chain([(&got_shown, &want_shown)]);
            let already = wrong.len();
            // In a basis of its own soap's first steps are α times signs of projections; of one that nearly vanishes
            // rounding makes another number.
            let beside = if name == "soap" { 1e-3 * optimizer.learning_rate } else { 0.0 };
            // What nearly cancels keeps the rounding of what it was.
            let mut greatest = vec![0.1; want_shown.len()];
            for (t, (got, want)) in steps.enumerate() {
                for (i, (&x, &y)) in got.iter().zip(want).enumerate() {
                    greatest[i] = f64::max(greatest[i], y.abs());
                    if (f64::from(x) - y).abs() > 1e-5 * greatest[i] + beside && wrong.len() == already {
                        wrong.push(format!("{name}, {variant}, step {}, element {i}: {x} is not {y}", t + 1));
                    }
                }
            }
            for (threads, without) in [(2, vec![]), (3, vec!["serial"]), (2, vec!["serial", "update", "epilogue"])] {
                let other = run(&optimizer, options(threads, &without), pace);
                let bits = |steps: &[Vec<f32>]| steps.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&other.0), bits(&got), "{name}, {variant}, {threads} threads without {without:?}");
                assert_eq!(bits(&[other.1]), bits(std::slice::from_ref(&got_shown)), "{name}, {variant}: evaluated");
            }
        }
    }
    assert!(wrong.is_empty(), "the first difference of each walk:\n{}", wrong.join("\n"));
}

#[derive(Deserialize)]
struct Case {
    name: String,
    rule: String,
    settings: BTreeMap<String, Argument>,
    names: Vec<String>,
    shapes: Vec<Vec<usize>>,
    start: Vec<Vec<f64>>,
    gradients: Vec<Vec<Vec<f64>>>,
    theta: Vec<Vec<Vec<f64>>>,
    averages: Vec<Vec<Vec<f64>>>,
}

#[test]
fn the_walk_does_what_keras_does_around_a_rule() {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/around.json");
    let File { cases } = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 20);
    for case in cases {
        let given: Vec<_> = case.settings.into_iter().collect();
        let optimizer = registry().make(&case.rule, &given).unwrap();
        let start = case.names.iter().zip(&case.shapes).zip(&case.start);
        let start = start.map(|((name, shape), start)| (name.clone(), shape.clone(), start.clone())).collect();
        let mut walk = Walk::new(&optimizer, start).unwrap();
        for (t, gradients) in case.gradients.iter().enumerate() {
            walk.step(gradients, Pace::default()).unwrap();
            let near = |what: &str, got: &[f64], want: &[f64]| {
                for (i, (x, y)) in got.iter().zip(want).enumerate() {
                    let place = format!("{}, step {}, {what}, element {i}", case.name, t + 1);
                    assert!((x - y).abs() <= 1e-12 * y.abs(), "{place}: {x} is not {y}");
                }
            };
            for (i, want) in case.theta[t].iter().enumerate() {
                near(&case.names[i], walk.theta(i), want);
            }
            if let Some(averages) = case.averages.get(t) {
                let shown = walk.evaluated().unwrap().expect("averages are kept");
                averages.iter().zip(&shown).for_each(|(want, got)| near("average", got, want));
            }
        }
    }
}
