//! What every table of named things offers: list, find, explain, and an error that suggests the name that was meant.

use crate::error::{Error, Result};
use crate::length::{Length, WRITTEN};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A setting's value, as it stands in a recipe, a model file, or a `--set`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Argument {
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Words.
    Text(String),
    /// Several.
    List(Vec<Argument>),
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Argument::Bool(b) => write!(f, "{b}"),
            Argument::Int(i) => write!(f, "{i}"),
            Argument::Float(x) => write!(f, "{x:?}"),
            Argument::Text(s) => write!(f, "{s:?}"),
            Argument::List(l) => {
                f.write_str("[")?;
                for (i, a) in l.iter().enumerate() {
                    write!(f, "{}{a}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}

/// A setting's default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// There is none: the setting must be given.
    Required,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Words.
    Text(&'static str),
    /// Whole numbers.
    Ints(&'static [i64]),
    /// Several words.
    Texts(&'static [&'static str]),
    /// Numbers.
    Numbers(&'static [f64]),
}

impl Default {
    /// The value, if there is one.
    pub fn value(self) -> Option<Argument> {
        Some(match self {
            Default::Required => return None,
            Default::Bool(b) => Argument::Bool(b),
            Default::Int(i) => Argument::Int(i),
            Default::Float(x) => Argument::Float(x),
            Default::Text(s) => Argument::Text(s.into()),
            Default::Ints(l) => Argument::List(l.iter().map(|&i| Argument::Int(i)).collect()),
            Default::Texts(l) => Argument::List(l.iter().map(|&s| Argument::Text(s.into())).collect()),
            Default::Numbers(l) => Argument::List(l.iter().map(|&x| Argument::Float(x)).collect()),
        })
    }
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowed {
    /// `true` or `false`.
    Bool,
    /// A whole number from the first to the second.
    Int(i64, i64),
    /// Any finite number.
    Number,
    /// A finite number > 0.
    Positive,
    /// A finite number ≥ 0.
    NotNegative,
    /// A number in [0, 1).
    Fraction,
    /// A finite number of at least this.
    AtLeast(f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any words (a name that another table checks).
    Text,
    /// Whole numbers, each from the first to the second.
    Ints(i64, i64),
    /// Any words, several.
    Texts,
    /// A whole number from the first to the second, or one of these words.
    IntOr(i64, i64, &'static [&'static str]),
    /// A whole number from the first to the second, or a list of such, or one of these words.
    IntOrInts(i64, i64, &'static [&'static str]),
    /// A finite number of at least 0, or one of these words.
    NotNegativeOr(&'static [&'static str]),
    /// Numbers, all finite.
    Numbers,
    /// A number, or a list of two in order, each from the first to the second.
    Range(f64, f64),
    /// As a range, or one of these words.
    RangeOr(f64, f64, &'static [&'static str]),
    /// A number, or a list of two, each from the first to the second.
    Pair(f64, f64),
    /// A finite number, or one of these words.
    NumberOr(&'static [&'static str]),
    /// A [`Length`].
    Length,
    /// A [`Length`] above 0, or one of these words.
    LengthOr(&'static [&'static str]),
    /// [`Length`]s.
    Lengths,
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Allowed::Bool => f.write_str("true or false"),
            Allowed::Int(lo, i64::MAX) => write!(f, "a whole number of at least {lo}"),
            Allowed::Int(lo, hi) => write!(f, "a whole number from {lo} to {hi}"),
            Allowed::Number => f.write_str("a finite number"),
            Allowed::Positive => f.write_str("a finite number above 0"),
            Allowed::NotNegative => f.write_str("a finite number of at least 0"),
            Allowed::Fraction => f.write_str("a number from 0 to below 1"),
            Allowed::AtLeast(least) => write!(f, "a finite number of at least {least}"),
            Allowed::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Allowed::Text => f.write_str("a name"),
            Allowed::Ints(lo, i64::MAX) => write!(f, "a list of whole numbers of at least {lo}"),
            Allowed::Ints(lo, hi) => write!(f, "a list of whole numbers from {lo} to {hi}"),
            Allowed::Texts => f.write_str("a list of names"),
            Allowed::IntOr(lo, hi, words) => write!(f, "{}, or {}", Allowed::Int(*lo, *hi), words.join(", or ")),
            Allowed::IntOrInts(lo, hi, words) => {
                match hi {
                    &i64::MAX => write!(f, "a whole number of at least {lo}, or a list of them")?,
                    hi => write!(f, "a whole number from {lo} to {hi}, or a list of them")?,
                }
                words.iter().try_for_each(|w| write!(f, ", or {w}"))
            }
            Allowed::NotNegativeOr(words) => write!(f, "a finite number of at least 0, or {}", words.join(", or ")),
            Allowed::Numbers => f.write_str("a list of finite numbers"),
            Allowed::Range(lo, hi) => write!(f, "a number or a list of two, the lower first, from {lo} to {hi}"),
            Allowed::RangeOr(lo, hi, words) => write!(f, "{}; or {}", Allowed::Range(*lo, *hi), words.join(", or ")),
            Allowed::Pair(lo, hi) => write!(f, "a number or a list of two, from {lo} to {hi}"),
            Allowed::NumberOr(words) => write!(f, "a finite number, or {}", words.join(", or ")),
            Allowed::Length => write!(f, "a length of at least 0, as {WRITTEN}"),
            Allowed::LengthOr([]) => write!(f, "a length above 0, as {WRITTEN}"),
            Allowed::LengthOr(words) => write!(f, "a length above 0, as {WRITTEN}; or {}", words.join(", or ")),
            Allowed::Lengths => write!(f, "a list of lengths, each as {WRITTEN}"),
        }
    }
}

