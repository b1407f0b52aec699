//! The proof that a killed run, resumed, ends as one never killed.

use crate::Result;
use crate::command::{number, options, root, target};
use crate::schuss::{Run, Schuss};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// A run from its start, and one that goes on.
const TRAIN: &str = "train --data {data} --model mlp --epochs {epochs} --seed 1 --threads {threads} \
                     --set train.snapshot_seconds={snapshot} --out {out} --json";
const RESUME: &str = "train --resume {out} --json";

/// What a run goes on from.
const SNAPSHOT: &str = "checkpoints/last.safetensors";

/// Columns of `history.csv` that no two runs share.
const TIME_COLUMNS: [&str; 1] = ["seconds"];

/// How a run ended, and whether a resumed one ended the same.
#[derive(PartialEq)]
struct End {
    model: String,
    history: String,
}

/// A kill and what came of it.
struct Kill {
    /// When, as a share of the undisturbed run.
    at: f64,
    /// Where it went on; nothing if it was over before it was killed.
    resumed: Option<(u64, u64)>,
    /// Seconds from the snapshot to the kill; nothing if there was none yet.
    redone: Option<f64>,
    same: bool,
}

/// The settings of all runs.
struct Trial {
    schuss: Schuss,
    folder: PathBuf,
    data: String,
    threads: String,
    snapshot: String,
    epochs: usize,
}

impl Trial {
    fn command(&self, template: &str, out: &Path) -> Command {
        let (out, epochs) = (out.to_string_lossy(), self.epochs.to_string());
        let values = [
            ("data", &*self.data),
            ("threads", &*self.threads),
            ("snapshot", &*self.snapshot),
            ("epochs", &*epochs),
            ("out", &*out),
        ];
        self.schuss.command(template, &values)
    }

    /// So many undisturbed runs at the same time; how each ended, and the mean of their seconds.
    fn undisturbed(&self, jobs: usize) -> Result<(End, f64)> {
        let one = |i: usize| -> Result<(End, f64)> {
            let out = self.folder.join(format!("undisturbed-{i}"));
            let run = self.schuss.finish(self.command(TRAIN, &out))?;
            let end = End::of(&out)?;
            fs::remove_dir_all(&out).map_err(|e| e.to_string())?;
            Ok((end, run.seconds))
        };
        let runs: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..jobs).map(|i| scope.spawn(move || one(i))).collect();
            threads.into_iter().map(|t| t.join().expect("a run's thread does not panic")).collect::<Result<_>>()
        })?;
        let seconds = runs.iter().map(|run| run.1).sum::<f64>() / jobs as f64;
        if runs.windows(2).any(|pair| pair[0].0 != pair[1].0) {
            return Err("two undisturbed runs ended in different bytes: nothing to compare with".into());
        }
        let (end, _) = runs.into_iter().next().ok_or("--jobs must be at least 1")?;
        Ok((end, seconds))
    }

    /// Starts a run, kills it after `seconds`, and resumes it.
    fn kill(&self, i: usize, at: f64, seconds: f64, expected: &End) -> Result<Kill> {
        let out = self.folder.join(format!("kill-{i}"));
        let start = Instant::now();
        let mut train = self.command(TRAIN, &out);
        let mut child = train.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        sleep(Duration::from_secs_f64(at * seconds).saturating_sub(start.elapsed()));
        child.kill().map_err(|e| e.to_string())?;
        let killed = SystemTime::now();
        child.wait().map_err(|e| e.to_string())?;
        let saved = fs::metadata(out.join(SNAPSHOT)).and_then(|snapshot| snapshot.modified()).ok();
        let redone = saved.map(|saved| killed.duration_since(saved).unwrap_or_default().as_secs_f64());
        let run = self.schuss.finish(self.command(RESUME, &out))?;
        let same = End::of(&out)? == *expected;
        if same {
            fs::remove_dir_all(&out).map_err(|e| e.to_string())?;
        }
        Ok(Kill { at, resumed: resumed(&run)?, redone, same })
    }
}

impl End {
    fn of(out: &Path) -> Result<Self> {
        let read = |name: &str| fs::read(out.join(name)).map_err(|e| format!("{}: {e}", out.join(name).display()));
        let model = Sha256::digest(read("model.safetensors")?).iter().map(|byte| format!("{byte:02x}")).collect();
        let history = String::from_utf8(read("history.csv")?).map_err(|_| "history.csv is not UTF-8")?;
        Ok(End { model, history: without_columns(&history, &TIME_COLUMNS) })
    }
}

/// A CSV table without quoted cells, less the columns of these names.
fn without_columns(table: &str, names: &[&str]) -> String {
    let header: Vec<&str> = table.lines().next().unwrap_or_default().split(',').collect();
    let kept = |i: usize| header.get(i).is_none_or(|name| !names.contains(name));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').enumerate().filter(|(i, _)| kept(*i)).map(|(_, cell)| cell).collect();
        cells.join(",") + "\n"
    };
    table.lines().map(row).collect()
}

/// Epoch and step of the resume event; nothing if the run was at its end already.
fn resumed(run: &Run) -> Result<Option<(u64, u64)>> {
    let Some(event) = run.event("resume") else { return Ok(None) };
    match (event["epoch"].as_u64(), event["step"].as_u64()) {
        (Some(epoch), Some(step)) => Ok(Some((epoch, step))),
        _ => Err(format!("the resume event has no epoch and step: {event}")),
    }
}

