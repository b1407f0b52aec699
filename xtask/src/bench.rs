//! Training steps of schuss and of other libraries in turn, on one machine in the same minutes.

mod picture;

use crate::Result;
use crate::command::{number, options, root};
use crate::schuss::Schuss;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Workloads that are models.
const WORKS: &str = "tiny,logreg,mlp,widemlp,convnet,cnn3c3d,resnet20";
const OWN: &str = "schuss";

/// Where the README's table begins and ends.
const MARKS: (&str, &str) = ("<!-- speed: cargo xtask bench -->\n", "<!-- /speed -->");

/// Times of one library on one workload, in milliseconds, a number for each round.
#[derive(Default)]
struct Times {
    median: Vec<f64>,
    least: Vec<f64>,
    /// Samples of a step.
    batch: f64,
    /// Millions of multiplications and additions of a step, as its definition counts them.
    mflop: f64,
}

impl Times {
    /// The fastest step of all rounds.
    fn fastest(&self) -> f64 {
        self.least.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

type All = BTreeMap<(String, String), Times>;

/// Runs `schuss bench` and a command that times others in turn, and writes what came of it.
///
/// The command prints a line of JSON for each library: `peer`, `work`, `step_ms` (the median step), `min_ms`; `{work}` in it
/// stands for the workload. With `--out FOLDER`, all lines go to `steps.jsonl` there, and the table and a picture to
/// `speed.md` and `speed.svg`; with `--readme yes` the table goes to the README too. The roof is that of f32 in every
/// `--precision`.
pub fn bench(args: &[String]) -> Result {
    let [works, rounds, seconds, peers, out, readme, precision] = options(
        args,
        [
            ("work", WORKS),
            ("rounds", "5"),
            ("seconds", "2"),
            ("peers", ""),
            ("out", ""),
            ("readme", ""),
            ("precision", "f32"),
        ],
    )?;
    let rounds: usize = number("rounds", &rounds)?;
    let schuss = Schuss::build()?;
    let limits = |schuss: &Schuss| -> Result<Value> {
        let run = schuss.finish(schuss.command("bench --limits --json", &[]))?;
        run.events.into_iter().next().ok_or("no limits".to_owned())
    };
    let mut lines = vec![json!({"limits": limits(&schuss)?})];
    let mut all = All::new();
    let works: Vec<&str> = works.split(',').collect();
    for work in &works {
        for round in 1..=rounds {
            let values = [("work", *work), ("seconds", &*seconds), ("precision", &*precision)];
            let command = "bench --work {work} --seconds {seconds} --precision {precision} --json";
            let own = schuss.finish(schuss.command(command, &values))?;
            let others = if peers.is_empty() { Ok(Vec::new()) } else { asked(&peers.replace("{work}", work)) };
            // What was timed so far is worth keeping.
            let others = others.unwrap_or_else(|message| {
                eprintln!("{message}");
                Vec::new()
            });
            for line in own.events.into_iter().chain(others) {
                let peer = line["peer"].as_str().ok_or_else(|| format!("no `peer` in {line}"))?.to_owned();
                let time = |name: &str| line[name].as_f64().ok_or_else(|| format!("no `{name}` in {line}"));
                let times = all.entry(((*work).to_owned(), peer)).or_default();
                times.median.push(time("step_ms")?);
                times.least.push(time("min_ms")?);
                times.batch = line["samples_per_s"].as_f64().unwrap_or(0.0) * time("step_ms")? * 1e-3;
                times.mflop = line["mflop"].as_f64().unwrap_or(0.0);
                lines.push(line);
            }
            eprintln!("{work}: round {round} of {rounds}");
        }
    }
    lines.push(json!({"limits": limits(&schuss)?}));
    let roof = lines.iter().filter_map(|l| l["limits"]["gflop_per_s"].as_f64()).fold(0.0, f64::max);
    let table = table(&works, &all, roof);
    println!("{table}");
    if !out.is_empty() {
        let folder = root().join(&out);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let drawn = picture::svg(&works, &all);
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for (name, text) in [("steps.jsonl", &text), ("speed.md", &table), ("speed.svg", &drawn)] {
            write(&folder.join(name), text)?;
        }
        if !readme.is_empty() {
            let (file, date) = (root().join("README.md"), out.rsplit('/').next().unwrap_or_default());
            let old = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            let picture = format!("![ratios]({out}/speed.svg)\n\n");
            write(&file, &within(&old, &format!("{picture}{table}\n{rounds} rounds, {date}.\n"))?)?;
        }
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result {
    fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}

/// The text with something else between the marks.
fn within(text: &str, new: &str) -> Result<String> {
    let (head, rest) = text.split_once(MARKS.0).ok_or(format!("no line {}", MARKS.0.trim()))?;
    let (_, tail) = rest.split_once(MARKS.1).ok_or(format!("no line {}", MARKS.1))?;
    Ok(format!("{head}{}{new}{}{tail}", MARKS.0, MARKS.1))
}

fn table(works: &[&str], all: &All, roof: f64) -> String {
    let head = "| work | schuss, samples/s | step, ms | the best other, ms | ratio | of medians | of the roof |";
    let mut text = format!("{head}\n|---|---|---|---|---|---|---|\n");
    works.iter().for_each(|work| text += &format!("{}\n", row(work, all, roof)));
    text
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

/// The library whose fastest step is the best, among the others.
fn best<'a>(work: &str, all: &'a All) -> Option<(&'a str, &'a Times)> {
    let others = all.iter().filter(|((w, peer), _)| w == work && peer != OWN);
    let best = others.min_by(|a, b| a.1.fastest().total_cmp(&b.1.fastest()));
    best.map(|((_, peer), times)| (&peer[..], times))
}

/// A line of the table: the fastest step of all rounds, and the median of the rounds' medians. A share of the roof
/// counts what a step's definition asks for, at the rate of `roof` GFLOP/s; with fewer products it may exceed 100 percent.
fn row(work: &str, all: &All, roof: f64) -> String {
    let Some(own) = all.get(&(work.to_owned(), OWN.to_owned())) else { return format!("| {work} | | | | | | |") };
    let least = own.fastest();
    let rate = own.batch / least * 1e3;
    let share = if own.mflop > 0.0 { format!("{:.0} %", own.mflop / least / roof * 100.0) } else { String::new() };
    let (other, ratio, medians) = best(work, all).map_or_else(Default::default, |(peer, other)| {
        let medians = middle(&other.median) / middle(&own.median);
        (format!("{:.3} ({peer})", other.fastest()), format!("{:.2}", other.fastest() / least), format!("{medians:.2}"))
    });
    format!("| {work} | {rate:.0} | {least:.3} | {other} | {ratio} | {medians} | {share} |")
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

    fn some() -> All {
        let times = |median: &[f64], least: &[f64]| Times {
            median: median.to_vec(),
            least: least.to_vec(),
            batch: 30.0,
            mflop: 150.0,
        };
        let named = |peer: &str| ("mlp".to_owned(), peer.to_owned());
        All::from([
            (named("schuss"), times(&[2.0, 3.0, 4.0], &[1.5, 2.5])),
            (named("a"), times(&[4.0], &[3.5])),
            (named("b"), times(&[6.0, 9.0], &[3.0])),
        ])
    }

    #[test]
    fn the_best_other_is_that_of_the_fastest_step() {
        let all = some();
        assert_eq!(row("mlp", &all, 200.0), "| mlp | 20000 | 1.500 | 3.000 (b) | 2.00 | 2.50 | 50 % |");
        assert_eq!(row("tiny", &all, 200.0), "| tiny | | | | | | |");
    }

    #[test]
    fn a_picture_has_a_bar_for_each_work() {
        let picture = picture::svg(&["mlp", "tiny"], &some());
        assert!(picture.contains("2.00") && picture.contains(">mlp<") && !picture.contains("tiny"), "{picture}");
    }

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("a\n{}old\n{}\nb\n", MARKS.0, MARKS.1);
        assert_eq!(within(&text, "new\n").unwrap(), text.replace("old", "new"));
        assert!(within("nothing", "new").is_err());
    }
}