impl Allowed {
    /// The value in the setting's own type (a whole number where a number is asked for becomes one), or nothing.
    pub fn accept(self, value: Argument) -> Option<Argument> {
        if let Allowed::RangeOr(lo, hi, words) = self {
            let word = matches!(&value, Argument::Text(s) if words.contains(&s.as_str()));
            return if word { Some(value) } else { Allowed::Range(lo, hi).accept(value) };
        }
        let value = match (self, value) {
            (
                Allowed::Number
                | Allowed::Positive
                | Allowed::NotNegative
                | Allowed::NotNegativeOr(_)
                | Allowed::Fraction
                | Allowed::AtLeast(_)
                | Allowed::Range(..)
                | Allowed::Pair(..)
                | Allowed::NumberOr(_),
                Argument::Int(i),
            ) => Argument::Float(i as f64),
            (Allowed::Numbers | Allowed::Range(..) | Allowed::Pair(..), Argument::List(list)) => {
                let float = |a| if let Argument::Int(i) = a { Argument::Float(i as f64) } else { a };
                Argument::List(list.into_iter().map(float).collect())
            }
            (_, value) => value,
        };
        let fits = match (self, &value) {
            (Allowed::Bool, Argument::Bool(_)) | (Allowed::Text, Argument::Text(_)) => true,
            (Allowed::Int(lo, hi), Argument::Int(i)) => (lo..=hi).contains(i),
            (Allowed::Number, Argument::Float(x)) => x.is_finite(),
            (Allowed::Positive, Argument::Float(x)) => x.is_finite() && *x > 0.0,
            (Allowed::NotNegative, Argument::Float(x)) => x.is_finite() && *x >= 0.0,
            (Allowed::AtLeast(least), Argument::Float(x)) => x.is_finite() && *x >= least,
            (Allowed::Fraction, Argument::Float(x)) => (0.0..1.0).contains(x),
            (
                Allowed::OneOf(words)
                | Allowed::IntOr(_, _, words)
                | Allowed::IntOrInts(_, _, words)
                | Allowed::NotNegativeOr(words),
                Argument::Text(s),
            ) => words.contains(&s.as_str()),
            (Allowed::IntOr(lo, hi, _) | Allowed::IntOrInts(lo, hi, _), Argument::Int(i)) => (lo..=hi).contains(i),
            (Allowed::NotNegativeOr(_), Argument::Float(x)) => x.is_finite() && *x >= 0.0,
            (Allowed::Numbers, Argument::List(l)) => l.iter().all(|a| matches!(a, Argument::Float(x) if x.is_finite())),
            (Allowed::Range(lo, hi) | Allowed::Pair(lo, hi), Argument::Float(x)) => lo <= *x && *x <= hi,
            (Allowed::Pair(lo, hi), Argument::List(l)) if l.len() == 2 => {
                l.iter().all(|a| matches!(a, Argument::Float(x) if lo <= *x && *x <= hi))
            }
            (Allowed::NumberOr(_), Argument::Float(x)) => x.is_finite(),
            (Allowed::NumberOr(words), Argument::Text(s)) => words.contains(&s.as_str()),
            (Allowed::Range(lo, hi), Argument::List(l)) => match l.as_slice() {
                [Argument::Float(a), Argument::Float(b)] => lo <= *a && a <= b && *b <= hi,
                _ => false,
            },
            (Allowed::LengthOr(words), Argument::Text(s)) if words.contains(&s.as_str()) => true,
            (Allowed::LengthOr(_), a) => length(a).is_some_and(|l| l.amount() > 0.0),
            (Allowed::Length, a) => length(a).is_some(),
            (Allowed::Lengths, Argument::List(l)) => l.iter().all(|a| length(a).is_some()),
            (Allowed::Texts, Argument::List(l)) => l.iter().all(|a| matches!(a, Argument::Text(_))),
            (Allowed::Ints(lo, hi) | Allowed::IntOrInts(lo, hi, _), Argument::List(l)) => {
                l.iter().all(|a| matches!(a, Argument::Int(i) if (lo..=hi).contains(i)))
            }
            _ => false,
        };
        fits.then_some(value)
    }
}

