//! What developers of schuss run: `cargo xtask check | oracle | new | kills | mutants | accuracy | states | precision | amx | bench | scale`.
#![forbid(unsafe_code)]

mod accuracy;
mod amx;
mod bench;
mod check;
mod command;
mod kills;
mod mutants;
mod new;
mod oracle;
mod scale;
mod schuss;

use std::process::ExitCode;

/// What a task returns; the error is a line for the one who ran it.
type Result<T = ()> = std::result::Result<T, String>;

const USAGE: &str = "\
usage: cargo xtask TASK

  check                 format, clippy, tests, documentation: what must pass before a commit
  oracle [PART]…        make the reference numbers in testdata/ anew, from Keras, in an environment of their own
  new KIND NAME         a new file and its line in the table; KIND is one of
                        optimizer, layer, loss, metric, activation, initializer, regularizer, operation
  kills [OPTIONS]       kill runs at random times, resume them, compare bytes; writes benchmarks/kills.json
        --count 200 --seconds 10 --threads 1 --jobs 1 --data mnist --snapshot 0.5 --seed 1
  mutants optimizers    change every rule in small ways; a trajectory must tell each; --jobs 1 --only FILE.rs;
                        writes benchmarks/mutants-optimizers.json
  accuracy [OPTIONS]    test accuracy over seeds, beside Keras' own; writes benchmarks/accuracy.json
        --data all --seeds 0 (0: as many as each data set asks for) --threads 2
  bench [OPTIONS]       training steps of schuss and of others in turn; ratios by the fastest step of all rounds
        --work tiny,logreg,mlp,widemlp,convnet,cnn3c3d,resnet20 --rounds 5 --seconds 2
        --peers 'COMMAND --work {work}' (prints a line of JSON for each: peer, work, step_ms, min_ms)
        --precision f32 (schuss's own; the others' is their command's affair)
        --out FOLDER (writes steps.jsonl, speed.md, speed.svg there) --readme yes (the table into the README)
  scale [OPTIONS]       what a step costs against width, depth, batch and data, and on more threads; curves and a table
        --out benchmarks/scale --seconds 1
  states [OPTIONS]      the same for optimizers' state in fewer bits, beside full state seed by seed; writes
                        benchmarks/state-accuracy.json --seeds 5 --threads 2
  precision [OPTIONS]   the same for products of bfloat16; writes benchmarks/precision-accuracy.json
        --only WORD (of a line's name) --precisions f32,bf16,f32x3 --threads 2
  amx [OPTIONS]         the instructions for tiles in the emulator Bochs, from 3.1 on (without a system, as no Linux
                        switches them on there): do they give what the loop gives? --bochs COMMAND
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.split_first() {
        Some((task, rest)) => match task.as_str() {
            "check" => check::check(rest),
            "oracle" => oracle::oracle(rest),
            "new" => new::new(rest),
            "kills" => kills::kills(rest),
            "mutants" => mutants::mutants(rest),
            "accuracy" => accuracy::accuracy(rest),
            "amx" => amx::amx(rest),
            "bench" => bench::bench(rest),
            "precision" => accuracy::precision(rest),
            "scale" => scale::scale(rest),
            "states" => accuracy::states(rest),
            _ => Err(format!("no task `{task}`\n\n{USAGE}")),
        },
        None => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
