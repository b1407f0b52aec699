//! Schedules one after the other, and what they come to in a run.

use super::{Pace, Position, Schedule, Span, is_after, shown};
use crate::choice::{in_words, read};
use crate::error::{Error, Result};
use crate::registry::Registry;

/// Schedules one after the other, each from a start of its own. All but the last say how long they last; where the last
/// one ends before the run, its last pace is kept.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// In order.
    pub pieces: Vec<Schedule>,
}

impl From<Vec<Schedule>> for Sequence {
    fn from(pieces: Vec<Schedule>) -> Self {
        Sequence { pieces }
    }
}

/// A sequence in a run, checked: a function of the update alone.
#[derive(Clone, Debug)]
pub struct Timetable {
    span: Span,
    /// With the updates where each starts and ends.
    pieces: Vec<(f64, f64, Schedule)>,
}

/// What stands between pieces in words.
const THEN: &str = " then ";

impl Sequence {
    /// From words: `cosine`, `one_cycle(pct_start=0.25)`, `linear(length='5 epochs') then cosine`.
    pub fn from_words(table: &Registry<Schedule>, words: &str) -> Result<Self> {
        let piece = |words| read(table, words).and_then(|(entry, given)| table.make(entry.name, &given));
        words.split(THEN).map(piece).collect::<Result<_>>().map(|pieces| Sequence { pieces })
    }
    /// The words, with every setting.
    pub fn words(&self) -> String {
        self.pieces.iter().map(|p| in_words(p.name, &p.settings)).collect::<Vec<_>>().join(THEN)
    }
    /// Does a part of it move the momentum? Its name.
    pub fn moves_momentum(&self) -> Option<&'static str> {
        self.pieces.iter().find(|p| p.curve.moves_momentum()).map(|p| p.name)
    }
    /// Places the pieces in a run. The error says which does not fit.
    pub fn for_run(&self, span: &Span) -> Result<Timetable> {
        let mut pieces = Vec::with_capacity(self.pieces.len());
        let mut start = 0.0;
        for (i, schedule) in self.pieces.iter().enumerate() {
            let place = match self.pieces.len() {
                1 => format!("schedule {}", schedule.name),
                n => format!("schedule {}, piece {} of {n}", schedule.name, i + 1),
            };
            let room = Position { update: 0.0, updates: span.updates - start, span: *span };
            let updates = match schedule.length {
                Some(length) => room.updates_of(length),
                None if i + 1 < self.pieces.len() => {
                    let message = format!("{place}: another one follows, so it needs a `length`, as \"5 epochs\"");
                    return Err(Error::value("schedule-without-length", message));
                }
                None => room.updates,
            };
            if is_after(start + updates, span.updates) || updates <= 0.0 {
                let message = format!(
                    "{place}: it starts at step {} and lasts {} steps; the run has {}",
                    shown(start),
                    shown(updates.max(0.0)),
                    shown(span.updates)
                );
                return Err(Error::value("schedule-too-long", message));
            }
            schedule.check(&Position { updates, ..room }).map_err(|e| e.at(place))?;
            pieces.push((start, start + updates, schedule.clone()));
            start += updates;
        }
        Ok(Timetable { span: *span, pieces })
    }
}

impl Timetable {
    /// The pace of an update of the run, counted from 0.
    pub fn at(&self, update: u64) -> Pace {
        let update = update as f64;
        let is_running = |(_, end, _): &&(f64, f64, Schedule)| update < *end;
        let Some((start, end, schedule)) = self.pieces.iter().find(is_running).or(self.pieces.last()) else {
            return Pace::default();
        };
        let updates = end - start;
        schedule.at(&Position { update: (update - start).min(updates), updates, span: self.span })
    }
}
