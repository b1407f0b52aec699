//! `schuss port`: an optimizer in one library's words, in another's.

use crate::arguments;
use crate::output::{Output, Result};
use schuss::Error;
use schuss::lab::{Dialect, port as translate};
use schuss::registry::suggest;
use serde_json::json;

/// Prints the call, and the proof.
pub fn port(arguments: &arguments::Port, out: &mut Output) -> Result {
    let (from, to) = (dialect("--from", &arguments.from)?, dialect("--to", &arguments.to)?);
    let port = translate(&arguments.call, from, to)?;
    if arguments.json {
        let line = json!({
            "from": {"dialect": from.name(), "call": port.from},
            "to": {"dialect": to.name(), "call": port.to},
            "equal": port.equal(),
            "updates": 100,
            "difference": port.parting.map(|p| p.distance),
            "way": port.parting.map(|p| p.way),
            "difference_at_half_rate": port.halved.map(|p| p.distance),
            "reasons": port.reasons,
        });
        return out.line(line);
    }
    if let Some(call) = &port.to {
        out.line(call)?;
    }
    match (port.parting, port.halved) {
        (Some(p), Some(late)) if p.equal => {
            let sizes =
                format!("after 100 updates in f64 they are {} apart on a way of {}", small(p.distance), small(p.way));
            let rate = match late.equal {
                true => String::new(),
                false => format!(
                    "; at a rate that is halved in the middle, {}: equal at a constant rate only",
                    small(late.distance)
                ),
            };
            out.line(format!("equal: {sizes}{rate}"))?;
        }
        (Some(p), _) => {
            let share = 100.0 * p.distance / p.way;
            out.line(format!(
                "none is equal; after 100 updates in f64 the nearest is {} away, {share:.2} % of the way of {}",
                small(p.distance),
                small(p.way)
            ))?;
        }
        _ => out.line("none is equal, nor near")?,
    }
    port.reasons.iter().try_for_each(|reason| out.line(format!("  {reason}")))
}

fn small(x: f64) -> String {
    if x == 0.0 { "0".into() } else { format!("{x:.1e}") }
}

fn dialect(place: &str, name: &str) -> std::result::Result<Dialect, Error> {
    Dialect::ALL.into_iter().find(|d| d.name() == name).ok_or_else(|| {
        let names = Dialect::ALL.map(Dialect::name);
        Error::name("unknown-name", format!("{place}: no dialect `{name}`{}", suggest(name, &names)))
    })
}
