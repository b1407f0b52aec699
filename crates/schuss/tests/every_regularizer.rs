//! Every regularizer of the table.

mod derivatives;
mod table;
mod testdata;

use schuss::choice::Choice;
use schuss::graph::ops::Example;
use schuss::graph::ops::input::Source;
use schuss::graph::{Graph, Reference, Tensor};
use schuss::regularizers::{AnyRegularizer, registry};
use schuss::shape::Shape;

#[test]
fn entries_are_documented_and_made_again_from_their_settings() {
    table::check(&registry(), |_, _| unreachable!("no regularizer has words"), |r| (r.kind(), r.settings()));
}

#[test]
fn penalties_are_those_of_their_equations() {
    // Σ |w| = 7 and Σ w² = 21.
    let w = Tensor::new(&[2, 2], vec![1.0, -2.0, 4.0, 0.0]);
    let cases = [
        ("l1", 0.07),
        ("l1(0.5)", 3.5),
        ("l2", 0.21),
        ("l2(0.5)", 10.5),
        ("l1_l2(0.5, 0.25)", 8.75),
        ("l1_l2(l2=0.25)", 5.25),
        ("l1_l2(l1=0.5)", 3.5),
    ];
    for (words, expected) in cases {
        let choice = Choice::<AnyRegularizer>::from(words);
        let mut g = Graph::new();
        let leaf = g.input(Source::Parameter, "w", Shape::fixed(&[2, 2]));
        let penalty = choice.get().unwrap().build(&mut g, leaf).unwrap();
        let mut reference = Reference::new(&g, 1);
        reference.set(Source::Parameter, "w", w.clone());
        testdata::assert_near(words, &reference.run(&[penalty])[0].data, &[expected], 1e-15);
    }
    for name in registry().names() {
        assert!(cases.iter().any(|(words, _)| words.split('(').next() == Some(name)), "{name} has no case");
    }
}

#[test]
fn that_neither_factor_is_given_is_an_error() {
    let error = Choice::<AnyRegularizer>::from("l1_l2").get().unwrap_err().to_string();
    assert_eq!(error, "regularizer l1_l2: l1 and l2 are both 0; one of them must be above 0 [nothing-to-do]");
}

#[test]
fn derivatives_are_those_of_central_differences() {
    for words in ["l1(0.3)", "l2(0.7)", "l1_l2(0.2, 0.4)"] {
        for sizes in [&[17][..], &[3, 31], &[1, 1]] {
            let example = Example::within(&[sizes], (-2.0, 2.0), move |g, x| {
                Choice::<AnyRegularizer>::from(words).get()?.build(g, x[0])
            });
            assert_eq!(derivatives::check(&example, 1), Ok(()), "{words}");
        }
    }
}
