//! A recipe with all names looked up and every default filled in.

use super::Tables;
use super::models::AnyBlueprint;
use super::settings::{DATA, REDUCE_ON_PLATEAU, TOP, TRAIN};
use super::text::{Recipe, argument, expand, toml_of};
use crate::choice::{self, Choice, Given, in_words};
use crate::data::Views;
use crate::data::stages::Stage;
use crate::error::{Error, Result};
use crate::losses::AnyLoss;
use crate::metrics::AnyMetric;
use crate::model::{NamedLayer, Network};
use crate::optimizers::{Group, Optimizer, WHOLE};
use crate::registry::{Argument, Entry, Registry, Settings, suggest};
use crate::schedules::{Schedule, Sequence};
use crate::target::TargetKind;
use crate::train::{BatchSize, FitOptions, Mode, ReduceOnPlateau};
use regex_lite::Regex;
use toml::{Table, Value};

/// The loss of a recipe that names none.
const LOSS: &str = "sparse_categorical_crossentropy";
/// The model of a recipe that names none.
const MODEL: &str = "mlp";
/// The optimizer of a recipe that names none.
const OPTIMIZER: &str = "adam";

/// `[data]`: its own settings, those of the reader, and the stages that it names.
type DataTable = (Settings, Vec<(String, Argument)>, Vec<Stage>);

/// The layers of a recipe.
#[derive(Clone, Debug)]
pub enum Architecture {
    /// A model known by name, with all its settings.
    Named {
        /// Its name.
        name: &'static str,
        /// Its settings.
        settings: Settings,
        /// What makes its layers.
        blueprint: AnyBlueprint,
    },
    /// Written out.
    Layers(Vec<NamedLayer>),
}

/// A recipe with all names looked up and every default filled in.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// `[data]`.
    pub data: Settings,
    /// What `[data]` has for the reader.
    pub reader: Vec<(String, Argument)>,
    /// What `data.augment` names.
    pub augment: Vec<Stage>,
    /// `[model]`.
    pub model: Architecture,
    /// `[optimizer]`.
    pub optimizer: Optimizer,
    /// `[schedule]`, or a list of such; none: a constant rate.
    pub schedule: Option<Sequence>,
    /// `[loss]`.
    pub loss: AnyLoss,
    /// `metrics`; none: as the target has them.
    pub metrics: Option<Vec<AnyMetric>>,
    /// `[train]`.
    pub train: Settings,
    /// `[train.reduce_on_plateau]`, if it is there.
    pub reduce_on_plateau: Option<Settings>,
}

impl Recipe {
    /// Looks all names up and fills in every default. What depends on the data (metrics that are not given) is filled in
    /// by [`Setup`](super::Setup).
    pub fn resolve(&self, tables: &Tables) -> Result<Resolved> {
        known("recipe", self.table.keys(), TOP)?;
        let mut train = self.table("train")?;
        let reduce = match train.remove("reduce_on_plateau") {
            None => None,
            Some(Value::Table(given)) => {
                let place = "train.reduce_on_plateau";
                Some(Settings::resolve(place, REDUCE_ON_PLATEAU, &pairs(place, &given)?)?)
            }
            Some(other) => {
                let message = format!("`train.reduce_on_plateau` is {other}; it is a table, [train.reduce_on_plateau]");
                return Err(Error::value("recipe-type", message));
            }
        };
        let train = Settings::resolve("train", TRAIN, &pairs("train", &train)?)?;
        let (data, reader, augment) = self.data(tables, &train)?;
        let optimizer = self.optimizer(tables)?;
        let loss = self.loss(tables)?;
        Ok(Resolved {
            data,
            reader,
            augment,
            model: self.model(tables)?,
            optimizer,
            schedule: self.schedule(tables)?,
            loss,
            metrics: self.metrics(tables)?,
            train,
            reduce_on_plateau: reduce,
        })
    }