/// The upper limit of whole numbers that have no other one, where a value is above it.
fn most(allowed: Allowed, value: &Argument) -> String {
    let whole = matches!(allowed, Allowed::Int(_, i64::MAX) | Allowed::IntOr(_, i64::MAX, _));
    let number = match value {
        Argument::Float(x) => *x,
        Argument::Text(digits) => digits.parse().unwrap_or(0.0),
        _ => 0.0,
    };
    if whole && number >= i64::MAX as f64 { format!(", and at most {}", i64::MAX) } else { String::new() }
}

/// The length that a value says, if it says one; a number alone counts steps.
fn length(value: &Argument) -> Option<Length> {
    match value {
        Argument::Int(_) | Argument::Float(_) => value.to_string().parse().ok(),
        Argument::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// One setting of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Keras' word where Keras has one.
    pub name: &'static str,
    /// What it is when not given.
    pub default: Default,
    /// What it may be.
    pub allowed: Allowed,
    /// What it does, in one line.
    pub doc: &'static str,
}

/// An entry's settings with every value filled in and checked, in the order of the entry's list.
#[derive(Clone, Debug, PartialEq, std::default::Default)]
pub struct Settings(Vec<(&'static str, Argument)>);

impl Settings {
    /// From values that are right by construction.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (&'static str, Argument)>) -> Self {
        Settings(pairs.into_iter().collect())
    }
    /// Checks what is `given` against the list and fills in defaults. `what` names the entry in errors.
    pub fn resolve(what: &str, list: &'static [Setting], given: &[(String, Argument)]) -> Result<Self> {
        Self::resolve_all(what, &list.iter().collect::<Vec<_>>(), given)
    }
    fn resolve_all(what: &str, list: &[&'static Setting], given: &[(String, Argument)]) -> Result<Self> {
        for (name, _) in given {
            if !list.iter().any(|s| s.name == name) {
                let names: Vec<_> = list.iter().map(|s| s.name).collect();
                return Err(Error::name(
                    "unknown-setting",
                    format!("{what}: no setting `{name}`{}", suggest(name, &names)),
                ));
            }
        }
        let resolve = |s: &&'static Setting| match given.iter().rfind(|(name, _)| name == s.name) {
            Some((_, value)) => s.allowed.accept(value.clone()).map(|v| (s.name, v)).ok_or_else(|| {
                let message =
                    format!("{what}: `{}` is {value}; allowed is {}{}", s.name, s.allowed, most(s.allowed, value));
                Error::value("value-not-allowed", message)
            }),
            None => s.default.value().map(|v| (s.name, v)).ok_or_else(|| {
                Error::value("value-missing", format!("{what}: `{}` is missing; it is {}", s.name, s.allowed))
            }),
        };
        list.iter().map(resolve).collect::<Result<_>>().map(Settings)
    }
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Argument)> {
        self.0.iter().map(|(n, v)| (*n, v))
    }
    /// One of them.
    pub fn get(&self, name: &str) -> Option<&Argument> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }
    /// A number. Panics if there is none of that name: the entry's list and its constructor disagree.
    pub fn f64(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(Argument::Float(x)) => *x,
            other => panic!("setting `{name}` is {other:?}, not a number"),
        }
    }
    /// A whole number; panics like [`Settings::f64`].
    pub fn usize(&self, name: &str) -> usize {
        match self.get(name) {
            Some(Argument::Int(i)) => usize::try_from(*i).expect("the setting's range is not negative"),
            other => panic!("setting `{name}` is {other:?}, not a whole number"),
        }
    }
    /// A truth value; panics like [`Settings::f64`].
    pub fn bool(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Argument::Bool(b)) => *b,
            other => panic!("setting `{name}` is {other:?}, not true or false"),
        }
    }
    /// Words; panics like [`Settings::f64`].
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Argument::Text(s)) => s,
            other => panic!("setting `{name}` is {other:?}, not text"),
        }
    }
    /// Whole numbers; panics like [`Settings::f64`].
    pub fn ints(&self, name: &str) -> Vec<usize> {
        match self.get(name) {
            Some(Argument::List(l)) => l
                .iter()
                .map(|a| match a {
                    Argument::Int(i) => usize::try_from(*i).expect("the setting's range is not negative"),
                    other => panic!("setting `{name}` holds {other:?}, not a whole number"),
                })
                .collect(),
            other => panic!("setting `{name}` is {other:?}, not a list"),
        }
    }
    /// One whole number or several, of either sign, or nothing where a word stands in their place; panics like
    /// [`Settings::f64`].
    pub fn int_or_ints(&self, name: &str) -> Option<Vec<i64>> {
        let int = |a: &Argument| match a {
            Argument::Int(i) => *i,
            other => panic!("setting `{name}` holds {other:?}, not a whole number"),
        };
        match self.get(name) {
            Some(Argument::List(l)) => Some(l.iter().map(int).collect()),
            Some(Argument::Text(_)) => None,
            Some(one) => Some(vec![int(one)]),
            None => panic!("there is no setting `{name}`"),
        }
    }
    /// A number, or nothing where a word stands in its place; panics like [`Settings::f64`].
    pub fn f64_or_word(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(Argument::Text(_)) => None,
            _ => Some(self.f64(name)),
        }
    }
    /// A length, or nothing where a word stands in its place; panics like [`Settings::f64`].
    pub fn length(&self, name: &str) -> Option<Length> {
        length(self.get(name).unwrap_or_else(|| panic!("there is no setting `{name}`")))
    }
    /// Lengths; panics like [`Settings::f64`].
    pub fn lengths(&self, name: &str) -> Vec<Length> {
        match self.get(name) {
            Some(Argument::List(l)) => l.iter().map(|a| length(a).expect("each is a length")).collect(),
            other => panic!("setting `{name}` is {other:?}, not a list"),
        }
    }
    /// Numbers; panics like [`Settings::f64`].
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        match self.get(name) {
            Some(Argument::List(l)) => l
                .iter()
                .map(|a| match a {
                    Argument::Float(x) => *x,
                    other => panic!("setting `{name}` holds {other:?}, not a number"),
                })
                .collect(),
            other => panic!("setting `{name}` is {other:?}, not a list"),
        }
    }
    /// The two ends of a range, or the one number that stands for it; panics like [`Settings::f64`].
    pub fn range(&self, name: &str) -> (f64, Option<f64>) {
        match self.get(name) {
            Some(Argument::List(_)) => match self.numbers(name).as_slice() {
                [a, b] => (*a, Some(*b)),
                other => panic!("setting `{name}` holds {other:?}, not two numbers"),
            },
            _ => (self.f64(name), None),
        }
    }
    /// Several words; panics like [`Settings::f64`].
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Argument::List(l)) => l
                .iter()
                .map(|a| match a {
                    Argument::Text(s) => s.clone(),
                    other => panic!("setting `{name}` holds {other:?}, not text"),
                })
                .collect(),
            other => panic!("setting `{name}` is {other:?}, not a list"),
        }
    }
}

