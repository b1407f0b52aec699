//! Optimizers in the words of other libraries: their signatures and where their calls lead, by the libraries themselves
//! (`testdata/dialects.json`, made by `xtask/oracle/dialects.py`), and every translation.

use schuss::lab::{Port, port, spoken};
use schuss::optimizers::Dialect::{self, Keras, Optax, Paper, Torch};
use schuss::optimizers::{FORMS, Form, Pace, Walk, registry};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(Deserialize)]
struct Case {
    dialect: String,
    call: String,
    theta: Vec<Vec<Vec<f64>>>,
}

#[derive(Deserialize)]
struct File {
    signatures: BTreeMap<String, Vec<String>>,
    shapes: Vec<Vec<usize>>,
    start: Vec<Vec<f64>>,
    gradients: Vec<Vec<Vec<f64>>>,
    kept: Vec<usize>,
    cases: Vec<Case>,
}

fn file() -> File {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/dialects.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn dialect(name: &str) -> Dialect {
    Dialect::ALL.into_iter().find(|d| d.name() == name).unwrap()
}

fn name(form: &Form) -> &'static str {
    form.signature.split('(').next().unwrap()
}

#[test]
fn signatures_are_those_that_the_libraries_print() {
    let signatures = file().signatures;
    for form in FORMS.iter().filter(|f| f.dialect != Paper) {
        // Optax has no default rate either.
        let own = if form.dialect == Optax && name(form) == "adadelta" {
            form.signature.replacen("learning_rate", "learning_rate=None", 1)
        } else {
            form.signature.to_owned()
        };
        let theirs = &signatures[form.dialect.name()];
        let found = theirs.iter().find(|s| s.starts_with(&format!("{}(", name(form))));
        // Where the layout of the source breaks a line.
        let plain = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(Some(plain(&own)), found.map(|s| plain(s)), "{}", form.dialect);
    }
    for (dialect, all) in &signatures {
        for signature in all {
            let has = |f: &Form| f.dialect.name() == dialect && signature.starts_with(&format!("{}(", name(f)));
            assert!(FORMS.iter().any(has), "no form of {dialect} is {signature}");
        }
    }
}

/// The text that the library ran is the text that is read here.
#[test]
fn calls_lead_where_their_libraries_are_led() {
    let file = file();
    let mut used = vec![false; FORMS.len()];
    for case in &file.cases {
        let place = format!("{}: {}", case.dialect, case.call);
        let optimizer = spoken(&case.call, dialect(&case.dialect)).unwrap_or_else(|e| panic!("{place}: {e}"));
        let tensors = file.shapes.iter().zip(&file.start).enumerate();
        let tensors = tensors.map(|(i, (shape, start))| (format!("tensor_{i}"), shape.clone(), start.clone()));
        // Optax counts Adafactor's decay in 32 bits.
        let most = if case.call.starts_with("adafactor") { 1e-7 } else { 1e-9 };
        let mut walk = Walk::new(&optimizer, tensors.collect()).unwrap();
        for (step, gradients) in file.gradients.iter().enumerate() {
            walk.step(gradients, Pace::default()).unwrap();
            let Some(kept) = file.kept.iter().position(|&k| k == step) else { continue };
            for (i, want) in case.theta[kept].iter().enumerate() {
                for (x, y) in walk.theta(i).iter().zip(want) {
                    assert!((x - y).abs() <= most * y.abs().max(1e-3), "{place}, step {step}: {x} is not {y}");
                }
            }
        }
        for (form, used) in FORMS.iter().zip(&mut used) {
            let called = case.call.contains(&format!("{}(", name(form))) && form.dialect.name() == case.dialect;
            *used |= called && form.rule == optimizer.name;
        }
    }
    // Searches walk on functions (tests/every_search.rs); PyTorch rounds Muon to 16 bits (tests/every_optimizer.rs).
    let searches = |f: &Form| f.rule == "muon:torch" || !registry().make(f.rule, &[]).unwrap().evaluates_once();
    for (form, used) in FORMS.iter().zip(used).filter(|(form, _)| !searches(form)) {
        assert!(used || form.dialect == Paper, "no call of {} {} ({})", form.dialect, name(form), form.rule);
    }
}

