//! The history as a table in text.

use super::atomic::{failed, replace};
use crate::error::Result;
use crate::train::{Callback, Event, Flow, History, Row, State};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// `history.csv`: a row after each epoch. When a run goes on, it starts with the rows of the snapshot.
#[derive(Clone, Debug)]
pub struct HistoryFile {
    path: PathBuf,
}

impl HistoryFile {
    /// At this path.
    pub fn new(path: PathBuf) -> Self {
        HistoryFile { path }
    }
    fn start(&self, history: &History) -> Result<()> {
        if history.rows.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(e) if e.kind() != ErrorKind::NotFound => {
                    Err(failed("write-failed", &self.path, "can't be removed", &e))
                }
                _ => Ok(()),
            };
        }
        replace(&self.path, history.to_csv().as_bytes())
    }
    fn append(&self, row: &Row) -> Result<()> {
        let text = if row.epoch == 1 { History { rows: vec![row.clone()] }.to_csv() } else { line(row) };
        let file = File::options().create(true).append(true).open(&self.path);
        file.and_then(|mut f| f.write_all(text.as_bytes()))
            .map_err(|e| failed("write-failed", &self.path, "can't be written", &e))
    }
    fn sync(&self) -> Result<()> {
        let sync = |e| failed("write-failed", &self.path, "can't be written", &e);
        File::options().append(true).open(&self.path).and_then(|f| f.sync_all()).map_err(sync)
    }
}

impl Callback for HistoryFile {
    fn on(&mut self, event: &Event, state: &State) -> Result<Flow> {
        match event {
            Event::Start { .. } => self.start(&state.progress().history)?,
            Event::Epoch { row, .. } => self.append(row)?,
            Event::End { .. } => self.sync()?,
            _ => {}
        }
        Ok(Flow::Continue)
    }
}

impl History {
    /// A line with the names of the columns, and a line for each epoch.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("epoch");
        self.columns().iter().for_each(|c| write!(text, ",{c}").expect("a string takes it"));
        text.push('\n');
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }
}

/// The shortest digits that give each number back.
fn line(row: &Row) -> String {
    let mut text = row.epoch.to_string();
    row.values.iter().for_each(|(_, x)| write!(text, ",{x:?}").expect("a string takes it"));
    text.push('\n');
    text
}