/// What there is to say about an entry; `schuss explain` prints it.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What it does, in one line.
    pub summary: &'static str,
    /// The equation, one line each.
    pub equation: &'static str,
    /// Paper, section, equation or algorithm number.
    pub source: &'static str,
    /// Which published form this is, and where defaults of others differ.
    pub differs: &'static str,
}

/// One line of a table.
#[derive(Clone, Copy)]
pub struct Entry<T> {
    /// The name on the command line; also the file's name.
    pub name: &'static str,
    /// Its documentation.
    pub page: Page,
    /// Its settings.
    pub settings: &'static [Setting],
    /// Makes one from checked settings. An error is about settings that do not go together.
    pub make: fn(&Settings) -> Result<T>,
}

/// A table. It is a value: a user's own entries are added with [`Registry::add`].
#[derive(Clone)]
pub struct Registry<T> {
    kind: &'static str,
    entries: Vec<Entry<T>>,
    common: &'static [Setting],
    aliases: Vec<(&'static str, &'static str)>,
}

impl<T> Registry<T> {
    /// A table of `kind` (one word: `optimizer`, `loss` …).
    pub fn new(kind: &'static str, entries: impl IntoIterator<Item = Entry<T>>) -> Self {
        Registry { kind, entries: entries.into_iter().collect(), common: &[], aliases: Vec::new() }
    }
    /// The same table, where every entry takes these settings too. An entry's own setting of the same name stands in
    /// its place.
    pub fn with_common(self, common: &'static [Setting]) -> Self {
        Registry { common, ..self }
    }
    /// Settings that every entry takes.
    pub fn common(&self) -> &'static [Setting] {
        self.common
    }
    /// The same table, where entries are found under other names too: pairs of an alias and an entry's name.
    pub fn with_aliases(mut self, aliases: &[(&'static str, &'static str)]) -> Self {
        self.aliases.extend(aliases);
        self
    }
    /// What the table lists.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
    /// Adds an entry, or replaces the one of that name.
    pub fn add(&mut self, entry: Entry<T>) {
        self.entries.retain(|e| e.name != entry.name);
        self.entries.push(entry);
    }
    /// All entries, in the table's order.
    pub fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }
    /// All pairs of an alias and the name it stands for.
    pub fn aliases(&self) -> &[(&'static str, &'static str)] {
        &self.aliases
    }
    /// All names, in the table's order.
    pub fn names(&self) -> Vec<&'static str> {
        self.entries.iter().map(|e| e.name).collect()
    }
    /// The entry of that name or alias, or an error that suggests one.
    pub fn find(&self, name: &str) -> Result<&Entry<T>> {
        let name = self.aliases.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, full)| full);
        self.entries.iter().find(|e| e.name == name).ok_or_else(|| {
            let code = "unknown-name";
            Error::name(code, format!("no {} `{name}`{}", self.kind, suggest(name, &self.names())))
        })
    }
    /// Makes the thing of that name with what is given, defaults for the rest.
    pub fn make(&self, name: &str, given: &[(String, Argument)]) -> Result<T> {
        let entry = self.find(name)?;
        let settings = self.resolve(entry, given)?;
        (entry.make)(&settings).map_err(|e| e.at(format!("{} {}", self.kind, entry.name)))
    }
    /// All settings of an entry, its own and those that every entry takes: what is given, defaults for the rest.
    pub fn resolve(&self, entry: &Entry<T>, given: &[(String, Argument)]) -> Result<Settings> {
        let common = self.common.iter().filter(|c| !entry.settings.iter().any(|s| s.name == c.name));
        let list: Vec<&Setting> = entry.settings.iter().chain(common).collect();
        Settings::resolve_all(&format!("{} {}", self.kind, entry.name), &list, given)
    }
}

