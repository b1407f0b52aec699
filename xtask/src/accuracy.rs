//! Test accuracy over seeds, beside what Keras reaches with the same settings.

use crate::Result;
use crate::command::{number, options, root, target};
use crate::kills::write_summary;
use crate::schuss::Schuss;
use serde_json::{Map, Value, json};
use std::fs;

const TRAIN: &str = "train --data {data} --model mlp --seed {seed} --threads {threads} --out {out} --json";

/// Data, what is added to the command, and over how many seeds.
const SETS: [(&str, &str, u64); 3] =
    [("mnist", "--epochs 5", 10), ("fashion-mnist", "--epochs 5", 10), ("digits", "", 5)];

/// How far below Keras' mean ours may lie.
const MARGIN: f64 = 0.001;

/// Where Keras has no runs: the least mean.
const LEAST: f64 = 0.965;

/// Trains `mlp` over seeds on each data set, and fails where the mean is too low.
pub fn accuracy(args: &[String]) -> Result {
    let [data, seeds, threads] = options(args, [("data", "all"), ("seeds", "0"), ("threads", "2")])?;
    let seeds: u64 = number("seeds", &seeds)?;
    let chosen: Vec<_> = SETS.into_iter().filter(|set| data == "all" || data == set.0).collect();
    if chosen.is_empty() {
        return Err(format!("no data set `{data}`; there are all, {}", SETS.map(|set| set.0).join(", ")));
    }
    let schuss = Schuss::build()?;
    let folder = target().join("accuracy");
    let (mut summary, mut too_low) = (Map::new(), Vec::new());
    for (data, more, usual) in chosen {
        let mut reached = Vec::new();
        for seed in 0..if seeds > 0 { seeds } else { usual } {
            let _ = fs::remove_dir_all(&folder);
            let (seed, out) = (seed.to_string(), folder.to_string_lossy());
            let values = [("data", data), ("seed", &*seed), ("threads", &*threads), ("out", &*out)];
            let run = schuss.finish(schuss.command(&format!("{TRAIN} {more}"), &values))?;
            reached.push(run.end("test_accuracy")?);
            eprintln!("{data}, seed {seed}: {:.4} in {:.1} s", reached[reached.len() - 1], run.seconds);
        }
        let (ours, keras) = (Spread::of(&reached), keras(data)?);
        let least = keras.as_ref().map_or(LEAST, |keras| keras.mean - MARGIN);
        if ours.mean < least {
            too_low.push(format!("{data}: mean {:.4}, at least {least:.4} is asked for", ours.mean));
        }
        let keras = keras.map_or(Value::Null, |spread| spread.json());
        summary.insert(
            data.into(),
            json!({ "schuss": ours.json(), "keras": keras, "least": rounded(least), "runs": reached }),
        );
    }
    let _ = fs::remove_dir_all(&folder);
    write_summary("accuracy.json", &Value::Object(summary))?;
    if too_low.is_empty() { Ok(()) } else { Err(too_low.join("\n")) }
}

/// Trains `mlp` with the optimizer's state in fewer bits, over seeds, and compares with full state seed by seed.
pub fn states(args: &[String]) -> Result {
    let [seeds, threads] = options(args, [("seeds", "5"), ("threads", "2")])?;
    let seeds: u64 = number("seeds", &seeds)?;
    let schuss = Schuss::build()?;
    let mut summary = Map::new();
    for (data, more, _) in SETS.into_iter().take(2) {
        let command = format!("{} {more} --set optimizer.state={{choice}}", TRAIN.replace("{data}", data));
        let choices = ["f32", "bf16", "int8"];
        summary.insert(data.into(), beside(&schuss, &command, &threads, seeds, &choices, Map::new())?);
    }
    write_summary("state-accuracy.json", &Value::Object(summary))
}

/// What is trained in each precision: a name, the command, how many seeds.
const PRECISIONS: &[(&str, &str, u64)] = &[
    ("mnist mlp, 5 epochs", "--data mnist --model mlp --epochs 5", 5),
    ("fashion-mnist mlp, 5 epochs", "--data fashion-mnist --model mlp --epochs 5", 5),
    ("mnist 2c2d, 1 epoch", "recipes/fmnist-2c2d-adam.toml --data mnist --epochs 1", 5),
    ("fashion-mnist 2c2d, 1 epoch", "recipes/fmnist-2c2d-adam.toml --epochs 1", 5),
    ("cifar10 3c3d, 2 epochs", "recipes/cifar10-3c3d-adam.toml --epochs 2", 5),
    ("cifar10 resnet20, 1 epoch", "recipes/cifar10-resnet20.toml --epochs 1", 5),
];

