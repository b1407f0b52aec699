//! Standard output, and how a command ends that can't go on.

use crate::text::plain;
use schuss::{Error, Kind};
use schuss_kernels::signals;
use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};

/// Why a command ends before its end.
#[derive(Debug)]
pub enum Stop {
    /// It failed.
    Failed(Error),
    /// Nobody reads its output any more, as in `schuss list | head`.
    Closed,
}

impl From<Error> for Stop {
    fn from(e: Error) -> Self {
        Stop::Failed(e)
    }
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            ErrorKind::BrokenPipe => Stop::Closed,
            _ => Stop::Failed(Error::file("output-failed", format!("standard output can't be written: {e}"))),
        }
    }
}

/// What a command gives back.
pub type Result<T = ()> = std::result::Result<T, Stop>;

/// Standard output.
pub struct Output {
    to: BufWriter<StdoutLock<'static>>,
    /// Is it a terminal, which a name among what is shown could steer?
    terminal: bool,
}

impl Output {
    /// The one of this process.
    pub fn new() -> Self {
        Output { to: BufWriter::new(io::stdout().lock()), terminal: io::stdout().is_terminal() }
    }
    /// Writes a line; it may be seen only after a [flush](Output::flush).
    pub fn line(&mut self, text: impl Display) -> Result {
        if self.terminal {
            return Ok(text.to_string().split('\n').try_for_each(|line| writeln!(self.to, "{}", plain(line)))?);
        }
        Ok(writeln!(self.to, "{text}")?)
    }
    /// Makes seen what was written.
    pub fn flush(&mut self) -> Result {
        Ok(self.to.flush()?)
    }
}

/// Writes a line on standard error. What can't be written there can't be told anywhere.
pub fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// 2 for wrong use (a name, a value, sizes that don't fit); 130 for an interruption, or 143 if it was by SIGTERM, as shells have
/// it; else 1.
pub fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        Kind::Name | Kind::Value | Kind::Shape => 2,
        Kind::Interrupted if signals::is_asked_to_end() => 143,
        Kind::Interrupted => 130,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_use_is_told_from_failure() {
        assert_eq!(exit_code(&Error::name("c", "")), 2);
        assert_eq!(exit_code(&Error::value("c", "")), 2);
        assert_eq!(exit_code(&Error::file("c", "")), 1);
        assert_eq!(exit_code(&Error::new(Kind::NotFinite, "c", "")), 1);
        assert_eq!(exit_code(&Error::new(Kind::Interrupted, "c", "")), 130);
    }

    #[test]
    fn a_reader_that_went_is_no_failure() {
        assert!(matches!(Stop::from(io::Error::from(ErrorKind::BrokenPipe)), Stop::Closed));
        assert!(matches!(Stop::from(io::Error::from(ErrorKind::StorageFull)), Stop::Failed(_)));
    }
}
