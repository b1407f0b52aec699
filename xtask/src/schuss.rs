//! The command `schuss`, run as users run it.

use crate::Result;
use crate::command::{cargo, run, target};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// The release build of the command.
pub struct Schuss(PathBuf);

/// A run that came to its end.
pub struct Run {
    /// What it printed with `--json`, in order.
    pub events: Vec<Value>,
    /// From start to exit.
    pub seconds: f64,
}

impl Schuss {
    /// Builds it.
    pub fn build() -> Result<Self> {
        run(cargo(&["build", "--release", "--package", "schuss-cli"]))?;
        Ok(Schuss(target().join("release").join("schuss")))
    }

    /// The command with the words of a template, in which `{name}` stands for a value.
    pub fn command(&self, template: &str, values: &[(&str, &str)]) -> Command {
        let fill =
            |word: &str| values.iter().fold(word.to_owned(), |w, (name, v)| w.replace(&format!("{{{name}}}"), v));
        let mut command = Command::new(&self.0);
        command.args(template.split_whitespace().map(fill));
        command
    }

    /// Runs a command to its end; an exit code other than 0 is an error.
    pub fn finish(&self, mut command: Command) -> Result<Run> {
        let start = Instant::now();
        let output = command.output().map_err(|e| format!("{}: {e}", self.0.display()))?;
        let seconds = start.elapsed().as_secs_f64();
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            let args: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
            return Err(format!("schuss {} ({}): {}", args.join(" "), output.status, errors.trim_end()));
        }
        let events = text.lines().map(|line| serde_json::from_str(line).map_err(|e| format!("not JSON: {line}: {e}")));
        Ok(Run { events: events.collect::<Result<_>>()?, seconds })
    }
}

impl Run {
    /// The first event of that name.
    pub fn event(&self, name: &str) -> Option<&Value> {
        self.events.iter().find(|event| event["event"] == name)
    }

    /// A number of the end event.
    pub fn end(&self, name: &str) -> Result<f64> {
        let end = self.event("end").ok_or("the run printed no end event")?;
        end[name].as_f64().ok_or_else(|| format!("the end event has no number `{name}`: {end}"))
    }
}