    /// What a table has.
    fn given(&self, key: &str) -> Result<Vec<(String, Argument)>> {
        pairs(key, &self.table(key)?)
    }
    fn table(&self, key: &str) -> Result<Table> {
        let mut value = self.table.get(key).cloned().unwrap_or(Value::Table(Table::new()));
        expand(key, &mut value);
        let Value::Table(table) = value else {
            return Err(Error::value("recipe-type", format!("`{key}` is {value}; it is a table, [{key}]")));
        };
        Ok(table)
    }
    /// The name of a thing, and its settings.
    fn thing(&self, key: &str, default: &str) -> Result<(String, Vec<(String, Argument)>)> {
        thing(key, self.given(key)?, default)
    }
    fn optimizer(&self, tables: &Tables) -> Result<Optimizer> {
        let mut given = self.table("optimizer")?;
        let groups = given.remove("groups");
        let mut optimizer = optimizer_of(tables, "optimizer", given)?;
        let wrong = |what: &dyn std::fmt::Display| {
            let message =
                format!("optimizer.groups: {what}; it is a list of tables, [[optimizer.groups]], each with a match");
            Error::value("recipe-type", message)
        };
        let groups = match groups {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(wrong(&other)),
        };
        for (i, group) in groups.into_iter().enumerate() {
            let place = format!("optimizer.groups.{i}");
            let Value::Table(mut table) = group else { return Err(wrong(&group)) };
            let Some(Value::String(expression)) = table.remove("match") else {
                return Err(wrong(&format!("{place} has no match, a regular expression for names of parameters")));
            };
            let pattern = Regex::new(&expression).map_err(|e| {
                let message = format!("{place}: `match` is {expression:?}, no regular expression: {e}");
                Error::value("bad-expression", message.replace('\n', " "))
            })?;
            // A group without a name has the optimizer's own rule and settings, but for what it says itself.
            if !table.contains_key("name") {
                let whole = |name: &str| WHOLE.contains(&name);
                let own = named(optimizer.name, &optimizer.settings).into_iter().filter(|(key, _)| !whole(key));
                table = own.chain(table).collect();
            }
            let own = optimizer_of(tables, &place, table)?;
            if let Some(name) = own.settings.iter().map(|s| s.0).find(|name| WHOLE.contains(name)) {
                let message = format!("{place}: `{name}` is done for all parameters together; it goes to [optimizer]");
                return Err(Error::value("not-in-a-group", message));
            }
            optimizer.groups.push(Group { pattern, optimizer: own });
        }
        Ok(optimizer)
    }
    fn schedule(&self, tables: &Tables) -> Result<Option<Sequence>> {
        let Some(value) = self.table.get("schedule") else { return Ok(None) };
        let pieces = match value {
            Value::Array(list) if !list.is_empty() => {
                let piece = |(i, v)| schedule_of(tables, &format!("schedule.{i}"), v);
                list.iter().enumerate().map(piece).collect::<Result<Vec<_>>>()?.concat()
            }
            one => schedule_of(tables, "schedule", one)?,
        };
        Ok(Some(Sequence::from(pieces)))
    }
    fn data(&self, tables: &Tables, train: &Settings) -> Result<DataTable> {
        let mut table = self.table("data")?;
        let stages = table.remove("augment").map_or(Ok(Vec::new()), |value| stages_of(tables, &value))?;
        let mut given = pairs("data", &table)?;
        let readers: Vec<&str> = tables.readers.entries().iter().flat_map(|e| e.settings).map(|s| s.name).collect();
        let own: Vec<&str> = DATA.iter().map(|s| s.name).collect();
        known("data", given.iter().map(|(k, _)| k), &[own.as_slice(), &readers].concat())?;
        let reader = given.extract_if(.., |(key, _)| !own.contains(&key.as_str())).collect();
        given.insert(0, ("seed".into(), train.get("seed").expect("it is in the list").clone()));
        let words = |stage: &Stage| Argument::Text(in_words(stage.kind(), stage.settings()));
        given.push(("augment".into(), Argument::List(stages.iter().map(words).collect())));
        Ok((Settings::resolve("data", DATA, &given)?, reader, stages))
    }
    fn loss(&self, tables: &Tables) -> Result<AnyLoss> {
        let (words, own) = self.thing("loss", LOSS)?;
        let (entry, given) = worded(&tables.losses, &words, own)?;
        tables.losses.make(entry.name, &given)
    }
    fn model(&self, tables: &Tables) -> Result<Architecture> {
        if let Some(Value::Table(model)) = self.table.get("model")
            && let Some(layers) = model.get("layers")
        {
            known("model with layers", model.keys(), &["layers"])?;
            return layers_of(tables, layers).map(Architecture::Layers);
        }
        let (words, own) = self.thing("model", MODEL)?;
        let (entry, given) = worded(&tables.models, &words, own)?;
        let what = format!("model {}", entry.name);
        let settings = Settings::resolve(&what, entry.settings, &given)?;
        let blueprint = (entry.make)(&settings).map_err(|e| e.at(what))?;
        Ok(Architecture::Named { name: entry.name, settings, blueprint })
    }
    fn metrics(&self, tables: &Tables) -> Result<Option<Vec<AnyMetric>>> {
        let Some(value) = self.table.get("metrics") else { return Ok(None) };
        let words = |v: &Value| {
            let words = v
                .as_str()
                .ok_or_else(|| Error::value("recipe-type", format!("`metrics` is {value}; it is a list of names")))?;
            Choice::from_words(&tables.metrics, words).get().cloned()
        };
        match value {
            Value::Array(list) => list.iter().map(words).collect::<Result<_>>().map(Some),
            one => Ok(Some(vec![words(one)?])),
        }
    }
}

