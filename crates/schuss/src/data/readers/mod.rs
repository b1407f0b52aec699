//! Readers: from a name, a file or a folder to samples in memory. One file each, and one line in the table.
//!
//! A reader believes nothing that a file says of itself: memory and time are bounded by the file's real size (of gzip
//! files by [`file::GZIP_LIMIT`]), and whatever is wrong becomes one error with a stable code, the place, what was found
//! and what is expected. Nothing but the named files is read, and no code is run.

mod cells;
pub mod cifar;
pub mod csv;
mod digits;
pub mod file;
pub mod idx;
mod named;
mod picture;
pub mod pictures;
mod quadratic_deep;
mod resample;

pub use file::FileRecord;
pub use named::{Named, default_folders, named};

use super::{Dataset, Features, Pipeline, Targets};
use crate::error::{Error, Result};
use crate::registry::{Argument, Registry, suggest};
use file::show;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every format. Adding one: a file, its `mod` above, and its line here.
pub fn readers() -> Registry<AnyReader> {
    Registry::new("reader", [idx::ENTRY, cifar::ENTRY, csv::ENTRY, pictures::ENTRY])
}

/// A format of files or folders.
pub trait Reader: Debug + Send + Sync {
    /// Is what stands at `path` of this format, by name or first bytes? It may still turn out to be damaged.
    fn reads(&self, path: &Path) -> bool;
    /// The least sizes that samples will have, where settings alone say them.
    fn least_shape(&self) -> Option<Vec<usize>> {
        None
    }
    /// All samples, for training.
    fn load(&self, path: &Path, task: Task) -> Result<Loaded>;
    /// Samples for a trained model, with their targets if `targets`: the test part if there is one, else all.
    fn load_for(&self, path: &Path, schema: &Schema, targets: bool) -> Result<Samples>;
    /// The greatest number that a pixel has, where that is another than 255.
    fn highest(&self) -> Option<f32> {
        None
    }
}

/// A shared reader.
pub type AnyReader = Arc<dyn Reader>;

/// What a column of targets is read as. Labels of images are classes whatever the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Names of classes.
    Classes,
    /// Numbers to come near to.
    Numbers,
}

/// What a trained model needs to know to read more data like those it was trained on; stored with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The sizes of a sample.
    pub shape: Vec<usize>,
    /// The names of a table's feature columns, in the order of the model's inputs; empty for images.
    pub columns: Vec<String>,
    /// The name of a table's target column.
    pub target: Option<String>,
    /// The label map: the name of class i. Empty where targets are numbers.
    pub classes: Vec<String>,
    /// The greatest number that a pixel has, where that is another than 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<f32>,
}

impl Schema {
    /// Of samples of this shape that are no rows of a table; pixels go from 0 to 255.
    pub fn of(shape: &[usize], classes: Vec<String>) -> Self {
        Schema { shape: shape.to_vec(), columns: Vec::new(), target: None, classes, highest: None }
    }
    /// Are samples of `data` of the shape that the model takes?
    pub fn check(&self, data: &Dataset) -> Result<()> {
        if self.shape == data.shape {
            return Ok(());
        }
        let message = format!("samples have shape {:?}; the model takes {:?}", data.shape, self.shape);
        Err(Error::shape("sample-shape", message))
    }
    /// Do the pixels of `data` go from 0 to what the model was trained on?
    fn check_pixels(&self, data: &Dataset, highest: Option<f32>) -> Result<()> {
        match (self.highest, highest, &data.features) {
            (Some(most), found, Features::U8(_) | Features::Stored(_)) if found != Some(most) => {
                let found = found.unwrap_or(255.0);
                let message = format!("pixels are 0 to {found}; the model takes the ones of its own data, 0 to {most}");
                Err(Error::value("other-pixels", message))
            }
            _ => Ok(()),
        }
    }
    /// The place of each of these classes in the model's label map.
    fn places(&self, names: &[String]) -> Result<Vec<u32>> {
        let place = |name: &String| {
            let place = self.classes.iter().position(|c| c == name);
            place.map(|c| c as u32).ok_or_else(|| unknown_class(name, &self.classes))
        };
        names.iter().map(place).collect()
    }
    /// `targets` with the classes of a file's own label map changed into the model's.
    fn translate(&self, targets: Targets, names: &[String]) -> Result<Targets> {
        let Targets::Classes(mut labels) = targets else { return Ok(targets) };
        let places = self.places(names)?;
        labels.iter_mut().for_each(|c| *c = places[*c as usize]);
        Ok(Targets::Classes(labels))
    }
}

fn unknown_class(name: &str, known: &[String]) -> Error {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let shown = name.escape_debug();
    Error::name("unknown-class", format!("the model knows no class `{shown}`{}", suggest(name, &known)))
}

/// Data for training.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What to train on.
    pub train: Dataset,
    /// What to test with, if the source keeps that apart; if not, [`Dataset::split`] cuts a part off.
    pub test: Option<Dataset>,
    /// What to validate with, if the source keeps that apart.
    pub validation: Option<Dataset>,
    /// What was read.
    pub files: Vec<FileRecord>,
    /// What a model trained on this stores.
    pub schema: Schema,
    /// What values are multiplied by; none for columns of numbers, which are standardised.
    pub scale: Option<f32>,
    /// What there is to say about what was read, a line each.
    pub notes: Vec<String>,
    /// Why targets that were read as classes are likely to be none.
    pub doubt: Option<Error>,
}

