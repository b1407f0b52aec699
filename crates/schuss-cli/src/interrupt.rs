//! Ctrl-C: the first asks a run to stop where it can go on later, the second ends the process.

use crate::output::tell;
use schuss::train::{Callback, Event, Flow, State};
use schuss::{Error, Result};
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Interrupts training at the next step once Ctrl-C was pressed.
pub struct Interrupt;

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> Result<Self> {
        let pressed = || {
            if ASKED.swap(true, Ordering::Relaxed) {
                exit(130);
            }
            tell("\nstopping; Ctrl-C once more ends at once, without a snapshot");
        };
        ctrlc::set_handler(pressed).map_err(|e| Error::value("no-signals", format!("Ctrl-C can't be caught: {e}")))?;
        Ok(Interrupt)
    }
}

impl Callback for Interrupt {
    fn on(&mut self, event: &Event, _: &State) -> Result<Flow> {
        let between_steps = matches!(event, Event::Step { .. } | Event::Epoch { .. });
        Ok(if between_steps && ASKED.load(Ordering::Relaxed) { Flow::Interrupt } else { Flow::Continue })
    }
}