/// The stages that words, a list of words, or a list of tables with a name stand for.
fn stages_of(tables: &Tables, value: &Value) -> Result<Vec<Stage>> {
    let table = &tables.augmentations;
    let of_words = |words: &str| {
        let (entry, given) = choice::read(table, words)?;
        table.make(entry.name, &given)
    };
    let one = |(i, value): (usize, &Value)| match value {
        Value::String(words) => of_words(words),
        Value::Table(given) => {
            let place = format!("data.augment.{i}");
            let (name, given) = thing(&place, pairs(&place, given)?, "")?;
            table.make(&name, &given).map_err(|e| e.at(place))
        }
        other => Err(not_stages(other)),
    };
    match value {
        Value::String(words) => choice::several(words).into_iter().map(of_words).collect(),
        Value::Array(list) => list.iter().enumerate().map(one).collect(),
        other => Err(not_stages(other)),
    }
}

fn not_stages(found: &Value) -> Error {
    let message = format!(
        "`data.augment` holds {found}; it is words, as \"random_crop(padding=4), random_flip\", a list of such, or tables \
         [[data.augment]], each with a name"
    );
    Error::value("recipe-type", message)
}

/// The layers that a list of tables describes.
fn layers_of(tables: &Tables, layers: &Value) -> Result<Vec<NamedLayer>> {
    let wrong = |what: &str| {
        Error::value("recipe-type", format!("model.layers: {what}; it is [[model.layers]], each with a kind"))
    };
    let list = layers.as_array().filter(|l| !l.is_empty()).ok_or_else(|| wrong("it is no list, or empty"))?;
    // Only the names matter, which a model gives.
    let mut model = Network::new(&[1]);
    for (i, layer) in list.iter().enumerate() {
        let place = format!("model.layers.{i}");
        let mut given = pairs(&place, layer.as_table().ok_or_else(|| wrong(&format!("{layer} is no table")))?)?;
        let mut text = |key: &str| match given.iter().position(|(k, _)| k == key).map(|j| given.remove(j).1) {
            None => Ok(None),
            Some(Argument::Text(text)) if !text.is_empty() => Ok(Some(text)),
            Some(other) => Err(Error::value("recipe-type", format!("{place}: `{key}` is {other}; it is text"))),
        };
        let (kind, name) = (text("kind")?, text("name")?);
        let kind = kind.ok_or_else(|| wrong(&format!("{place} has no kind")))?;
        let inputs = match given.iter().position(|(k, _)| k == "inputs").map(|j| given.remove(j).1) {
            None => Vec::new(),
            Some(inputs) => names_of(&inputs).ok_or_else(|| {
                let message = format!("{place}: `inputs` is {inputs}; it is a list of names of layers");
                Error::value("recipe-type", message)
            })?,
        };
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        model.connect(name.as_deref(), tables.layers.make(&kind, &given).map_err(|e| e.at(&place))?, &inputs);
    }
    Ok(model.layers().to_vec())
}

/// The names in a list of at least one.
fn names_of(list: &Argument) -> Option<Vec<String>> {
    let Argument::List(list) = list else { return None };
    let name = |a: &Argument| if let Argument::Text(name) = a { Some(name.clone()) } else { None };
    list.iter().map(name).collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}

fn known<'a>(what: &str, keys: impl Iterator<Item = &'a String>, names: &[&str]) -> Result<()> {
    for key in keys {
        if !names.contains(&key.as_str()) {
            return Err(Error::name("unknown-setting", format!("{what}: no setting `{key}`{}", suggest(key, names))));
        }
    }
    Ok(())
}

fn pairs(place: &str, table: &Table) -> Result<Vec<(String, Argument)>> {
    let pair = |(key, value): (&String, &Value)| {
        let value = argument(value).ok_or_else(|| {
            Error::value(
                "recipe-type",
                format!("{place}: `{key}` is {value}; it is a number, text, true, false or a list"),
            )
        })?;
        Ok((key.clone(), value))
    };
    table.iter().map(pair).collect()
}

