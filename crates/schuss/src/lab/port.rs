//! An optimizer in one library's words, in another's; and the proof that both walk the same way.

use super::call::Call;
use crate::error::{Error, Kind, Result};
use crate::optimizers::{Clip, Dialect, Form, Optimizer, Pace, Walk};
use crate::random::Stream;
use crate::registry::Argument;

mod book;

use book::{Book, Read, Values, rounded};

/// Updates that a proof walks.
const STEPS: usize = 100;

/// How far two optimizers are from each other after 100 updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parting {
    /// The greatest difference of a number of θ.
    pub distance: f64,
    /// The greatest way that a number went.
    pub way: f64,
    /// Is the difference one of rounding?
    pub equal: bool,
}

/// An optimizer in another library's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// As it was understood.
    pub from: String,
    /// The equal call, or the nearest one; none where the library has nothing of the kind.
    pub to: Option<String>,
    /// How far the two part, at a rate that stays the same.
    pub parting: Option<Parting>,
    /// The same where the rate is halved in the middle.
    pub halved: Option<Parting>,
    /// Why they part.
    pub reasons: Vec<String>,
}

impl Port {
    /// Do both walk the same way?
    pub fn equal(&self) -> bool {
        self.parting.is_some_and(|p| p.equal)
    }
}

/// Translates an optimizer and walks with both for 100 updates in f64.
///
/// ```
/// use schuss::lab::port;
/// use schuss::optimizers::Dialect::{Keras, Optax, Torch};
///
/// let same = port("SGD(lr=0.1, momentum=0.9)", Torch, Keras)?;
/// assert!(same.equal());
/// assert_eq!(same.to.unwrap(), "SGD(learning_rate=0.1, momentum=0.9)");
/// // ε stands elsewhere.
/// let other = port("RMSprop(lr=0.1)", Torch, Keras)?;
/// assert!(!other.equal() && other.parting.unwrap().distance > 1e-6);
/// # Ok::<(), schuss::Error>(())
/// ```
pub fn port(text: &str, from: Dialect, to: Dialect) -> Result<Port> {
    let table = Book::new()?;
    let source = table.read(&Call::read(text)?, from)?;
    let family = source.form.form.family;
    let mut best: Option<Found> = None;
    let mut targets: Vec<_> = table.forms.iter().filter(|f| f.form.dialect == to && f.form.family == family).collect();
    // What is called the same is looked at first.
    targets.sort_by_key(|f| !f.name.eq_ignore_ascii_case(&source.form.name));
    if !targets.is_empty() {
        // What cannot walk at all has nothing to be compared with.
        walk(&source.optimizer, scale(&[&source.optimizer]), 1.0)?;
    }
    let inside = source.form.form.has_epsilon_inside();
    let mut failed = None;
    for form in &targets {
        // ε inside a root is nearest to its square outside.
        let power = match form.form.has_epsilon_inside() {
            there if there == inside => 1.0,
            true => 2.0,
            false => 0.5,
        };
        let mut tries = vec![(source.settings.clone(), false)];
        if let (true, Some(Argument::Float(epsilon))) = (power != 1.0, source.settings.get("epsilon")) {
            // Without the digits of rounding.
            let epsilon = Argument::Float(rounded(epsilon.powf(power)));
            tries.push((Values::from_iter(source.settings.clone().into_iter().chain([("epsilon", epsilon)])), false));
        }
        tries.extend(of_the_other_decay(&source.settings).map(|settings| (settings, true)));
        for (settings, only_if_equal) in tries {
            let tried = table.read(&form.write(&settings), to).and_then(|target| {
                let scale = scale(&[&source.optimizer, &target.optimizer]);
                let of = |optimizer: &Optimizer, late| walk(optimizer, scale, late);
                // Where ε stands elsewhere, greater gradients only hide it.
                let one = source.form.form.epsilon == target.form.form.epsilon;
                let at = |late| Ok(parting(&of(&source.optimizer, late)?, &of(&target.optimizer, late)?, one));
                Ok((at(1.0)?, at(0.5)?, target))
            });
            match tried {
                Ok((constant, ..)) if only_if_equal && !constant.equal => {}
                Ok((constant, halved, target)) => {
                    let found = Found { lost: lost(&source, &target), target, constant, halved };
                    if best.as_ref().is_none_or(|best| found.is_nearer_than(best)) {
                        best = Some(found);
                    }
                }
                Err(e) => failed = Some(e),
            }
        }
    }
    let from_text = source.text.clone();
    let Some(Found { target, constant: parting, halved, .. }) = best else {
        let none = format!("{to} has nothing like {from}'s {}", source.form.name);
        let reasons = vec![failed.map_or(none, |e| format!("{to}: {}", e.message()))];
        return Ok(Port { from: from_text, to: None, parting: None, halved: None, reasons });
    };
    let reasons = if parting.equal { Vec::new() } else { reasons(&source, &target) };
    let (parting, halved) = (Some(parting), Some(halved));
    Ok(Port { from: from_text, to: Some(target.text), parting, halved, reasons })
}

