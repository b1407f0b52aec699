//! Tables in text: columns of numbers, and a target.

use super::cells::{Cell, Cells, Fault, LONGEST};
use super::{AnyReader, FileRecord, Loaded, Reader, Samples, Schema, Task, file, show, unknown_class};
use crate::data::dataset::{Dataset, Features, Targets, elements};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Default, Entry, Page, Setting, suggest};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

pub(super) const ENTRY: Entry<AnyReader> = Entry {
    name: "csv",
    page: Page {
        summary: "a table in text: .csv, .tsv, .txt or .data, plain or .gz; the first line names the columns",
        equation: "",
        source: "Y. Shafranovich, RFC 4180, 2005; the delimiter may be a comma, a semicolon or a tab",
        differs: "Cells are finite numbers, but for the names of classes: an empty cell is an error, never a number. \
                  Spaces around a cell are no part of it, unless it is in quotes. Text of at most 2 GiB.",
    },
    settings: &[
        Setting {
            name: "target",
            default: Default::Text(""),
            allowed: Allowed::Text,
            doc: "the column to predict; the last one unless given",
        },
        Setting {
            name: "drop",
            default: Default::Texts(&[]),
            allowed: Allowed::Texts,
            doc: "columns that the model is not to see; not the target",
        },
    ],
    make: |s| Ok(Arc::new(Csv { target: s.text("target").into(), drop: s.texts("drop") })),
};

/// More columns than this are refused: names take far more memory than the bytes of a header.
const MOST_COLUMNS: usize = 100_000;
/// More classes than this are refused, for the same reason.
const MOST_CLASSES: usize = 65_536;
/// Names of columns and classes have at most so many bytes, so that messages stay readable.
const LONGEST_NAME: usize = 256;
/// Text in a gzip file may be this long; as numbers it takes at most twice that.
const GZIP_TEXT_LIMIT: u64 = file::GZIP_LIMIT / 2;

/// Reads tables in text.
#[derive(Clone, Debug, std::default::Default)]
pub struct Csv {
    /// The column to predict; the last one if empty.
    pub target: String,
    /// Columns to leave out.
    pub drop: Vec<String>,
}

/// Which columns are read, and what the target is.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// All but those left out, and the target.
    All(Task),
    /// Those that a model was trained on.
    Known { schema: &'a Schema, targets: bool },
}

/// What stands in a table.
pub(super) struct Table {
    pub data: Dataset,
    pub schema: Schema,
    /// See [`Loaded::doubt`].
    pub doubt: Option<Error>,
}

impl Reader for Csv {
    fn reads(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        path.is_file() && [".csv", ".tsv", ".txt", ".data"].iter().any(|end| name.ends_with(end))
    }

    fn load(&self, path: &Path, task: Task) -> Result<Loaded> {
        let (table, file) = self.read(path, Wanted::All(task))?;
        Ok(Loaded { doubt: table.doubt, ..Loaded::new(table.data, None, vec![file], table.schema) })
    }

    fn load_for(&self, path: &Path, schema: &Schema, targets: bool) -> Result<Samples> {
        let (table, file) = self.read(path, Wanted::Known { schema, targets })?;
        Ok(Samples::new(table.data, vec![file]))
    }
}

impl Csv {
    fn read(&self, path: &Path, wanted: Wanted) -> Result<(Table, FileRecord)> {
        let (bytes, record) = file::read(path)?;
        Ok((self.parse(path, &bytes, wanted)?, record))
    }

    /// Reads a table from the bytes of a file; `path` is for messages.
    pub(super) fn parse(&self, path: &Path, bytes: &[u8], wanted: Wanted) -> Result<Table> {
        if file::is_gzip(bytes) {
            let text = BufReader::with_capacity(1 << 16, file::gunzip(bytes, GZIP_TEXT_LIMIT));
            return self.table(path, text, wanted);
        }
        self.table(path, bytes, wanted)
    }