/// `; did you mean …?` if a name is near, and what there is; of long lists (a table's columns) the first names only.
pub fn suggest(name: &str, names: &[&str]) -> String {
    const LOOKED_AT: usize = 1000;
    const SHOWN: usize = 40;
    let near = names.iter().take(LOOKED_AT).map(|n| (distance(name, n), n)).min();
    let all = match names.get(..SHOWN) {
        _ if names.is_empty() => "there are none".into(),
        Some(first) if names.len() > SHOWN => format!("there are {} … ({} in all)", first.join(", "), names.len()),
        _ => format!("there are {}", names.join(", ")),
    };
    match near {
        // What has not a letter in common is not near.
        Some((d, n)) if d <= 1 + name.chars().count() / 3 && d < name.chars().count().max(n.chars().count()) => {
            format!("; did you mean `{n}`? ({all})")
        }
        _ => format!("; {all}"),
    }
}

/// Changes of one character (swapped neighbours count once) that lead from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = change.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(d[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    d[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested() {
        assert!(suggest("adma", &["sgd", "adam"]).contains("did you mean `adam`"));
        assert!(!suggest("xyzzy", &["sgd", "adam"]).contains("did you mean"));
        assert!(!suggest("y", &["a", "b"]).contains("did you mean"));
        assert!(suggest("y", &["a", "Y"]).contains("did you mean `Y`"));
        assert_eq!(distance("nadma", "nadam"), 1);
        let many: Vec<String> = (0..41).map(|i| format!("column{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(suggest("x", &many).ends_with("column39 … (41 in all)"));
        assert!(suggest("x", &many[..40]).ends_with("column39"));
    }

    #[test]
    fn settings_are_checked_and_filled_in() {
        const LIST: &[Setting] = &[
            Setting { name: "rate", default: Default::Float(0.1), allowed: Allowed::Positive, doc: "" },
            Setting { name: "units", default: Default::Required, allowed: Allowed::Int(1, i64::MAX), doc: "" },
        ];
        let given =
            |pairs: &[(&str, Argument)]| pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect::<Vec<_>>();
        let s =
            Settings::resolve("x", LIST, &given(&[("units", Argument::Int(3)), ("rate", Argument::Int(2))])).unwrap();
        assert_eq!((s.f64("rate"), s.usize("units")), (2.0, 3));
        let code = |g: &[(&str, Argument)]| Settings::resolve("x", LIST, &given(g)).unwrap_err().code();
        assert_eq!(code(&[]), "value-missing");
        assert_eq!(code(&[("unit", Argument::Int(3))]), "unknown-setting");
        assert_eq!(code(&[("units", Argument::Int(0))]), "value-not-allowed");
        let large = Settings::resolve("x", LIST, &given(&[("units", Argument::Text("18446744073709551615".into()))]));
        assert!(large.unwrap_err().message().ends_with("at least 1, and at most 9223372036854775807"));
        assert_eq!(code(&[("units", Argument::Int(1)), ("rate", Argument::Float(f64::NAN))]), "value-not-allowed");
    }
}