impl Resolved {
    /// The model for samples of these sizes and this target. The error is about samples that it can't take.
    pub fn layers(&self, input: &[usize], target: TargetKind) -> Result<Network> {
        match &self.model {
            Architecture::Named { name, blueprint, .. } => {
                let (outputs, activation) = self.loss.output(target);
                blueprint.network(input, outputs, activation).map_err(|e| e.at(format!("model {name}")))
            }
            Architecture::Layers(layers) => {
                let mut model = Network::new(input);
                for l in layers {
                    let inputs: Vec<&str> = l.inputs.iter().map(String::as_str).collect();
                    model.connect(Some(&l.name), l.layer.clone(), &inputs);
                }
                Ok(model)
            }
        }
    }
    /// A count, unless a word stands in its place.
    fn count(&self, name: &str) -> Option<usize> {
        matches!(self.train.get(name), Some(Argument::Int(_))).then(|| self.train.usize(name))
    }
    /// Threads; as many as the machine has, unless told otherwise.
    pub fn threads(&self) -> usize {
        self.count("threads").unwrap_or_else(super::model::all_threads)
    }
    /// The views of pictures that are tested with.
    pub fn views(&self) -> Views {
        Views { flip: self.train.bool("flip_averaging"), shift: self.train.usize("shift_averaging") }
    }
    /// What training is told, but for the samples to validate with and the clock.
    pub fn fit_options(&self) -> FitOptions<'static> {
        let words = |name: &str| Some(self.train.text(name)).filter(|words| *words != "auto");
        let batch_size = match self.train.get("batch_size") {
            Some(Argument::Text(words)) if words == "full" => Some(BatchSize::Full),
            _ => self.count("batch_size").map(BatchSize::Samples),
        };
        FitOptions {
            epochs: self.train.usize("epochs"),
            batch_size,
            drop_remainder: self.data.bool("drop_remainder"),
            sampling: self.data.text("sampling").parse().expect("the setting allows no other words"),
            shuffle: self.train.text("shuffle").parse().expect("the setting is one of the words"),
            seed: self.train.usize("seed") as u64,
            monitor: words("monitor").map(str::to_owned),
            mode: mode_of(&self.train),
            patience: self.count("patience"),
            min_delta: self.train.f64("min_delta"),
            schedule: self.schedule.clone(),
            reduce_on_plateau: self.reduce_on_plateau.as_ref().map(reduce_of),
            ..FitOptions::default()
        }
    }
    /// The whole recipe in TOML, with every setting. Resolved again it is the same.
    pub fn to_toml(&self) -> String {
        let mut recipe = Table::new();
        if let Some(metrics) = &self.metrics {
            let words = |m: &AnyMetric| Choice::new(m.kind(), &m.settings(), ()).words().to_owned();
            recipe.insert("metrics".into(), metrics.iter().map(words).collect::<Vec<_>>().into());
        }
        let mut data = table(&self.data);
        data.extend(self.reader.iter().map(|(k, v)| (k.clone(), toml_of(v))));
        recipe.insert("data".into(), data.into());
        recipe.insert("model".into(), self.model_table().into());
        let mut optimizer = named(self.optimizer.name, &self.optimizer.settings);
        let group = |group: &Group| {
            let mut table = Table::from_iter([("match".to_owned(), group.pattern.as_str().into())]);
            table.extend(named(group.optimizer.name, &group.optimizer.settings));
            Value::Table(table)
        };
        if !self.optimizer.groups.is_empty() {
            optimizer.insert("groups".into(), self.optimizer.groups.iter().map(group).collect::<Vec<_>>().into());
        }
        recipe.insert("optimizer".into(), optimizer.into());
        if let Some(schedule) = &self.schedule {
            let tables: Vec<Table> = schedule.pieces.iter().map(|s| named(s.name, &s.settings)).collect();
            let one = |mut t: Vec<Table>| if t.len() == 1 { t.remove(0).into() } else { Value::from(t) };
            recipe.insert("schedule".into(), one(tables));
        }
        recipe.insert("loss".into(), named(self.loss.kind(), &self.loss.settings()).into());
        let mut train = table(&self.train);
        if let Some(reduce) = &self.reduce_on_plateau {
            train.insert("reduce_on_plateau".into(), table(reduce).into());
        }
        recipe.insert("train".into(), train.into());
        toml::to_string(&recipe).expect("values, then tables")
    }
    fn model_table(&self) -> Table {
        match &self.model {
            Architecture::Named { name, settings, .. } => named(name, settings),
            Architecture::Layers(layers) => {
                let layer = |l: &NamedLayer| {
                    let mut layer = Table::new();
                    layer.insert("kind".into(), l.layer.kind().into());
                    layer.insert("name".into(), l.name.as_str().into());
                    if !l.inputs.is_empty() {
                        layer.insert("inputs".into(), l.inputs.clone().into());
                    }
                    layer.extend(table(&l.layer.settings()));
                    layer
                };
                Table::from_iter([("layers".to_owned(), layers.iter().map(layer).collect::<Vec<_>>().into())])
            }
        }
    }
}

