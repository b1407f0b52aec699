//! `schuss predict`.

use crate::arguments;
use crate::evaluate::{open, read};
use crate::output::{Output, Result, tell};
use crate::text::csv_cell;
use schuss::Model;
use schuss::data::readers::file::show;
use schuss::data::{Samples, Schema};
use schuss::target::Outputs;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Bytes of samples that are kept once they were looked at; what is beyond is read again when it is its turn.
const KEPT: usize = 1 << 30;

/// A line for each sample: its class and the probability of each, or the numbers that were to be predicted; before them
/// the file, where there are several. Before the first line all that is named was read, so that there is all or nothing.
pub fn predict(arguments: &arguments::Predict, out: &mut Output) -> Result {
    let mut model = open(&arguments.model, arguments.threads, &arguments.views)?;
    let (mut all, mut bytes) = (Vec::new(), 0);
    for path in &arguments.data {
        let samples = read(&model, path, false)?;
        samples.notes.iter().for_each(|note| tell(format!("{}: {note}", show(path))));
        bytes += samples.data.bytes();
        all.push((bytes <= KEPT).then_some(samples));
    }
    let mut head = None;
    for (path, samples) in arguments.data.iter().zip(all) {
        let samples = samples.map_or_else(|| read(&model, path, false), Ok)?;
        let files = files(path, &samples, arguments.data.len() > 1);
        let table = Table::of(&mut model, samples)?;
        if arguments.json {
            (0..table.len()).try_for_each(|i| out.line(table.object(files.get(i), i)))?;
            continue;
        }
        let columns = table.head(!files.is_empty());
        // Of several files of one kind the table has one head.
        if head.as_ref() != Some(&columns) {
            out.line(&columns)?;
            head = Some(columns);
        }
        (0..table.len()).try_for_each(|i| out.line(table.row(files.get(i), i)))?;
    }
    Ok(())
}

/// What tells each sample's file: its name in a folder, with the folder where there are several; none where all samples
/// are of the only file.
fn files(path: &Path, samples: &Samples, several: bool) -> Vec<String> {
    let whole = |name: &String| if path.is_dir() { show(&path.join(name)) } else { name.clone() };
    match (several, samples.names.is_empty()) {
        (false, _) => samples.names.clone(),
        (true, false) => samples.names.iter().map(whole).collect(),
        (true, true) => vec![show(path); samples.data.len()],
    }
}

/// What a model says of samples.
struct Table {
    classes: Vec<String>,
    /// The class of each sample; none where numbers are predicted.
    found: Vec<usize>,
    /// Are the numbers probabilities?
    probable: bool,
    /// What each number of a sample is.
    names: Vec<String>,
    numbers: Vec<f32>,
}

impl Table {
    fn of(model: &mut Model, samples: Samples) -> Result<Self> {
        let outputs = model.predict(&samples.data)?;
        let schema = model.schema().expect("a model from a file was trained");
        let width = outputs.len() / samples.data.len();
        let names = names(schema, width);
        if schema.classes.is_empty() {
            return Ok(Table { classes: Vec::new(), found: Vec::new(), probable: false, names, numbers: outputs });
        }
        let mean: Outputs = model.outputs()?;
        let rows = || outputs.chunks_exact(width);
        let found = rows().map(|row| mean.class(row)).collect();
        let numbers: Option<Vec<Vec<f32>>> = rows().map(|row| mean.probabilities(row)).collect();
        let (probable, numbers) = (numbers.is_some(), numbers.map_or_else(|| outputs.clone(), |all| all.concat()));
        Ok(Table { classes: schema.classes.clone(), found, probable, names, numbers })
    }
    fn len(&self) -> usize {
        self.numbers.len() / self.names.len()
    }
    fn numbers(&self, i: usize) -> &[f32] {
        &self.numbers[i * self.names.len()..][..self.names.len()]
    }
    fn class(&self, i: usize) -> Option<&str> {
        self.found.get(i).map(|&c| self.classes[c].as_str())
    }
    fn head(&self, file: bool) -> String {
        let words = file.then_some("file").into_iter().chain((!self.classes.is_empty()).then_some("class"));
        let score = !self.classes.is_empty() && !self.probable;
        let name = |name: &String| csv_cell(&if score { format!("score_{name}") } else { name.clone() });
        words.map(str::to_owned).chain(self.names.iter().map(name)).collect::<Vec<_>>().join(",")
    }
    fn row(&self, file: Option<&String>, i: usize) -> String {
        let words = file.map(String::as_str).into_iter().chain(self.class(i)).map(csv_cell);
        words.chain(self.numbers(i).iter().map(|x| format!("{x:?}"))).collect::<Vec<_>>().join(",")
    }
    fn object(&self, file: Option<&String>, i: usize) -> Value {
        let numbers = self.names.iter().zip(self.numbers(i)).map(|(name, x)| (name.clone(), json!(x)));
        let mut object = Map::new();
        object.extend(file.map(|file| ("file".to_owned(), json!(file))));
        match self.class(i) {
            Some(class) => {
                object.insert("class".into(), class.into());
                let key = if self.probable { "probabilities" } else { "scores" };
                object.insert(key.into(), numbers.collect::<Map<_, _>>().into());
            }
            None => object.extend(numbers),
        }
        Value::Object(object)
    }
}

fn names(schema: &Schema, width: usize) -> Vec<String> {
    let classes = &schema.classes;
    match (classes.len(), width) {
        (n, width) if n == width => classes.clone(),
        // A single output for two classes is about the second.
        (2, 1) => vec![classes[1].clone()],
        (_, 1) => vec![schema.target.clone().unwrap_or("prediction".into())],
        _ => (0..width).map(|i| format!("prediction_{i}")).collect(),
    }
}
