//! All tables of named things.

use super::models::{self, AnyBlueprint};
use super::settings;
use crate::data::readers::{AnyReader, Named};
use crate::data::stages::Stage;
use crate::error::{Error, Result};
use crate::layers::AnyLayer;
use crate::losses::AnyLoss;
use crate::metrics::AnyMetric;
use crate::optimizers::Optimizer;
use crate::registry::{Entry, Page, Registry, Setting, suggest};
use crate::schedules::{self, Schedule};
use crate::{activations, data, graph, initializers, lab, layers, losses, metrics, optimizers, regularizers};

/// All tables of named things that recipes and model files may name. They are values: add your own entries.
#[derive(Clone)]
pub struct Tables {
    /// Layers.
    pub layers: Registry<AnyLayer>,
    /// Losses.
    pub losses: Registry<AnyLoss>,
    /// Metrics.
    pub metrics: Registry<AnyMetric>,
    /// Models.
    pub models: Registry<AnyBlueprint>,
    /// Optimizers.
    pub optimizers: Registry<Optimizer>,
    /// Schedules of the learning rate.
    pub schedules: Registry<Schedule>,
    /// Formats of files.
    pub readers: Registry<AnyReader>,
    /// What is done to pictures: augmentation, and what is done always.
    pub augmentations: Registry<Stage>,
    /// Data known by name.
    pub data: Registry<Named>,
}

impl Default for Tables {
    fn default() -> Self {
        Tables {
            layers: layers::registry(),
            losses: losses::registry(),
            metrics: metrics::registry(),
            models: models::registry(),
            optimizers: optimizers::registry(),
            schedules: schedules::registry(),
            readers: data::readers::readers(),
            augmentations: data::stages::registry(),
            data: data::readers::named(),
        }
    }
}

/// An entry of a table, for lists and explanations.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The table's kind: `optimizer`, `loss` …
    pub table: &'static str,
    /// The entry's name.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: Vec<&'static str>,
    /// Its documentation.
    pub page: Page,
    /// Its settings.
    pub settings: &'static [Setting],
    /// Settings that every entry of the table takes too.
    pub common: &'static [Setting],
}

impl Tables {
    /// Every entry of every table, in the tables' order: those of a recipe, those that layers use, and the graph's
    /// operations.
    pub fn list(&self) -> Vec<Listed> {
        let mut all = Vec::new();
        add(&mut all, &self.data);
        add(&mut all, &self.readers);
        add(&mut all, &self.augmentations);
        add(&mut all, &self.models);
        add(&mut all, &self.layers);
        add(&mut all, &activations::registry());
        add(&mut all, &initializers::registry());
        add(&mut all, &regularizers::registry());
        add(&mut all, &self.losses);
        add(&mut all, &self.metrics);
        add(&mut all, &self.optimizers);
        add(&mut all, &self.schedules);
        add(&mut all, &lab::surfaces());
        all.extend(settings::PAGES.iter().map(|&(name, page, settings)| Listed {
            table: "recipe table",
            name,
            aliases: Vec::new(),
            page,
            settings,
            common: &[],
        }));
        all.extend(graph::ops::TABLE.iter().map(|line| Listed {
            table: "operation",
            name: line.name,
            aliases: Vec::new(),
            page: Page { summary: line.summary, equation: "", source: "", differs: "" },
            settings: &[],
            common: &[],
        }));
        all
    }
    /// All entries of that name or alias (a loss and a metric may share one), or an error that suggests one.
    pub fn explain(&self, name: &str) -> Result<Vec<Listed>> {
        let mut all = self.list();
        let names: Vec<&str> = all.iter().map(|l| l.name).collect();
        let unknown = || Error::name("unknown-name", format!("nothing is called `{name}`{}", suggest(name, &names)));
        if !all.iter().any(|l| l.is(name)) {
            return Err(unknown());
        }
        all.retain(|l| l.is(name));
        Ok(all)
    }
    pub(super) fn data_options(&self) -> data::Options {
        data::Options { readers: self.readers.clone(), named: self.data.clone(), ..data::Options::default() }
    }
}

impl Listed {
    fn is(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

fn add<T>(all: &mut Vec<Listed>, table: &Registry<T>) {
    let listed = |e: &Entry<T>| Listed {
        table: table.kind(),
        name: e.name,
        aliases: table.aliases().iter().filter(|(_, full)| *full == e.name).map(|(alias, _)| *alias).collect(),
        page: e.page,
        settings: e.settings,
        common: table.common(),
    };
    all.extend(table.entries().iter().map(listed));
}
