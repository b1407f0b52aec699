//! `schuss list` and `schuss explain`.

use crate::arguments::{Explain, List};
use crate::output::{Output, Result};
use crate::text::{table, wrap};
use schuss::Error;
use schuss::recipe::{Listed, Tables};
use schuss::registry::{Default, Setting, suggest};

/// Characters in a line.
const WIDTH: usize = 100;

/// Names and what they are, by kind.
pub fn list(arguments: &List, out: &mut Output) -> Result {
    let all = Tables::default().list();
    let mut kinds: Vec<&str> = all.iter().map(|l| l.table).collect();
    kinds.dedup();
    if let Some(kind) = &arguments.kind {
        // `schuss list losses` is understood too.
        let asked = |k: &&str| k == kind || *k == kind.trim_end_matches('s') || *k == kind.trim_end_matches("es");
        let Some(kind) = kinds.iter().copied().find(|k| asked(k)) else {
            let message = format!("there is no kind `{kind}` to list{}", suggest(kind, &kinds));
            return Err(Error::name("unknown-kind", message).into());
        };
        kinds = vec![kind];
    }
    for (i, kind) in kinds.iter().enumerate() {
        if i > 0 {
            out.line("")?;
        }
        out.line(kind)?;
        let row = |l: &Listed| vec![format!("  {}", l.name), l.page.summary.to_owned()];
        let rows: Vec<_> = all.iter().filter(|l| l.table == *kind).map(row).collect();
        table(&rows, false).into_iter().try_for_each(|line| out.line(line))?;
    }
    Ok(())
}

/// All that is known about everything of that name.
pub fn explain(arguments: &Explain, out: &mut Output) -> Result {
    for (i, listed) in Tables::default().explain(&arguments.name)?.iter().enumerate() {
        if i > 0 {
            out.line("")?;
        }
        page(listed).into_iter().try_for_each(|line| out.line(line))?;
    }
    Ok(())
}

fn page(listed: &Listed) -> Vec<String> {
    let Listed { table: kind, name, aliases, page, settings, common } = listed;
    let mut lines = vec![format!("{name} ({kind})")];
    lines.extend(wrap(page.summary, WIDTH - 2).into_iter().map(|line| format!("  {line}")));
    if !page.equation.is_empty() {
        lines.push(String::new());
        lines.extend(page.equation.lines().map(|line| format!("    {}", line.trim())));
    }
    if !settings.is_empty() {
        lines.push("\n  settings".into());
        lines.extend(table(&settings.iter().map(setting).collect::<Vec<_>>(), false));
    }
    let common: Vec<_> = common.iter().filter(|c| !settings.iter().any(|s| s.name == c.name)).map(setting).collect();
    if !common.is_empty() {
        lines.push(format!("\n  every {kind} takes"));
        lines.extend(table(&common, false));
    }
    for (title, text) in
        [("also called", aliases.join(", ").as_str()), ("source", page.source), ("differs", page.differs)]
    {
        if !text.is_empty() {
            lines.push(format!("\n  {title}"));
            lines.extend(wrap(text, WIDTH - 4).into_iter().map(|line| format!("    {line}")));
        }
    }
    lines
}

/// Name, default, what it does, what it may be.
fn setting(s: &Setting) -> Vec<String> {
    let default = match s.default {
        Default::Required => "(required)".into(),
        default => default.value().map_or_else(String::new, |v| v.to_string()),
    };
    vec![format!("    {}", s.name), default, format!("{} ({})", s.doc, s.allowed)]
}