/// Trains some models with products in each precision, over seeds, and compares with f32 seed by seed.
pub fn precision(args: &[String]) -> Result {
    let [only, choices, threads] = options(args, [("only", ""), ("precisions", "f32,bf16,f32x3"), ("threads", "2")])?;
    let schuss = Schuss::build()?;
    let choices: Vec<&str> = choices.split(',').collect();
    // Other lines that are kept stay.
    let mut summary: Map<String, Value> = match fs::read_to_string(root().join("benchmarks/precision-accuracy.json")) {
        Ok(kept) => serde_json::from_str(&kept).map_err(|e| format!("benchmarks/precision-accuracy.json: {e}"))?,
        Err(_) => Map::new(),
    };
    for (name, what, seeds) in PRECISIONS.iter().filter(|p| p.0.contains(&only)) {
        let command =
            format!("train {what} --precision {{choice}} --seed {{seed}} --threads {{threads}} --out {{out}} --json");
        let kept = summary.get(*name).and_then(Value::as_object).cloned().unwrap_or_default();
        summary.insert((*name).into(), beside(&schuss, &command, &threads, *seeds, &choices, kept)?);
        write_summary("precision-accuracy.json", &Value::Object(summary.clone()))?;
    }
    Ok(())
}

/// The test accuracies of a command over seeds, for each choice, and beside those of `f32`, which may be a row that was kept.
fn beside(
    schuss: &Schuss,
    command: &str,
    threads: &str,
    seeds: u64,
    choices: &[&str],
    mut rows: Map<String, Value>,
) -> Result<Value> {
    let folder = target().join("accuracy");
    for choice in choices {
        let first = rows.get("f32").and_then(|row| row["runs"].as_array());
        let first: Vec<f64> = first.into_iter().flatten().filter_map(Value::as_f64).collect();
        if *choice != "f32" && first.len() as u64 != seeds {
            return Err(format!("{command}: no row `f32` of {seeds} runs to compare with: it goes first"));
        }
        let mut reached = Vec::new();
        for seed in 0..seeds {
            let _ = fs::remove_dir_all(&folder);
            let (seed, out) = (seed.to_string(), folder.to_string_lossy());
            let values = [("seed", &*seed), ("threads", threads), ("out", &*out), ("choice", choice)];
            let run = schuss.finish(schuss.command(command, &values))?;
            reached.push(run.end("test_accuracy")?);
            eprintln!("{command}: {choice}, seed {seed}: {:.4}", reached[reached.len() - 1]);
        }
        let mut row = json!({ "accuracy": Spread::of(&reached).json(), "runs": reached });
        if *choice != "f32" {
            let apart: Vec<f64> = reached.iter().zip(&first).map(|(x, y)| x - y).collect();
            let Spread { mean, deviation, .. } = Spread::of(&apart);
            let error = rounded(deviation / (apart.len() as f64).sqrt());
            row["less_f32"] = json!({ "mean": rounded(mean), "standard_error": error });
        }
        rows.insert((*choice).into(), row);
    }
    let _ = fs::remove_dir_all(&folder);
    Ok(Value::Object(rows))
}

/// To five digits, as one sample of 10 000 is 1e-4.
fn rounded(x: f64) -> f64 {
    (x * 1e5).round() / 1e5
}

/// What some runs reach.
struct Spread {
    runs: usize,
    mean: f64,
    deviation: f64,
    least: f64,
}

impl Spread {
    fn of(numbers: &[f64]) -> Self {
        let n = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / n;
        let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
        let deviation = (squares / (n - 1.0).max(1.0)).sqrt();
        Spread { runs: numbers.len(), mean, deviation, least: numbers.iter().copied().fold(f64::INFINITY, f64::min) }
    }

    fn json(&self) -> Value {
        let (mean, deviation, least) = (rounded(self.mean), rounded(self.deviation), rounded(self.least));
        json!({ "runs": self.runs, "mean": mean, "standard_deviation": deviation, "min": least })
    }
}

/// What Keras reaches on a data set, if runs of it are kept.
fn keras(data: &str) -> Result<Option<Spread>> {
    let Ok(text) = fs::read_to_string(root().join("benchmarks/keras-accuracy.jsonl")) else { return Ok(None) };
    let runs = text.lines().map(|line| serde_json::from_str(line).map_err(|e| format!("keras-accuracy.jsonl: {e}")));
    let runs: Vec<Value> = runs.collect::<Result<_>>()?;
    let of_data = runs.iter().filter(|run| run["data"] == data);
    let reached: Vec<f64> = of_data.filter_map(|run| run["test_accuracy"].as_f64()).collect();
    Ok((!reached.is_empty()).then(|| Spread::of(&reached)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_deviation_and_least() {
        let spread = Spread::of(&[0.5, 0.25, 0.75]);
        assert_eq!((spread.runs, spread.mean, spread.deviation, spread.least), (3, 0.5, 0.25, 0.25));
    }

    #[test]
    fn keras_runs_are_found_by_data() {
        let mnist = keras("mnist").unwrap().expect("benchmarks/keras-accuracy.jsonl has runs on mnist");
        assert!(mnist.runs >= 10 && (0.97..0.99).contains(&mnist.mean));
        assert!(keras("no such data").unwrap().is_none());
    }
}
