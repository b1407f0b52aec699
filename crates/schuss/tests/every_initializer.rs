//! Every initializer of the table: against the distributions that Keras draws from (`testdata/initializers.json`, made by
//! `xtask/oracle/initializers.py`).

mod table;
mod testdata;

use schuss::initializers::registry;
use schuss::random::Stream;
use schuss::registry::Argument;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Case {
    name: String,
    initializer: String,
    #[serde(default)]
    settings: BTreeMap<String, Argument>,
    shape: Vec<usize>,
    #[serde(default)]
    mean: f64,
    #[serde(flatten)]
    distribution: Distribution,
}

#[derive(Deserialize)]
#[serde(tag = "distribution", rename_all = "snake_case")]
enum Distribution {
    Constant { value: f64 },
    Uniform { limit: f64 },
    TruncatedNormal { stddev: f64, limit: f64 },
    Normal { stddev: f64 },
    Orthogonal { gain: f64 },
}

fn fill(name: &str, shape: &[usize], stream: Stream) -> Vec<f32> {
    fill_with(name, &BTreeMap::new(), shape, stream)
}

fn fill_with(name: &str, settings: &BTreeMap<String, Argument>, shape: &[usize], stream: Stream) -> Vec<f32> {
    let mut out = vec![f32::NAN; shape.iter().product()];
    let given: Vec<_> = settings.clone().into_iter().collect();
    registry().make(name, &given).unwrap().fill(shape, stream, &mut out);
    out
}

/// Columns, or rows where they are fewer, of this length at right angles.
fn at_right_angles(name: &str, w: &[f64], cols: usize, gain: f64) {
    let rows = w.len() / cols;
    let at = |i: usize, j: usize| if rows >= cols { w[j * cols + i] } else { w[i * cols + j] };
    let (short, long) = (rows.min(cols), rows.max(cols));
    for i in 0..short {
        for k in 0..=i {
            let product: f64 = (0..long).map(|j| at(i, j) * at(k, j)).sum();
            let wanted = if i == k { gain * gain } else { 0.0 };
            // f32 holds each number to 6e-8 of it; a column's squares sum to gain².
            assert!((product - wanted).abs() < 1e-6 * gain * gain, "{name}: {i} · {k} is {product}, not {wanted}");
        }
    }
}

#[test]
fn entries_are_documented_and_made_again_from_their_settings() {
    table::check(&registry(), |_, _| unreachable!("no initializer has words"), |i| (i.kind(), i.settings()));
}

#[test]
fn distributions_are_those_of_keras() {
    let mut seen = BTreeSet::from(["constant".to_owned(), "dirac".to_owned()]);
    for case in testdata::cases::<Case>("initializers.json") {
        let w: Vec<f64> = fill_with(&case.initializer, &case.settings, &case.shape, Stream::named(3, &case.name))
            .into_iter()
            .map(|w| f64::from(w) - case.mean)
            .collect();
        // A limit, the variance, the share within half the limit, and the kurtosis.
        let (limit, variance, inner, kurtosis): (f64, f64, f64, f64) = match case.distribution {
            Distribution::Constant { value } => {
                assert!(w.iter().all(|w| *w == value), "{}", case.name);
                (value, 0.0, 0.0, 0.0)
            }
            Distribution::Uniform { limit } => (limit, limit * limit / 3.0, 0.5, 1.8),
            // Within one deviation before the cut: 0.6827 of 0.9545.
            Distribution::TruncatedNormal { stddev, limit } => (limit, stddev * stddev, 0.715_232_8, 2.37),
            // Within one deviation.
            Distribution::Normal { stddev } => (2.0 * stddev, stddev * stddev, 0.682_689_5, 3.0),
            Distribution::Orthogonal { gain } => {
                at_right_angles(&case.name, &w, *case.shape.last().unwrap(), gain);
                (0.0, 0.0, 0.0, 0.0)
            }
        };
        seen.insert(case.initializer);
        if variance == 0.0 {
            continue;
        }
        // 1e-7 is f32's rounding.
        let end = limit * (1.0 + 1e-7) + case.mean.abs() * 1e-7;
        let bounded = kurtosis < 3.0;
        assert!(!bounded || w.iter().all(|w| w.abs() <= end), "{}: beyond {limit}", case.name);
        let n = w.len() as f64;
        let mean = |f: &dyn Fn(f64) -> f64| w.iter().map(|w| f(*w)).sum::<f64>() / n;
        // Four standard errors each.
        let near = |found: f64, expected: f64, deviation: f64| (found - expected).abs() < 4.0 * deviation / n.sqrt();
        assert!(near(mean(&|w| w), 0.0, variance.sqrt()), "{}: mean", case.name);
        assert!(near(mean(&|w| w * w), variance, variance * (kurtosis - 1.0).sqrt()), "{}: variance", case.name);
        let within = mean(&|w| f64::from(w.abs() < limit / 2.0));
        assert!(near(within, inner, 0.5), "{}: {within} within half the limit, not {inner}", case.name);
        if n > 1e5 && bounded {
            // Of the narrower one 2.3e-4 of all numbers lie that far out: that none of 4e5 does is e⁻⁹⁰ probable.
            let farthest = w.iter().fold(0.0, |m: f64, w| m.max(w.abs()));
            assert!(farthest > 0.999 * limit, "{}: {farthest} of {limit}", case.name);
        }
    }
    assert_eq!(seen, registry().names().iter().map(|n| n.to_string()).collect(), "an initializer has no case");
}

