//! What is known of the forms that optimizers have in other libraries: calls are read by it, and written.

use crate::error::{Error, Result};
use crate::lab::call::{Call, Given, Literal};
use crate::optimizers::{self, Dialect, FORMS, Form, Optimizer, To};
use crate::registry::{Allowed, Argument, Registry, Setting, suggest};
use std::collections::BTreeMap;

/// A parameter of a signature.
#[derive(Clone, Debug)]
struct Parameter {
    name: &'static str,
    default: Option<Literal>,
    by_name: bool,
    to: To,
}

/// A form whose signature has been read.
#[derive(Clone, Debug)]
pub struct Known {
    pub form: Form,
    pub name: String,
    parameters: Vec<Parameter>,
}

/// Settings of a rule, and what its form says that it has no setting for.
pub type Values = BTreeMap<&'static str, Argument>;

/// An optimizer as it was read.
pub struct Read {
    pub form: Known,
    /// As it was understood.
    pub text: String,
    pub settings: Values,
    pub optimizer: Optimizer,
}

/// All forms.
pub struct Book {
    optimizers: Registry<Optimizer>,
    pub forms: Vec<Known>,
}

/// In Optax, what stands before an optimizer in a chain, and what it sets.
const BEFORE: [(&str, &str); 3] =
    [("clip", "clipvalue"), ("clip_by_global_norm", "global_clipnorm"), ("add_decayed_weights", "weight_decay")];
const CHAIN: &str = "chain";

impl Book {
    pub fn new() -> Result<Self> {
        let optimizers = optimizers::registry();
        let mut forms = Vec::new();
        for form in FORMS {
            let entry = optimizers.find(form.rule)?;
            let has = |name: &str| entry.settings.iter().chain(optimizers.common()).any(|s| s.name == name);
            let call = Call::read(form.signature)?;
            let mut by_name = false;
            let mut parameters = Vec::new();
            for given in call.arguments {
                let (name, default) = match (given.name, given.value) {
                    (Some(name), value) => (name, Some(value)),
                    (None, Literal::Name(name)) => (name, None),
                    (None, other) => unreachable!("a parameter has a name, not {other}"),
                };
                if name == "*" {
                    by_name = true;
                    continue;
                }
                // As it stands in the table, which outlives us.
                let at = form.signature.find(&name).expect("it was read from there");
                let name = &form.signature[at..at + name.len()];
                parameters.push(Parameter { name, default, by_name, to: form.to(name, has) });
            }
            forms.push(Known { form: *form, name: call.name, parameters });
        }
        // Rules that no library here has, and presets: by their own names.
        for entry in optimizers.entries() {
            if FORMS.iter().any(|f| f.rule == entry.name) {
                continue;
            }
            let made = optimizers.make(entry.name, &[])?;
            let family = FORMS.iter().find(|f| f.rule == made.rule.name()).map_or(made.rule.name(), |f| f.family);
            let form = Form {
                dialect: Dialect::Paper,
                family,
                rule: entry.name,
                signature: entry.name,
                to: &[],
                only: &[],
                fixed: &[],
                epsilon: "",
                note: "",
            };
            let of = |s: &Setting| Parameter {
                name: s.name,
                default: s.default.value().map(literal),
                by_name: false,
                to: To::One(s.name),
            };
            let name = entry.name.replace(':', "_");
            forms.push(Known { form, name, parameters: entry.settings.iter().map(of).collect() });
        }
        Ok(Book { optimizers, forms })
    }