    fn table(&self, path: &Path, text: impl BufRead, wanted: Wanted) -> Result<Table> {
        let mut cells = Cells::new(text).map_err(|e| fault(path, 1, Fault::Read(e)))?;
        let names = header(path, &mut cells)?;
        let columns = self.columns(&names, wanted).map_err(|e| e.at(show(path)))?;
        let mut target = Target::new(wanted);
        let mut values = Vec::new();
        let mut row = vec![0.0; columns.features.len()];
        let mut cell = Cell::default();
        while next_row(path, &mut cells)? {
            let (first, mut count, mut more) = (cells.line(), 0, true);
            while more {
                let line = cells.line();
                more = cells.cell(&mut cell).map_err(|f| fault(path, line, f))?;
                let place = |e: Error| e.at(format!("{}: line {line}, column `{}`", show(path), names[count]));
                match columns.roles.get(count) {
                    Some(Role::Feature(i)) => {
                        row[*i] = number(&cell).map_err(|e| place(mend(e, &names[count], wanted)))?
                    }
                    Some(Role::Target) => target.take(&cell).map_err(place)?,
                    Some(Role::Unused) => {}
                    None => return Err(ragged(path, first, &format!("more than {count}"), names.len())),
                }
                count += 1;
            }
            if count < names.len() {
                return Err(ragged(path, first, &count.to_string(), names.len()));
            }
            values.extend_from_slice(&row);
        }
        if values.is_empty() {
            let message = format!("{}: no rows behind the header; there must be one", show(path));
            return Err(Error::format("csv-no-rows", message));
        }
        let named = columns.target.as_deref().unwrap_or_default();
        let doubt = target.doubt().map(|e| e.at(format!("{}: column `{named}`", show(path))));
        let (targets, classes) = target.finish();
        let shape = match wanted {
            Wanted::Known { schema, .. } if elements(&schema.shape) == Some(row.len()) => schema.shape.clone(),
            _ => vec![row.len()],
        };
        let schema = Schema { columns: columns.features, target: columns.target, ..Schema::of(&shape, classes) };
        let classes = schema.classes.clone();
        let data = Dataset { shape, features: Features::F32(values), targets, weights: None, classes };
        Ok(Table { data, schema, doubt })
    }

    /// What each column is for.
    fn columns(&self, names: &[String], wanted: Wanted) -> Result<Columns> {
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let places: HashMap<&str, usize> = known.iter().copied().zip(0..).collect();
        let find = |name: &str| {
            let unknown = || Error::name("unknown-column", format!("no column `{name}`{}", suggest(name, &known)));
            places.get(name).copied().ok_or_else(unknown)
        };
        let (features, target) = match wanted {
            Wanted::All(_) => {
                for name in &self.drop {
                    find(name)?;
                }
                let dropped = |name: &str| self.drop.iter().any(|d| d == name);
                let target = if self.target.is_empty() { names.len() - 1 } else { find(&self.target)? };
                if dropped(known[target]) {
                    let message = format!(
                        "`data.drop` leaves out column `{}`, which is the target; another one is named by `data.target` \
                         (unless given, the last column is the target)",
                        known[target]
                    );
                    return Err(Error::value("csv-target-dropped", message));
                }
                let features = (0..names.len()).filter(|&i| i != target && !dropped(known[i])).collect();
                (features, Some(target))
            }
            Wanted::Known { schema, targets } => {
                let features = schema.columns.iter().map(|c| find(c)).collect::<Result<Vec<_>>>()?;
                let own = (!self.target.is_empty()).then_some(&self.target);
                let target = if targets { own.or(schema.target.as_ref()).map(|t| find(t)).transpose()? } else { None };
                if targets && target.is_none() {
                    let message = "which column is the target? The model does not say; name it with `target`";
                    return Err(Error::value("csv-no-target", message));
                }
                (features, target)
            }
        };
        if features.is_empty() {
            let message = match wanted {
                Wanted::All(_) => "no column is left for the model to see, beside the target".into(),
                Wanted::Known { schema, .. } => format!("the model takes images {:?}, not a table", schema.shape),
            };
            return Err(Error::shape("csv-no-features", message));
        }
        let mut roles = vec![Role::Unused; names.len()];
        let used = features.iter().enumerate().map(|(i, &c)| (c, Role::Feature(i)));
        for (column, role) in used.chain(target.map(|c| (c, Role::Target))) {
            if roles[column] != Role::Unused {
                let message = format!("column `{}` is asked for twice", names[column]);
                return Err(Error::value("csv-column-twice", message));
            }
            if names[column].is_empty() {
                let message =
                    format!("column {} has no name; give it one, or leave it out with drop = [\"\"]", column + 1);
                return Err(Error::format("csv-unnamed-column", message));
            }
            roles[column] = role;
        }
        let name = |i: usize| names[i].clone();
        Ok(Columns { roles, features: features.into_iter().map(name).collect(), target: target.map(name) })
    }
}

struct Columns {
    roles: Vec<Role>,
    features: Vec<String>,
    target: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Feature(usize),
    Target,
    Unused,
}

