//! What a run shows while it trains: a bar on a terminal, else a line for each epoch; or one JSON object a line.

use crate::output::{Output, Stop, tell};
use crate::text::{duration, number, rate};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use schuss::Result;
use schuss::train::{Callback, Event, Flow, Row, State};
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, stderr, stdout};
use std::time::{Duration, Instant};

/// The bar is drawn anew so often.
const EVERY: Duration = Duration::from_millis(100);

/// Shows a run.
pub struct Progress<'o> {
    json: Option<&'o mut Output>,
    bar: Option<ProgressBar>,
    epochs: usize,
    drawn: Instant,
    /// Since when this process trains, and the samples that were done before.
    since: (Instant, u64),
}

impl<'o> Progress<'o> {
    /// Events in JSON on `json`, or in words on standard error.
    pub fn new(json: Option<&'o mut Output>) -> Self {
        // Both on one terminal would run into each other.
        let room = stderr().is_terminal() && (json.is_none() || !stdout().is_terminal());
        let now = Instant::now();
        Progress { json, bar: room.then(bar), epochs: 0, drawn: now, since: (now, 0) }
    }
    fn draw(&mut self, epoch: usize, done: usize, steps: usize, state: &State) {
        let Some(bar) = &self.bar else { return };
        if self.drawn.elapsed() < EVERY {
            return;
        }
        self.drawn = Instant::now();
        let (total, done) = ((self.epochs * steps) as f64, ((epoch - 1) * steps + done) as f64);
        let progress = state.progress();
        let samples = (progress.samples - self.since.1) as f64;
        let per_second = samples / self.since.0.elapsed().as_secs_f64();
        let left = (total - done) * (progress.samples as f64 / done) / per_second;
        let values: Vec<String> = state.running().iter().map(|(name, x)| format!("{name} {}", number(*x))).collect();
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        bar.set_prefix(format!("epoch {epoch}/{}", self.epochs));
        bar.set_message(format!("{}  {}  {} left", rate(per_second), values.join("  "), duration(left)));
        bar.tick();
    }
    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => tell(line),
        }
    }
    /// Writes an event, if events are asked for. A reader that went is no reason to stop training: the files are what
    /// the run is for.
    fn event(&mut self, event: Value) -> Result<()> {
        let Some(out) = self.json.as_mut() else { return Ok(()) };
        match out.line(event).and_then(|()| out.flush()) {
            Err(Stop::Failed(e)) => Err(e),
            Err(Stop::Closed) | Ok(()) => Ok(()),
        }
    }
}

impl Callback for Progress<'_> {
    fn on(&mut self, event: &Event, state: &State) -> Result<Flow> {
        match *event {
            Event::Start { epochs, .. } => {
                self.epochs = epochs;
                self.since = (Instant::now(), state.progress().samples);
            }
            Event::Resume { epoch, step } => {
                self.event(json!({ "event": "resume", "epoch": epoch, "step": step }))?;
                if self.json.is_none() {
                    self.say(&format!("going on in epoch {epoch} after {step} steps"));
                }
            }
            Event::Step { epoch, step, steps } => self.draw(epoch, step, steps, state),
            Event::Epoch { row, best } if self.json.is_none() => self.say(&line(row, self.epochs, best)),
            Event::Epoch { row, best } => self.event(object(row, best))?,
            Event::Interrupt | Event::End { .. } => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
        Ok(Flow::Continue)
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix}  {bar:24}  {msg}").expect("the template is right");
    // It is drawn by the clock of `draw`, not by a thread of its own.
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_style(style.progress_chars("━╸─"))
}

/// What an epoch came to, in words.
fn line(row: &Row, epochs: usize, best: bool) -> String {
    let width = epochs.to_string().len();
    let mut line = format!("epoch {:>width$}/{epochs}", row.epoch);
    for (name, x) in &row.values {
        match name.as_str() {
            "learning_rate" => {}
            "seconds" => line += &format!("  {}", duration(*x)),
            _ => line += &format!("  {name} {}", number(*x)),
        }
    }
    line + if best { "  best" } else { "" }
}

/// What an epoch came to, in JSON.
fn object(row: &Row, best: bool) -> Value {
    let mut object = Map::from_iter([("event".into(), "epoch".into()), ("epoch".into(), row.epoch.into())]);
    object.extend(row.values.iter().map(|(name, x)| (name.clone(), json!(x))));
    object.insert("best".into(), best.into());
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_line() {
        let value = |name: &str, x| (name.to_owned(), x);
        let row =
            Row { epoch: 3, values: vec![value("loss", 0.25), value("learning_rate", 0.1), value("seconds", 65.0)] };
        assert_eq!(line(&row, 30, true), "epoch  3/30  loss 0.2500  1:05  best");
        let object = object(&row, true).to_string();
        assert_eq!(object, r#"{"event":"epoch","epoch":3,"loss":0.25,"learning_rate":0.1,"seconds":65.0,"best":true}"#);
    }
}
