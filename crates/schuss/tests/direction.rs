//! The walls of the house, read from the sources: who may import whom, and what is absent where. ARCHITECTURE.md has
//! the reasons. Test modules may do as they like.

use schuss::registry::Registry;
use schuss::{activations, data, initializers, layers, losses, metrics, optimizers, regularizers, schedules};
use sources::Source;
use std::collections::HashSet;

mod sources;

/// The modules of the library. A module imports those of earlier lines only, none of its own line.
const RANKS: &[&[&str]] = &[
    &["error", "length"],
    &["random", "registry", "shape"],
    &["choice"],
    &["graph"],
    &["target"],
    &["activations", "initializers", "regularizers", "schedules"],
    &["build"],
    &["data", "layers", "losses", "metrics", "optimizers"],
    &["model"],
    &["plan"],
    &["train"],
    &["callbacks", "lab", "store"],
    &["recipe"],
];

/// Where names are looked up in the tables of others: a recipe is made of names, and so are a benchmark's workloads.
const LOOKUPS: &[&str] = &["crates/schuss/src/lab", "crates/schuss/src/recipe"];

const LIBRARY: &str = "crates/schuss/src";
const KERNELS: &str = "crates/schuss-kernels/src";
const COMMAND: &str = "crates/schuss-cli/src";

/// Where files are touched. The layer has a matrix that is compiled into the program.
const FILES: &[&str] =
    &["crates/schuss/src/data", "crates/schuss/src/store", "crates/schuss/src/layers/quadratic_deep.rs", COMMAND];

/// Where the clock is read. In the pool it says how long a worker without work spins before it sleeps, in two other places
/// how long something took; no result depends on it.
const CLOCK: &[&str] = &[
    "crates/schuss/src/callbacks",
    "crates/schuss/src/data",
    "crates/schuss/src/store",
    "crates/schuss-kernels/src/limits.rs",
    "crates/schuss-kernels/src/pool.rs",
    "crates/schuss-kernels/src/program/times.rs",
    COMMAND,
];

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|rank| rank.contains(&module))
}

/// Fails with one line for each fault.
fn none(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<String> = faults.into_iter().collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The places of tokens in sources that may not have them.
fn absent<'a>(tokens: &'a [&'a str], sources: &'a [Source], why: &'a str) -> impl Iterator<Item = String> + 'a {
    let of_source = move |source: &'a Source| {
        let of_token = move |token: &'a &str| source.find(token).map(move |at| (at, *token));
        tokens.iter().flat_map(of_token).map(move |(at, token)| format!("{}: `{token}`: {why}", source.place(at)))
    };
    sources.iter().flat_map(of_source)
}

/// The faults of one file of the library.
fn upward_imports(source: &Source) -> Vec<String> {
    let Some(&module) = source.module().first() else { return Vec::new() };
    let Some(own) = rank(module) else {
        return vec![format!("{}:1: module `{module}` has no rank in tests/direction.rs", source.path)];
    };
    // Types at the root are those of `error`.
    let modules = source.imports().into_iter().filter(|(_, name)| name.starts_with(|c: char| c.is_lowercase()));
    let fault = |(at, name): (usize, &str)| {
        let why = match rank(name) {
            _ if name == module => return None,
            Some(other) if other < own => return None,
            Some(other) if other == own => "has the same rank",
            Some(_) => "has a higher rank",
            None => "has no rank in tests/direction.rs",
        };
        Some(format!("{}: `{module}` imports `{name}`, which {why}", source.place(at)))
    };
    modules.filter_map(fault).collect()
}

#[test]
fn modules_import_lower_ranks_only() {
    none(Source::all(LIBRARY).iter().flat_map(upward_imports));
}

#[test]
fn unsafe_is_written_in_the_kernels_alone() {
    let others: Vec<_> = [LIBRARY, COMMAND, "xtask/src"].into_iter().flat_map(Source::all).collect();
    none(absent(&["unsafe "], &others, "only schuss-kernels is unsafe"));
}

#[test]
fn the_kernels_know_numbers_only() {
    let words = ["layer", "layers", "loss", "losses", "optimizer", "optimizers"];
    let is_known = |word: &str| words.contains(&word.to_lowercase().as_str());
    let of_line = |path: &str, i: usize, line: &str| {
        let found = line.split(|c: char| !c.is_alphanumeric()).find(|word| is_known(word))?;
        Some(format!("{path}:{}: `{found}`: the kernels do not know what numbers are for", i + 1))
    };
    let of_source =
        |s: &Source| s.text.lines().enumerate().filter_map(|(i, l)| of_line(&s.path, i, l)).collect::<Vec<_>>();
    none(Source::all(KERNELS).iter().flat_map(of_source));
    none(absent(&["schuss::"], &Source::all(KERNELS), "the kernels import nothing of schuss"));
}

#[test]
fn files_and_the_clock_are_touched_in_few_places() {
    let outside = |places: &[&str]| {
        let (inside, outside): (Vec<_>, Vec<_>) =
            [LIBRARY, KERNELS].into_iter().flat_map(Source::all).partition(|s| s.is_in(places));
        assert!(!inside.is_empty(), "no sources in {places:?}");
        outside
    };
    let files = [
        "std::fs",
        "fs::",
        "File::",
        "OpenOptions",
        "include_bytes!",
        "include_str!",
        ".exists()",
        ".is_file()",
        ".is_dir()",
        ".metadata()",
        ".read_dir()",
        ".canonicalize()",
    ];
    let (no_files, no_clock) = (outside(FILES), outside(CLOCK));
    let files = absent(&files, &no_files, "files are touched in data, store and the command");
    let clock = ["Instant", "SystemTime"];
    let clock = absent(&clock, &no_clock, "the clock is read in data, store, callbacks and the command");
    none(files.chain(clock));
}

#[test]
fn nothing_below_a_front_end_prints() {
    let sources: Vec<_> = [LIBRARY, KERNELS].into_iter().flat_map(Source::all).collect();
    let prints = ["print!", "println!", "eprint!", "eprintln!", "dbg!", "stdout()", "stderr()"];
    none(absent(&prints, &sources, "the library returns, a front end prints"));
}

fn all_names<T>(table: &Registry<T>) -> Vec<&'static str> {
    table.names().into_iter().chain(table.aliases().iter().map(|(alias, _)| *alias)).collect()
}

