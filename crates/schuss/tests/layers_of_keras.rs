//! Layers against Keras, and PyTorch where it has them, on random shapes in float64 (`testdata/layers.json`, made by
//! `xtask/oracle/layers.py`): output, gradient by the input and gradients by all parameters, in the reference and in the
//! plan.

mod testdata;

use schuss::build::{Build, Built};
use schuss::data::{Dataset, Features, Pipeline, Targets};
use schuss::graph::ops::input::Source;
use schuss::graph::{Graph, Reference, Tensor, Value, backpropagate};
use schuss::initializers::Zeros;
use schuss::layers::{Flatten, Layer, registry};
use schuss::losses::{AnyLoss, Loss};
use schuss::model::Sequential;
use schuss::optimizers::{self, Pace};
use schuss::plan::{Batch, Machine, Options, Spec, Sums};
use schuss::registry::Argument;
use schuss::target::{Target, TargetKind};
use schuss_kernels::Isa;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    name: String,
    layer: String,
    settings: BTreeMap<String, Argument>,
    input: Vec<usize>,
    torch: bool,
    output: Vec<usize>,
    parameters: Vec<(String, Vec<usize>)>,
    y: Vec<f64>,
    dx: Vec<f64>,
    gradients: Vec<Vec<f64>>,
}

/// Number i of a stream, as the script draws it: SplitMix64, its upper 30 bits.
fn draw(stream: u64, i: u64) -> f64 {
    let mut x = ((stream << 32) + i).wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    (x >> 34) as f64 / f64::from(1 << 29) - 1.0
}

fn drawn(sizes: &[usize], stream: u64) -> Tensor {
    Tensor::from_fn(sizes, |i| draw(stream, i as u64))
}

impl Case {
    fn make(&self) -> schuss::layers::AnyLayer {
        let given: Vec<_> = self.settings.clone().into_iter().collect();
        registry().make(&self.layer, &given).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }
}

#[test]
fn outputs_and_gradients_are_those_of_keras_and_pytorch() {
    let cases = testdata::cases::<Case>("layers.json");
    assert!(cases.len() >= 200 && cases.iter().filter(|c| c.torch).count() >= 150, "{} cases", cases.len());
    let mut seen = BTreeSet::new();
    for case in &cases {
        let mut model = Sequential::new(&case.input[1..]);
        model.push(None, case.make());
        let built = model.build(false).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let Built { mut graph, input, output, parameters, .. } = built;
        let n = case.input[0];
        assert_eq!(graph.shape(output).sizes(n), case.output, "{}", case.name);
        let found: Vec<_> = parameters.iter().map(|p| (last(&p.name), p.shape.clone())).collect();
        assert_eq!(found, case.parameters, "{}", case.name);

        let cotangent = graph.input(Source::Data, "c", graph.shape(output).clone());
        let product = graph.multiply(cotangent, output).unwrap();
        let loss = graph.sum(product).unwrap();
        let leaves = parameters.iter().map(|p| graph.find(Source::Parameter, &p.name).unwrap());
        let wrt: Vec<Value> = std::iter::once(input).chain(leaves).collect();
        let gradients = backpropagate(&mut graph, loss, &wrt).unwrap();
        let mut reference = Reference::new(&graph, n);
        reference.set(Source::Data, "x", drawn(&case.input, 0));
        reference.set(Source::Data, "c", drawn(&case.output, 1));
        for (p, stream) in parameters.iter().zip(2..) {
            reference.set(Source::Parameter, &p.name, drawn(&p.shape, stream));
        }
        let found = reference.run(&[vec![output], gradients].concat());
        // The file has 10 digits.
        let tolerance = 1e-9;
        testdata::assert_near(&case.name, &found[0].data, &case.y, tolerance);
        testdata::assert_near(&format!("{}, dx", case.name), &found[1].data, &case.dx, tolerance);
        for ((found, expected), (name, _)) in found[2..].iter().zip(&case.gradients).zip(&case.parameters) {
            testdata::assert_near(&format!("{}, {name}", case.name), &found.data, expected, tolerance);
        }
        seen.insert(case.layer.as_str());
    }
    // Against Keras in other files; random; of several inputs (`networks.rs`, by hand); of DeepOBS; by hand in
    // `every_layer.rs`; `take` in `several.rs`; taken from the data (by what comes out, in its own file).
    let elsewhere = [
        ["activation", "batch_normalization", "dense", "flatten", "reshape"].as_slice(),
        &["dropout", "spatial_dropout2d", "stochastic_depth"],
        &["add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract"],
        &["quadratic_deep", "rescaling", "take", "whitening_conv2d"],
    ]
    .concat();
    let names = registry().names();
    let missing: Vec<_> = names.iter().filter(|n| !seen.contains(*n) && !elsewhere.contains(n)).collect();
    assert!(missing.is_empty(), "no case of {missing:?}");
}