/// A call with all that has no default, and with settings that are not the usual ones.
fn calls(form: &Form) -> Vec<String> {
    let required: Vec<&str> = form.signature.trim_end_matches(')').split_once('(').map_or(vec![], |(_, all)| {
        all.split(", ").take_while(|a| !a.contains('=') && *a != "*" && !a.is_empty()).collect()
    });
    let mut given: Vec<String> = required.iter().map(|name| format!("{name}=0.01")).collect();
    given.extend(form.only.iter().map(|(name, value)| format!("{name}={value}")));
    let rate = ["learning_rate", "lr", "alpha", "eta", "rho", "gamma"];
    let own = rate.iter().find(|r| form.signature.contains(&format!("({r}=")));
    let mut other = given.clone();
    other.extend(own.map(|r| format!("{r}=0.05")));
    for (argument, value) in [
        ("weight_decay", "0.03"),
        ("momentum", "0.8"),
        ("mu", "0.8"),
        ("epsilon", "0.001"),
        ("eps", "0.001"),
        ("beta_2", "0.95"),
        ("b2", "0.95"),
        ("betas", "(0.9, 0.95)"),
        ("momentum_decay", "1.0"),
    ] {
        let has = form.signature.split([' ', '(']).any(|a| a.starts_with(&format!("{argument}=")));
        // Decay that no rule has here, and pairs.
        let not = [("lamb", "weight_decay"), ("lars", "eps"), ("Adafactor", "eps"), ("adafactor", "momentum")]
            .contains(&(name(form), argument));
        if has && !not {
            other.push(format!("{argument}={value}"));
        }
    }
    let other = if name(form) == "Muon" || other == given { None } else { Some(other) };
    [Some(given), other].into_iter().flatten().map(|all| format!("{}({})", name(form), all.join(", "))).collect()
}

/// Every form and every other dialect, with the answer.
fn every_pair() -> Vec<(String, Dialect, Dialect, Port)> {
    let mut all = Vec::new();
    for form in FORMS {
        for call in calls(form) {
            for to in Dialect::ALL.into_iter().filter(|to| *to != form.dialect) {
                let answer = port(&call, form.dialect, to).unwrap_or_else(|e| panic!("{} {call}: {e}", form.dialect));
                all.push((call.clone(), form.dialect, to, answer));
            }
        }
    }
    all
}

