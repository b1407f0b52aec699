//! Every optimizer of the table: against the trajectories that Keras itself walks in float64
//! (`testdata/optimizers`, made by `xtask/oracle/optimizers.py`), in f32 on every instruction set, and what must hold
//! for any entry.

use schuss::optimizers::{Initial, Now, Optimizer, Pace, Update, Walk, registry};
use schuss::plan::{Machine, Options};
use schuss::registry::{Allowed, Argument, Entry, Setting, Settings};
use schuss_kernels::Isa;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Some steps of a rule, as its library walks them: `gradients` and `theta` are \[step\]\[tensor\]\[element\], `theta`
/// is after the step.
#[derive(Deserialize)]
struct Case {
    name: String,
    /// Who walked.
    #[serde(skip)]
    oracle: String,
    rule: String,
    settings: BTreeMap<String, Argument>,
    shapes: Vec<Vec<usize>>,
    start: Vec<Vec<f64>>,
    gradients: Vec<Vec<Vec<f64>>>,
    theta: Vec<Vec<Vec<f64>>>,
    /// Factors of the learning rate, one a step, where it changes.
    #[serde(default)]
    rates: Vec<f64>,
    /// The weights to evaluate with, where they are others.
    #[serde(default)]
    evaluated: Vec<Vec<Vec<f64>>>,
}