/// The target column while it is read.
enum Target {
    /// Names of classes with their places, in the order in which they came.
    New {
        places: HashMap<String, u32>,
        labels: Vec<u32>,
    },
    /// Names of classes that a model knows.
    Known {
        names: Vec<String>,
        places: HashMap<String, u32>,
        labels: Vec<u32>,
    },
    Numbers(Vec<f32>),
    /// Not wanted; the classes that a model knows.
    None(Vec<String>),
}

impl Target {
    fn new(wanted: Wanted) -> Self {
        match wanted {
            Wanted::All(Task::Classes) => Target::New { places: HashMap::new(), labels: Vec::new() },
            Wanted::Known { schema, targets: false } => Target::None(schema.classes.clone()),
            Wanted::Known { schema, .. } if !schema.classes.is_empty() => {
                let places = schema.classes.iter().cloned().zip(0..).collect();
                Target::Known { names: schema.classes.clone(), places, labels: Vec::new() }
            }
            Wanted::All(Task::Numbers) | Wanted::Known { .. } => Target::Numbers(Vec::new()),
        }
    }

    fn take(&mut self, cell: &Cell) -> Result<()> {
        match self {
            Target::New { places, labels } => {
                let (name, next) = (class(cell)?, places.len());
                if let Some(&place) = places.get(name) {
                    labels.push(place);
                } else if next == MOST_CLASSES {
                    let message =
                        format!("more than {MOST_CLASSES} classes; for numbers take a loss for numbers, as mse");
                    return Err(Error::value("too-many-classes", message));
                } else {
                    places.insert(name.to_owned(), next as u32);
                    labels.push(next as u32);
                }
            }
            Target::Known { names, places, labels } => {
                let name = class(cell)?;
                labels.push(*places.get(name).ok_or_else(|| unknown_class(name, names))?);
            }
            Target::Numbers(values) => values.push(number(cell)?),
            Target::None(_) => {}
        }
        Ok(())
    }

    /// Why these numbers are not likely to be names of classes, if nearly every row has one of its own.
    fn doubt(&self) -> Option<Error> {
        let Target::New { places, labels } = self else { return None };
        let mut counts = vec![0usize; places.len()];
        labels.iter().for_each(|&c| counts[c as usize] += 1);
        let single = counts.iter().filter(|&&n| n == 1).count();
        // Whole numbers may be names all the same; fractions hardly are.
        let is_name = |text: &str| text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
        let number = |name: &String| name.parse::<f64>().ok().filter(|x| x.is_finite() && !is_name(name));
        let numbers = places.keys().map(number).collect::<Option<Vec<f64>>>()?;
        let least = if numbers.iter().all(|x| x.fract() == 0.0) { 20 } else { 3 };
        if numbers.len() < least || single * 10 < labels.len() * 9 {
            return None;
        }
        let message = format!(
            "{} rows have {} different numbers, and {single} of them stand in one row only, so they are hardly names of \
             classes; to predict numbers take a loss for them (--loss mse); if they are classes, name the loss \
             (--loss sparse_categorical_crossentropy), or the column that has the classes (data.target)",
            labels.len(),
            numbers.len()
        );
        Some(Error::value("classes-of-numbers", message))
    }

    /// The targets, and the label map: new names in the order of numbers if they all are, else of the alphabet.
    fn finish(self) -> (Targets, Vec<String>) {
        match self {
            Target::New { places, mut labels } => {
                let mut names: Vec<(String, u32)> = places.into_iter().collect();
                let value = |name: &str| name.parse::<f64>().ok().filter(|x| x.is_finite());
                let numeric = names.iter().all(|(name, _)| value(name).is_some());
                names.sort_unstable_by(|(a, _), (b, _)| {
                    let by_value = value(a).partial_cmp(&value(b)).filter(|_| numeric).unwrap_or(Ordering::Equal);
                    by_value.then_with(|| a.cmp(b))
                });
                let mut place = vec![0; names.len()];
                names.iter().zip(0..).for_each(|((_, came), sorted)| place[*came as usize] = sorted);
                labels.iter_mut().for_each(|c| *c = place[*c as usize]);
                (Targets::Classes(labels), names.into_iter().map(|(name, _)| name).collect())
            }
            Target::Known { names, labels, .. } => (Targets::Classes(labels), names),
            Target::Numbers(values) => (Targets::Numbers { width: 1, values }, Vec::new()),
            Target::None(names) => (Targets::None, names),
        }
    }
}

fn next_row(path: &Path, cells: &mut Cells<impl BufRead>) -> Result<bool> {
    cells.row().map_err(|f| fault(path, cells.line(), f))
}