#[test]
fn the_command_names_no_entry_of_a_table() {
    let names: HashSet<&str> = [
        all_names(&activations::registry()),
        all_names(&initializers::registry()),
        all_names(&layers::registry()),
        all_names(&losses::registry()),
        all_names(&metrics::registry()),
        all_names(&optimizers::registry()),
        all_names(&regularizers::registry()),
        all_names(&schedules::registry()),
        all_names(&data::readers::readers()),
    ]
    .concat()
    .into_iter()
    // A step of training is called so too.
    .filter(|name| *name != "step")
    .collect();
    let sources = Source::all(COMMAND);
    let literals = sources.iter().flat_map(|s| s.literals.iter().map(move |(line, text)| (s, line, text)));
    let named = literals.filter(|(.., text)| names.contains(text.as_str()));
    let named = named.map(|(s, line, text)| format!("{}:{line}: {text:?} is an entry of a table", s.path));

    // Nor by its type: of these modules the command sees the tables.
    let modules =
        ["activations", "initializers", "layers", "losses", "metrics", "optimizers", "regularizers", "schedules"];
    let paths = modules.map(|module| format!("{module}::"));
    let by_type =
        sources.iter().flat_map(|s| paths.iter().flat_map(move |p| s.find(p).map(move |at| (s, at, p.as_str()))));
    let by_type = by_type.filter(|(s, at, path)| !s.code[at + path.len()..].starts_with("registry"));
    let by_type =
        by_type.map(|(s, at, path)| format!("{}: `{path}`: only its `registry()` is for the command", s.place(at)));
    none(named.chain(by_type));
}

#[test]
fn names_are_looked_up_in_few_places() {
    let sources: Vec<_> = Source::all(LIBRARY).into_iter().filter(|s| !s.is_in(LOOKUPS)).collect();
    none(absent(&["::registry()", "::readers()"], &sources, "a recipe looks names up, a model is made of things"));
}

#[test]
fn the_checks_can_fail() {
    let text = r##"//! crate::plan in a comment
use crate::{error::{Error, Kind}, graph, model::Sequential};
/* unsafe /* nested */ */ fn f<'a>(x: &'a str) -> char { '"' }
const S: &str = "crate::train \" unsafe"; const R: &str = r#"a "quoted" word"#;
fn g() { super::super::recipe::read(); super::sibling(); super::super::super::nothing(); }
#[cfg(test)]
mod tests {
    use crate::recipe; // "{"
}
fn h() { crate::store::save('\'', '\u{7b}') }
"##;
    let source = Source::new("crates/schuss/src/layers/dense.rs", text.into());
    assert_eq!(source.code.lines().count(), text.lines().count());
    let imports: Vec<_> = source.imports().iter().map(|(at, name)| (source.place(*at), *name)).collect();
    let line = |n: usize| format!("crates/schuss/src/layers/dense.rs:{n}");
    let expected = [(2, "error"), (2, "graph"), (2, "model"), (10, "store"), (5, "recipe")];
    assert_eq!(imports, expected.map(|(n, name)| (line(n), name)));
    let literals: Vec<&str> = source.literals.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(literals, ["crate::train \\\" unsafe", "a \"quoted\" word"]);
    assert_eq!(source.literals[1].0, 4);
    assert_eq!(upward_imports(&source).len(), 3);
    assert!(upward_imports(&source)[0].starts_with("crates/schuss/src/layers/dense.rs:2: `layers` imports `model`"));
    let sources = [source];
    assert_eq!(absent(&["unsafe "], &sources, "").count(), 0);
    assert_eq!(absent(&["save("], &sources, "why").collect::<Vec<_>>(), [format!("{}: `save(`: why", line(10))]);

    let root = Source::new("crates/schuss/src/build.rs", "use super::plan;\nuse crate::losses::Loss;\n".into());
    assert_eq!(upward_imports(&root).len(), 2);
    let unknown = Source::new("crates/schuss/src/nowhere.rs", String::new());
    assert_eq!(upward_imports(&unknown).len(), 1);
}
