//! State in fewer bits: for every rule of the table that offers it, the same bits for any number of threads, fused or
//! not, and resumed anywhere; near what full state gives; and as small as is said.

use schuss::data::{Dataset, Pipeline};
use schuss::layers::{Conv2D, Dense, Flatten, Reshape};
use schuss::losses::{AnyLoss, SparseCategoricalCrossentropy};
use schuss::model::{Role, Sequential};
use schuss::optimizers::{Optimizer, Pace, Walk, registry};
use schuss::plan::{Batch, Machine, Options, Spec, Sums};
use schuss::random::Stream;
use schuss::registry::Argument;
use schuss::train::{Array, Event, FitOptions, Flow, Origin, Run, Snapshot, State, fit};
use schuss_kernels::{Codec, Isa};
use std::sync::Arc;

const STATES: [&str; 2] = ["bf16", "int8"];
/// Enough for 8 bits; enough for 16 only; a long row; rows that are no whole blocks; rows too short.
const SHAPES: [&[usize]; 5] = [&[64, 80], &[40, 16], &[4100], &[3, 3, 17, 50], &[900, 5]];

fn optimizer(name: &str, state: &str) -> Option<Optimizer> {
    match registry().make(name, &[("state".into(), Argument::Text(state.into()))]) {
        Ok(optimizer) => Some(optimizer),
        Err(e) => {
            assert_eq!(e.code(), "state-not-offered", "{name}: {e}");
            None
        }
    }
}

/// Every optimizer of the table that has such state.
fn offered() -> Vec<(&'static str, &'static str, Optimizer)> {
    let all = registry().names().into_iter().flat_map(|name| STATES.map(|state| (name, state)));
    let all: Vec<_> = all.filter_map(|(name, state)| Some((name, state, optimizer(name, state)?))).collect();
    let all_of = "adam adamw adamax nadam radam adabelief yogi adan adagrad adadelta rmsprop lion momentum";
    for name in all_of.split(' ') {
        assert!(all.iter().any(|(offered, ..)| *offered == name), "{name} does not offer it");
    }
    all
}

fn options(threads: usize, without: &[&str]) -> Options {
    let without = without.iter().chain(&["serial"]).map(|s| s.to_string()).collect();
    Options { without, seed: 3, ..Options::new(threads, Isa::chosen().unwrap()) }
}

fn draw(i: usize, step: u64, len: usize) -> Vec<f32> {
    let stream = Stream::named(7, "gradient").part(i as u64).part(step);
    (0..len as u64).map(|k| (stream.uniform(k) - 0.5) as f32).collect()
}