/// A call that was tried.
struct Found {
    target: Read,
    /// Of what the source does beside its rule, how much the target does not.
    lost: usize,
    constant: Parting,
    halved: Parting,
}

impl Found {
    /// What is equal goes first; then what does more of the same; then what goes nearly the same way.
    fn is_nearer_than(&self, other: &Found) -> bool {
        let (own, others) = (&self.constant, &other.constant);
        let nearer = (self.lost, own.distance) < (other.lost, others.distance);
        !others.equal && (own.equal || nearer)
    }
}

/// How much of what the source does beside its rule the target does not.
fn lost(source: &Read, target: &Read) -> usize {
    const EFFECTS: [&str; 8] = [
        "weight_decay",
        "clipvalue",
        "clipnorm",
        "global_clipnorm",
        "nesterov",
        "amsgrad",
        "use_ema",
        "gradient_accumulation_steps",
    ];
    let does = |read: &Read, name: &str| match read.settings.get(name) {
        Some(Argument::Float(x)) => *x > 0.0,
        Some(Argument::Int(i)) => *i > 1,
        Some(Argument::Bool(on)) => *on,
        _ => false,
    };
    EFFECTS.iter().filter(|name| does(source, name) && !does(target, name)).count()
}

/// The settings with decay of the other kind, which is the same for some rules.
fn of_the_other_decay(settings: &Values) -> Option<Values> {
    let other = match settings.get("decay") {
        Some(Argument::Text(kind)) if kind == "l2" => "decoupled",
        Some(Argument::Text(kind)) if kind == "decoupled" => "l2",
        _ => return None,
    };
    let decays = matches!(settings.get("weight_decay"), Some(Argument::Float(x)) if *x > 0.0);
    let all = settings.clone().into_iter().chain([("decay", Argument::Text(other.into()))]);
    decays.then(|| all.collect())
}

/// The optimizer that a call in a dialect means.
///
/// ```
/// use schuss::lab::spoken;
/// use schuss::optimizers::Dialect::Torch;
///
/// let adam = spoken("torch.optim.AdamW(model.parameters(), lr=3e-4)", Torch)?;
/// assert_eq!((adam.name, adam.learning_rate), ("adamw:torch", 3e-4));
/// let error = spoken("AdamW(learning_rate=3e-4)", Torch).unwrap_err();
/// assert!(error.message().starts_with("column 7: AdamW has no argument `learning_rate`"));
/// # Ok::<(), schuss::Error>(())
/// ```
pub fn spoken(text: &str, dialect: Dialect) -> Result<Optimizer> {
    Ok(Book::new()?.read(&Call::read(text)?, dialect)?.optimizer)
}

/// What differs.
fn reasons(source: &Read, target: &Read) -> Vec<String> {
    let of = |read: &Read, name: &str| read.settings.get(name).cloned();
    let is = |read: &Read, name: &str, off: &Argument| of(read, name).as_ref() == Some(off);
    let both = |name: &str, off: Argument| is(source, name, &off) && is(target, name, &off);
    let mut all = Vec::new();
    for (name, ours) in &source.settings {
        let theirs = of(target, name);
        let idle = match *name {
            "decay" | "exclude_from_weight_decay" => both("weight_decay", Argument::Float(0.0)),
            "ema_momentum" | "ema_overwrite_frequency" => both("use_ema", Argument::Bool(false)),
            "initial_scale" | "dynamic_growth_steps" => both("loss_scale", Argument::Text("none".into())),
            _ => false,
        };
        if idle || theirs.as_ref() == Some(ours) {
            continue;
        }
        let (a, b) = (source.form.form.dialect, target.form.form.dialect);
        all.push(match theirs {
            Some(theirs) => format!("`{name}` is {ours} in {a}, and {theirs} in {b}"),
            None => format!("`{name}` is {ours} in {a}; {b} has no such argument"),
        });
    }
    for of in [|form: &Form| form.epsilon, |form: &Form| form.note] {
        if of(&source.form.form) != of(&target.form.form) {
            for form in [&source.form.form, &target.form.form].into_iter().filter(|form| !of(form).is_empty()) {
                all.push(format!("{}: {}", form.dialect, of(form)));
            }
        }
    }
    all
}