/// The name of a thing among its settings, and the others.
fn thing(key: &str, mut given: Vec<(String, Argument)>, default: &str) -> Result<(String, Vec<(String, Argument)>)> {
    match given.iter().position(|(k, _)| k == "name").map(|i| given.remove(i).1) {
        None => Ok((default.to_owned(), given)),
        Some(Argument::Text(name)) => Ok((name, given)),
        Some(other) => Err(Error::value("recipe-type", format!("{key}: `name` is {other}; it is text"))),
    }
}

/// The optimizer that a table describes: `name`, perhaps a `dialect`, and settings.
fn optimizer_of(tables: &Tables, place: &str, table: Table) -> Result<Optimizer> {
    let (mut words, mut own) = thing(place, pairs(place, &table)?, OPTIMIZER)?;
    if let Some(i) = own.iter().position(|(key, _)| key == "dialect") {
        match own.remove(i).1 {
            Argument::Text(dialect) => {
                let name = words.split('(').next().unwrap_or_default().trim_end().len();
                words.insert_str(name, &format!(":{dialect}"));
            }
            other => {
                return Err(Error::value("recipe-type", format!("{place}: `dialect` is {other}; it is text")));
            }
        }
    }
    let made = worded(&tables.optimizers, &words, own);
    let made = made.and_then(|(entry, given)| tables.optimizers.make(entry.name, &given));
    if place == "optimizer" { made } else { made.map_err(|e| e.at(place)) }
}

/// What words name, and its settings: those that stand behind the name, `huber(2.0)`, then what is set by itself: of two the
/// last is taken.
fn worded<'a, T>(table: &'a Registry<T>, words: &str, own: Given) -> Result<(&'a Entry<T>, Given)> {
    let (entry, mut given) = choice::read(table, words)?;
    given.extend(own);
    Ok((entry, given))
}

/// The schedules that a name, words or a table stand for.
fn schedule_of(tables: &Tables, place: &str, value: &Value) -> Result<Vec<Schedule>> {
    let wrong = |found: &dyn std::fmt::Display| {
        let message = format!(
            "`{place}` is {found}; it is a name, a table with a name, [schedule], or a list of such, [[schedule]]"
        );
        Error::value("recipe-type", message)
    };
    let mut value = value.clone();
    expand("schedule", &mut value);
    let table = value.as_table().ok_or_else(|| wrong(&value))?;
    let Some(words) = table.get("name").and_then(Value::as_str) else { return Err(wrong(&value)) };
    if table.len() == 1 {
        return Ok(Sequence::from_words(&tables.schedules, words)?.pieces);
    }
    let own = pairs(place, table)?.into_iter().filter(|(key, _)| key != "name").collect();
    let (entry, given) = worded(&tables.schedules, words, own)?;
    Ok(vec![tables.schedules.make(entry.name, &given)?])
}

/// `mode`, if it is not left to what is watched.
fn mode_of(settings: &Settings) -> Option<Mode> {
    match settings.text("mode") {
        "auto" => None,
        "min" => Some(Mode::Min),
        _ => Some(Mode::Max),
    }
}

fn reduce_of(settings: &Settings) -> ReduceOnPlateau {
    // The default is left out, so that what is said of a missing validation set names it.
    let monitor = Some(settings.text("monitor")).filter(|name| *name != "val_loss");
    ReduceOnPlateau {
        monitor: monitor.map(str::to_owned),
        mode: mode_of(settings),
        factor: settings.f64("factor"),
        patience: settings.usize("patience"),
        min_delta: settings.f64("min_delta"),
        cooldown: settings.usize("cooldown"),
        min_lr: settings.f64("min_lr"),
    }
}

fn table(settings: &Settings) -> Table {
    settings.iter().map(|(name, value)| (name.to_owned(), toml_of(value))).collect()
}

fn named(name: &str, settings: &Settings) -> Table {
    let mut named = Table::new();
    named.insert("name".into(), name.into());
    named.extend(table(settings));
    named
}
