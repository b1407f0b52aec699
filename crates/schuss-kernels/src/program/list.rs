//! A program in words.

use super::{Call, Finish, Phase, Work};
use std::fmt::Write;
use std::ops::Range;

pub(super) fn listing(phases: &[Phase], finishes: &[Finish]) -> String {
    let mut text = String::new();
    for (number, phase) in phases.iter().enumerate() {
        let line = |text: &mut String, s: String| writeln!(text, "{s}").expect("a string takes it");
        line(&mut text, format!("phase {}", number + 1));
        // Every thread has the same calls on its own part; the first one's names stand for all.
        let mut seen: Vec<&str> = Vec::new();
        for call in phase.threads.iter().flatten() {
            if seen.contains(&&*call.name) {
                continue;
            }
            seen.push(&call.name);
            let parts: Vec<String> = (phase.threads.iter())
                .map(|calls| part(calls.iter().filter(|c| c.name == call.name)))
                .filter(|part| !part.is_empty())
                .collect();
            line(&mut text, format!("  {}{}  {}", call.name, finish(call, finishes), parts.join(" | ")));
        }
    }
    text
}

/// The rows and columns of a thread's calls; rows that meet are one part.
fn part<'a>(calls: impl Iterator<Item = &'a Call>) -> String {
    let mut parts: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for call in calls {
        match parts.last_mut() {
            Some((rows, cols)) if (rows.start..=rows.end).contains(&call.rows.start) && *cols == call.cols => {
                rows.end = call.rows.end.max(rows.end);
            }
            _ => parts.push((call.rows.clone(), call.cols.clone())),
        }
    }
    let one = |(rows, cols): &(Range<usize>, Range<usize>)| {
        format!("[{}..{}, {}..{}]", rows.start, rows.end, cols.start, cols.end)
    };
    parts.iter().map(one).collect::<Vec<_>>().join(" | ")
}

fn finish(call: &Call, finishes: &[Finish]) -> String {
    let mut text = String::new();
    if let Work::SumRows { source, .. } = call.work {
        for i in &finishes[source].tape {
            text += &format!(" ({})", instruction(i.element));
        }
    }
    if let Some(f) = call.finish {
        for i in &finishes[f].tape {
            text += &format!(" + {}", instruction(i.element));
        }
        if finishes[f].update.is_some() {
            text += " + update";
        }
    }
    text
}

fn instruction(e: crate::tape::Element) -> String {
    use crate::tape::{Binary, Element};
    match e {
        Element::Binary(Binary::AddRelu) => "add + relu".into(),
        Element::Binary(Binary::MultiplyPositive) => "greater + multiply".into(),
        Element::Unary(f) => format!("{f:?}").to_lowercase(),
        Element::Binary(Binary::SquaredDifference) => "subtract + square".into(),
        Element::Binary(f) => format!("{f:?}").to_lowercase(),
        Element::Both(f, g) => format!("{} + {}", instruction(Element::Binary(f)), instruction(Element::Binary(g))),
        Element::Select => "select".into(),
        Element::Random(_) => "random".into(),
    }
}
