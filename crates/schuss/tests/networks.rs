//! Models whose layers branch and meet again: against the same by hand, in words and back, and what does not connect.

use schuss::data::{Dataset, Pipeline};
use schuss::graph::ops::input::Source;
use schuss::graph::{Reference, Tensor};
use schuss::layers::{Activation, Add, AnyLayer, Concatenate, Dense, Multiply, Reshape, registry};
use schuss::model::{INPUT, Network};
use schuss::recipe::{Recipe, Tables};
use schuss::store::Tensors;
use schuss::target::TargetKind;
use schuss::{FitOptions, Model};
use std::sync::Arc;

fn dense(units: usize) -> AnyLayer {
    Arc::new(Dense::new(units).use_bias(false))
}

/// y = (x W₁ + x) · tanh(x W₁), then the outputs.
fn branched() -> Network {
    let mut model = Network::new(&[4]);
    let a = model.connect(Some("a"), dense(4), &[INPUT]);
    let sum = model.connect(None, Arc::new(Add), &[&a, INPUT]);
    let curve = model.connect(None, Arc::new(Activation::new("tanh")), &[&a]);
    model.connect(None, Arc::new(Multiply), &[&sum, &curve]);
    model.add(Dense::new(2).activation("softmax"))
}

#[test]
fn branches_meet_as_by_hand() {
    let mut model = Network::new(&[4]);
    let a = model.connect(Some("a"), dense(4), &[INPUT]);
    model.connect(None, Arc::new(Add), &[&a, INPUT, &a]);
    let built = model.build(true).unwrap();
    let mut r = Reference::new(&built.graph, 1);
    let x = [0.5, -1.0, 2.0, 0.25];
    let w: Vec<f64> = (0..16).map(|i| f64::from(i) - 7.0).collect();
    r.set(Source::Data, "x", Tensor::new(&[1, 4], x.to_vec()));
    r.set(Source::Parameter, "a/kernel", Tensor::new(&[4, 4], w.clone()));
    let product = |j: usize| (0..4).map(|i| x[i] * w[i * 4 + j]).sum::<f64>();
    let expected: Vec<f64> = (0..4).map(|j| 2.0 * product(j) + x[j]).collect();
    assert_eq!(r.run(&[built.output])[0].data, expected);
}

#[test]
fn every_merge_is_what_it_says() {
    let cases = [
        ("add", vec![3.0, -0.5, 5.0]),
        ("average", vec![1.5, -0.25, 2.5]),
        ("maximum", vec![2.0, 0.5, 4.0]),
        ("minimum", vec![1.0, -1.0, 1.0]),
        ("multiply", vec![2.0, -0.5, 4.0]),
        ("subtract", vec![1.0, 1.5, -3.0]),
        ("concatenate", vec![2.0, 0.5, 1.0, 1.0, -1.0, 4.0]),
    ];
    for (kind, expected) in cases {
        let mut model = Network::new(&[3]);
        // The first input through a layer that does nothing, the second one number for all.
        let a = model.connect(Some("a"), Arc::new(Activation::new("linear")), &[INPUT]);
        let b = model.connect(Some("b"), dense(3), &[INPUT]);
        model.connect(None, registry().make(kind, &[]).unwrap(), &[&a, &b]);
        let built = model.build(true).unwrap();
        let mut r = Reference::new(&built.graph, 1);
        r.set(Source::Data, "x", Tensor::new(&[1, 3], vec![2.0, 0.5, 1.0]));
        // x W = [1, -1, 4].
        let w = vec![0.5, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0];
        r.set(Source::Parameter, "b/kernel", Tensor::new(&[3, 3], w));
        assert_eq!(r.run(&[built.output])[0].data, expected, "{kind}");
    }
}

