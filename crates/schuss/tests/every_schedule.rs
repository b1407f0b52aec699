//! Every schedule of the table: against Keras and PyTorch in float64 (`testdata/schedules.json`, made by
//! `xtask/oracle/schedules.py`), in every unit of length, and what is wrong.

mod table;
mod testdata;

use schuss::Error;
use schuss::registry::Argument;
use schuss::schedules::{Schedule, Sequence, Span, Timetable, registry};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Case {
    name: String,
    pieces: Vec<Piece>,
    run: u64,
    learning_rate: f64,
    rates: Vec<f64>,
    momenta: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Piece {
    schedule: String,
    settings: BTreeMap<String, Argument>,
}

fn span(updates: f64, learning_rate: f64) -> Span {
    Span { updates, updates_per_epoch: 10.0, samples_per_update: 8.0, learning_rate }
}

fn sequence(words: &str) -> Result<Sequence, Error> {
    words.parse()
}

/// In a run of 100 steps in 10 epochs of 80 samples.
fn timetable(words: &str) -> Result<Timetable, Error> {
    sequence(words)?.for_run(&span(100.0, 0.05))
}

/// Factors at all steps of that run.
fn factors(words: &str) -> Vec<f64> {
    let timetable = timetable(words).unwrap_or_else(|e| panic!("{words}: {e}"));
    (0..100).map(|t| timetable.at(t).factor).collect()
}

/// A run that is all warmup rises to where the curve would begin.
#[test]
fn a_run_may_be_all_warmup() {
    for words in ["cosine(warmup=100)", "linear(start_factor=1.0, warmup='10 epochs')", "polynomial(warmup='100 %')"] {
        for (t, factor) in (0u32..).zip(factors(words)) {
            assert!((factor - f64::from(t) / 100.0).abs() < 1e-12, "{words}: {factor} at step {t}");
        }
    }
}

#[test]
fn entries_are_documented_and_made_again_from_their_settings() {
    table::check(&registry(), |_, _| unreachable!("no schedule has words"), |s: &Schedule| (s.name, without_common(s)));
}

/// What the entry itself lists.
fn without_common(schedule: &Schedule) -> schuss::registry::Settings {
    let entry = registry().find(schedule.name).unwrap().settings;
    let own = schedule.settings.iter().filter(|(name, _)| entry.iter().any(|s| s.name == *name));
    schuss::registry::Settings::from_pairs(own.map(|(name, value)| (name, value.clone())))
}

#[test]
fn rates_are_those_of_keras_and_pytorch() {
    let (mut plain, mut probed) = (BTreeSet::new(), BTreeSet::new());
    for case in testdata::cases::<Case>("schedules.json") {
        let make = |p: &Piece| {
            let settings: Vec<_> = p.settings.clone().into_iter().collect();
            let required = registry().find(&p.schedule).unwrap().settings.iter();
            let required = required.filter(|s| s.default == schuss::registry::Default::Required).count();
            if settings.len() == required { &mut plain } else { &mut probed }.insert(p.schedule.clone());
            registry().make(&p.schedule, &settings).unwrap_or_else(|e| panic!("{}: {e}", case.name))
        };
        let pieces: Vec<_> = case.pieces.iter().map(make).collect();
        let timetable = Sequence::from(pieces).for_run(&span(case.run as f64, case.learning_rate));
        let timetable = timetable.unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(case.rates.len() as u64, case.run);
        for t in 0..case.run {
            let (pace, i) = (timetable.at(t), t as usize);
            let (found, expected) = (pace.factor * case.learning_rate, case.rates[i]);
            // Some hundred roundings, the longest in PyTorch, which makes each rate from the one before.
            let off = (found - expected).abs() / case.learning_rate;
            assert!(off <= 1e-12, "{}, step {t}: {found} is not {expected}", case.name);
            let momentum = case.momenta.as_ref().map(|m| m[i]);
            assert_eq!(pace.momentum.is_some(), momentum.is_some(), "{}", case.name);
            let off = (pace.momentum.unwrap_or(0.0) - momentum.unwrap_or(0.0)).abs();
            assert!(off <= 1e-12, "{}, step {t}: momentum {:?} is not {momentum:?}", case.name, pace.momentum);
        }
    }
    let all: BTreeSet<String> = registry().names().into_iter().map(str::to_owned).collect();
    assert_eq!(plain, all, "a schedule has no case at its defaults");
    let optional = |name: &&String| {
        let settings = registry().find(name).unwrap().settings;
        settings.iter().any(|s| s.default != schuss::registry::Default::Required)
    };
    let optional: BTreeSet<String> = all.iter().filter(optional).cloned().collect();
    assert_eq!(probed, optional, "a schedule has no case with other settings");
}

#[test]
fn lengths_mean_the_same_in_every_unit() {
    let same = [
        ["cosine(decay_steps=50)", "cosine(decay_steps='5 epochs')", "cosine(decay_steps='400 samples')"],
        ["cosine(warmup=20)", "cosine(warmup='2 epochs')", "cosine(warmup='20 %')"],
        ["step(step_size=5)", "step(step_size='0.5 epochs')", "step(step_size='40 samples')"],
        [
            "multi_step(milestones=[30, 40])",
            "multi_step(milestones=['3 epochs', '40 %'])",
            "multi_step(milestones=['240 samples', 40])",
        ],
        [
            "linear(length=20) then constant",
            "linear(length='2 epochs') then constant",
            "linear(length='160 samples') then constant(length='80 %')",
        ],
    ];
    for [steps, second, third] in same {
        assert_eq!(factors(steps), factors(second), "{steps}, {second}");
        assert_eq!(factors(steps), factors(third), "{steps}, {third}");
    }
}

#[test]
fn another_batch_size_does_not_shift_a_schedule() {
    // 10 epochs of 80 samples, by 8 and by 2.
    let coarse = span(100.0, 0.05);
    let fine = Span { updates: 400.0, updates_per_epoch: 40.0, samples_per_update: 2.0, ..coarse };
    let words = [
        "cosine(warmup='1 epoch')",
        "polynomial(decay_steps='70 %')",
        "warmup_stable_decay",
        "piecewise_constant(boundaries=['2 epochs', '400 samples'], values=[1, 2, 3])",
        "cyclic(max_learning_rate=0.2, step_size_up='1.5 epochs')",
        "cosine_restarts(first_decay_steps='100 samples')",
        "linear(length='200 samples') then exponential(decay_steps='1 epoch', decay_rate=0.5)",
    ];
    for words in words {
        let (a, b) =
            (sequence(words).unwrap().for_run(&coarse).unwrap(), sequence(words).unwrap().for_run(&fine).unwrap());
        for t in 0..100 {
            let (a, b) = (a.at(t), b.at(4 * t));
            assert!((a.factor - b.factor).abs() < 1e-12, "{words}, step {t}: {} and {}", a.factor, b.factor);
            assert!((a.momentum.unwrap_or(0.0) - b.momentum.unwrap_or(0.0)).abs() < 1e-12, "{words}");
        }
    }
}

#[test]
fn the_last_pace_is_kept() {
    let found = factors("linear(start_factor=1, end_factor=0.2, length=10) then cosine(alpha=0.5, length=30)");
    assert!(found[9] > 0.2 && found[10] == 1.0 && found[39] > 0.5);
    assert!(found[40..].iter().all(|f| *f == 0.5));
    assert_eq!(Sequence::from(Vec::new()).for_run(&span(5.0, 0.1)).unwrap().at(3).factor, 1.0);
}

#[test]
fn what_is_wrong_is_said() {
    let cases = [
        ("cosin", "unknown-name", "did you mean `cosine`"),
        ("cosine then cosin", "unknown-name", "did you mean `cosine`"),
        ("cosine(alhpa=0.1)", "unknown-setting", "did you mean `alpha`"),
        ("cosine(alpha=-0.1)", "value-not-allowed", "at least 0"),
        ("cosine(decay_steps=0)", "value-not-allowed", "a length above 0"),
        ("cosine(decay_steps=-5)", "value-not-allowed", "a length above 0"),
        ("cosine(decay_steps='-5 epochs')", "value-not-allowed", "\"3 epochs\""),
        ("cosine(warmup=-1)", "value-not-allowed", "a length of at least 0"),
        ("cosine(warmup='3 weeks')", "value-not-allowed", "\"3 epochs\""),
        ("cosine(warmup_start=1)", "value-not-allowed", "from 0 to below 1"),
        ("multi_step(milestones=[10, -3])", "value-not-allowed", "a list of lengths"),
        ("multi_step(milestones=[30, 20])", "not-increasing", "30 before 20"),
        ("multi_step(milestones=['3 epochs', 30])", "not-increasing", "increasing order"),
        ("step", "value-missing", "`step_size` is missing"),
        ("step(step_size=5, gamma=0)", "value-not-allowed", "above 0"),
        ("cosine_restarts(first_decay_steps=5, t_mul=0.5)", "value-not-allowed", "at least 1"),
        ("piecewise_constant(boundaries=[5], values=[0.1])", "piecewise-values", "one more than boundaries"),
        ("piecewise_constant(boundaries=[5], values=[0.1, -0.1])", "piecewise-values", "at least 0"),
        ("one_cycle(anneal_strategy='sine')", "value-not-allowed", "cos, linear"),
        ("one_cycle(three_phase=true, pct_start=0.6)", "one-cycle-phases", "at most 0.5"),
        ("one_cycle(max_momentum=1.5)", "value-not-allowed", "below 1"),
        ("cosine(decay_steps=101)", "schedule-too-long", "ends after 101 steps; there are 100"),
        ("cosine(decay_steps=60, warmup=50)", "schedule-too-long", "ends after 110 steps"),
        ("cosine(warmup='11 epochs')", "schedule-too-long", "`warmup` is \"11 epochs\", which ends after 110 steps"),
        ("noam", "schedule-too-long", "`warmup_steps` is 4000"),
        ("cyclic(max_learning_rate=0.1, step_size_up=60)", "schedule-too-long", "`step_size_down`"),
        ("multi_step(milestones=['90 %', '101 %'])", "schedule-too-long", "`milestones`"),
        ("linear(length=60) then cosine(length=50)", "schedule-too-long", "piece 2 of 2"),
        ("linear(length=100) then cosine", "schedule-too-long", "starts at step 100"),
        ("linear then cosine", "schedule-without-length", "piece 1 of 2"),
        ("cosine(length=0)", "value-not-allowed", "rest"),
        ("cosine(", "words-not-understood", "`name(setting=value, …)`"),
        ("", "unknown-name", "there are constant"),
    ];
    for (words, code, said) in cases {
        let error = timetable(words).map(|_| ()).expect_err(words);
        assert_eq!(error.code(), code, "{words}: {error}");
        assert!(error.message().contains(said), "{words}: {error}");
        assert!(!error.message().contains('\n'), "{words}: {error}");
    }
    let zero = sequence("polynomial").unwrap().for_run(&span(100.0, 0.0)).unwrap_err();
    assert_eq!(zero.code(), "schedule-without-rate", "{zero}");
}

#[test]
fn words_of_a_sequence_are_read_again() {
    for words in ["cosine", "linear(length='2 epochs') then one_cycle(pct_start=0.25)"] {
        let read = sequence(words).unwrap();
        let again = sequence(&read.words()).unwrap();
        assert_eq!(read.words(), again.words());
        assert_eq!(factors(words), factors(&read.words()));
    }
}