/// The names in the first line.
fn header(path: &Path, cells: &mut Cells<impl BufRead>) -> Result<Vec<String>> {
    let (mut names, mut cell) = (Vec::new(), Cell::default());
    let mut more = next_row(path, cells)?;
    let line = cells.line();
    let at = |e: Error| e.at(format!("{}: line {line}", show(path)));
    while more {
        more = cells.cell(&mut cell).map_err(|f| fault(path, line, f))?;
        if names.len() == MOST_COLUMNS {
            return Err(at(Error::format(
                "csv-columns",
                format!("more than {MOST_COLUMNS} columns; no more are read"),
            )));
        }
        names.push(name(&cell).map_err(at)?.to_owned());
    }
    if names.is_empty() {
        return Err(Error::format("csv-no-rows", format!("{}: the file is empty; expected a table", show(path))));
    }
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let message = "all cells are numbers; the first line must name the columns";
        return Err(at(Error::format("csv-no-header", message)));
    }
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(twice) => {
            let message = format!("two columns are named {twice:?}; every column must have a name of its own");
            Err(at(Error::format("csv-duplicate-column", message)))
        }
        None => Ok(names),
    }
}

/// What can be done about a column of features that are not numbers; a trained model needs them all.
fn mend(e: Error, column: &str, wanted: Wanted) -> Error {
    match wanted {
        Wanted::All(_) => {
            let message = format!("{} (to leave the column out: --set data.drop=[{column:?}])", e.message());
            Error::new(e.kind(), e.code(), message)
        }
        Wanted::Known { .. } => e,
    }
}

fn text(cell: &Cell) -> Result<&str> {
    let not_text = |_| Error::format("csv-not-text", format!("found {}; expected UTF-8 text", quote(&cell.bytes)));
    let text = std::str::from_utf8(&cell.bytes).map_err(not_text)?;
    Ok(if cell.quoted { text } else { text.trim() })
}

fn name(cell: &Cell) -> Result<&str> {
    match text(cell)? {
        name if name.len() > LONGEST_NAME => {
            let message = format!("found {}; a name has at most {LONGEST_NAME} bytes", quote(&cell.bytes));
            Err(Error::format("csv-long-name", message))
        }
        name => Ok(name),
    }
}

fn class(cell: &Cell) -> Result<&str> {
    match name(cell)? {
        name if name.trim().is_empty() => {
            Err(Error::format("csv-empty-cell", "the cell is empty; expected the name of a class"))
        }
        name => Ok(name),
    }
}

fn number(cell: &Cell) -> Result<f32> {
    let text = text(cell)?.trim();
    let fail = |code, found: &str| Err(Error::format(code, format!("{found}; expected a finite number")));
    let found = || format!("found {}", quote(&cell.bytes));
    match text.parse::<f32>() {
        Ok(x) if x.is_finite() => Ok(x),
        Ok(_) if text.bytes().any(|b| b.is_ascii_digit()) => {
            let message =
                format!("{}, which is beyond the numbers of 32 bits; allowed is up to ±{:e}", found(), f32::MAX);
            Err(Error::format("csv-not-finite", message))
        }
        Ok(_) => fail("csv-not-finite", &found()),
        Err(_) if text.is_empty() => fail("csv-empty-cell", "the cell is empty"),
        Err(_) => fail("csv-not-a-number", &found()),
    }
}

/// A cell for a message of one line.
fn quote(cell: &[u8]) -> String {
    const LONG: usize = 40;
    let text = String::from_utf8_lossy(&cell[..cell.len().min(LONG)]);
    format!("{text:?}{}", if cell.len() > LONG { " …" } else { "" })
}

fn ragged(path: &Path, line: u64, found: &str, expected: usize) -> Error {
    let path = show(path);
    Error::format(
        "csv-ragged",
        format!("{path}: line {line}: found {found} cells; expected {expected}, as in the header"),
    )
}

fn fault(path: &Path, line: u64, fault: Fault) -> Error {
    let (code, line, message) = match fault {
        Fault::Read(e) => return file::damaged(path, format!("line {line}"), &e),
        Fault::Quote(line) => (
            "csv-quote",
            line,
            "a quote has no end, or no delimiter behind its end; quotes inside a cell are doubled".into(),
        ),
        Fault::Long(line) => {
            ("csv-long-cell", line, format!("a cell is longer than {LONGEST} bytes; is a quote not closed?"))
        }
    };
    Error::format(code, format!("{}: line {line}: {message}", show(path)))
}