    /// What a call means.
    pub fn read(&self, call: &Call, dialect: Dialect) -> Result<Read> {
        let (call, around) = match dialect {
            Dialect::Optax if call.name == CHAIN => self.before(call)?,
            _ => (call, Values::new()),
        };
        let named: Vec<&Known> =
            self.forms.iter().filter(|f| f.form.dialect == dialect && f.name == call.name).collect();
        let Some(first) = named.first() else {
            let mut names: Vec<&str> =
                self.forms.iter().filter(|f| f.form.dialect == dialect).map(|f| f.name.as_str()).collect();
            names.dedup();
            let message = format!(
                "column {}: {dialect} has no optimizer `{}`{}",
                call.at,
                call.name,
                suggest(&call.name, &names)
            );
            return Err(Error::name("unknown-name", message));
        };
        let bound = first.bind(call)?;
        let fits = |f: &&&Known| {
            f.form.only.iter().all(|(name, value)| {
                let found = bound.iter().find(|(p, _)| p.name == *name).map(|(_, g)| g.value.to_string());
                let default = f.default(name).map(Literal::to_string);
                found.or(default).as_deref() == Some(value)
            })
        };
        let chosen = named.iter().filter(fits).max_by_key(|f| f.form.only.len());
        let form = chosen.copied().unwrap_or(first);
        let entry = self.optimizers.find(form.form.rule)?;
        let all: Vec<&Setting> = entry.settings.iter().chain(self.optimizers.common()).collect();
        let setting = |name: &str| all.iter().find(|s| s.name == name).copied();
        let mut values = Values::new();
        for p in &form.parameters {
            let given = bound.iter().find(|(other, _)| other.name == p.name).map(|(_, given)| *given);
            let chosen = form.form.only.iter().any(|(name, _)| *name == p.name);
            let Some(value) = given.map(|g| &g.value).or(p.default.as_ref()) else {
                let message = format!("column {}: {}: `{}` is missing; it has no default", call.at, call.name, p.name);
                return Err(Error::value("value-missing", message));
            };
            let at = given.map_or(call.at, |g| g.at);
            let place = format!("column {at}: {}: `{}` is {value}", call.name, p.name);
            match p.to {
                To::Nothing => {}
                To::Only if chosen || Some(value) == p.default.as_ref() => {}
                To::Only => {
                    let only = p.default.as_ref().expect("what has no setting has a default");
                    return Err(Error::value("not-offered", format!("{place}; offered is {only} alone")));
                }
                to => {
                    for (name, argument) in spread(to, value, p.default.as_ref(), &setting, &place)? {
                        match values.get(name) {
                            Some(old) if *old != argument => {
                                let message = format!("{place}; offered is {old} alone, as of another argument");
                                return Err(Error::value("not-offered", message));
                            }
                            _ => values.insert(name, argument),
                        };
                    }
                }
            }
        }
        // θ shrinks by the argument itself, not by the rate times it.
        for p in &form.parameters {
            if let To::Product(a, b) = p.to
                && let (Some(Argument::Float(product)), Some(Argument::Float(by))) = (values.get(a), values.get(b))
            {
                let share = if *by == 0.0 { 0.0 } else { product / by };
                values.insert(a, Argument::Float(share));
            }
        }
        let decays = |v: &Values| matches!(v.get("weight_decay"), Some(Argument::Float(x)) if *x > 0.0);
        if decays(&around) && decays(&values) {
            let message = format!("column {}: {} decays by itself; allowed is one kind of decay", call.at, call.name);
            return Err(Error::value("not-offered", message));
        }
        values.extend(form.form.fixed.iter().map(|(name, x)| (*name, x.value().expect("it has a value"))));
        values.extend(around);
        let given = values.iter().filter(|(name, _)| setting(name).is_some());
        let given: Vec<_> = given.map(|(name, x)| ((*name).to_owned(), x.clone())).collect();
        let place = |e: Error| e.at(format!("column {}: {}", call.at, call.name));
        for (name, value) in self.optimizers.resolve(entry, &given).map_err(place)?.iter() {
            values.insert(name, value.clone());
        }
        let optimizer = self.optimizers.make(entry.name, &given).map_err(place)?;
        let text = form.write(&values).to_string();
        Ok(Read { form: form.clone(), text, settings: values, optimizer })
    }

    /// What stands in a chain of Optax.
    fn before<'a>(&self, call: &'a Call) -> Result<(&'a Call, Values)> {
        let wrong = |at: usize, found: &dyn std::fmt::Display| {
            let names: Vec<&str> = BEFORE.iter().map(|b| b.0).collect();
            let allowed = format!("{} with a number each, in this order, then an optimizer", names.join(", "));
            Error::value("not-offered", format!("column {at}: {CHAIN}: there is {found}; offered is {allowed}"))
        };
        let mut values = Values::new();
        let mut next = 0;
        let Some((optimizer, before)) = call.arguments.split_last() else {
            return Err(wrong(call.at, &"nothing"));
        };
        for given in before {
            let Literal::Call(part) = &given.value else { return Err(wrong(given.at, &given.value)) };
            let place = BEFORE.iter().position(|b| b.0 == part.name).filter(|&i| i >= next);
            let number = match part.arguments.as_slice() {
                [Given { name: None, value: Literal::Float(x), .. }] if *x > 0.0 => Some(*x),
                [Given { name: None, value: Literal::Int(i), .. }] if *i > 0 => Some(*i as f64),
                _ => None,
            };
            let (Some(place), Some(number)) = (place, number) else { return Err(wrong(given.at, part)) };
            values.insert(BEFORE[place].1, Argument::Float(number));
            if BEFORE[place].1 == "weight_decay" {
                values.insert("decay", Argument::Text("l2".into()));
            }
            next = place + 1;
        }
        match &optimizer.value {
            Literal::Call(optimizer) if optimizer.name != CHAIN => Ok((optimizer, values)),
            other => Err(wrong(optimizer.at, other)),
        }
    }
}