#[test]
fn what_does_not_connect_is_one_error() {
    let error = |layers: &[(&str, AnyLayer, &[&str])]| {
        let mut model = Network::new(&[4]);
        for (name, layer, inputs) in layers {
            model.connect(Some(name), layer.clone(), inputs);
        }
        model.build(true).unwrap_err().to_string()
    };
    let add: AnyLayer = Arc::new(Add);
    let three = || ("three", dense(3), &[INPUT][..]);
    let cases = [
        (
            error(&[("a", dense(4), &["b"]), ("b", dense(4), &["a"])]),
            "layer a: its input `b` is not there yet; a layer stands behind those whose outputs it takes, so that none \
             waits for itself [layer-order]",
        ),
        (error(&[("a", dense(4), &["a"])]), "layer a: its input `a` is not there yet"),
        (
            error(&[("first", dense(4), &[]), ("b", dense(4), &["frist"])]),
            "layer b: there is no layer `frist` to take; did you mean `first`? (there are input, first) [unknown-input]",
        ),
        (
            error(&[three(), ("b", dense(4), &[INPUT])]),
            "layer three: nothing takes its output; name it among the `inputs` of a later layer, or leave it out \
             [unused-layer]",
        ),
        (
            error(&[three(), ("sum", add.clone(), &["three", INPUT])]),
            "layer sum: its inputs are [batch, 3] and [batch, 4]; sizes must be equal, or 1 [merge-shapes]",
        ),
        (
            error(&[("sum", add.clone(), &[])]),
            "layer sum: add takes two inputs or more and is given 1; name them as `inputs` [layer-inputs]",
        ),
        (
            error(&[three(), ("all", Arc::new(Concatenate::new(0)), &["three", INPUT])]),
            "layer all: `axis` is 0; an input is [batch, 3], whose axis 0 is the batch [concatenate-axis]",
        ),
        (
            error(&[
                ("a", Arc::new(Reshape::new(&[2, 2])), &[]),
                ("b", Arc::new(Reshape::new(&[4, 1])), &[INPUT]),
                ("all", Arc::new(Concatenate::new(-1)), &["a", "b"]),
            ]),
            "layer all: its inputs are [batch, 2, 2] and [batch, 4, 1]; sizes must be equal but along axis 2 \
             [merge-shapes]",
        ),
        (
            error(&[three(), ("b", dense(4), &["three", INPUT])]),
            "layer b: dense takes one input and is given 2 [layer-inputs]",
        ),
        (
            error(&[three(), ("less", registry().make("subtract", &[]).unwrap(), &["three", "three", "three"])]),
            "layer less: subtract takes two inputs and is given 3 [layer-inputs]",
        ),
    ];
    for (found, expected) in cases {
        assert!(found.starts_with(expected), "{found}");
    }
}

fn data() -> Dataset {
    let x = (0..160).map(|i| ((i * 37) % 101) as f32 / 101.0 - 0.5).collect::<Vec<_>>();
    let y = x.chunks(4).map(|p| u32::from(p[0] > p[1])).collect::<Vec<_>>();
    Dataset::classes(x, &[4], y, 2).unwrap()
}

#[test]
fn a_network_is_trained_saved_and_loaded() {
    let path = std::env::temp_dir().join(format!("schuss-networks-{}.safetensors", std::process::id()));
    let model = Model::new(branched()).pipeline(Pipeline::scale(1.0));
    let mut model = model.compile("adam(0.05)", "sparse_categorical_crossentropy", &["accuracy"]).unwrap();
    let history = model.fit(&data(), FitOptions { epochs: 20, ..FitOptions::default() }).unwrap();
    let losses = history.get("loss");
    assert!(losses[19] < 0.8 * losses[0], "{losses:?}");
    model.save(&path).unwrap();
    let mut loaded = Model::load(&path).unwrap();
    let text = Tensors::read(&path).unwrap().text.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.predict(&data()).unwrap(), model.predict(&data()).unwrap());
    assert_eq!(loaded.summary().unwrap(), model.summary().unwrap());
    let inputs: Vec<_> = text["model"]["layers"].as_array().unwrap().iter().map(|l| l["inputs"].to_string()).collect();
    // What is taken anyway is not written, so that files of plain models are what they were.
    assert_eq!(inputs, ["null", r#"["a","input"]"#, r#"["a"]"#, r#"["add","activation"]"#, "null"]);
}

#[test]
fn a_recipe_names_inputs() {
    let text = "
        [[model.layers]]
        kind = 'dense'
        name = 'hidden'
        units = 8
        [[model.layers]]
        kind = 'activation'
        activation = 'tanh'
        [[model.layers]]
        kind = 'add'
        inputs = ['hidden', 'activation']
        [[model.layers]]
        kind = 'dense'
        units = 2
        inputs = ['add']
        ";
    let tables = Tables::default();
    let resolved = Recipe::from_toml(text).unwrap().resolve(&tables).unwrap();
    let again = Recipe::from_toml(&resolved.to_toml()).unwrap().resolve(&tables).unwrap();
    assert_eq!(again.to_toml(), resolved.to_toml());
    assert!(resolved.to_toml().contains("inputs = [\"hidden\", \"activation\"]"));
    let model = again.layers(&[5], TargetKind::Class(2)).unwrap();
    let inputs: Vec<_> = model.layers().iter().map(|l| l.inputs.len()).collect();
    assert_eq!(inputs, [0, 0, 2, 0]);
    assert_eq!(model.build(false).unwrap().parameters.len(), 4);
    let code = |text: &str| Recipe::from_toml(text).unwrap().resolve(&tables).unwrap_err().code();
    for wrong in ["'a'", "[]", "[1]"] {
        assert_eq!(code(&format!("[[model.layers]]\nkind = 'flatten'\ninputs = {wrong}")), "recipe-type");
    }
}

#[test]
fn automatic_names_avoid_those_that_were_given() {
    let mut model = Network::new(&[4]);
    let mut name = |given: Option<&str>| model.connect(given, dense(4), &[]);
    assert_eq!([name(Some("dense_1")), name(None), name(None), name(None)], ["dense_1", "dense", "dense_2", "dense_3"]);
}
