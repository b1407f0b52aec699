//! The proof that the trajectories know every rule: each is changed in small ways, and a test must fail.
//!
//! All mutants of all rules are compiled at once, into a copy of the workspace: where an expression is changed, the copy
//! asks a number that the environment gives which of the two it is. Then the tests run once for each number.

mod change;

use crate::Result;
use crate::command::{number, options, root, target};
use change::{Mutant, mutate};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Where rules are, and files there that are none.
const RULES: &str = "crates/schuss/src/optimizers";
const NO_RULES: [&str; 7] = ["around.rs", "cautious.rs", "dialects.rs", "mod.rs", "rules.rs", "search.rs", "walk.rs"];

/// Asked by the copy; 0 is nobody.
const SWITCH: &str = r#"
/// Which mutant runs.
pub mod mutant {
    /// Is it this one?
    pub fn is(number: u32) -> bool {
        static RUNNING: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        let read = || std::env::var("SCHUSS_MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
        *RUNNING.get_or_init(read) == number
    }
}
"#;

/// Test programs, and the test in each that walks beside the libraries.
const TESTS: [&str; 2] = ["every_optimizer", "every_search"];
const WALK: &str = "every_case_is_walked_as_its_library_walks_it";

/// Where a search by two hundred cases does not come; these lines were compared with PyTorch's by reading.
const NOT_REACHED: &str =
    "no case leads there: the ends of a bracket the other way round, or a step beside an end again";

/// Mutants that no trajectory can tell, and why: a file, a part of what is changed, and the reason.
const EXPLAINED: &[(&str, &str, &str)] = &[
    ("adabelief.rs", "g - m", "it is squared"),
    ("adafactor.rs", "[rank - row , rank - column]", "r and c change places, and their product is the same"),
    ("ftrl.rs", "0.5", "the form for any power gives the same numbers, in more time"),
    ("ftrl.rs", "1e-30", "any little number keeps 0 / 0 from being one"),
    ("lamb.rs", "0.0", "with nothing added under the root both ways are the same"),
    ("lbfgs.rs", "0.0", "it would stop later, where steps are smaller than what is compared"),
    ("lbfgs.rs", "loss - old_loss", "its size is used"),
    ("lbfgs/line.rs", "[old . clone () , new . clone ()]", "the two ends of a bracket are alike"),
    ("lbfgs/line.rs", "[start , new]", "the two ends of a bracket are alike"),
    ("lbfgs/line.rs", "bracket [1] . t - bracket [0] . t", "its size is used, and a bracket begins near 0 or is wide"),
    ("lbfgs/line.rs", "new . slope * (bracket", "its sign is used"),
    ("lbfgs/line.rs", "bracket [1 - low] . t - bracket [low] . t", NOT_REACHED),
    ("lbfgs/line.rs", "a . t - b . t", NOT_REACHED),
    ("lbfgs/line.rs", "loss + DECREASE", "within a ten-thousandth of the slope both ways mostly bracket the same"),
    ("lbfgs/line.rs", "iterations > 1", NOT_REACHED),
    ("lbfgs/line.rs", "right - t", NOT_REACHED),
    ("lbfgs/line.rs", "t - left", NOT_REACHED),
    ("lbfgs/line.rs", "t - right", NOT_REACHED),
    ("lbfgs/line.rs", "right - margin", NOT_REACHED),
    ("lbfgs/line.rs", "0.0", "a slope beside 0 comes to the same place"),
    ("muon.rs", "sizes [0] > sizes [1]", "both products give the same; one takes less time"),
    ("prodigy.rs", "0.0", "a growth rate between is refused before"),
    ("prodigy.rs", "1.0", "numerator and denominator of the new d have this factor alike"),
    ("prodigy.rs", "self . d0", "numerator and denominator of the new d have this factor alike"),
    ("prodigy.rs", "(* d , over_d0)", "numerator and denominator of the new d have this factor alike"),
    ("prodigy.rs", "g . add (kept , new)", "s turns around as a whole, and only its size is used"),
    ("prodigy.rs", "g . subtract (difference , sum)", "its size is used"),
    ("prodigy.rs", "g . maximum (here , there)", "it says how much rounding is to be expected, roughly"),
    ("prodigy.rs", "1e-5", "it says how much rounding is to be expected, roughly"),
    ("schedule_free_adamw.rs", "0.0", "before any weight x and z are where θ starts"),
    ("shampoo.rs", "1.0", "any number but 0 asks for new roots"),
    ("soap.rs", "0.0", "the first gradient moves nothing: its average is 0 yet"),
    ("soap.rs", "1.0", "any number but 0 and 2 asks for new eigenvectors"),
    ("sophia_g.rs", "1e-15", "any little number keeps 0 / 0 from being one"),
];

/// Seconds after which a mutant counts as one that never ends.
const PATIENCE: u64 = 120;

/// What killed a mutant; nothing if nothing did.
type Death = Option<String>;

/// Changes every rule in every way, runs the tests for each, and writes benchmarks/mutants-optimizers.json.
pub fn mutants(args: &[String]) -> Result {
    let (what, rest) = args.split_first().ok_or("cargo xtask mutants optimizers [--jobs 1] [--only FILE.rs]")?;
    if what != "optimizers" {
        return Err(format!("no mutants of `{what}`; there are those of optimizers"));
    }
    let [jobs, only] = options(rest, [("jobs", "1"), ("only", "")])?;
    let jobs: usize = number("jobs", &jobs)?;
    let copy = target().join("mutants");
    let all = copied(&copy, &only)?;
    eprintln!("{} mutants; building", all.len());
    let programs = built(&copy)?;
    for program in &programs {
        if let Some(death) = run(program, &copy, 0, &[])? {
            return Err(format!("{}: fails without a mutant: {death}", program.display()));
        }
    }
    let (next, deaths) = (AtomicUsize::new(0), Mutex::new(vec![None; all.len()]));
    let work = || -> Result {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = all.get(i) else { return Ok(()) };
            let death = killed(&programs, &copy, mutant)?;
            if death.is_none() {
                eprintln!("alive: {} {}: {} -> {}", mutant.place, mutant.function, mutant.from, mutant.to);
            }
            deaths.lock().map_err(|e| e.to_string())?[i] = death;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|w| w.join().map_err(|_| "a worker panicked".to_owned())?)
    })?;
    let deaths = deaths.into_inner().map_err(|e| e.to_string())?;
    report(&all, &deaths, only.is_empty())
}

