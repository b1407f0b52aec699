//! Running other programs, and this one's own arguments.

use crate::Result;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A program in the repository's root.
pub fn command(program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// The cargo that runs this.
pub fn cargo(args: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args)
}

/// The command in words, as one would type it.
fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args()).take(8).map(|word| word.to_string_lossy());
    let more = if command.get_args().len() > 7 { " …" } else { "" };
    words.collect::<Vec<_>>().join(" ") + more
}

/// Prints the command, runs it, and fails if it fails.
pub fn run(mut command: Command) -> Result {
    let words = words(&command);
    eprintln!("$ {words}");
    let status = command.status().map_err(|e| format!("{words}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("failed: {words} ({status})")) }
}

/// What a command prints.
pub fn output(mut command: Command) -> Result<String> {
    let words = words(&command);
    let output = command.output().map_err(|e| format!("{words}: {e}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("failed: {words} ({})\n{}", output.status, errors.trim_end()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{words}: what it prints is not UTF-8"))
}

/// The values of `--name value` pairs, with defaults for those that are not given.
pub fn options<const N: usize>(args: &[String], known: [(&str, &str); N]) -> Result<[String; N]> {
    let mut values = known.map(|(_, default)| default.to_owned());
    for pair in args.chunks(2) {
        let place = known.iter().position(|(name, _)| pair[0].strip_prefix("--") == Some(name));
        match (place, pair.get(1)) {
            (Some(place), Some(value)) => values[place].clone_from(value),
            (Some(_), None) => return Err(format!("{} needs a value", pair[0])),
            (None, _) => {
                let names = known.map(|(name, _)| format!("--{name}")).join(", ");
                return Err(format!("no option `{}`; there are {names}", pair[0]));
            }
        }
    }
    Ok(values)
}

/// An option's value as a number.
pub fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| format!("--{name} is `{value}`, which is not a number of its kind"))
}
