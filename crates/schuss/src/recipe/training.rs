//! A run in a folder: started, or gone on with.

use super::averaged::scores_of;
use super::description::Parts;
use super::setup::Setup;
use super::text::Recipe;
use super::transfer::Transfer;
use super::{Tables, model};
use crate::data::readers::file::show;
use crate::error::{Error, Result};
use crate::plan::Machine;
use crate::store::{DataRecord, HistoryFile, Keeper, ModelFile, RunFolder, SnapshotFile, Written, seconds, sha256};
use crate::train::{
    Callback, ClassRow, FitOptions, Origin, Outcome, Run, Scores, class_table, evaluate, fit, parameters, predict_views,
};
use std::path::{Path, PathBuf};
use toml::Value;

/// A run in a folder, ready to be run.
///
/// ```no_run
/// use schuss::recipe::{Recipe, Tables, Training};
///
/// let recipe = Recipe::from_toml("data = 'digits'")?;
/// let report = Training::start(&recipe, None, &Tables::default())?.run(&mut [])?;
/// println!("{} of the test set in {}", report.test.unwrap().metrics[0].1, report.folder.display());
/// # Ok::<(), schuss::Error>(())
/// ```
pub struct Training {
    setup: Setup,
    machine: Machine,
    folder: RunFolder,
    origin: Origin,
    transfer: Option<Transfer>,
    warnings: Vec<String>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where its files are.
    pub folder: PathBuf,
    /// What came of each epoch, and how long it took.
    pub outcome: Outcome,
    /// What the model scores on the test set, if there is one.
    pub test: Option<Scores>,
    /// How well each class is found in the test set.
    pub classes: Vec<ClassRow>,
}

impl Report {
    /// Samples trained on in a second.
    pub fn samples_per_second(&self) -> f64 {
        let Outcome { samples, seconds, .. } = self.outcome;
        if seconds > 0.0 { samples as f64 / seconds } else { 0.0 }
    }
}