/// The n-th of a row of numbers spread evenly over [0, 1): SplitMix64 (Steele, Lea, Flood 2014).
fn uniform(seed: u64, n: u64) -> f64 {
    let mut x =
        seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Kills runs uniformly over 5–95 % of an undisturbed one's time, resumes them and compares the bytes.
pub fn kills(args: &[String]) -> Result {
    let [count, seconds, threads, jobs, data, snapshot, seed] = options(
        args,
        [
            ("count", "200"),
            ("seconds", "10"),
            ("threads", "1"),
            ("jobs", "1"),
            ("data", "mnist"),
            ("snapshot", "0.5"),
            ("seed", "1"),
        ],
    )?;
    let (count, jobs, seed) = (number("count", &count)?, number("jobs", &jobs)?, number("seed", &seed)?);
    let (least, interval): (f64, f64) = (number("seconds", &seconds)?, number("snapshot", &snapshot)?);
    let folder = target().join("kills");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut trial = Trial { schuss: Schuss::build()?, folder, data, threads, snapshot, epochs: 2 };
    let (expected, undisturbed) = loop {
        let (end, seconds) = trial.undisturbed(jobs)?;
        eprintln!("{} epochs undisturbed: {seconds:.2} s", trial.epochs);
        if seconds >= least {
            break (end, seconds);
        }
        // Some more than the last one promises, as its start is part of it.
        trial.epochs = (trial.epochs as f64 * (least / seconds).min(20.0) * 1.1).ceil() as usize + 1;
    };

    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || -> Result {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return Ok(());
            }
            let kill = trial.kill(i, 0.05 + 0.9 * uniform(seed, i as u64), undisturbed, &expected)?;
            let verdict = if kill.same { "the same bytes" } else { "OTHER BYTES" };
            let place =
                kill.resumed.map_or("at the end".into(), |(epoch, step)| format!("in epoch {epoch}, step {step}"));
            eprintln!("{i}: killed at {:.1} %, went on {place}: {verdict}", 100.0 * kill.at);
            done.lock().expect("no thread panics with it").push(kill);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|t| t.join().expect("a kill's thread does not panic"))
    })?;
    let kills = done.into_inner().expect("all threads are done");

    let number_of = |what: &dyn Fn(&Kill) -> bool| kills.iter().filter(|kill| what(kill)).count();
    let in_an_epoch = |kill: &Kill| kill.resumed.is_some_and(|(_, step)| step > 0);
    let short = |kill: &Kill| kill.redone.is_some_and(|seconds| seconds < interval);
    let redone: Vec<f64> = kills.iter().filter_map(|kill| kill.redone).collect();
    let same = number_of(&|kill| kill.same);
    let summary = json!({
        "command": TRAIN.replace("{data}", &trial.data).replace("{threads}", &trial.threads)
            .replace("{snapshot}", &trial.snapshot).replace("{epochs}", &trial.epochs.to_string()),
        "undisturbed_seconds": undisturbed,
        "jobs": jobs,
        "kills": kills.len(),
        "same_bytes": same,
        "resumed_within_an_epoch": number_of(&in_an_epoch),
        "and_redid_less_than_an_interval": number_of(&|kill| in_an_epoch(kill) && short(kill)),
        "before_the_first_snapshot": number_of(&|kill| kill.redone.is_none()),
        "after_the_end": number_of(&|kill| kill.resumed.is_none()),
        "redone_seconds": { "mean": mean(&redone), "most": redone.iter().copied().reduce(f64::max) },
        "model_sha256": expected.model,
    });
    write_summary("kills.json", &summary)?;
    if same == kills.len() {
        Ok(())
    } else {
        Err(format!(
            "{} of {} resumed runs ended in other bytes; they lie in {}",
            kills.len() - same,
            kills.len(),
            trial.folder.display()
        ))
    }
}

/// Prints a summary and writes it under `benchmarks/`.
pub fn write_summary(name: &str, summary: &Value) -> Result {
    let path = root().join("benchmarks").join(name);
    let text = format!("{summary:#}\n");
    print!("{text}");
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_columns_go_and_the_rest_stays() {
        let table = "epoch,loss,seconds,accuracy\n1,0.5,1.25,0.75\n2,0.25,1.5,0.875\n";
        assert_eq!(without_columns(table, &TIME_COLUMNS), "epoch,loss,accuracy\n1,0.5,0.75\n2,0.25,0.875\n");
        assert_eq!(without_columns("loss\n0.5,1\n", &TIME_COLUMNS), "loss\n0.5,1\n");
    }

    #[test]
    fn kills_are_spread_evenly() {
        let mut places: Vec<f64> = (0..1000).map(|n| uniform(1, n)).collect();
        places.sort_by(f64::total_cmp);
        // Kolmogorov and Smirnov's distance stays below 1.95/√n but for one row in a thousand.
        let distance = |(i, x): (usize, &f64)| (x - i as f64 / 1000.0).abs();
        assert!(places.iter().enumerate().map(distance).fold(0.0, f64::max) < 0.062);
        assert_ne!(uniform(1, 0), uniform(2, 0));
    }
}