fn last(name: &str) -> String {
    name.rsplit('/').next().expect("a name").to_owned()
}

/// Adds a parameter to the input, so that the plan computes the sum of its gradient over samples.
#[derive(Debug)]
struct Shift;

impl Layer for Shift {
    fn kind(&self) -> &'static str {
        "shift"
    }
    fn build(&self, build: &mut Build, x: Value) -> schuss::Result<Value> {
        let sample = build.graph.shape(x).sample();
        let shift = build.parameter("shift", &sample, &(Arc::new(Zeros) as _))?;
        build.graph.add(x, shift)
    }
}

/// Σ c y, where c is the target.
#[derive(Debug)]
struct Along;

impl Loss for Along {
    fn kind(&self) -> &'static str {
        "along"
    }
    fn build(&self, g: &mut Graph, y: Value, target: Target) -> schuss::Result<Value> {
        let product = g.multiply(y, target.value)?;
        let sum = g.sum_last(product)?;
        g.drop_last(sum)
    }
}

#[test]
fn the_plan_gives_the_same_to_1e_5() {
    let float = |t: Tensor| t.data.iter().map(|x| *x as f32).collect::<Vec<_>>();
    let sgd = optimizers::registry().make("sgd", &[("learning_rate".into(), Argument::Float(1.0))]).unwrap();
    for case in testdata::cases::<Case>("layers.json") {
        let n = case.input[0];
        let mut model = Sequential::new(&case.input[1..]).add(Shift);
        model.push(None, case.make());
        let model = model.add(Flatten);
        let width = case.y.len() / n;
        let loss: AnyLoss = Arc::new(Along);
        let spec = Spec {
            model: &model,
            loss: &loss,
            metrics: &[],
            optimizer: Some(&sgd),
            target: TargetKind::Numbers(width),
            weighted: false,
            frozen: &|_| false,
        };
        let options = Options { without: vec!["serial".into()], ..Options::new(2, Isa::detect()) };
        let mut machine = Machine::new(&spec, options).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let data = Dataset {
            shape: case.input[1..].to_vec(),
            features: Features::F32(float(drawn(&case.input, 0))),
            targets: Targets::Numbers { width, values: float(drawn(&case.output, 1)) },
            weights: None,
            classes: Vec::new(),
        };
        let start: Vec<Vec<f32>> =
            (case.parameters.iter().zip(2..)).map(|((_, shape), stream)| float(drawn(shape, stream))).collect();
        start.iter().zip(1..).for_each(|(w, place)| machine.variables_mut().write(place, w));
        let indices: Vec<u32> = (0..n as u32).collect();
        let batch = Batch { data: &data, pipeline: &Pipeline::scale(1.0), indices: &indices, draws: None };

        // f32 over sums of at most some hundred terms.
        let near = |what: &str, found: &[f32], expected: &[f64]| {
            let most = expected.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
            assert_eq!(found.len(), expected.len(), "{}, {what}", case.name);
            for (i, (f, e)) in found.iter().zip(expected).enumerate() {
                let apart = (f64::from(*f) - e).abs();
                assert!(apart <= 1e-5 * most, "{}, {what}, number {i}: {f} is not {e}", case.name);
            }
        };
        let mut y = Vec::new();
        machine.predict(&batch, &mut y).unwrap();
        near("y", &y, &case.y);
        machine.update(&batch, Pace::default(), &mut Sums::new(0)).unwrap();
        // The loss is the mean over samples; the rate is 1.
        let moved = |place: usize, start: &[f32]| -> Vec<f32> {
            machine.variables().read(place).iter().zip(start).map(|(to, from)| (from - to) * n as f32).collect()
        };
        let sample = case.dx.len() / n;
        let dx: Vec<f64> = (0..sample).map(|i| case.dx.iter().skip(i).step_by(sample).sum()).collect();
        near("dx", &moved(0, &vec![0.0; sample]), &dx);
        for (((start, place), gradient), (name, _)) in start.iter().zip(1..).zip(&case.gradients).zip(&case.parameters)
        {
            near(name, &moved(place, start), gradient);
        }
    }
}