impl Training {
    /// A new run in this folder, or in `runs/<date>-<n>`: reads the data, makes the model, writes `recipe.toml` and
    /// `data.json`.
    pub fn start(recipe: &Recipe, folder: Option<&Path>, tables: &Tables) -> Result<Self> {
        folder.map_or(Ok(()), RunFolder::check_free)?;
        // A loss that is named says what the targets are.
        let setup = Setup::read(recipe.anchored(tables).resolve(tables)?, tables, recipe.has("loss"))?;
        setup.check()?;
        let mut machine = setup.machine()?;
        let (transfer, weights) = Transfer::of(&setup.recipe, &mut machine)?.unzip();
        let record = DataRecord { files: setup.files.clone(), weights };
        let folder = RunFolder::create(folder, &setup.recipe.to_toml(), &record)?;
        let optimizer = &setup.recipe.optimizer;
        let warnings = optimizer.rule.caution(optimizer.learning_rate).into_iter().collect();
        Ok(Training { setup, machine, folder, origin: Origin::Start, transfer, warnings })
    }
    /// The run of this folder, from its last snapshot; from the start if there is none yet. Refuses data, or a recipe,
    /// that were changed since.
    pub fn resume(folder: &Path, tables: &Tables) -> Result<Self> {
        Self::resume_with(folder, tables, |_| Ok(()))
    }
    /// Settings that a run may go on with as they are now: they change no bit of what comes of it.
    pub const CHANGEABLE: &[&str] = &["train.threads", "train.snapshot_seconds"];
    /// Like [`Training::resume`], with changes of the recipe that are for now only: of what is [`Self::CHANGEABLE`].
    pub fn resume_with(folder: &Path, tables: &Tables, change: impl FnOnce(&mut Recipe) -> Result<()>) -> Result<Self> {
        let (folder, recipe, then) = RunFolder::open(folder)?;
        let in_file = |e: Error| e.at(show(&folder.path().join("recipe.toml")));
        let mut recipe = Recipe::from_toml(&recipe).map_err(in_file)?;
        recipe.resolve(tables).map_err(in_file)?;
        change(&mut recipe)?;
        let setup = Setup::new(recipe.resolve(tables)?, tables)?;
        let mut machine = setup.machine()?;
        let mut now = DataRecord { files: setup.files.clone(), weights: then.weights.clone() };
        let Some(file) = SnapshotFile::read_if_there(&folder.last())? else {
            let (transfer, weights) = Transfer::of(&setup.recipe, &mut machine)?.unzip();
            now.weights = weights;
            then.check(&now)?;
            return Ok(Training { setup, machine, folder, origin: Origin::Again, transfer, warnings: Vec::new() });
        };
        then.check(&now)?;
        let (was, is) = (file.written, written(&setup)?);
        // Snapshots of earlier versions have a hash in the place of the recipe.
        if was.recipe != is.recipe && was.recipe != sha256(is.recipe.as_bytes()) {
            let message = format!(
                "the recipe was changed since the run started{}; it goes on with the one it started with, in which only \
                 {} may be changed",
                Recipe::changes(&was.recipe, &is.recipe),
                Self::CHANGEABLE.join(" and ")
            );
            return Err(in_file(Error::file("recipe-changed", message)));
        }
        let differs = |what: &str, was: &str, is: &str| {
            format!("the snapshot was written with {what} {was}, this is {is}: the last bits may differ")
        };
        let mut warnings = Vec::new();
        if was.isa != is.isa {
            warnings.push(differs("instruction set", &was.isa, &is.isa));
        }
        if was.version != is.version {
            warnings.push(differs("version", &was.version, &is.version));
        }
        let origin = Origin::Snapshot(Box::new(file.snapshot));
        Ok(Training { setup, machine, folder, origin, transfer: None, warnings })
    }
    /// The recipe with its data and its model.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }
    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
    /// What came of `train.weights`, if there were any.
    pub fn transfer(&self) -> Option<&Transfer> {
        self.transfer.as_ref()
    }
    /// What may be otherwise than when the run started.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
    /// Trains, tests, and writes `model.safetensors`.
    pub fn run(self, callbacks: &mut [&mut dyn Callback]) -> Result<Report> {
        let Training { setup, mut machine, folder, origin, .. } = self;
        let Parts { pipeline, metrics, .. } = &setup.parts;
        let description = setup.parts.describe();
        let every = setup.recipe.train.f64("snapshot_seconds");
        let mut history = HistoryFile::new(folder.history());
        let mut keeper = Keeper::new(&folder, every, description.clone(), written(&setup)?);
        let mut all: Vec<&mut dyn Callback> = vec![&mut history];
        all.extend(callbacks.iter_mut().map(|c| &mut **c as &mut dyn Callback));
        // Behind all who may change how training goes on, so that what it keeps is after that.
        all.push(&mut keeper);
        let options = FitOptions { now: seconds, ..setup.fit_options() };
        let optimizer = &setup.recipe.optimizer;
        let mut run = Run { machine: &mut machine, data: &setup.train, pipeline, optimizer, metrics };
        let outcome = fit(&mut run, &options, origin, &mut all)?;
        let (mut test, mut classes) = (None, Vec::new());
        if let Some(data) = &setup.test {
            let views = setup.recipe.views();
            let outputs = predict_views(&mut machine, data, pipeline, views)?;
            test = Some(if views.is_single() {
                evaluate(&mut machine, data, pipeline, metrics)?
            } else {
                scores_of(&setup.parts, &outputs, data, setup.recipe.threads())?
            });
            classes = class_table(&outputs, setup.parts.loss.outputs(), data);
        }
        ModelFile { description, parameters: parameters(&machine) }.write(&folder.model())?;
        Ok(Report { folder: folder.path().to_owned(), outcome, test, classes })
    }
}

/// Who writes snapshots of this run.
fn written(setup: &Setup) -> Result<Written> {
    let mut recipe = Recipe::from_toml(&setup.recipe.to_toml())?;
    for (path, same) in Training::CHANGEABLE.iter().zip([Value::from("auto"), Value::from(1.0)]) {
        recipe.set(path, same)?;
    }
    Ok(Written {
        version: env!("CARGO_PKG_VERSION").into(),
        isa: model::isa()?.name().into(),
        recipe: recipe.table.to_string(),
    })
}