impl Case {
    fn all() -> Vec<Case> {
        #[derive(Deserialize)]
        struct File {
            library: String,
            version: String,
            cases: Vec<Case>,
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/optimizers");
        let files = folder.read_dir().expect("testdata/optimizers").map(|f| f.expect("a folder's entry").path());
        let read = |path| std::fs::read_to_string(path).expect("a readable file");
        let mut all = Vec::new();
        for path in files {
            let file: File = serde_json::from_str(&read(path)).expect("a file of cases");
            let oracle = format!("{} {}", file.library, file.version);
            all.extend(file.cases.into_iter().map(|case| Case { oracle: oracle.clone(), ..case }));
        }
        all
    }

    fn optimizer(&self) -> Optimizer {
        let given: Vec<_> = self.settings.clone().into_iter().collect();
        registry().make(&self.rule, &given).unwrap_or_else(|e| panic!("{} {}: {e}", self.rule, self.name))
    }

    fn tensors(&self) -> Vec<Start> {
        let tensor = |(i, (shape, start)): (usize, (&Vec<usize>, &Vec<f64>))| {
            (format!("tensor_{i}"), shape.clone(), start.clone())
        };
        self.shapes.iter().zip(&self.start).enumerate().map(tensor).collect()
    }
    /// Each step's gradient, all tensors in a row.
    fn rows(&self) -> Vec<Vec<f64>> {
        self.gradients.iter().map(|step| step.concat()).collect()
    }
}

/// The numbers of an optimizer after a step: θ, what the rule keeps, and the weights to evaluate with.
struct After<T> {
    theta: Vec<T>,
    states: Vec<Vec<T>>,
    evaluated: Option<Vec<T>>,
}

/// A parameter to walk with.
type Start = (String, Vec<usize>, Vec<f64>);

/// What the rule keeps, by name, each parameter's in a row.
fn states(optimizer: &Optimizer, start: &[Start]) -> Vec<String> {
    let of = |(name, shape, _): &Start| {
        let slots = optimizer.rule.slots(shape).into_iter();
        slots.map(|slot| format!("{name}/{}", slot.name)).collect::<Vec<_>>()
    };
    start.iter().flat_map(of).collect()
}

/// The rate at a step.
fn pace(rates: &[f64], t: usize) -> Pace {
    Pace { factor: rates.get(t).copied().unwrap_or(1.0), momentum: None }
}

/// The steps of the reference.
fn walk(optimizer: &Optimizer, start: &[Start], gradients: &[Vec<Vec<f64>>], rates: &[f64]) -> Vec<After<f64>> {
    let mut walk = Walk::new(optimizer, start.to_vec()).unwrap();
    let names = states(optimizer, start);
    let step = |(t, g): (usize, &Vec<Vec<f64>>)| {
        walk.step(g, pace(rates, t)).unwrap();
        let all: BTreeMap<&str, &[f64]> = walk.variables().collect();
        let states = names.iter().map(|name| all[name.as_str()].to_vec()).collect();
        let theta = (0..start.len()).flat_map(|i| walk.theta(i).to_vec()).collect();
        After { theta, states, evaluated: walk.evaluated().unwrap().map(|all| all.concat()) }
    };
    gradients.iter().enumerate().map(step).collect()
}

/// The steps of an instruction set.
fn walk_f32(
    isa: Isa,
    optimizer: &Optimizer,
    start: &[Start],
    gradients: &[Vec<Vec<f64>>],
    rates: &[f64],
) -> Vec<After<f32>> {
    let narrow = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<_>>();
    let options = Options::new(1, isa);
    let arrays: Vec<_> = start.iter().map(|(name, shape, x)| (name.clone(), shape.clone(), narrow(x))).collect();
    let mut machine = Machine::of_tensors(&arrays, optimizer, options).unwrap();
    let places: Vec<usize> =
        states(optimizer, start).iter().map(|name| machine.variables().find(name).unwrap()).collect();
    let theta = |m: &Machine| (0..start.len()).flat_map(|i| m.variables().read(i).to_vec()).collect::<Vec<f32>>();
    let step = |(t, g): (usize, &Vec<Vec<f64>>)| {
        for (i, g) in g.iter().enumerate() {
            machine.gradient_mut(i).unwrap().copy_from_slice(&narrow(g));
        }
        assert!(machine.apply(pace(rates, t)).unwrap(), "a number is not finite");
        let states = places.iter().map(|&place| machine.variables().read(place).to_vec()).collect();
        let now = theta(&machine);
        machine.show_evaluated().unwrap();
        let evaluated = Some(theta(&machine));
        machine.show_trained();
        After { theta: now, states, evaluated }
    };
    gradients.iter().enumerate().map(step).collect()
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

fn table() -> Vec<(Entry<Optimizer>, Optimizer)> {
    let table = registry();
    table.entries().iter().map(|e| (e.clone(), table.make(e.name, &[]).expect("defaults go together"))).collect()
}

#[test]
fn every_case_is_walked_as_its_library_walks_it() {
    let (table, registry) = (table(), registry());
    let mut wrong = Vec::new();
    for case in Case::all() {
        let given: Vec<_> = case.settings.clone().into_iter().collect();
        let entries: Vec<_> = table.iter().filter(|(_, made)| made.rule.name() == case.rule).collect();
        assert!(!entries.is_empty(), "no entry is the rule {}", case.rule);
        // Presets too: with all settings given, they are the rule.
        for (entry, _) in entries {
            let optimizer = registry.make(entry.name, &given).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            let steps = walk(&optimizer, &case.tensors(), &case.gradients, &case.rates);
            assert_eq!(steps.len(), case.theta.len(), "{} {}: steps", case.rule, case.name);
            let already = wrong.len();
            // prodigyopt takes differences of θ₀ and θ, which differ by a millionth at first and so keep 10 digits.
            let bound = if case.rule == "prodigy" { 1e-9 } else { 1e-11 };
            for (t, after) in steps.iter().enumerate() {
                let mut near = |what: &str, got: &[f64], want: Vec<f64>| {
                    for (i, (&got, want)) in got.iter().zip(want).enumerate() {
                        // The same arithmetic in the same precision, in another order: they differ by rounding.
                        let near = got == want || (got - want).abs() <= bound * want.abs().max(1e-3);
                        let place = format!("{} {}, step {}, {what} {i}", entry.name, case.name, t + 1);
                        if !near && wrong.len() == already {
                            wrong.push(format!("{place}: {got} is not {want}"));
                        }
                    }
                };
                near("element", &after.theta, case.theta[t].concat());
                if let Some(want) = case.evaluated.get(t) {
                    near("evaluated", after.evaluated.as_ref().expect("it has others"), want.concat());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "the first difference of each walk:\n{}", wrong.join("\n"));
}

/// 35 elements: registers of 8 and 16 with a rest, and every element of a case at five places.
#[test]
fn f32_stays_near_the_reference_and_is_the_same_everywhere() {
    const COPIES: usize = 5;
    // Squares of what is smaller or greater leave the range of f32.
    let within = |&g: &f64| if g == 0.0 { g } else { g.signum() * g.abs().clamp(1e-12, 1e12) };
    let mut wrong = Vec::new();
    for case in Case::all() {
        let optimizer = case.optimizer();
        if matches!(optimizer.rule.update(), Update::Graph(_)) {
            continue;
        }
        let already = wrong.len();
        let start = case.start.concat().repeat(COPIES);
        let start = [("theta".to_owned(), vec![start.len()], start)];
        let copies = |g: &Vec<f64>| g.iter().map(within).collect::<Vec<_>>().repeat(COPIES);
        let gradients: Vec<_> = case.rows().iter().map(copies).map(|row| vec![row]).collect();
        let reference = walk(&optimizer, &start, &gradients, &case.rates);
        let portable = walk_f32(Isa::Portable, &optimizer, &start, &gradients, &case.rates);
        let place = |t: usize, what: &str| format!("{} {}, step {}, {what}", case.rule, case.name, t + 1);
        for (t, (got, want)) in portable.iter().zip(&reference).enumerate() {
            for (i, (&x, &y)) in got.theta.iter().zip(&want.theta).enumerate() {
                // What nearly cancels keeps the rounding of what it was.
                let greatest =
                    reference[..=t].iter().map(|after| after.theta[i].abs()).fold(start[0].2[i].abs(), f64::max);
                let near = (f64::from(x) - y).abs() <= 1e-5 * y.abs() + 2.0 * f64::from(f32::EPSILON) * greatest;
                if !near && wrong.len() == already {
                    wrong.push(format!("{}: {x} is not {y}", place(t, &format!("element {i}"))));
                }
            }
            for (k, slot) in optimizer.rule.slots(&[1]).iter().enumerate() {
                for (i, (&x, &y)) in got.states[k].iter().zip(&want.states[k]).enumerate() {
                    // A state that crosses zero keeps the error of what it was: measured by its greatest so far.
                    let greatest = reference[..=t].iter().map(|after| after.states[k][i].abs()).fold(0.0, f64::max);
                    // Ftrl's sum takes gradients and, divided by α, θ's share of them, which nearly cancel: measured
                    // by those.
                    let sum_of_gradients = case.rule.starts_with("ftrl") && slot.name == "z";
                    let before = |t: usize| if t == 0 { start[0].2[i] } else { reference[t - 1].theta[i] };
                    let part =
                        |t: usize| gradients[t][0][i].abs() * (before(t).abs() / optimizer.learning_rate).max(1.0);
                    let part = (0..=t).map(part).fold(0.0, f64::max);
                    let greatest = if sum_of_gradients { f64::max(greatest, part) } else { greatest };
                    let near = (f64::from(x) - y).abs() <= 1e-6 * greatest;
                    if !near && wrong.len() == already {
                        wrong.push(format!("{}: {x} is not {y}", place(t, &format!("{} of element {i}", slot.name))));
                    }
                }
            }
            let arrays = std::iter::once(&got.theta).chain(&got.states);
            let same = |array: &Vec<f32>| bits(array) == bits(&array[..array.len() / COPIES]).repeat(COPIES);
            assert!(arrays.into_iter().all(same), "{}", place(t, "an element's bits depend on its place"));
        }
        for isa in Isa::all_available() {
            let steps = walk_f32(isa, &optimizer, &start, &gradients, &case.rates);
            for (t, (got, want)) in steps.iter().zip(&portable).enumerate() {
                let same = bits(&got.theta) == bits(&want.theta)
                    && got.states.iter().zip(&want.states).all(|(x, y)| bits(x) == bits(y));
                assert!(same, "{}", place(t, &format!("{} has other bits than portable", isa.name())));
            }
        }
    }
    assert!(wrong.is_empty(), "the first difference of each walk:\n{}", wrong.join("\n"));
    let skipped: Vec<_> = Isa::ALL.iter().filter(|isa| !isa.available()).map(|isa| isa.name()).collect();
    if !skipped.is_empty() {
        eprintln!("skipped, as this machine cannot run them: {}", skipped.join(", "));
    }
}

/// At a probe setting every number that is not 0 by default is another, so that each hyper-parameter shows; what is
/// off by default stays off, so that it is the entry's own arithmetic.
#[test]
fn every_entry_has_a_case_at_its_defaults_and_one_at_a_probe_setting() {
    let is_probe = |defaults: &Settings, case: &Case| {
        defaults.iter().all(|(name, default)| match (default, &case.settings[name]) {
            (Argument::Float(x), Argument::Float(y)) => (*x == 0.0) == (*y == 0.0) && (*x == 0.0 || x != y),
            (x, y) => x == y,
        })
    };
    let is_default = |defaults: &Settings, case: &Case| defaults.iter().all(|(name, x)| *x == case.settings[name]);
    let cases = Case::all();
    // Those that search walk on functions (tests/every_search.rs).
    for (entry, made) in table().into_iter().filter(|(_, made)| made.evaluates_once()) {
        let has = |fits: &dyn Fn(&Settings, &Case) -> bool| {
            cases.iter().any(|case| case.rule == made.rule.name() && fits(&made.settings, case))
        };
        assert!(has(&is_default), "{}: no case at the defaults {:?}", entry.name, made.settings);
        assert!(has(&is_probe), "{}: no case at a probe setting", entry.name);
    }
}

/// A setting that no case tells from another value is not proved.
#[test]
fn every_setting_of_every_entry_shows_in_a_case() {
    let others = |setting: &Setting, value: &Argument| match (value, setting.allowed) {
        (Argument::Float(0.0), _) => vec![Argument::Float(0.01), Argument::Float(1.5)],
        (Argument::Float(x), _) => [1.01, 0.99, 1.5, 0.6].map(|factor| Argument::Float(x * factor)).to_vec(),
        (Argument::Int(i), _) => vec![Argument::Int(i + 1), Argument::Int((i - 1).max(0))],
        (Argument::Bool(b), _) => vec![Argument::Bool(!b)],
        (Argument::Text(_), Allowed::OneOf(words)) => words.iter().map(|&w| Argument::Text(w.into())).collect(),
        _ => Vec::new(),
    };
    let cases = Case::all();
    let mut wrong = Vec::new();
    for (entry, made) in table() {
        let own: Vec<&Case> = cases.iter().filter(|case| case.rule == made.rule.name()).collect();
        for setting in entry.settings {
            let differs = |case: &Case, other: Argument| {
                let mut given = case.settings.clone();
                given.insert(setting.name.into(), other);
                // Some values do not go together; those show nothing.
                let Ok(optimizer) = registry().make(&case.rule, &given.into_iter().collect::<Vec<_>>()) else {
                    return false;
                };
                let apart = |got: &[f64], want: Vec<f64>| {
                    got.iter().zip(want).any(|(x, y)| (x - y).abs() > 1e-9 * y.abs().max(1e-3) || x.is_nan())
                };
                let steps = walk(&optimizer, &case.tensors(), &case.gradients, &case.rates);
                let evaluated = |(after, want): (&After<f64>, &Vec<Vec<f64>>)| {
                    after.evaluated.as_ref().is_some_and(|got| apart(got, want.concat()))
                };
                steps.iter().zip(&case.theta).any(|(after, want)| apart(&after.theta, want.concat()))
                    || steps.iter().zip(&case.evaluated).any(evaluated)
            };
            let shows = own.iter().any(|case| {
                let value = case.settings.get(setting.name).cloned().or(setting.default.value());
                value.is_some_and(|value| others(setting, &value).into_iter().any(|other| differs(case, other)))
            });
            if !shows && !own.is_empty() {
                wrong.push(format!("{} {}", entry.name, setting.name));
            }
        }
    }
    assert!(wrong.is_empty(), "no case shows {}", wrong.join(", "));
}

#[test]
fn every_form_names_what_it_keeps_and_gives_all_numbers() {
    let made = table().into_iter().map(|(_, made)| made).chain(Case::all().into_iter().map(|case| case.optimizer()));
    for optimizer in made {
        let Optimizer { name, settings, learning_rate, rule, .. } = &optimizer;
        let slots = rule.slots(&[2, 3]);
        let Update::Elementwise(sweep) = rule.update() else { continue };
        assert_eq!(slots.len(), sweep.slots(), "{name} {settings:?}: slots");
        let names: HashSet<_> = slots.iter().map(|slot| slot.name).collect();
        assert_eq!(names.len(), slots.len(), "{name}: two slots of one name");
        let plain =
            |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c));
        assert!(names.iter().all(plain), "{name}: a slot's name is in lower case: {names:?}");
        assert!(!names.contains("average") && !names.contains("gradient"), "{name}: a name that is taken");
        assert!(slots.iter().all(|slot| !matches!(slot.initial, Initial::Number(x) if !x.is_finite())), "{name}");
        assert_eq!(settings.f64("learning_rate"), *learning_rate, "{name}");
        // After a day of steps too.
        for t in [1, 2, 3, 10_000_000_000] {
            let (mut memory, mut out) = (rule.memory(), vec![f64::NAN; sweep.at()]);
            let now = Now { t, learning_rate: *learning_rate, momentum: None, weight_decay: 0.0 };
            optimizer.numbers(now, &mut memory, &mut out);
            assert!(out.iter().all(|x| x.is_finite()), "{name} {settings:?}: a number of step {t}");
        }
    }
}

#[test]
fn every_entry_is_documented() {
    let mut equations = HashSet::new();
    for (entry, made) in table() {
        let page = entry.page;
        assert!(equations.insert(page.equation), "{}: another entry has the same equation", entry.name);
        for text in [page.summary, page.equation, page.source, page.differs] {
            assert!(text.len() > 10 && text.trim() == text, "{}: {text:?}", entry.name);
        }
        assert!(!page.summary.contains('\n'), "{}: the summary is one line", entry.name);
        assert!(entry.settings.iter().all(|s| s.doc.len() > 5 && !s.doc.contains('\n')), "{}: settings", entry.name);
        assert_eq!(made.name, entry.name);
        registry().find(made.rule.name()).expect("a rule has an entry of its own");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    use Argument::{Bool, Float, Int, Text};
    let refused = |allowed: Allowed| match allowed {
        Allowed::Number => vec![Float(f64::NAN), Text("small".into())],
        Allowed::Positive => vec![Float(0.0), Float(-1e-7), Float(f64::NAN), Text("small".into())],
        Allowed::NotNegative => vec![Float(-1e-3), Float(f64::INFINITY), Float(f64::NAN)],
        Allowed::AtLeast(least) => vec![Float(least - 1.0), Float(f64::NAN)],
        Allowed::Fraction => vec![Float(1.0), Float(-0.1), Float(f64::NAN), Bool(true)],
        Allowed::Bool => vec![Float(1.0), Text("yes".into())],
        Allowed::Int(least, _) => vec![Int(least - 1), Float(1.5)],
        Allowed::OneOf(_) => vec![Text("nope".into()), Bool(true)],
        other => panic!("say here what {other} must not be"),
    };
    for (entry, _) in table() {
        for setting in entry.settings {
            for value in refused(setting.allowed) {
                let error = registry().make(entry.name, &[(setting.name.into(), value.clone())]).unwrap_err();
                assert_eq!(error.code(), "value-not-allowed", "{} {} {value}", entry.name, setting.name);
                let message = error.message();
                assert!(message.contains(entry.name) && message.contains(setting.name), "{message}");
            }
        }
    }
}

/// What trajectories cannot tell.
#[test]
fn states_and_edges_that_no_case_shows() {
    let made = |name: &str, settings: &[(&str, f64)]| {
        let given: Vec<_> = settings.iter().map(|(n, x)| (n.to_string(), Argument::Float(*x))).collect();
        registry().make(name, &given).unwrap()
    };
    let step = |optimizer: &Optimizer, theta: [f64; 4], g: [f64; 4]| {
        let start = vec![("theta".to_owned(), vec![2, 2], theta.to_vec())];
        let mut walk = Walk::new(optimizer, start).unwrap();
        walk.step(&[g.to_vec()], Pace::default()).unwrap();
        let state = |name: &str| walk.variables().find(|v| v.0 == name).map(|v| v.1.to_vec());
        (walk.theta(0).to_vec(), state("theta/m"))
    };
    let near = |found: &[f64], want: &[f64]| {
        assert!(found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?} is not {want:?}");
    };
    let (theta, g) = ([0.5, -1.0, 2.0, 0.25], [1.0, 2.0, -3.0, 0.5]);
    // At a rate of nothing the paper's AdamW decays still: by a schedule of its own.
    near(
        &step(&made("adamw:paper", &[("learning_rate", 0.0), ("weight_decay", 0.1)]), theta, g).0,
        &theta.map(|x| 0.9 * x),
    );
    // Muon divides what it moves by its length: its average in PyTorch's form is one still.
    let average = step(&made("muon:torch", &[("momentum", 0.75)]), theta, g).1.expect("it keeps an average");
    near(&average, &g.map(|g| 0.25 * g));
    // Where θ has no length, the step's own is taken: α times signs at first.
    let settings = [("learning_rate", 0.01), ("epsilon", 1e-12)];
    near(&step(&made("lamb", &settings), [0.0; 4], g).0, &g.map(|g| -0.01 * f64::signum(g)));
    // Less growth than none is no bound.
    for name in ["prodigy", "dadapt_adam"] {
        let error = registry().make(name, &[("growth_rate".into(), Argument::Float(0.05))]).unwrap_err();
        assert!(error.message().contains("at least 1, or 0"), "{error}");
    }
}

#[test]
fn nesterov_needs_momentum() {
    let zero = ("momentum".to_string(), Argument::Float(0.0));
    let nesterov = ("nesterov".to_string(), Argument::Bool(true));
    for (name, given) in [("sgd", vec![nesterov]), ("nag", vec![zero])] {
        let error = registry().make(name, &given).unwrap_err();
        assert_eq!(error.code(), "nesterov-without-momentum");
        assert!(error.message().starts_with(&format!("optimizer {name}: ")), "{error}");
    }
}

/// What no single setting's range says.
#[test]
fn settings_that_exclude_each_other_are_refused() {
    use Argument::{Bool, Float};
    let nesterov = ("nesterov", Bool(true));
    for (name, given, code) in [
        ("sgd:optax", nesterov.clone(), "nesterov-without-momentum"),
        ("rmsprop:optax", nesterov, "nesterov-without-momentum"),
        ("qhm", ("nu", Float(1.5)), "value-not-allowed"),
        ("prodigy", ("growth_rate", Float(0.5)), "value-not-allowed"),
        ("dadapt_adam", ("growth_rate", Float(0.5)), "value-not-allowed"),
        ("ftrl", ("learning_rate_power", Float(0.5)), "value-not-allowed"),
        ("schedule_free_adamw", ("beta_1", Float(0.0)), "value-not-allowed"),
        ("schedule_free_adamw:paper", ("beta_1", Float(0.0)), "value-not-allowed"),
        ("schedule_free_sgd", ("momentum", Float(0.0)), "value-not-allowed"),
        ("rprop", ("eta_plus", Float(0.9)), "value-not-allowed"),
        // θ is more than a summand there, or the change is none of elements, or decay is a part of it.
        ("ftrl", ("cautious", Bool(true)), "cautious-not-offered"),
        ("schedule_free_sgd", ("cautious", Bool(true)), "cautious-not-offered"),
        ("lamb", ("cautious", Bool(true)), "cautious-not-offered"),
        ("prodigy", ("cautious", Bool(true)), "cautious-not-offered"),
        ("adamw:paper", ("cautious", Bool(true)), "cautious-not-offered"),
    ] {
        let error = registry().make(name, &[(given.0.into(), given.1.clone())]).unwrap_err();
        assert_eq!(error.code(), code, "{name} {given:?}: {error}");
        let message = error.message();
        assert!(message.contains(name) && message.contains(given.0) && message.contains("allowed is"), "{message}");
    }
}

#[test]
fn only_gradient_descent_takes_all_samples_at_once() {
    let full: Vec<_> = table().into_iter().filter(|(_, made)| made.full_batch).map(|(entry, _)| entry.name).collect();
    assert_eq!(full, ["gradient_descent"]);
}

/// As pixels that are always 0 and units that are never active have no derivative.
#[test]
fn rows_and_columns_without_a_gradient_stay_finite() {
    let start = [("kernel".to_owned(), vec![3, 4], (0..12).map(|i| 0.1 * f64::from(i)).collect())];
    let gradient = (0..12).map(|i| if i < 4 || i % 4 == 0 { 0.0 } else { 1e-3 * f64::from(i - 7) }).collect::<Vec<_>>();
    let gradients = vec![vec![gradient]; 3];
    for (entry, optimizer) in table() {
        if matches!(optimizer.rule.update(), Update::Search(_)) {
            continue;
        }
        let steps = walk_f32(Isa::detect(), &optimizer, &start, &gradients, &[0.01; 3]);
        assert!(steps.iter().all(|after| after.theta.iter().all(|x| x.is_finite())), "{}", entry.name);
    }
}

/// A rule on whole arrays sums in another order: near the reference, and the same bits on every instruction set is not
/// asked for.
#[test]
fn rules_on_whole_arrays_stay_near_the_reference_in_f32() {
    let mut wrong = Vec::new();
    for case in Case::all() {
        let optimizer = case.optimizer();
        if matches!(optimizer.rule.update(), Update::Elementwise(_)) {
            continue;
        }
        let within = |&g: &f64| if g == 0.0 { g } else { g.signum() * g.abs().clamp(1e-12, 1e12) };
        let step = |step: &Vec<Vec<f64>>| step.iter().map(|g| g.iter().map(within).collect()).collect();
        let gradients: Vec<Vec<Vec<f64>>> = case.gradients.iter().map(step).collect();
        let reference = walk(&optimizer, &case.tensors(), &gradients, &case.rates);
        for isa in Isa::all_available() {
            let already = wrong.len();
            let steps = walk_f32(isa, &optimizer, &case.tensors(), &gradients, &case.rates);
            for (t, (got, want)) in steps.iter().zip(&reference).enumerate() {
                for (i, (&x, &y)) in got.theta.iter().zip(&want.theta).enumerate() {
                    // What nearly cancels keeps the rounding of what it was.
                    let before = reference[..=t].iter().map(|after| after.theta[i].abs());
                    let greatest = before.fold(case.start.concat()[i].abs(), f64::max);
                    let near =
                        (f64::from(x) - y).abs() <= 1e-5 * y.abs().max(0.1) + 2.0 * f64::from(f32::EPSILON) * greatest;
                    if !near && wrong.len() == already {
                        let place = format!("{} {}, {}, step {}", case.rule, case.name, isa.name(), t + 1);
                        wrong.push(format!("{place}, element {i}: {x}, {y}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "the first difference of each walk:\n{}", wrong.join("\n"));
}

/// The greatest difference of a case's walk: in f64 from its library's, in f32 from the reference's.
fn differences(case: &Case) -> (f64, f64) {
    let optimizer = case.optimizer();
    let greatest = |got: &[f64], want: &[f64]| {
        let of = |(x, y): (&f64, &f64)| (x - y).abs() / y.abs().max(1e-3);
        got.iter().zip(want).map(of).fold(0.0, f64::max)
    };
    let steps = walk(&optimizer, &case.tensors(), &case.gradients, &case.rates);
    let exact = steps.iter().zip(&case.theta).map(|(after, want)| greatest(&after.theta, &want.concat()));
    let exact = exact.fold(0.0, f64::max);
    let within = |&g: &f64| if g == 0.0 { g } else { g.signum() * g.abs().clamp(1e-12, 1e12) };
    let step = |step: &Vec<Vec<f64>>| step.iter().map(|g| g.iter().map(within).collect()).collect();
    let gradients: Vec<Vec<Vec<f64>>> = case.gradients.iter().map(step).collect();
    let reference = walk(&optimizer, &case.tensors(), &gradients, &case.rates);
    let single = walk_f32(Isa::Portable, &optimizer, &case.tensors(), &gradients, &case.rates);
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    // Of what nearly cancels, the share of what it was before.
    let scale = |want: &[f64]| want.iter().map(|x| x.abs()).fold(0.0, f64::max).max(1.0);
    let of = |(got, want): (&After<f32>, &After<f64>)| {
        let most = wide(&got.theta).iter().zip(&want.theta).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        most / scale(&want.theta)
    };
    (exact, single.iter().zip(&reference).map(of).fold(0.0, f64::max))
}

/// docs/optimizers.md is made here: with SCHUSS_BLESS=1 it is written anew.
#[test]
fn the_table_in_the_docs_is_up_to_date() {
    let power = |x: f64| if x == 0.0 { "0".into() } else { format!("1e{}", x.log10().ceil()) };
    let mut rows: BTreeMap<(String, String), (usize, f64, f64)> = BTreeMap::new();
    for case in Case::all() {
        let (exact, single) = differences(&case);
        let cautious = case.settings.get("cautious") == Some(&Argument::Bool(true));
        let rule = if cautious { format!("{} cautious=true", case.rule) } else { case.rule };
        let row = rows.entry((rule, case.oracle)).or_default();
        *row = (row.0 + 1, row.1.max(exact), row.2.max(single));
    }
    let mut text = String::from(
        "# Optimizers and whom they walk with\n\n\
         Made by `SCHUSS_BLESS=1 cargo test --package schuss --test every_optimizer`; checked by every test run.\n\n\
         Each rule walks 12 steps over given gradients (both signs, zeros, 1e-20, 1e3, for most also 1e20), at its\n\
         defaults and at settings where every number shows, beside the library named here, in float64 there and here.\n\
         The columns are powers of ten that no difference exceeds: `f64` between our reference and the library, relative\n\
         to the number (or to 0.001); `f32` between our 32-bit steps and our reference, for gradients within\n\
         1e-12 … 1e12, relative to the greatest parameter (or to 1).\n\n\
         | rule | walked by | cases | f64 | f32 |\n|---|---|---|---|---|\n",
    );
    for ((rule, oracle), (cases, exact, single)) in rows {
        text += &format!("| `{rule}` | {oracle} | {cases} | {} | {} |\n", power(exact), power(single));
    }
    text += "\n`momentum`, `nag` and `gradient_descent` are `sgd` with other defaults. `name:keras` is the plain name where\n\
             Keras has the rule. `schuss explain NAME` tells how the forms differ.\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/optimizers.md");
    if std::env::var_os("SCHUSS_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    // Another machine's powers and roots may differ in the last digit: by one power of ten at most.
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept.lines().count(), text.lines().count(), "SCHUSS_BLESS=1 writes it anew");
    for (kept, new) in kept.lines().zip(text.lines()) {
        let cells = |line: &str| line.split(" | ").map(|c| c.trim_matches(['|', ' ']).to_owned()).collect::<Vec<_>>();
        let (kept, new) = (cells(kept), cells(new));
        for (i, (kept, new)) in kept.iter().zip(&new).enumerate() {
            match (kept.parse::<f64>(), new.parse::<f64>()) {
                (Ok(bound), Ok(x)) if i >= 3 => assert!(x <= 10.0 * bound.max(1e-15), "{new} instead of {kept}"),
                _ => assert_eq!(kept, new, "SCHUSS_BLESS=1 writes it anew"),
            }
        }
    }
}
