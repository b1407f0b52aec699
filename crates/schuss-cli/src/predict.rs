//! `schuss predict`.

use crate::arguments;
use crate::evaluate::{open, read};
use crate::output::{Output, Result};
use crate::text::csv_cell;
use schuss::data::Samples;
use schuss::train::class_of;
use serde_json::{Map, Value, json};

/// A line for each sample: its class and the probability of each, or the numbers that were to be predicted; before them
/// the file, where each sample has one of its own.
pub fn predict(arguments: &arguments::Predict, out: &mut Output) -> Result {
    let mut model = open(&arguments.model, arguments.threads, &arguments.views)?;
    let mut head = None;
    for path in &arguments.data {
        let Samples { data, names: files, .. } = read(&model, path, false)?;
        let outputs = model.predict(&data)?;
        let schema = model.schema().expect("a model from a file was trained");
        let width = outputs.len() / data.len();
        let classes = &schema.classes;
        let names: Vec<String> = match (classes.len(), width) {
            (n, width) if n == width => classes.clone(),
            // A single output for two classes is the probability of the second.
            (2, 1) => vec![classes[1].clone()],
            (_, 1) => vec![schema.target.clone().unwrap_or("prediction".into())],
            _ => (0..width).map(|i| format!("prediction_{i}")).collect(),
        };
        if !arguments.json {
            let file = (!files.is_empty()).then(|| "file".to_owned());
            let class = (!classes.is_empty()).then(|| "class".to_owned());
            let cells: Vec<String> = file.iter().chain(&class).chain(&names).map(|name| csv_cell(name)).collect();
            // Of several files of one kind the table has one head.
            let cells = cells.join(",");
            if head.as_ref() != Some(&cells) {
                out.line(&cells)?;
                head = Some(cells);
            }
        }
        for (i, row) in outputs.chunks_exact(width).enumerate() {
            let file = files.get(i).map(String::as_str);
            let class = (!classes.is_empty()).then(|| classes[class_of(row)].as_str());
            if arguments.json {
                out.line(object(file, class, &names, row))?;
            } else {
                let words = file.into_iter().chain(class).map(csv_cell);
                let cells = words.chain(row.iter().map(|x| format!("{x:?}")));
                out.line(cells.collect::<Vec<_>>().join(","))?;
            }
        }
    }
    Ok(())
}

fn object(file: Option<&str>, class: Option<&str>, names: &[String], row: &[f32]) -> Value {
    let numbers: Map<String, Value> = names.iter().zip(row).map(|(name, x)| (name.clone(), json!(x))).collect();
    let mut object = Map::new();
    object.extend(file.map(|file| ("file".to_owned(), json!(file))));
    match class {
        Some(class) => {
            object.insert("class".into(), class.into());
            object.insert("probabilities".into(), numbers.into());
        }
        None => object.extend(numbers),
    }
    Value::Object(object)
}