/// docs/dialects.md is made here: with SCHUSS_BLESS=1 it is written anew.
#[test]
fn every_pair_of_dialects_has_an_answer() {
    let all = every_pair();
    let mut text = String::from(
        "# Optimizers in the words of other libraries\n\n\
         Made by `SCHUSS_BLESS=1 cargo test --package schuss --test every_dialect`; checked by every test run.\n\n\
         What `schuss port --from A --to B CALL` answers for every optimizer of every dialect, at its defaults and at\n\
         other settings. `=` stands before an equal call: after 100 updates in f64 it is elsewhere by rounding only\n\
         (`= *`: as long as the rate is constant). Else the nearest call is named, and by which share of the way it is\n\
         elsewhere then; `-` where the library has nothing of the kind. Gradients are of both signs and of sizes from 1\n\
         down to 1e-6, so that ε shows.\n\n\
         | from | call | to | | call |\n|---|---|---|---|---|\n",
    );
    let mut nowhere = BTreeSet::new();
    for (call, from, to, answer) in &all {
        let mark = match (answer.parting, answer.halved) {
            (Some(p), Some(late)) if p.equal => (if late.equal { "=" } else { "= *" }).to_owned(),
            (Some(p), _) => format!("{:.0e}", p.distance / p.way),
            _ => "-".into(),
        };
        // Said once.
        if mark == "-" && !nowhere.insert((from.name(), to.name(), call.split('(').next())) {
            continue;
        }
        let target = answer.to.as_ref().map_or(String::new(), |to| format!("`{to}`"));
        text += &format!("| {from} | `{call}` | {to} | {mark} | {target} |\n");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dialects.md");
    if std::env::var_os("SCHUSS_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (kept, new) in kept.lines().zip(text.lines()) {
        assert_eq!(kept, new, "SCHUSS_BLESS=1 writes it anew");
    }
    assert_eq!(kept.lines().count(), text.lines().count(), "SCHUSS_BLESS=1 writes it anew");

    for (call, from, to, answer) in &all {
        let place = format!("{from} {call} to {to}: {answer:?}");
        // As it was understood is said in the same words and means the same.
        assert_eq!(port(&answer.from, *from, *to).unwrap(), *answer, "{place}");
        let Some(theirs) = &answer.to else { continue };
        assert_eq!(answer.reasons.is_empty(), answer.equal(), "{place}");
        // And back.
        if answer.equal() {
            let back = port(theirs, *to, *from).unwrap();
            assert!(back.equal(), "{place}: {back:?}");
        }
    }
}

#[test]
fn what_is_known_to_be_equal_is_and_what_is_known_to_part_does() {
    for (from, to, call, want) in [
        // The rate inside or outside of the momentum.
        (Keras, Torch, "SGD(0.1, 0.9)", "SGD(lr=0.1, momentum=0.9)"),
        (Torch, Keras, "SGD(params, 0.1, 0.9, nesterov=True)", "SGD(learning_rate=0.1, momentum=0.9, nesterov=True)"),
        (Optax, Keras, "sgd(0.1, 0.9)", "SGD(learning_rate=0.1, momentum=0.9)"),
        // Without momentum both kinds of decay are one.
        (Torch, Keras, "SGD(lr=0.1, weight_decay=0.01)", "SGD(learning_rate=0.1, weight_decay=0.01)"),
        (Optax, Keras, "rmsprop(0.1, momentum=0.5)", "RMSprop(learning_rate=0.1, momentum=0.5, epsilon=1e-8)"),
        (Optax, Torch, "rmsprop(0.1, eps_in_sqrt=False)", "RMSprop(lr=0.1, alpha=0.9)"),
        (Torch, Optax, "RMSprop(lr=0.1)", "rmsprop(learning_rate=0.1, decay=0.99, eps_in_sqrt=False)"),
        (Torch, Optax, "Adam(params, weight_decay=0.1)", "chain(add_decayed_weights(0.1), adam(learning_rate=0.001))"),
        (
            Torch,
            Optax,
            "Adam(weight_decay=0.1, decoupled_weight_decay=True)",
            "adamw(learning_rate=0.001, weight_decay=0.1)",
        ),
        (Optax, Torch, "adamw(0.001)", "AdamW(lr=0.001, weight_decay=0.0001)"),
        (Torch, Paper, "AdamW(lr=0.001, weight_decay=0.01)", "AdamW(lambda=1e-5, alpha=0.001)"),
        (Torch, Keras, "NAdam(momentum_decay=1.0)", "Nadam(learning_rate=0.002, epsilon=1e-8)"),
        (Keras, Torch, "Nadam()", "NAdam(lr=0.001, eps=1e-7, momentum_decay=1.0)"),
        (Keras, Torch, "Adadelta()", "Adadelta(lr=0.001, rho=0.95, eps=1e-7)"),
        (Paper, Keras, "Adadelta()", "Adadelta(learning_rate=1.0, epsilon=1e-6)"),
        (Torch, Paper, "Adadelta(rho=0.95)", "Adadelta()"),
        (Optax, Keras, "adagrad(0.1)", "Adagrad(learning_rate=0.1)"),
        (Torch, Optax, "Adamax()", "adamax(learning_rate=0.002)"),
        (Keras, Optax, "Lion(weight_decay=0.1)", "lion(learning_rate=0.001, weight_decay=0.1)"),
        (Optax, Keras, "lamb(0.01)", "Lamb(learning_rate=0.01, epsilon=1e-6)"),
        (Keras, Optax, "SGD(global_clipnorm=1.0)", "chain(clip_by_global_norm(1.0), sgd(learning_rate=0.01))"),
        (Keras, Optax, "SGD(weight_decay=0.01)", "chain(add_decayed_weights(0.01), sgd(learning_rate=0.01))"),
        (Optax, Keras, "chain(clip(5), sgd(0.01))", "SGD(learning_rate=0.01, clipvalue=5.0)"),
    ] {
        let answer = port(call, from, to).unwrap();
        assert!(answer.equal(), "{call}: {answer:?}");
        assert_eq!(answer.to.as_deref(), Some(want), "{call}");
    }
    for (from, to, call, why) in [
        // ε beside the corrected root or not; inside the root or not.
        (Torch, Keras, "AdamW(lr=3e-4, weight_decay=0.05)", "uncorrected root"),
        (Keras, Torch, "RMSprop(0.1)", "inside the root"),
        (Torch, Keras, "Adagrad()", "inside the root"),
        (Torch, Keras, "Adamax()", "inside the maximum"),
        (Torch, Keras, "NAdam()", "`momentum_decay` is 0.004 in torch, and 1.0 in keras"),
        // Decay of another kind, dampening, clipping that there is not.
        (Torch, Keras, "SGD(momentum=0.9, weight_decay=0.1)", "`decay` is \"l2\" in torch"),
        (Torch, Optax, "SGD(lr=0.1, momentum=0.9, dampening=0.1)", "`dampening` is 0.1 in torch, and 0.0 in optax"),
        (Keras, Torch, "SGD(clipvalue=3.0)", "`clipvalue` is 3.0 in keras, and 0.0 in torch"),
        (Keras, Optax, "SGD(clipnorm=1.0)", "`clipnorm` is 1.0"),
        (Keras, Optax, "SGD(gradient_accumulation_steps=4)", "`gradient_accumulation_steps` is 4"),
        (Keras, Torch, "SGD(use_ema=True)", "`use_ema` is true in keras"),
        (Keras, Paper, "Adadelta()", "`learning_rate` is 0.001 in keras, and 1.0 in paper"),
    ] {
        let answer = port(call, from, to).unwrap();
        assert!(!answer.equal() && answer.to.is_some(), "{call}: {answer:?}");
        assert!(answer.reasons.iter().any(|r| r.contains(why)), "{call}: {:?}", answer.reasons);
    }
    // The distances of the brief: the same rate, and PyTorch a dozen times farther.
    let far = port("RMSprop(lr=0.1)", Torch, Keras).unwrap().parting.unwrap();
    assert!(far.distance > 0.1 && far.way > 1.0, "{far:?}");
    let at_a_constant_rate = port("SGD(0.1, 0.9)", Keras, Torch).unwrap();
    assert!(!at_a_constant_rate.halved.unwrap().equal);
    // The nearest does what it can of what is done, though another that does less walks nearer.
    let decays = port("AdamW()", Keras, Optax).unwrap();
    assert_eq!(decays.to.unwrap(), "adamw(learning_rate=0.001, eps=1e-7, weight_decay=0.004)");
    let none = port("Lion()", Keras, Torch).unwrap();
    assert_eq!((none.to, none.reasons[0].as_str()), (None, "torch has nothing like keras's Lion"));
}

/// Rules that only have their own names are in the paper's dialect, with their own settings.
#[test]
fn every_entry_of_the_table_can_be_said() {
    for entry in registry().entries() {
        let said = FORMS.iter().any(|f| f.rule == entry.name)
            || spoken(&entry.name.replace(':', "_"), Paper).is_ok_and(|o| o.name == entry.name);
        assert!(said, "{}", entry.name);
    }
    for form in FORMS {
        registry().find(form.rule).unwrap();
    }
    let nag = port("nag(learning_rate=0.1)", Paper, Keras).unwrap();
    assert!(nag.equal());
    assert_eq!(nag.to.unwrap(), "SGD(learning_rate=0.1, momentum=0.9, nesterov=True)");
}

#[test]
fn a_search_is_said_too() {
    let plain = spoken("LBFGS(params, max_iter=5)", Torch).unwrap();
    assert_eq!((plain.name, plain.settings.text("line_search")), ("lbfgs", "none"));
    let wolfe = spoken("LBFGS(params, line_search_fn='strong_wolfe', max_eval=7)", Torch).unwrap();
    assert_eq!((wolfe.settings.text("line_search"), wolfe.settings.usize("max_eval")), ("strong_wolfe", 7));
    let answer = port("LBFGS(line_search_fn='strong_wolfe')", Torch, Keras).unwrap();
    assert_eq!((answer.to, answer.from.as_str()), (None, "LBFGS(lr=1.0, line_search_fn=\"strong_wolfe\")"));
}

#[test]
fn what_is_wrong_with_a_call_is_one_error_with_its_place() {
    for (from, call, code, start) in [
        (Torch, "Adm()", "unknown-name", "column 1: torch has no optimizer `Adm`; did you mean `Adam`?"),
        (Torch, "Lion()", "unknown-name", "column 1: torch has no optimizer `Lion`"),
        (Keras, "Adam(lr=0.1)", "unknown-argument", "column 6: Adam has no argument `lr`"),
        (Torch, "Adam(beta=1)", "unknown-argument", "column 6: Adam has no argument `beta`; did you mean `betas`?"),
        (
            Torch,
            "Adam(lr=-1)",
            "value-not-allowed",
            "column 6: Adam: `lr` is -1; allowed is a finite number of at least 0",
        ),
        (Torch, "Adam(lr=True)", "value-not-allowed", "column 6: Adam: `lr` is True"),
        (Torch, "Adam(lr=None)", "value-not-allowed", "column 6: Adam: `lr` is None"),
        (Torch, "Adam(lr='x')", "value-not-allowed", "column 6: Adam: `lr` is \"x\""),
        (Torch, "Adam(lr=rate)", "value-not-allowed", "column 6: Adam: `lr` is rate"),
        (Torch, "Adam(betas=(0.9,))", "value-not-allowed", "column 6: Adam: `betas` is (0.9); allowed are 2 numbers"),
        (Torch, "Adam(betas=(0.9, 1.0))", "value-not-allowed", "column 6: Adam: `betas` is (0.9, 1.0)"),
        (Torch, "Adam(amsgrad=1)", "value-not-allowed", "column 6: Adam: `amsgrad` is 1; allowed is true or false"),
        (Torch, "Adam(maximize=True)", "not-offered", "column 6: Adam: `maximize` is True; offered is False alone"),
        (Optax, "adam()", "value-missing", "column 1: adam: `learning_rate` is missing"),
        (Optax, "adam(0.1, eps_root=0.1)", "not-offered", "column 11: adam: `eps_root` is 0.1"),
        (Optax, "adam(0.1, 0.9, 0.99, 1e-8, 0.0, None, True)", "too-many-arguments", "column 39: adam: there is one"),
        (Keras, "Adam(0.1, learning_rate=0.2)", "argument-twice", "column 11: Adam: `learning_rate` is given twice"),
        (
            Keras,
            "Muon(adam_weight_decay=0.1)",
            "not-offered",
            "column 1: Muon: `weight_decay` is 0.004; offered is 0.1",
        ),
        (Keras, "Adam(0.1", "bad-call", "column 9: there is the end; allowed is `,` or `)`"),
        (Keras, "SGD(nesterov=True)", "nesterov-without-momentum", "column 1: SGD: optimizer sgd: `nesterov`"),
        (Keras, "SGD(1e308, 0.9)", "not-finite", "sgd: within 100 updates a number is not finite any more"),
        (Keras, "SGD(clipnorm=1.0, clipvalue=1.0)", "two-kinds-of-clipping", "column 1: SGD"),
        (Optax, "chain(adam(0.1), clip(1.0))", "not-offered", "column 7: chain: there is adam(0.1)"),
        (Optax, "chain(add_decayed_weights(0.1), adamw(0.1))", "not-offered", "column 33: adamw decays by itself"),
        (Optax, "chain(clip(-1.0), adam(0.1))", "not-offered", "column 7: chain: there is clip(-1.0)"),
        (Optax, "chain(3)", "not-offered", "column 7: chain: there is 3"),
    ] {
        let to = if from == Keras { Torch } else { Keras };
        let error = port(call, from, to).unwrap_err();
        assert_eq!(error.code(), code, "{call}: {error}");
        assert!(error.message().starts_with(start), "{call}: {error}");
        assert!(!error.message().contains('\n'), "{call}: {error}");
    }
}