impl Known {
    fn default(&self, name: &str) -> Option<&Literal> {
        self.parameters.iter().find(|p| p.name == name).and_then(|p| p.default.as_ref())
    }

    /// Which argument is for which parameter.
    fn bind<'a>(&'a self, call: &'a Call) -> Result<Vec<(&'a Parameter, &'a Given)>> {
        let mut bound: Vec<(&Parameter, &Given)> = Vec::new();
        let mut places = self.parameters.iter().filter(|p| !p.by_name);
        for (i, given) in call.arguments.iter().enumerate() {
            let place = format!("column {}: {}", given.at, call.name);
            let parameter = match &given.name {
                // PyTorch's first one: whose parameters.
                None if i == 0 && self.form.dialect == Dialect::Torch && matches!(given.value, Literal::Name(_)) => {
                    continue;
                }
                Some(name) if name == "params" && self.form.dialect == Dialect::Torch => continue,
                None => places.next().ok_or_else(|| {
                    let most = self.parameters.iter().filter(|p| !p.by_name).count();
                    let message = format!("{place}: there is one argument more; allowed are {most} without a name");
                    Error::value("too-many-arguments", message)
                })?,
                Some(name) => self.parameters.iter().find(|p| p.name == name).ok_or_else(|| {
                    let names: Vec<&str> = self.parameters.iter().map(|p| p.name).collect();
                    Error::name(
                        "unknown-argument",
                        format!("{place} has no argument `{name}`{}", suggest(name, &names)),
                    )
                })?,
            };
            if bound.iter().any(|(p, _)| p.name == parameter.name) {
                let message = format!("{place}: `{}` is given twice; allowed is once", parameter.name);
                return Err(Error::value("argument-twice", message));
            }
            bound.push((parameter, given));
        }
        Ok(bound)
    }

    /// The call that says these settings, as far as it can.
    pub fn write(&self, settings: &Values) -> Call {
        let float = |name: &str| match settings.get(name) {
            Some(Argument::Float(x)) => Some(*x),
            _ => None,
        };
        let l2 = matches!(settings.get("decay"), Some(Argument::Text(kind)) if kind == "l2");
        let optax = self.form.dialect == Dialect::Optax;
        let says_decay = self.parameters.iter().any(|p| p.to == To::One("weight_decay"));
        let its_own = self.form.fixed.iter().any(|f| f.0 == "decay") || !self.form.rule.ends_with(":torch");
        let chained_decay = optax && l2 && (!says_decay || its_own) && self.form.family != "lars";
        let mut call = Call { name: self.name.clone(), arguments: Vec::new(), at: 1 };
        for p in &self.parameters {
            let of = |name: &str| settings.get(name).cloned().map(literal);
            let chosen = self.form.only.iter().find(|(name, _)| *name == p.name);
            let value = match p.to {
                To::Nothing => None,
                To::Only => chosen.map(|(_, value)| word(value)),
                To::One("weight_decay") if chained_decay => Some(Literal::Float(0.0)),
                To::One(name) => of(name),
                To::Both(names) => of(names[0]),
                To::Times(factor, name) => float(name).map(|x| Literal::Float(factor * x)),
                To::Product(a, b) => float(a).zip(float(b)).map(|(a, b)| Literal::Float(rounded(a * b))),
                To::Tuple(names) => names.iter().map(|name| of(name)).collect::<Option<Vec<_>>>().map(Literal::Tuple),
            };
            let rate = matches!(p.to, To::One("learning_rate"));
            let usual = |v: &Literal| p.default.as_ref().is_some_and(|d| same(v, d, p.to));
            match value {
                Some(value) if rate || !usual(&value) => {
                    call.arguments.push(Given { name: Some(p.name.into()), value, at: 1 });
                }
                None if p.default.is_none() => {
                    call.arguments.push(Given { name: Some(p.name.into()), value: Literal::Float(0.0), at: 1 });
                }
                _ => {}
            }
        }
        if optax {
            let part = |(name, setting): &(&str, &str)| {
                let x = float(setting).filter(|&x| x > 0.0 && (*setting != "weight_decay" || chained_decay))?;
                let value = Given { name: None, value: Literal::Float(x), at: 1 };
                Some(Call { name: (*name).into(), arguments: vec![value], at: 1 })
            };
            let mut chain: Vec<Call> = BEFORE.iter().filter_map(part).collect();
            if !chain.is_empty() {
                chain.push(call);
                let given = |call| Given { name: None, value: Literal::Call(call), at: 1 };
                call = Call { name: CHAIN.into(), arguments: chain.into_iter().map(given).collect(), at: 1 };
            }
        }
        call
    }
}