/// All numbers after some steps on given gradients.
fn walked(optimizer: &Optimizer, options: Options) -> (Machine, Vec<f32>) {
    let count = |i: usize| SHAPES[i].iter().product::<usize>();
    let array = |i: usize| (format!("array_{i}"), SHAPES[i].to_vec(), draw(i, 0, count(i)));
    let mut machine = Machine::of_tensors(&(0..5).map(array).collect::<Vec<_>>(), optimizer, options).unwrap();
    for step in 1..=12 {
        for i in 0..5 {
            machine.gradient_mut(i).unwrap().copy_from_slice(&draw(i, step, count(i)));
        }
        assert!(machine.apply(Pace::default()).unwrap());
    }
    let theta = (0..5).flat_map(|i| machine.variables().read(i).to_vec()).collect();
    (machine, theta)
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn updates_are_near_those_of_full_state_and_the_same_for_all_threads() {
    for (name, state, compact) in offered() {
        let (machine, theta) = walked(&compact, options(1, &[]));
        for threads in [2, 3] {
            assert_eq!(bits(&walked(&compact, options(threads, &[])).1), bits(&theta), "{name}, {state}");
        }
        let full = walked(&registry().make(name, &[]).unwrap(), options(1, &[])).1;
        let start: Vec<f32> = (0..5).flat_map(|i| draw(i, 0, SHAPES[i].iter().product())).collect();
        let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        let way = norm(&mut full.iter().zip(&start).map(|(a, b)| a - b));
        let apart = norm(&mut theta.iter().zip(&full).map(|(a, b)| a - b));
        // Half a step of 2⁻⁷ or 2⁻³ a time, and as many of them: far less than the way.
        let most = if state == "bf16" { 0.02 } else { 0.2 };
        assert!(apart > 0.0 && apart < most * way, "{name}, {state}: {apart} of {way}");
        for (place, v) in machine.variables().list().iter().enumerate() {
            let Role::State(parameter) = v.role else {
                assert_eq!(v.codec, Codec::F32, "{}", v.name);
                continue;
            };
            let small = [&[Codec::F32][..], &[Codec::Bf16], &[Codec::Signed8, Codec::Positive8]];
            let wanted = match (parameter, state) {
                (4, _) | (1, "int8") => small[0],
                (_, "bf16") => small[1],
                _ => small[2],
            };
            assert!(wanted.contains(&v.codec), "{name}, {state}: {} in {:?}", v.name, v.codec);
            assert_eq!(machine.variables().numbers(place).len(), v.count());
        }
    }
}

/// A model whose kernels are products', a convolution's and too small ones.
fn model() -> Sequential {
    Sequential::new(&[64])
        .add(Dense::new(72).activation("tanh"))
        .add(Reshape::new(&[6, 6, 2]))
        .add(Conv2D::new(240, [3, 3]).activation("relu"))
        .add(Flatten)
        .add(Dense::new(3).activation("softmax"))
}

fn data(n: usize) -> Dataset {
    let s = Stream::named(5, "data");
    let x: Vec<f32> = (0..64 * n as u64).map(|i| s.uniform(i) as f32 * 2.0 - 1.0).collect();
    let y: Vec<u32> = (0..n as u64).map(|i| s.part(1).below(i, 3) as u32).collect();
    Dataset::classes(x, &[64], y, 3).unwrap()
}

fn machine(model: &Sequential, optimizer: &Optimizer, options: Options) -> Machine {
    let (loss, target): (AnyLoss, _) = (Arc::new(SparseCategoricalCrossentropy::default()), data(1).target_kind());
    let (optimizer, metrics, weighted, frozen) = (Some(optimizer), &[][..], false, &|_: &str| false);
    let spec = Spec { model, loss: &loss, metrics, optimizer, target: target.unwrap(), weighted, frozen };
    Machine::new(&spec, options).unwrap()
}

/// The bits of all numbers, state too.
fn all(machine: &Machine) -> Vec<u32> {
    (0..machine.variables().list().len()).flat_map(|i| bits(&machine.variables().numbers(i))).collect()
}

#[test]
fn steps_have_the_same_bits_fused_or_not_and_for_all_threads() {
    let (model, data) = (model(), data(24));
    let indices: Vec<u32> = (0..24).collect();
    for (name, state, optimizer) in offered() {
        let run = |threads, without: &[&str]| {
            let mut machine = machine(&model, &optimizer, options(threads, without));
            let batch = Batch { data: &data, pipeline: &Pipeline::scale(1.0), indices: &indices, draws: None };
            for _ in 0..3 {
                machine.update(&batch, Pace::default(), &mut Sums::new(0)).unwrap();
            }
            assert!(machine.variables().list().iter().any(|v| v.codec != Codec::F32), "{name}: nothing is packed");
            all(&machine)
        };
        let one = run(1, &[]);
        for (threads, without) in [(2, vec![]), (3, vec![]), (2, vec!["update"]), (1, vec!["update", "epilogue"])] {
            assert!(run(threads, &without) == one, "{name}, {state}: {threads} threads without {without:?}");
        }
    }
}

#[test]
fn a_run_is_resumed_in_the_middle_to_the_same_bits() {
    let (model, data) = (model(), data(24));
    for (name, state, optimizer) in offered() {
        let options = FitOptions { epochs: 2, batch_size: Some(8.into()), seed: 3, ..FitOptions::default() };
        let run = |from: Origin, stop: usize| {
            let mut machine = machine(&model, &optimizer, self::options(1, &[]));
            let (mut seen, mut kept): (usize, Option<Snapshot>) = (0, None);
            let mut callback = |event: &Event, state: &State| {
                seen += usize::from(matches!(event, Event::Step { .. }));
                if matches!(event, Event::Interrupt) {
                    kept = Some(state.snapshot());
                }
                let now = seen == stop && matches!(event, Event::Step { .. });
                Ok(if now { Flow::Interrupt } else { Flow::Continue })
            };
            let (pipeline, metrics) = (Pipeline::scale(1.0), Vec::new());
            let (data, pipeline, optimizer, metrics) = (&data, &pipeline, &optimizer, &metrics);
            let mut run = Run { machine: &mut machine, data, pipeline, optimizer, metrics };
            let ended = fit(&mut run, &options, from, &mut [&mut callback]);
            assert_eq!(ended.is_err(), kept.is_some());
            (all(&machine), kept)
        };
        let whole = run(Origin::Start, 0).0;
        for stop in [2, 4] {
            let kept = run(Origin::Start, stop).1.expect("it was interrupted");
            assert!(run(Origin::Snapshot(Box::new(kept)), 0).0 == whole, "{name}, {state}, after {stop} steps");
        }
    }
}

#[test]
fn numbers_that_are_written_come_back() {
    let optimizer = optimizer("adam", "int8").unwrap();
    let mut machine = machine(&model(), &optimizer, options(1, &[]));
    let place = machine.variables().find("dense/kernel/m").unwrap();
    let numbers: Vec<f32> = (0..64 * 72).map(|i| (i % 8) as f32 * 0.25 - 0.5).collect();
    let shape = vec![64, 72];
    let array = Array { name: "dense/kernel/m".into(), shape, values: numbers.clone() };
    schuss::train::write(machine.variables_mut(), &[array]).unwrap();
    assert_eq!(machine.variables().numbers(place), numbers);
}

#[test]
fn it_is_refused_where_it_would_do_nothing_or_harm() {
    let make = |name: &str, more: &[(&str, Argument)]| {
        let given = [("state", Argument::Text("int8".into()))];
        let given: Vec<_> = given.iter().chain(more).map(|(n, v)| (n.to_string(), v.clone())).collect();
        registry().make(name, &given)
    };
    let message = |r: schuss::Result<Optimizer>| r.unwrap_err().message().to_owned();
    for (name, more) in [("sgd", vec![]), ("lamb", vec![]), ("adam", vec![("cautious", Argument::Bool(true))])] {
        let message = message(make(name, &more));
        assert!(message.contains("`state` is int8") && message.contains("allowed is f32"), "{message}");
    }
    let error = registry().make("adam", &[("state".into(), Argument::Text("int4".into()))]).unwrap_err();
    assert!(error.message().contains("int4") && error.message().contains("bf16"), "{error}");
    let start = vec![("theta".into(), vec![64, 64], vec![0.0; 4096])];
    let Err(error) = Walk::new(&make("adam", &[]).unwrap(), start) else { panic!("f64 has no such state") };
    assert_eq!(error.code(), "state-in-f64");
}
