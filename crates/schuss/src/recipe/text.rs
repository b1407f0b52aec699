//! A recipe as it is written.

use super::Tables;
use super::settings::THINGS;
use crate::error::{Error, Result};
use crate::registry::Argument;
use std::path::absolute;
use toml::{Table, Value};

/// So many changes of a recipe are told.
const MOST_SHOWN: usize = 4;

/// A recipe as it is written: what it leaves out is as usual.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recipe {
    pub(super) table: Table,
}

impl Recipe {
    /// From TOML. Whether the names in it are known is asked when it is [resolved](Recipe::resolve).
    pub fn from_toml(text: &str) -> Result<Self> {
        let table = text.parse::<Table>().map_err(|e| {
            let line = e.span().map_or(1, |s| 1 + text[..s.start.min(text.len())].matches('\n').count());
            let what = e.message().lines().next().unwrap_or_default();
            let what = if what.contains("value was too large") {
                format!("a whole number is too large; the largest is {}", i64::MAX)
            } else {
                what.to_owned()
            };
            Error::format("recipe-not-toml", format!("recipe, line {line}: {what}"))
        })?;
        Ok(Recipe { table })
    }
    /// Sets what stands at a path: `optimizer.beta_1`, `model.units`, `train.epochs`, `model.layers.0.units`.
    pub fn set(&mut self, path: &str, value: impl Into<Value>) -> Result<()> {
        let keys: Vec<&str> = path.split('.').collect();
        if let (true, Some(thing)) = (keys.len() > 1, self.table.get_mut(keys[0])) {
            expand(keys[0], thing);
        }
        let slot = self.table.entry(keys[0]).or_insert_with(|| Value::Table(Table::new()));
        let slot = keys[1..].iter().try_fold(slot, |slot, key| enter(slot, key)).filter(|_| !keys.contains(&""));
        let slot = slot.ok_or_else(|| {
            let message =
                format!("there is no path `{path}`; a path is like optimizer.learning_rate or model.layers.0.units");
            Error::value("recipe-path", message)
        })?;
        *slot = value.into();
        Ok(())
    }
    /// Sets from text: `optimizer.beta_1=0.95`. Behind the first `=` stands a TOML value; a single word needs no quotes.
    pub fn assign(&mut self, assignment: &str) -> Result<()> {
        let Some((path, text)) = assignment.split_once('=') else {
            let message = format!("`{assignment}` is no assignment; it is written path=value, as train.epochs=5");
            return Err(Error::value("recipe-assignment", message));
        };
        self.set(path.trim(), value(text.trim())?)
    }
    /// Is this the path of a thing, which its name alone may stand for, as `optimizer`?
    pub fn is_thing(path: &str) -> bool {
        THINGS.contains(&path)
    }
    /// Is there anything at this path?
    pub fn has(&self, path: &str) -> bool {
        let mut keys = path.split('.');
        let first = keys.next().and_then(|k| self.table.get(k));
        keys.fold(first, |place, key| place.and_then(|v| v.get(key))).is_some()
    }
    /// What is otherwise in the second of two recipes in TOML, as `: train.seed was 1, is 2`; nothing if that can't be said.
    pub(super) fn changes(was: &str, is: &str) -> String {
        let (Ok(was), Ok(is)) = (was.parse::<Table>(), is.parse::<Table>()) else { return String::new() };
        let mut changes = Vec::new();
        differences("", &Value::Table(was), &Value::Table(is), &mut changes);
        let (shown, all) = (&changes[..changes.len().min(MOST_SHOWN)], changes.len());
        let more = if all > MOST_SHOWN { format!(" … ({all} in all)") } else { String::new() };
        format!(": {}{more}", shown.join("; "))
    }
    /// The same with whole paths of files, so that it means the same in another folder.
    pub(super) fn anchored(&self, tables: &Tables) -> Self {
        let mut recipe = self.clone();
        recipe.table.iter_mut().for_each(|(key, value)| expand(key, value));
        for (table, key) in [("data", "name"), ("train", "weights")] {
            let Some(Value::String(path)) = recipe.table.get_mut(table).and_then(|t| t.get_mut(key)) else { continue };
            let is_name = table == "data" && tables.data.find(path).is_ok();
            if !(is_name || path.is_empty())
                && let Some(whole) = absolute(&*path).ok().and_then(|p| p.to_str().map(str::to_owned))
            {
                *path = whole;
            }
        }
        recipe
    }
}

/// A name in the place of a table that says which thing is used stands for a table of that name alone.
pub(super) fn expand(key: &str, value: &mut Value) {
    if let (true, Value::String(name)) = (THINGS.contains(&key), &value) {
        *value = Value::Table(Table::from_iter([("name".to_owned(), Value::String(name.clone()))]));
    }
}

/// A sentence for each path at which the two values differ.
fn differences(path: &str, was: &Value, is: &Value, to: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (was, is) {
        (Value::Table(old), Value::Table(new)) => {
            for (key, was) in old {
                match new.get(key) {
                    Some(is) => differences(&below(key), was, is, to),
                    None => to.push(format!("{} was {was}, and is gone", below(key))),
                }
            }
            let added = new.iter().filter(|(key, _)| !old.contains_key(*key));
            to.extend(added.map(|(key, is)| format!("{} is {is}, and was not there", below(key))));
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            let pairs = old.iter().zip(new).enumerate();
            pairs.for_each(|(i, (was, is))| differences(&below(&i.to_string()), was, is, to));
        }
        _ if was != is => to.push(format!("{path} was {was}, is {is}")),
        _ => {}
    }
}

/// What stands at a key of a table, made if need be, or at a place of a list.
fn enter<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    match value {
        Value::Table(table) => Some(table.entry(key).or_insert_with(|| Value::Table(Table::new()))),
        Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    }
}

fn value(text: &str) -> Result<Value> {
    let word = |c: char| c.is_alphanumeric() || "_-./\\:~+".contains(c);
    match text.parse::<Value>() {
        Ok(value) => Ok(value),
        Err(_) if !text.is_empty() && text.chars().all(word) => Ok(Value::String(text.to_owned())),
        Err(_) => {
            let message = format!("`{text}` is no TOML value; allowed are 5, 0.1, true, \"text\", [1, 2]");
            Err(Error::value("recipe-value", message))
        }
    }
}

/// A value as the tables of things take it; none for tables, dates and lists of such.
pub(super) fn argument(value: &Value) -> Option<Argument> {
    Some(match value {
        Value::Boolean(b) => Argument::Bool(*b),
        Value::Integer(i) => Argument::Int(*i),
        Value::Float(x) => Argument::Float(*x),
        Value::String(s) => Argument::Text(s.clone()),
        Value::Array(list) => Argument::List(list.iter().map(argument).collect::<Option<_>>()?),
        Value::Table(_) | Value::Datetime(_) => return None,
    })
}

/// The other way.
pub(super) fn toml_of(argument: &Argument) -> Value {
    match argument {
        Argument::Bool(b) => Value::Boolean(*b),
        Argument::Int(i) => Value::Integer(*i),
        Argument::Float(x) => Value::Float(*x),
        Argument::Text(s) => Value::String(s.clone()),
        Argument::List(list) => Value::Array(list.iter().map(toml_of).collect()),
    }
}