/// Where an optimizer is after the updates: θ, and the weights to evaluate with.
#[derive(Clone)]
struct End {
    start: Vec<f64>,
    theta: Vec<f64>,
    evaluated: Vec<f64>,
}

/// How large gradients are, so that what clips them does.
fn scale(optimizers: &[&Optimizer]) -> f64 {
    let bound = |o: &&Optimizer| match o.around.clip {
        Clip::None => 1.0,
        Clip::Value(x) | Clip::Norm(x) | Clip::GlobalNorm(x) => 2.0 * x,
    };
    optimizers.iter().map(bound).fold(1.0, f64::max)
}

/// A matrix and a vector, and gradients of both signs, zeros among them, from `scale` down to a millionth of it. The rate
/// has the factor `late` in the second half.
fn walk(optimizer: &Optimizer, scale: f64, late: f64) -> Result<End> {
    const SHAPES: [(&str, &[usize]); 2] = [("matrix", &[4, 3]), ("vector", &[5])];
    let draw = |name: &str, step: u64, len: usize, scaled: bool| -> Vec<f64> {
        let stream = Stream::named(0, name).part(step);
        let size = |i: usize| if scaled { scale * 100f64.powi(-((i % 4) as i32)) } else { 1.0 };
        let quiet = |i: usize| scaled && (step as usize + i).is_multiple_of(7);
        let of = |i: usize| if quiet(i) { 0.0 } else { 2.0 * (stream.uniform(i as u64) - 0.5) * size(i) };
        (0..len).map(of).collect()
    };
    let lengths = SHAPES.map(|(name, shape)| (name, shape, shape.iter().product::<usize>()));
    let start: Vec<_> = lengths
        .iter()
        .map(|&(name, shape, len)| (name.to_owned(), shape.to_vec(), draw(name, 0, len, false)))
        .collect();
    let mut walk = Walk::new(optimizer, start.clone())?;
    let batches = optimizer.around.accumulation;
    let mut sums: Vec<Vec<f64>> = lengths.iter().map(|l| vec![0.0; l.2]).collect();
    for step in 0..STEPS {
        for (sum, &(name, _, len)) in sums.iter_mut().zip(&lengths) {
            let drawn = draw(name, step as u64 + 1, len, true);
            sum.iter_mut().zip(drawn).for_each(|(sum, g)| *sum += g / batches as f64);
        }
        if (step + 1) % batches == 0 {
            let factor = if step < STEPS / 2 { 1.0 } else { late };
            walk.step(&sums, Pace { factor, ..Pace::default() })?;
            sums.iter_mut().for_each(|sum| sum.fill(0.0));
        }
    }
    let theta = [walk.theta(0), walk.theta(1)].concat();
    let evaluated = walk.evaluated()?.map_or_else(|| theta.clone(), |all| all.concat());
    if !theta.iter().chain(&evaluated).all(|x| x.is_finite()) {
        let message = format!("{}: within {STEPS} updates a number is not finite any more", optimizer.name);
        return Err(Error::new(Kind::NotFinite, "not-finite", message));
    }
    Ok(End { start: start.into_iter().flat_map(|s| s.2).collect(), theta, evaluated })
}

fn parting(a: &End, b: &End, may_be_equal: bool) -> Parting {
    let most = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
    let distance = most(&a.theta, &b.theta).max(most(&a.evaluated, &b.evaluated));
    let way = most(&a.theta, &a.start);
    let size = a.theta.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    Parting { distance, way, equal: may_be_equal && distance <= 1e-9 * way + 4e-15 * size }
}
