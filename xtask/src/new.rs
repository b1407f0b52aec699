//! A new entry of a table: a copy of a small entry that is there, under the new name, and its lines in the table.
//! So what is written always compiles, and no template falls behind.

use crate::Result;
use crate::command::{command, root};
use std::fs;
use std::io::Write;
use std::process::Stdio;

/// A kind of entry.
struct Kind {
    name: &'static str,
    /// Where its files are, under `crates/schuss/src`.
    folder: &'static str,
    /// The entry to copy.
    example: &'static str,
    /// The test over the table.
    test: &'static str,
    /// What makes its reference numbers, if something does.
    oracle: Option<&'static str>,
}

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    Kind { name: "optimizer", folder: "optimizers", example: "yogi", test: "every_optimizer", oracle: Some("optimizers_more") },
    Kind { name: "layer", folder: "layers", example: "flatten", test: "every_layer", oracle: None },
    Kind { name: "loss", folder: "losses", example: "mean_squared_error", test: "every_loss", oracle: Some("losses") },
    Kind { name: "metric", folder: "metrics", example: "mean_squared_error", test: "every_metric", oracle: Some("metrics") },
    Kind { name: "activation", folder: "activations", example: "softsign", test: "every_activation", oracle: Some("activations") },
    Kind { name: "initializer", folder: "initializers", example: "he_normal", test: "every_initializer", oracle: Some("initializers") },
    Kind { name: "regularizer", folder: "regularizers", example: "l2", test: "every_regularizer", oracle: None },
    Kind { name: "schedule", folder: "schedules", example: "exponential", test: "every_schedule", oracle: Some("schedules") },
    Kind { name: "operation", folder: "graph/ops", example: "absolute", test: "every_operation", oracle: None },
];

/// Writes the file and the lines.
pub fn new(args: &[String]) -> Result {
    let [kind, name] = args else { return Err("usage: cargo xtask new KIND NAME".into()) };
    let kinds = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    let kind =
        KINDS.iter().find(|k| k.name == kind).ok_or_else(|| format!("no kind `{kind}`; there are {}", kinds()))?;
    let folder = root().join("crates/schuss/src").join(kind.folder);
    let (file, table) = (folder.join(format!("{name}.rs")), folder.join("mod.rs"));
    if file.exists() || folder.join(name).exists() {
        return Err(format!("there is a {} `{name}` already: {}", kind.name, file.display()));
    }
    let read = |path: &std::path::Path| fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let example = read(&folder.join(format!("{}.rs", kind.example)))?;
    let (entry, lines) = draft(kind, name, &example, &read(&table)?)?;
    for (path, text) in [(&file, formatted(&entry)?), (&table, formatted(&lines)?)] {
        fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    eprintln!(
        "{} is a copy of {}: write your own documentation, settings and arithmetic,",
        file.display(),
        kind.example
    );
    if let Some(oracle) = kind.oracle {
        eprintln!("add its reference numbers to xtask/oracle/{oracle}.py, run cargo xtask oracle {oracle},");
    }
    eprintln!("then cargo test --package schuss --test {} says what is missing", kind.test);
    Ok(())
}

/// The new file and the table with the new lines.
fn draft(kind: &Kind, name: &str, example: &str, table: &str) -> Result<(String, String)> {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !first || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(format!("`{name}` is not a name: allowed are a-z, 0-9 and _, a letter first"));
    }
    let (old_type, new_type) = (camel(kind.example), camel(name));
    let renamed = |text: &str| replace_word(&replace_word(text, kind.example, name), &old_type, &new_type);
    // A path that ends in the type's name is something else's: the kernel's instruction for an operation.
    let apart = format!("::{old_type}");
    let file = example.split(&apart).map(renamed).collect::<Vec<_>>().join(&apart);
    let code = || table.lines().filter(|line| !line.trim_start().starts_with("//"));
    if code().any(|line| replace_word(line, name, "") != line) {
        return Err(format!("the {} table uses the name `{name}` already", kind.name));
    }
    let is_declaration = |line: &str| ["mod ", "pub mod ", "pub use "].iter().any(|start| line.starts_with(start));
    let declared = table.lines().map(|line| match is_declaration(line) && renamed(line) != line {
        true => format!("{line}\n{}\n", renamed(line)),
        false => format!("{line}\n"),
    });
    let declared: String = declared.collect();
    let missing = || format!("the {} table has no line of {}", kind.name, kind.example);
    let in_list = ["ENTRY", "ENTRIES", "LINE"].map(|line| format!("{}::{line}", kind.example));
    let at = in_list.iter().find_map(|entry| declared.find(entry.as_str())).ok_or_else(missing)?;
    let open = declared[..at].rfind('[').ok_or_else(missing)? + 1;
    let close = at + declared[at..].find(']').ok_or_else(missing)?;
    let mut entries: Vec<&str> = declared[open..close].split(',').map(str::trim).filter(|e| !e.is_empty()).collect();
    let entry = renamed(entries.iter().find(|e| in_list.iter().any(|i| i == *e)).ok_or_else(missing)?);
    let place = entries.iter().position(|e| *e > entry.as_str()).unwrap_or(entries.len());
    entries.insert(place, &entry);
    let table = format!("{}{}{}", &declared[..open], entries.join(", "), &declared[close..]);
    Ok((file, table))
}

