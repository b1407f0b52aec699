//! `schuss predict`.

use crate::arguments;
use crate::evaluate::open;
use crate::output::{Output, Result};
use crate::text::csv_cell;
use schuss::train::class_of;
use serde_json::{Map, Value, json};

/// A line for each sample: its class and the probability of each, or the numbers that were to be predicted.
pub fn predict(arguments: &arguments::Predict, out: &mut Output) -> Result {
    let (mut model, data) = open(&arguments.model, &arguments.data, false, arguments.threads)?;
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
        let class = (!classes.is_empty()).then(|| "class".to_owned());
        let cells: Vec<String> = class.iter().chain(&names).map(|name| csv_cell(name)).collect();
        out.line(cells.join(","))?;
    }
    for row in outputs.chunks_exact(width) {
        let class = (!classes.is_empty()).then(|| classes[class_of(row)].as_str());
        if arguments.json {
            out.line(object(class, &names, row))?;
        } else {
            let cells = class.map(csv_cell).into_iter().chain(row.iter().map(|x| format!("{x:?}")));
            out.line(cells.collect::<Vec<_>>().join(","))?;
        }
    }
    Ok(())
}

fn object(class: Option<&str>, names: &[String], row: &[f32]) -> Value {
    let numbers: Map<String, Value> = names.iter().zip(row).map(|(name, x)| (name.clone(), json!(x))).collect();
    match class {
        Some(class) => json!({ "class": class, "probabilities": numbers }),
        None => Value::Object(numbers),
    }
}