#[test]
fn a_constant_is_itself() {
    let given = [("value".to_owned(), Argument::Float(-0.25))];
    let mut out = [f32::NAN; 5];
    registry().make("constant", &given).unwrap().fill(&[5], Stream::named(0, "w"), &mut out);
    assert_eq!(out, [-0.25; 5]);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let given = [("minval".to_owned(), Argument::Float(0.1)), ("maxval".to_owned(), Argument::Float(0.0))];
    let error = registry().make("random_uniform", &given).unwrap_err().to_string();
    assert_eq!(error, "initializer random_uniform: `minval` 0.1 is above `maxval` 0 [value-not-allowed]");
    let dense = schuss::layers::Dense::new(2).bias_initializer("orthogonal");
    let error = schuss::model::Sequential::new(&[3]).add(dense).build(true).unwrap_err().to_string();
    let message = "layer dense: parameter dense/bias: initializer orthogonal: shape [2] has no rows and columns";
    assert_eq!(error, format!("{message} [initializer-shape]"));
}

#[test]
fn number_i_depends_on_shape_stream_and_i_alone() {
    for name in registry().names() {
        let (shape, stream) = ([7, 31], Stream::named(1, "dense/kernel"));
        let all = fill(name, &shape, stream);
        let mut first = [f32::NAN; 100];
        registry().make(name, &[]).unwrap().fill(&shape, stream, &mut first);
        assert_eq!(all[..100], first, "{name}");
        if !["constant", "dirac", "ones", "zeros"].contains(&name) {
            for other in [Stream::named(2, "dense/kernel"), Stream::named(1, "dense_1/kernel")] {
                assert!(fill(name, &shape, other).iter().zip(&all).all(|(a, b)| a != b), "{name}");
            }
            let distinct: BTreeSet<u32> = all.iter().map(|w| w.to_bits()).collect();
            assert!(distinct.len() > 215, "{name} repeats itself");
        }
    }
}

#[test]
fn dirac_hands_channels_on_and_draws_the_others() {
    let (channels, filters) = (4, 7);
    let w = fill("dirac", &[3, 3, channels, filters], Stream::named(1, "w"));
    for (i, &w) in w.iter().enumerate() {
        let (place, channel, filter) = (i / filters / channels, i / filters % channels, i % filters);
        if filter < channels {
            assert_eq!(w, f32::from(u8::from(place == 4 && channel == filter)));
        } else {
            // 1 / √36.
            assert!(w != 0.0 && w.abs() <= 1.0 / 6.0, "{w}");
        }
    }
    let drawn: Vec<f32> = w.chunks(filters).flat_map(|row| &row[channels..]).copied().collect();
    assert!(drawn.iter().any(|w| *w > 0.14) && drawn.iter().any(|w| *w < -0.14), "they go up to the limit");
    assert_ne!(w, fill("dirac", &[3, 3, channels, filters], Stream::named(2, "w")));
}
