//! `schuss schedule`: the rate of every step of a run, without running it.

use crate::arguments;
use crate::output::{Output, Result};
use crate::picture::Format;
use crate::plot::{Panel, svg};
use crate::text::{number, table};
use schuss::recipe::{Preview, Recipe, Tables};
use serde_json::{Map, Value, json};

/// Rows of the table, at most.
const ROWS: usize = 21;

/// Prints the rates as a table or JSON, and draws them.
pub fn schedule(arguments: &arguments::Schedule, out: &mut Output) -> Result {
    arguments.plot.as_ref().map_or(Ok(()), |file| Format::Svg.check("--plot", file))?;
    let mut recipe = Recipe::default();
    recipe.set("schedule", arguments.spec.as_str())?;
    for (path, name) in [("data.name", &arguments.data), ("optimizer", &arguments.optimizer)] {
        if let Some(name) = name {
            recipe.set(path, name.as_str())?;
        }
    }
    for (path, value) in [
        ("train.epochs", &arguments.epochs),
        ("train.batch_size", &arguments.batch_size),
        ("optimizer.learning_rate", &arguments.learning_rate),
    ] {
        if let Some(value) = value {
            recipe.assign(&format!("{path}={value}"))?;
        }
    }
    let preview = Preview::new(&recipe, arguments.steps, &Tables::default())?;
    if let Some(file) = &arguments.plot {
        let panel = |(i, (name, values)): (usize, &(&'static str, Vec<Option<f64>>))| Panel {
            name,
            values: values.clone(),
            from_zero: i == 0,
        };
        let panels: Vec<_> = preview.columns.iter().enumerate().map(panel).collect();
        Format::Svg.write("--plot", file, svg(&arguments.spec, &panels).as_bytes())?;
    }
    if arguments.json { lines(&preview, out) } else { rows(&preview, out) }
}

fn lines(preview: &Preview, out: &mut Output) -> Result {
    for step in 0..preview.steps() {
        let mut line = Map::new();
        line.insert("step".into(), json!(step));
        line.insert("epoch".into(), json!(preview.epoch(step)));
        line.extend(preview.columns.iter().map(|(name, values)| ((*name).to_owned(), json!(values[step]))));
        out.line(Value::Object(line))?;
    }
    Ok(())
}

fn rows(preview: &Preview, out: &mut Output) -> Result {
    let (steps, columns) = (preview.steps(), &preview.columns);
    let shown = ROWS.min(steps);
    let names = ["step", "epoch"].into_iter().chain(columns.iter().map(|c| c.0));
    let mut rows = vec![names.map(str::to_owned).collect::<Vec<_>>()];
    for i in 0..shown {
        let step = i * (steps - 1) / (shown - 1).max(1);
        let mut row = vec![step.to_string(), preview.epoch(step).to_string()];
        row.extend(columns.iter().map(|(_, values)| values[step].map_or_else(String::new, number)));
        rows.push(row);
    }
    table(&rows, true).into_iter().try_for_each(|line| out.line(line))
}
