//! What must pass before a commit.

use crate::Result;
use crate::command::{cargo, command, output, root, run};

/// Format, clippy, tests, documentation, in this order; stops at the first that fails.
pub fn check(args: &[String]) -> Result {
    if let Some(arg) = args.first() {
        return Err(format!("check takes no `{arg}`"));
    }
    // Not `cargo fmt`, which sees only what it finds through `mod` lines.
    let listed = output(command("git", &["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]))?;
    let files = listed.lines().filter(|file| root().join(file).exists());
    let format: Vec<&str> = ["--check", "--edition", "2024"].into_iter().chain(files).collect();
    run(command("rustfmt", &format))?;
    run(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run(cargo(&["test", "--workspace"]))?;
    // The command's documentation would lie where the library's does: both are called schuss.
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--exclude", "schuss-cli"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    run(documentation)?;
    eprintln!("all passed");
    Ok(())
}
