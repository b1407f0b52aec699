//! The reference numbers in `testdata/`, made anew by the libraries they come from.

use crate::Result;
use crate::command::{command, root, run, target};
use std::fs;
use std::process::Stdio;

/// Runs `xtask/oracle/make.py` in an environment of its own, made from the pinned requirements, and without parts to
/// make also `check.py`, which asks a second source for the same numbers.
pub fn oracle(parts: &[String]) -> Result {
    let folder = target().join("oracle");
    let python = folder.join("bin").join("python");
    let python = python.to_str().ok_or("the path of target/ is not UTF-8")?;
    let requirements = fs::read_to_string(root().join("xtask/oracle/requirements.txt")).map_err(|e| e.to_string())?;
    let installed = folder.join("requirements.txt");
    if fs::read_to_string(&installed).ok().as_ref() != Some(&requirements) {
        let folder = folder.to_str().ok_or("the path of target/ is not UTF-8")?;
        run(command(newest_python()?, &["-m", "venv", "--clear", folder]))?;
        run(command(python, &["-m", "pip", "install", "--quiet", "-r", "xtask/oracle/requirements.txt"]))?;
        fs::write(&installed, &requirements).map_err(|e| format!("{}: {e}", installed.display()))?;
    }
    let make: Vec<&str> = std::iter::once("xtask/oracle/make.py").chain(parts.iter().map(String::as_str)).collect();
    run(command(python, &make))?;
    if parts.is_empty() { run(command(python, &["xtask/oracle/check.py"])) } else { Ok(()) }
}

/// The Python that the requirements are pinned for, else whatever Python 3 there is.
fn newest_python() -> Result<&'static str> {
    let quiet = |name: &str| command(name, &["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ["python3.11", "python3"]
        .into_iter()
        .find(|name| quiet(name).is_ok_and(|status| status.success()))
        .ok_or_else(|| "no python3 found".into())
}
