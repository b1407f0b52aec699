//! `schuss trace`: one optimizer on given gradients, no model.

use crate::arguments;
use crate::input::read_text;
use crate::output::{Output, Result};
use crate::shortcuts::assign;
use schuss::Error;
use schuss::lab::{Gradients, Precision, surfaces, trace as steps_of};
use schuss::recipe::{Recipe, Tables};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Steps on a surface, unless given.
const STEPS: usize = 100;

/// A table of gradients has at most so many bytes.
const LONGEST: u64 = 256 << 20;

/// Prints where each step leads.
pub fn trace(arguments: &arguments::Trace, out: &mut Output) -> Result {
    let mut recipe = Recipe::default();
    recipe.set("optimizer", arguments.optimizer.as_str())?;
    assign(&mut recipe, "optimizer.", &arguments.set)?;
    let optimizer = recipe.resolve(&Tables::default())?.optimizer;
    let start = numbers("--start", &arguments.start)?;
    let shape = match &arguments.shape {
        None => vec![start.len()],
        Some(text) => sizes(text, start.len())?,
    };
    let precision = match arguments.precision.as_str() {
        "f64" => Precision::F64,
        "f32" => Precision::F32,
        other => {
            let message = format!("--precision is {other}; allowed are f64 and f32");
            return Err(Error::value("value-not-allowed", message).into());
        }
    };
    let steps = match (&arguments.gradients, &arguments.surface) {
        (Some(path), None) => {
            let rows = rows(path, start.len())?;
            let steps = steps_of(&optimizer, &shape, &start, Gradients::Given(&rows), precision);
            steps.map_err(
                |e| if e.code() == "needs-a-function" { e.at("--gradients, instead of --surface") } else { e },
            )?
        }
        (None, Some(name)) => {
            let surface = surfaces().make(name, &[])?;
            steps_of(&optimizer, &shape, &start, Gradients::Of(&surface, arguments.steps.unwrap_or(STEPS)), precision)?
        }
        _ => {
            let message = "say where gradients come from: --gradients FILE.csv, or --surface NAME";
            return Err(Error::value("wrong-arguments", message).into());
        }
    };
    for step in steps {
        if arguments.json {
            let state: Map<String, Value> = step.state.into_iter().map(|(name, x)| (name, x.into())).collect();
            out.line(json!({"step": step.step, "theta": step.theta, "state": state}))?;
            continue;
        }
        out.line(row(&step.theta))?;
        for (name, state) in step.state.iter().filter(|_| arguments.state) {
            out.line(format!("# {name} {}", row(state)))?;
        }
    }
    Ok(())
}

/// Seventeen digits, which say all of an f64.
fn row(numbers: &[f64]) -> String {
    numbers.iter().map(|x| format!("{x:.16e}")).collect::<Vec<_>>().join(",")
}

fn numbers(place: &str, text: &str) -> std::result::Result<Vec<f64>, Error> {
    let number = |(i, cell): (usize, &str)| match cell.trim().parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => {
            let message = format!("{place}, number {}: `{}` is not a finite number", i + 1, cell.trim());
            Err(Error::value("not-a-number", message))
        }
    };
    text.split(',').enumerate().map(number).collect()
}

/// `2x2`.
fn sizes(text: &str, count: usize) -> std::result::Result<Vec<usize>, Error> {
    let shape: Option<Vec<usize>> = text.split('x').map(|n| n.trim().parse().ok()).collect();
    let product = |shape: &[usize]| shape.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
    match shape {
        Some(shape) if product(&shape) == Some(count) => Ok(shape),
        _ => {
            let message = format!("--shape is {text}; it is sizes as 2x2 that make the {count} numbers of --start");
            Err(Error::value("value-not-allowed", message))
        }
    }
}

/// One row of gradients a step.
fn rows(path: &Path, count: usize) -> std::result::Result<Vec<Vec<f64>>, Error> {
    let shown = path.display();
    let text = read_text(path, "the table of gradients", LONGEST)?;
    let mut rows = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{shown}, line {}", i + 1);
        let row = numbers(&place, line)?;
        if row.len() != count {
            let message = format!("{place}: there are {} numbers; --start has {count}", row.len());
            return Err(Error::shape("wrong-count", message));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Error::format(
            "no-gradients",
            format!("{shown} has no gradients; it must have a row for each step"),
        ));
    }
    Ok(rows)
}