/// As rustfmt has it, which also sorts the `mod` lines. From a pipe it does not look into the modules.
fn formatted(text: &str) -> Result<String> {
    let failed = |e: std::io::Error| format!("rustfmt: {e}");
    let mut rustfmt = command("rustfmt", &["--edition", "2024"]);
    let mut rustfmt = rustfmt.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    // It reads everything before it writes anything.
    rustfmt.stdin.take().expect("the pipe asked for").write_all(text.as_bytes()).map_err(failed)?;
    let output = rustfmt.wait_with_output().map_err(failed)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("rustfmt failed ({})", output.status))
    }
}

/// `leaky_relu` as `LeakyRelu`.
fn camel(name: &str) -> String {
    let word = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    name.split('_').map(word).collect()
}

/// `text` with `new` for `old` where that stands as a word of its own.
fn replace_word(text: &str, old: &str, new: &str) -> String {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut from = 0;
    for (at, _) in text.match_indices(old) {
        let end = at + old.len();
        if !text[..at].ends_with(in_word) && !text[end..].starts_with(in_word) {
            out += &text[from..at];
            out += new;
            from = end;
        }
    }
    out + &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_whole() {
        assert_eq!(
            replace_word("relu, relu6, leaky_relu, g.relu(x)", "relu", "elu"),
            "elu, relu6, leaky_relu, g.elu(x)"
        );
        assert_eq!(camel("leaky_relu6"), "LeakyRelu6");
    }

    #[test]
    fn every_kind_has_its_example_and_a_table_that_takes_a_line() {
        for kind in KINDS {
            let folder = root().join("crates/schuss/src").join(kind.folder);
            let read = |name: &str| {
                let path = folder.join(name);
                fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
            };
            let (example, table) = (read(&format!("{}.rs", kind.example)), read("mod.rs"));
            let (file, new_table) = draft(kind, "zz_new", &example, &table).unwrap();
            assert!(file.contains("\"zz_new\"") || file.contains("ZzNew"), "{}: the name is in the file", kind.name);
            assert!(!file.contains(&format!("\"{}\"", kind.example)), "{}: the old name is not", kind.name);
            assert!(new_table.contains("mod zz_new;") && new_table.contains("zz_new::"), "{}", kind.name);
            assert!(replace_word(&new_table, kind.example, "") != new_table, "{}: the example stays", kind.name);
            let test = root().join("crates/schuss/tests").join(format!("{}.rs", kind.test));
            assert!(test.exists(), "{}: there is no {}", kind.name, test.display());
            let oracle = kind.oracle.map(|name| root().join(format!("xtask/oracle/{name}.py")));
            assert!(oracle.is_none_or(|path| path.exists()), "{}: no such oracle", kind.name);
            draft(kind, kind.example, &example, &table).unwrap_err();
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "Adam", "1st", "a-b", "../x", "ß"] {
            draft(&KINDS[0], name, "adagrad", "mod adagrad;\n[adagrad::ENTRY]").unwrap_err();
        }
    }
}
