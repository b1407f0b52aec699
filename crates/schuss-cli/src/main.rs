//! The command `schuss`: parses, calls the library, shows.

#![forbid(unsafe_code)]

mod arguments;
mod bench;
mod data;
mod evaluate;
mod input;
mod interrupt;
mod list;
mod output;
mod picture;
mod plot;
mod port;
mod predict;
mod progress;
mod schedule;
mod shortcuts;
mod summary;
mod text;
mod trace;
mod train;

use arguments::{Arguments, Command};
use output::{Output, Result, Stop, exit_code, tell};
use schuss::Error;
use schuss_kernels::Isa;
use std::process::ExitCode;

fn main() -> ExitCode {
    schuss_kernels::signals::errors_for_long_files();
    let mut out = Output::new();
    let done = run(&mut out).and_then(|()| out.flush());
    match done {
        Ok(()) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Failed(error)) => {
            // What was written before goes first; if that fails, there is an error already.
            let _ = out.flush();
            tell(text::plain(&format!("error: {error}").replace('\n', " ")));
            ExitCode::from(exit_code(&error))
        }
    }
}

fn run(out: &mut Output) -> Result {
    let Arguments { version, command } = match arguments::parse()? {
        Ok(arguments) => arguments,
        Err(text) => return out.line(text),
    };
    if version {
        let isa = Isa::chosen().map_err(|message| Error::value("bad-isa", message))?;
        return out.line(format!("schuss {} ({})", env!("CARGO_PKG_VERSION"), isa.name()));
    }
    match command {
        None => train::first_run(out),
        Some(Command::Train(arguments)) => train::train(&arguments, out),
        Some(Command::Evaluate(arguments)) => evaluate::evaluate(&arguments, out),
        Some(Command::Predict(arguments)) => predict::predict(&arguments, out),
        Some(Command::Summary(arguments)) => summary::summary(&arguments, out),
        Some(Command::List(arguments)) => list::list(&arguments, out),
        Some(Command::Explain(arguments)) => list::explain(&arguments, out),
        Some(Command::Data { command }) => data::data(&command, out),
        Some(Command::Bench(arguments)) => bench::bench(&arguments, out),
        Some(Command::Trace(arguments)) => trace::trace(&arguments, out),
        Some(Command::Port(arguments)) => port::port(&arguments, out),
        Some(Command::Schedule(arguments)) => schedule::schedule(&arguments, out),
    }
}