/// First beside the libraries, then by all that is tested about rules.
fn killed(programs: &[PathBuf], copy: &Path, mutant: &Mutant) -> Result<Death> {
    let searches = mutant.place.starts_with("lbfgs");
    let order: Vec<&PathBuf> = if searches { programs.iter().rev().collect() } else { programs.iter().collect() };
    for arguments in [&[WALK][..], &[]] {
        for program in &order {
            if let Some(death) = run(program, copy, mutant.number, arguments)? {
                return Ok(Some(death));
            }
        }
    }
    Ok(None)
}

/// A copy of the workspace with all mutants in it.
fn copied(copy: &Path, only: &str) -> Result<Vec<Mutant>> {
    let _ = fs::remove_dir_all(copy);
    let told = Command::new("git").args(["ls-files"]).current_dir(root()).output().map_err(|e| e.to_string())?;
    let files = String::from_utf8(told.stdout).map_err(|_| "a path that is not UTF-8")?;
    let mut all = Vec::new();
    let mut rules = Vec::new();
    for file in files.lines() {
        let (from, to) = (root().join(file), copy.join(file));
        let failed = |e: std::io::Error| format!("{}: {e}", from.display());
        fs::create_dir_all(to.parent().ok_or("a file in a folder")?).map_err(failed)?;
        let Some(name) = file.strip_prefix(&format!("{RULES}/")).filter(|n| n.ends_with(".rs")) else {
            fs::copy(&from, &to).map_err(failed)?;
            continue;
        };
        let text = fs::read_to_string(&from).map_err(failed)?;
        if NO_RULES.contains(&name) || !(only.is_empty() || name == only) {
            fs::write(&to, text).map_err(failed)?;
            continue;
        }
        let before = all.len();
        let changed = mutate(name, &text, &mut all).map_err(|e| format!("{file}: {e}"))?;
        fs::write(&to, changed).map_err(failed)?;
        rules.push((name.to_owned(), all.len() - before));
    }
    let library = copy.join("crates/schuss/src/lib.rs");
    let text = fs::read_to_string(&library).map_err(|e| e.to_string())?;
    fs::write(&library, text + SWITCH).map_err(|e| e.to_string())?;
    for (name, count) in rules.iter().filter(|r| r.1 > 0) {
        eprintln!("{name}: {count}");
    }
    Ok(all)
}