/// A product without the digits of rounding.
pub fn rounded(x: f64) -> f64 {
    format!("{x:.14e}").parse().expect("a number")
}

/// Does a value say what the default says?
fn same(value: &Literal, default: &Literal, to: To) -> bool {
    match (value, default) {
        // Not, or as is usual.
        (_, Literal::None) => match (value, to) {
            (Literal::Float(x), To::One("learning_rate")) => x.is_nan(),
            (Literal::Float(x), To::One("epsilon_1")) => *x == f64::from(f32::EPSILON),
            (Literal::Float(x), _) => *x == 0.0,
            (Literal::Int(i), To::One("gradient_accumulation_steps")) => *i == 1,
            (Literal::Int(i), _) => *i == 0,
            (Literal::Text(word), _) => word == "none" || word == "original",
            _ => false,
        },
        (Literal::Tuple(a), Literal::Tuple(b)) => {
            let To::Tuple(names) = to else { return false };
            let each = |((a, b), name): ((&Literal, &Literal), &&'static str)| same(a, b, To::One(name));
            a.len() == b.len() && a.iter().zip(b).zip(names).all(each)
        }
        (Literal::Float(a), Literal::Int(b)) => *a == *b as f64,
        (a, b) => a == b,
    }
}

/// The settings that an argument sets.
fn spread<'s>(
    to: To,
    value: &Literal,
    default: Option<&Literal>,
    setting: &impl Fn(&str) -> Option<&'s Setting>,
    place: &str,
) -> Result<Vec<(&'static str, Argument)>> {
    let one =
        |name: &'static str, value: &Literal, none: bool, factor: f64| -> Result<Option<(&'static str, Argument)>> {
            let setting = setting(name).unwrap_or_else(|| unreachable!("no setting {name}"));
            let word = matches!(setting.allowed, Allowed::OneOf(words) if words.contains(&"none"));
            let argument = match value {
                Literal::None if none && word => Some(Argument::Text("none".into())),
                // Not, or as is usual.
                Literal::None if none => return Ok(None),
                Literal::Bool(b) => Some(Argument::Bool(*b)),
                Literal::Int(i) if factor == 1.0 => Some(Argument::Int(*i)),
                Literal::Int(i) => Some(Argument::Float(*i as f64 / factor)),
                Literal::Float(x) => Some(Argument::Float(x / factor)),
                Literal::Text(s) => Some(Argument::Text(s.clone())),
                _ => None,
            };
            match argument.and_then(|a| setting.allowed.accept(a)) {
                Some(argument) => Ok(Some((name, argument))),
                None => {
                    let or = if none { ", or None" } else { "" };
                    Err(Error::value("value-not-allowed", format!("{place}; allowed is {}{or}", setting.allowed)))
                }
            }
        };
    let none = matches!(default, Some(Literal::None));
    Ok(match to {
        To::One(name) | To::Product(name, _) => one(name, value, none, 1.0)?.into_iter().collect(),
        To::Times(factor, name) => one(name, value, none, factor)?.into_iter().collect(),
        To::Both(names) => {
            let all = names.iter().map(|name| one(name, value, none, 1.0)).collect::<Result<Vec<_>>>()?;
            all.into_iter().flatten().collect()
        }
        To::Tuple(names) => match value {
            Literal::Tuple(values) if values.len() == names.len() => {
                let none = |i: usize| matches!(default, Some(Literal::Tuple(d)) if d[i] == Literal::None);
                let each = values.iter().zip(names).enumerate().map(|(i, (v, name))| one(name, v, none(i), 1.0));
                each.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect()
            }
            _ => {
                let message = format!("{place}; allowed are {} numbers in brackets", names.len());
                return Err(Error::value("value-not-allowed", message));
            }
        },
        To::Nothing | To::Only => Vec::new(),
    })
}

fn literal(argument: Argument) -> Literal {
    match argument {
        Argument::Bool(b) => Literal::Bool(b),
        Argument::Int(i) => Literal::Int(i),
        Argument::Float(x) => Literal::Float(x),
        Argument::Text(s) => Literal::Text(s),
        Argument::List(l) => Literal::Tuple(l.into_iter().map(literal).collect()),
    }
}

fn word(text: &str) -> Literal {
    match text {
        "True" => Literal::Bool(true),
        "False" => Literal::Bool(false),
        other => Literal::Name(other.into()),
    }
}
