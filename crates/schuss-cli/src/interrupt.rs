//! Ctrl-C, or the signal SIGTERM: the first asks a run to stop where it can go on later, the second ends the process.

use crate::output::tell;
use schuss::train::{Callback, Event, Flow, State};
use schuss::{Error, Result};
use schuss_kernels::signals;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Interrupts training at the next step once Ctrl-C was pressed or SIGTERM came.
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
        signals::listen_for_the_end();
        Ok(Interrupt)
    }
}

impl Callback for Interrupt {
    fn on(&mut self, event: &Event, _: &State) -> Result<Flow> {
        let between_steps = matches!(event, Event::Step { .. } | Event::Epoch { .. });
        let asked = || ASKED.load(Ordering::Relaxed) || signals::is_asked_to_end();
        Ok(if between_steps && asked() { Flow::Interrupt } else { Flow::Continue })
    }
}
