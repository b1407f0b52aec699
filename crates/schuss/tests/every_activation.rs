//! Every activation of the table: against values and gradients of Keras in float64 (`testdata/activations.json`, made by
//! `xtask/oracle/activations.py`), and its derivatives against central differences.

mod derivatives;
mod table;
mod testdata;

use schuss::activations::registry;
use schuss::graph::ops::Example;
use schuss::graph::ops::input::Source;
use schuss::graph::{Graph, Reference, Tensor, backpropagate};
use schuss::registry::Argument;
use schuss::shape::Shape;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Case {
    name: String,
    activation: String,
    settings: BTreeMap<String, Argument>,
    shape: Vec<usize>,
    input: Vec<f64>,
    value: Vec<f64>,
    cotangent: Vec<f64>,
    gradient: Vec<f64>,
}

#[test]
fn entries_are_documented_and_made_again_from_their_settings() {
    table::check(&registry(), |_, _| unreachable!("no activation has words"), |a| (a.kind(), a.settings()));
}

#[test]
fn values_and_gradients_are_those_of_keras() {
    let table = registry();
    let mut seen = BTreeSet::new();
    for case in testdata::cases::<Case>("activations.json") {
        let given: Vec<_> = case.settings.into_iter().collect();
        let activation = table.make(&case.activation, &given).unwrap();
        let shape = Shape::fixed(&case.shape);
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", shape.clone());
        let c = g.input(Source::Data, "c", shape.clone());
        let y = activation.build(&mut g, x).unwrap();
        assert_eq!(g.shape(y), &shape, "{}", case.name);
        let product = g.multiply(c, y).unwrap();
        let sum = g.sum(product).unwrap();
        let gradient = backpropagate(&mut g, sum, &[x]).unwrap()[0];
        let mut reference = Reference::new(&g, 1);
        reference.set(Source::Data, "x", Tensor::new(&case.shape, case.input));
        reference.set(Source::Data, "c", Tensor::new(&case.shape, case.cotangent));
        let found = reference.run(&[y, gradient]);
        // The terms of the formulas are of the size of 1 or of the value, and right to 2e-16.
        testdata::assert_near(&case.name, &found[0].data, &case.value, 1e-14);
        testdata::assert_near(&format!("{}, gradient", case.name), &found[1].data, &case.gradient, 1e-14);
        seen.insert(case.activation);
    }
    assert_eq!(seen, table.names().iter().map(|n| n.to_string()).collect(), "an activation has no case");
}

#[test]
fn derivatives_are_those_of_central_differences() {
    for name in registry().names() {
        for sizes in [&[17][..], &[3, 31], &[1, 1]] {
            let table = registry();
            let example = Example::within(&[sizes], (-4.0, 7.0), move |g, x| table.make(name, &[])?.build(g, x[0]));
            assert_eq!(derivatives::check(&example, 1), Ok(()), "{name}");
        }
    }
}

#[test]
fn what_overflows_on_one_side_does_no_harm_on_the_other() {
    // In f32 too, whose exponential is infinite above 88.7: the plan runs the same operations.
    for name in registry().names().into_iter().filter(|n| *n != "exponential") {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::fixed(&[4]));
        let y = registry().make(name, &[]).unwrap().build(&mut g, x).unwrap();
        let sum = g.sum(y).unwrap();
        let gradient = backpropagate(&mut g, sum, &[x]).unwrap()[0];
        let mut reference = Reference::new(&g, 1);
        reference.set(Source::Data, "x", Tensor::new(&[4], vec![-1e4, -800.0, 800.0, 1e4]));
        let found = reference.run(&[y, gradient]);
        assert!(found.iter().flat_map(|t| &t.data).all(|v| v.is_finite()), "{name}: {found:?}");
    }
}
