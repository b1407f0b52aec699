//! Things of a table in words: `relu`, `l2(0.001)`, `l1_l2(l1=0.01, l2=0.001)`.
//!
//! So a thing with settings of its own stands as one text where another thing's setting asks for it, in a recipe, a
//! model file, or a builder. Inside the parentheses stand TOML values, either all by their place in the entry's list
//! or all by name.

use crate::error::{Error, Result};
use crate::registry::{Argument, Entry, Registry, Settings};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;

/// A thing of a table, given as itself or in words.
///
/// Words are looked up at once, but what is wrong with them is said when the thing is asked for, so that builders
/// chain: a layer with an activation that does not exist says so when the model is built.
#[derive(Clone)]
pub struct Choice<T> {
    words: String,
    thing: Result<T>,
}

impl<T> Choice<T> {
    /// The thing that these words name.
    pub fn from_words(table: &Registry<T>, words: &str) -> Self {
        match made(table, words) {
            Ok((words, thing)) => Choice { words, thing: Ok(thing) },
            Err(e) => Choice { words: words.to_owned(), thing: Err(e) },
        }
    }
    /// A thing of this name and these settings.
    pub fn new(kind: &str, settings: &Settings, thing: T) -> Self {
        Choice { words: in_words(kind, settings), thing: Ok(thing) }
    }
    /// The thing, or what is wrong with the words.
    pub fn get(&self) -> Result<&T> {
        self.thing.as_ref().map_err(Error::clone)
    }
    /// The words, with every setting.
    pub fn words(&self) -> &str {
        &self.words
    }
    /// The words as the value of a setting.
    pub fn argument(&self) -> Argument {
        Argument::Text(self.words.clone())
    }
}

impl<T> fmt::Debug for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// `name`, `name(value)` of a single setting, `name(setting=value, …)` of several.
pub fn in_words(kind: &str, settings: &Settings) -> String {
    let all: Vec<_> = settings.iter().collect();
    match all.as_slice() {
        [] => kind.to_owned(),
        [(_, value)] => format!("{kind}({value})"),
        several => {
            let pairs: Vec<String> = several.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{kind}({})", pairs.join(", "))
        }
    }
}

/// The thing and its complete words.
fn made<T>(table: &Registry<T>, words: &str) -> Result<(String, T)> {
    let (entry, given) = read(table, words)?;
    let settings = table.resolve(entry, &given)?;
    let thing = (entry.make)(&settings).map_err(|e| e.at(format!("{} {}", table.kind(), entry.name)))?;
    Ok((in_words(entry.name, &settings), thing))
}

/// The words of several things with commas between, each taken alone.
pub fn several(words: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut depth, mut quote) = (Vec::new(), 0, 0usize, None);
    for (at, c) in words.char_indices() {
        match (quote, c) {
            (Some(q), _) => quote = quote.filter(|_| c != q),
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                pieces.push(words[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(words[start..].trim());
    pieces
}

/// Settings as they are given, not yet looked at.
pub type Given = Vec<(String, Argument)>;

/// The entry that words name, and the settings that they give it.
pub fn read<'a, T>(table: &'a Registry<T>, words: &str) -> Result<(&'a Entry<T>, Given)> {
    let (name, inside) = match words.trim().split_once('(') {
        Some((name, rest)) => (name.trim_end(), rest.strip_suffix(')')),
        None => (words.trim(), Some("")),
    };
    let entry = table.find(name)?;
    let wrong = |why: &str| {
        let form = "written is `name`, `name(value, …)` or `name(setting=value, …)`";
        Error::value("words-not-understood", format!("{} `{words}`: {why}; {form}", table.kind()))
    };
    let inside = inside.ok_or_else(|| wrong("the last character is not `)`"))?;
    match (parsed::<Vec<Argument>>('[', inside, ']'), parsed::<BTreeMap<_, _>>('{', inside, '}')) {
        (Some(values), _) if values.len() > entry.settings.len() => {
            Err(wrong(&format!("more values than its {} settings", entry.settings.len())))
        }
        (Some(values), _) => Ok((entry, entry.settings.iter().map(|s| s.name.to_owned()).zip(values).collect())),
        (None, Some(pairs)) => Ok((entry, pairs.into_iter().collect())),
        (None, None) => Err(wrong("the settings are not TOML")),
    }
}

/// The TOML value `inside` the brackets, if it is one of that type.
fn parsed<T: DeserializeOwned>(open: char, inside: &str, close: char) -> Option<T> {
    let text = format!("{open}{inside}{close}");
    T::deserialize(toml::de::ValueDeserializer::parse(&text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Allowed, Default, Page, Setting};

    const SETTINGS: &[Setting] = &[
        Setting { name: "a", default: Default::Float(1.0), allowed: Allowed::Number, doc: "" },
        Setting { name: "b", default: Default::Text("x"), allowed: Allowed::Text, doc: "" },
    ];

    fn table() -> Registry<Settings> {
        let page = Page { summary: "", equation: "", source: "", differs: "" };
        let entry = |name, settings| Entry { name, page, settings, make: |s| Ok(s.clone()) };
        Registry::new("thing", [entry("none", &[]), entry("one", &SETTINGS[..1]), entry("two", SETTINGS)])
    }

    #[test]
    fn words_are_read_and_written() {
        let read = |words: &str| Choice::from_words(&table(), words).words;
        let cases = [
            ("none", "none"),
            ("none()", "none"),
            ("one", "one(1.0)"),
            (" one ( 0.001 ) ", "one(0.001)"),
            ("one(a=-1e-7)", "one(-1e-7)"),
            ("two(2)", "two(a=2.0, b=\"x\")"),
            ("two(2, ')=,')", "two(a=2.0, b=\")=,\")"),
            ("two(b=\"one(3.0)\")", "two(a=1.0, b=\"one(3.0)\")"),
        ];
        for (words, complete) in cases {
            assert_eq!(read(words), complete);
            assert_eq!(read(complete), complete);
            let choice = Choice::from_words(&table(), words);
            let kind = complete.split('(').next().unwrap();
            assert_eq!(Choice::new(kind, choice.get().unwrap(), ()).words(), complete);
        }
    }

    #[test]
    fn several_things_are_taken_apart_at_commas_between_them() {
        assert_eq!(several("a"), ["a"]);
        assert_eq!(several(" a(1, 2) ,b([1,2], x=')),('), c "), ["a(1, 2)", "b([1,2], x=')),(')", "c"]);
        assert_eq!(several("a(,"), ["a(,"]);
        assert_eq!(several("a,"), ["a", ""]);
    }

    #[test]
    fn what_is_wrong_is_said_when_the_thing_is_asked_for() {
        let code = |words: &str| Choice::from_words(&table(), words).get().unwrap_err().code();
        let cases = [
            ("noen", "unknown-name"),
            ("", "unknown-name"),
            ("one(0.1", "words-not-understood"),
            ("one(0.1)x", "words-not-understood"),
            ("one(a=)", "words-not-understood"),
            ("one(1, 2)", "words-not-understood"),
            ("two(1, b='x')", "words-not-understood"),
            ("one(1]\ny=[2)", "words-not-understood"),
            ("one(b=1)", "unknown-setting"),
            ("one(nan)", "value-not-allowed"),
            ("one('x')", "value-not-allowed"),
        ];
        for (words, expected) in cases {
            assert_eq!(code(words), expected, "{words}");
        }
        assert_eq!(Choice::from_words(&table(), "noen").words(), "noen");
    }
}
