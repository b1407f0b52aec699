//! Training steps of schuss and of other libraries in turn, on one machine in the same minutes.

use crate::Result;
use crate::command::{number, options, root};
use crate::schuss::Schuss;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Workloads that are models.
const WORKS: &str = "tiny,logreg,mlp,widemlp,convnet,cnn3c3d,resnet20";
const OWN: &str = "schuss";

/// Times of one library on one workload, in milliseconds, a number for each round.
#[derive(Default)]
struct Times {
    median: Vec<f64>,
    least: Vec<f64>,
}

/// Runs `schuss bench` and a command that times others in turn, and writes what came of it.
///
/// The command prints a line of JSON for each library: `peer`, `work`, `step_ms` (the median step), `min_ms`; `{work}` in it
/// stands for the workload.
pub fn bench(args: &[String]) -> Result {
    let [works, rounds, seconds, peers, out] =
        options(args, [("work", WORKS), ("rounds", "5"), ("seconds", "2"), ("peers", ""), ("out", "")])?;
    let rounds: usize = number("rounds", &rounds)?;
    let schuss = Schuss::build()?;
    let limits = |schuss: &Schuss| -> Result<Value> {
        let run = schuss.finish(schuss.command("bench --limits --json", &[]))?;
        run.events.into_iter().next().ok_or("no limits".to_owned())
    };
    let mut lines = vec![json!({"limits": limits(&schuss)?})];
    let mut all: BTreeMap<(String, String), Times> = BTreeMap::new();
    let works: Vec<&str> = works.split(',').collect();
    for work in &works {
        for round in 1..=rounds {
            let values = [("work", *work), ("seconds", &*seconds)];
            let own = schuss.finish(schuss.command("bench --work {work} --seconds {seconds} --json", &values))?;
            let others = if peers.is_empty() { Vec::new() } else { asked(&peers.replace("{work}", work))? };
            for line in own.events.into_iter().chain(others) {
                let peer = line["peer"].as_str().ok_or_else(|| format!("no `peer` in {line}"))?.to_owned();
                let time = |name: &str| line[name].as_f64().ok_or_else(|| format!("no `{name}` in {line}"));
                let times = all.entry(((*work).to_owned(), peer)).or_default();
                times.median.push(time("step_ms")?);
                times.least.push(time("min_ms")?);
                lines.push(line);
            }
            eprintln!("{work}: round {round} of {rounds}");
        }
    }
    lines.push(json!({"limits": limits(&schuss)?}));
    println!("| work | schuss, ms | the best other, ms | ratio | of medians |\n|---|---|---|---|---|");
    for work in works {
        println!("{}", row(work, &all));
    }
    if !out.is_empty() {
        let folder = root().join(&out);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let file = folder.join("steps.jsonl");
        let write = || fs::create_dir_all(&folder).and_then(|()| fs::write(&file, text));
        write().map_err(|e| format!("{}: {e}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}

/// A command's lines of JSON; other lines are passed over.
fn asked(command: &str) -> Result<Vec<Value>> {
    let mut words = command.split_whitespace();
    let program = words.next().ok_or("--peers is a command")?;
    let told = Command::new(program).args(words).output().map_err(|e| format!("{program}: {e}"))?;
    if !told.status.success() {
        let errors = String::from_utf8_lossy(&told.stderr);
        return Err(format!("{command} ({}): {}", told.status, errors.lines().last().unwrap_or_default()));
    }
    Ok(String::from_utf8_lossy(&told.stdout).lines().filter_map(|l| serde_json::from_str(l).ok()).collect())
}

/// A line of the table: the fastest step of all rounds, and the median of the rounds' medians.
fn row(work: &str, all: &BTreeMap<(String, String), Times>) -> String {
    let least = |t: &Times| t.least.iter().copied().fold(f64::INFINITY, f64::min);
    let own = all.get(&(work.to_owned(), OWN.to_owned()));
    let others = all.iter().filter(|((w, peer), _)| w == work && peer != OWN);
    let best = others.min_by(|a, b| least(a.1).total_cmp(&least(b.1)));
    match (own, best) {
        (Some(own), Some(((_, peer), other))) => {
            let (a, b) = (least(own), least(other));
            let medians = middle(&other.median) / middle(&own.median);
            format!("| {work} | {a:.3} | {b:.3} ({peer}) | {:.2} | {medians:.2} |", b / a)
        }
        (Some(own), None) => format!("| {work} | {:.3} | | | |", least(own)),
        _ => format!("| {work} | | | | |"),
    }
}

fn middle(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    if n.is_multiple_of(2) { (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0 } else { sorted[n / 2] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_other_is_that_of_the_fastest_step() {
        let times = |median: &[f64], least: &[f64]| Times { median: median.to_vec(), least: least.to_vec() };
        let mut all = BTreeMap::new();
        all.insert(("mlp".to_owned(), "schuss".to_owned()), times(&[2.0, 3.0, 4.0], &[1.5, 2.5]));
        all.insert(("mlp".to_owned(), "a".to_owned()), times(&[4.0], &[3.5]));
        all.insert(("mlp".to_owned(), "b".to_owned()), times(&[6.0, 9.0], &[3.0]));
        assert_eq!(row("mlp", &all), "| mlp | 1.500 | 3.000 (b) | 2.00 | 2.50 |");
        assert_eq!(row("tiny", &all), "| tiny | | | | |");
    }
}