/// The test programs of the copy.
fn built(copy: &Path) -> Result<Vec<PathBuf>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--no-run", "--package", "schuss", "--message-format", "json", "--offline"]);
    for test in TESTS {
        cargo.args(["--test", test]);
    }
    // What others have built there already is used again.
    cargo.current_dir(copy).env("CARGO_TARGET_DIR", target()).env("RUSTFLAGS", "-Awarnings");
    let told = cargo.stderr(Stdio::inherit()).output().map_err(|e| e.to_string())?;
    let lines = String::from_utf8_lossy(&told.stdout);
    let messages: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let errors = messages.iter().filter(|m| m["message"]["level"] == "error");
    let errors: Vec<&str> = errors.filter_map(|m| m["message"]["rendered"].as_str()).take(3).collect();
    if !told.status.success() {
        return Err(format!("the mutants do not build:\n{}", errors.join("\n")));
    }
    let program = |test: &&str| {
        let made = messages.iter().find(|m| m["target"]["name"] == **test && m["executable"].is_string());
        made.and_then(|m| m["executable"].as_str()).map(PathBuf::from).ok_or(format!("no program of {test}"))
    };
    TESTS.iter().map(program).collect()
}

/// Runs a test program with a mutant awake; what it says when it fails.
fn run(program: &Path, copy: &Path, mutant: u32, arguments: &[&str]) -> Result<Death> {
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let said = copy.join(format!("{name}-{mutant}.txt"));
    let failed = |e: std::io::Error| format!("{}: {e}", program.display());
    let mut child = Command::new(program)
        .args(arguments)
        .args(["--test-threads", "1"])
        .env("SCHUSS_MUTANT", mutant.to_string())
        .env("RUST_BACKTRACE", "0")
        .current_dir(copy.join("crates/schuss"))
        .stdout(fs::File::create(&said).map_err(failed)?)
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break Some(status),
            None if start.elapsed() > Duration::from_secs(PATIENCE) => {
                child.kill().map_err(failed)?;
                child.wait().map_err(failed)?;
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let text = fs::read_to_string(&said).unwrap_or_default();
    let _ = fs::remove_file(&said);
    Ok(match status {
        Some(status) if status.success() => None,
        None => Some(format!("it does not end within {PATIENCE} s")),
        Some(_) => {
            let test = text.lines().find_map(|l| l.strip_prefix("---- ")?.strip_suffix(" stdout ----"));
            let panic = text.lines().skip_while(|l| !l.contains("panicked at")).nth(1).unwrap_or("it panics");
            Some(format!("{}: {panic}", test.unwrap_or("the program")))
        }
    })
}

fn report(all: &[Mutant], deaths: &[Death], whole: bool) -> Result {
    let mut rules: Map<String, Value> = Map::new();
    let mut alive = Vec::new();
    let mut list = Vec::new();
    for (mutant, death) in all.iter().zip(deaths) {
        let file = mutant.place.split(':').next().unwrap_or_default();
        let row = rules.entry(file).or_insert_with(|| json!({"mutants": 0, "killed": 0}));
        row["mutants"] = (row["mutants"].as_u64().unwrap_or(0) + 1).into();
        let mut line = json!({
            "place": mutant.place, "function": mutant.function, "kind": mutant.kind,
            "from": mutant.from, "to": mutant.to, "killed_by": death,
        });
        match death {
            Some(_) => row["killed"] = (row["killed"].as_u64().unwrap_or(0) + 1).into(),
            None => {
                let told = EXPLAINED.iter().find(|(f, part, _)| *f == file && mutant.from.contains(part));
                line["explained"] = json!(told.map(|t| t.2));
                if told.is_none() {
                    alive.push(format!("{}: {} -> {}", mutant.place, mutant.from, mutant.to));
                }
            }
        }
        list.push(line);
    }
    let killed = deaths.iter().flatten().count();
    let few: Vec<&String> = rules.iter().filter(|r| r.1["mutants"].as_u64() < Some(10)).map(|r| r.0).collect();
    println!("{killed} of {} mutants killed; not explained: {}", all.len(), alive.len());
    println!("fewer than 10 mutants: {few:?}");
    if whole {
        let text = json!({
            "made_by": "cargo xtask mutants optimizers",
            "killed": killed,
            "survivors": all.len() - killed,
            "not_explained": alive,
            "rules": rules,
            "mutants": list,
        });
        let file = root().join("benchmarks/mutants-optimizers.json");
        let lines: Vec<String> = list.iter().map(|l| format!("  {l}")).collect();
        let mut text = text;
        text["mutants"] = json!([]);
        let head = serde_json::to_string_pretty(&text).map_err(|e| e.to_string())?;
        let whole = head.replace("\"mutants\": []", &format!("\"mutants\": [\n{}\n  ]", lines.join(",\n")));
        fs::write(&file, whole + "\n").map_err(|e| format!("{}: {e}", file.display()))?;
        println!("{}", file.display());
    }
    if alive.is_empty() { Ok(()) } else { Err(format!("{} mutants live:\n{}", alive.len(), alive.join("\n"))) }
}