impl Loaded {
    /// Columns of numbers, without a part for validation.
    fn new(train: Dataset, test: Option<Dataset>, files: Vec<FileRecord>, schema: Schema) -> Self {
        Loaded { train, test, validation: None, files, schema, scale: None, notes: Vec::new(), doubt: None }
    }
    /// The input pipeline for a model trained on `train` (the training part, once all others have been split off).
    pub fn pipeline(&self, train: &Dataset) -> Pipeline {
        match self.scale {
            Some(factor) => Pipeline::scale(factor),
            None => Pipeline::standardize(train),
        }
    }
    fn check(&self) -> Result<()> {
        self.train.check()?;
        for test in [&self.test, &self.validation].into_iter().flatten() {
            test.check()?;
            if test.shape != self.train.shape {
                let (a, b) = (&self.train.shape, &test.shape);
                let message =
                    format!("samples to train on have shape {a:?} and samples to test or validate with {b:?}");
                return Err(Error::shape("sample-shape", message));
            }
        }
        match self.train.classes.as_slice() {
            [only] => {
                let message = format!("every target is `{only}`; there must be at least two classes");
                Err(Error::value("single-class", message))
            }
            _ => Ok(()),
        }
    }
}

/// Data for evaluating a model, or predicting with it.
#[derive(Clone, Debug)]
pub struct Samples {
    /// The samples, with the model's own label map.
    pub data: Dataset,
    /// What was read.
    pub files: Vec<FileRecord>,
    /// What each sample is called, where they lie in files of their own; else none.
    pub names: Vec<String>,
    /// What there is to say about what was read, a line each.
    pub notes: Vec<String>,
}

impl Samples {
    /// Samples without names.
    fn new(data: Dataset, files: Vec<FileRecord>) -> Self {
        Samples { data, files, names: Vec::new(), notes: Vec::new() }
    }
}

/// Where data are looked for, and how they are read.
#[derive(Clone)]
pub struct Options {
    /// The formats.
    pub readers: Registry<AnyReader>,
    /// Data known by name.
    pub named: Registry<Named>,
    /// Folders that data known by name are looked for in.
    pub folders: Vec<PathBuf>,
    /// Settings of the reader.
    pub settings: Vec<(String, Argument)>,
}

impl Default for Options {
    fn default() -> Self {
        Options { readers: readers(), named: named(), folders: default_folders(), settings: Vec::new() }
    }
}

/// Reads data for training: by name (`digits`, `mnist` …), or a file or folder. A name goes before a file of that name;
/// `./mnist` is the file.
///
/// ```
/// use schuss::data::{Options, Task, open};
/// let digits = open("digits", Task::Classes, &Options::default())?;
/// assert_eq!((digits.train.len(), digits.train.shape.as_slice()), (1797, [8, 8].as_slice()));
/// # Ok::<(), schuss::Error>(())
/// ```
pub fn open(source: impl AsRef<Path>, task: Task, options: &Options) -> Result<Loaded> {
    let source = source.as_ref();
    let (reader, path) = options.find(source)?;
    let loaded = reader.load(&path, task)?;
    loaded.check().map_err(|e| e.at(show(source)))?;
    Ok(loaded)
}

/// The least sizes that samples will have, where settings alone say them: known before anything is read.
pub fn least_shape(source: impl AsRef<Path>, options: &Options) -> Result<Option<Vec<usize>>> {
    Ok(options.find(source.as_ref())?.0.least_shape())
}

/// Reads data for a trained model, with targets (to evaluate it) or without (to predict): the test part if the source
/// keeps one apart, else all samples.
pub fn open_for(source: impl AsRef<Path>, schema: &Schema, targets: bool, options: &Options) -> Result<Samples> {
    let source = source.as_ref();
    let (reader, path) = options.find(source)?;
    let samples = reader.load_for(&path, schema, targets)?;
    let (data, highest) = (&samples.data, reader.highest());
    let check = || schema.check(data).and_then(|()| schema.check_pixels(data, highest)).and_then(|()| data.check());
    check().map_err(|e| e.at(show(source)))?;
    Ok(samples)
}

impl Options {
    /// The reader for `source`, and the path it reads.
    fn find(&self, source: &Path) -> Result<(AnyReader, PathBuf)> {
        if let Some(entry) = source.to_str().and_then(|name| self.named.find(name).ok()) {
            let named = self.named.make(entry.name, &self.settings)?;
            let path = named.path(entry.name, &self.folders)?;
            return Ok((named.reader, path));
        }
        if let Err(e) = source.metadata() {
            let names = suggest(&source.to_string_lossy(), &self.named.names());
            let message = format!("{}: {}, and no data set of that name{names}", show(source), file::reason(&e));
            return Err(Error::file("no-data", message));
        }
        for entry in self.readers.entries() {
            if self.readers.make(entry.name, &[])?.reads(source) {
                return Ok((self.readers.make(entry.name, &self.settings)?, source.to_owned()));
            }
        }
        let formats = self.readers.entries().iter().map(|e| format!("{} ({})", e.name, e.page.summary));
        let formats = formats.collect::<Vec<_>>().join("; ");
        Err(Error::format("unknown-format", format!("{}: of no known format; there are {formats}", show(source))))
    }
}
