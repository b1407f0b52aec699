//! `schuss bench`: whole training steps, timed as `benchmarks/` times other libraries.

use crate::arguments;
use crate::output::{Output, Result, tell};
use crate::text::{rate, table};
use schuss::Error;
use schuss::lab::workloads;
use schuss::plan::Options;
use schuss::recipe::Tables;
use schuss_kernels::Isa;
use serde_json::json;
use std::time::{Duration, Instant};

/// Steps before those that are timed.
const WARM_UP: usize = 10;
/// Steps that are timed, whatever the time.
const LEAST: usize = 15;
/// What a workload can be computed in.
const PRECISION: &str = "f32";

/// Seconds of the timed steps.
struct Times {
    median: f64,
    least: f64,
    steps: usize,
}

/// Times the workloads that are asked for, one after another.
pub fn bench(arguments: &arguments::Bench, out: &mut Output) -> Result {
    let table_of = workloads();
    let names = match arguments.work.as_str() {
        "all" => table_of.names(),
        some => some.split(',').map(|name| Ok(table_of.find(name.trim())?.name)).collect::<Result<_>>()?,
    };
    let Some(seconds) = Duration::try_from_secs_f64(arguments.seconds).ok() else {
        let message = format!("--seconds is {}; it is a number of at least 0", arguments.seconds);
        return Err(Error::value("value-not-allowed", message).into());
    };
    if arguments.precision != PRECISION {
        let message = format!("--precision is {}; available in this version is {PRECISION}", arguments.precision);
        return Err(Error::value("not-available", message).into());
    }
    let isa = Isa::chosen().map_err(|message| Error::value("bad-isa", message))?;
    let threads = match arguments.threads {
        Some(0) => return Err(Error::value("value-not-allowed", "--threads is 0; it is at least 1").into()),
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, |n| n.get()),
    };
    let mut rows = vec![["work", "step", "least", "samples"].map(str::to_owned).to_vec()];
    let rules = rules(arguments.optimizer.as_deref())?;
    for (name, rule) in names.iter().flat_map(|name| rules.iter().map(move |rule| (*name, rule))) {
        let options = Options { threads, isa, without: Vec::new(), seed: 0 };
        let mut bench = table_of.make(name, &[])?.start(rule.as_deref(), options)?;
        let Times { median, least, steps } = time(seconds, || bench.step());
        let samples = bench.batch() as f64 / median;
        let rounded = |ms: f64| (ms * 1e7).round() / 1e4;
        if arguments.json {
            let mut line = json!({
                "peer": "schuss", "work": name, "threads": threads, "step_ms": rounded(median),
                "min_ms": rounded(least), "samples_per_s": samples.round() as u64, "steps": steps,
                "precision": PRECISION, "isa": isa.name(),
            });
            if bench.is_update() {
                line["optimizer"] = json!(bench.optimizer());
                line["gb_per_s"] = json!(rounded(bench.bytes() as f64 / median * 1e-12));
            }
            out.line(line)?;
            out.flush()?;
        } else {
            let name = rule.as_ref().map_or_else(|| name.to_owned(), |rule| format!("{name} {rule}"));
            tell(format!("{name}: {steps} steps"));
            let ms = |seconds| format!("{} ms", rounded(seconds));
            let speed = match bench.is_update() {
                true => format!("{:.1} GB/s", bench.bytes() as f64 / median * 1e-9),
                false => rate(samples),
            };
            rows.push(vec![name, ms(median), ms(least), speed]);
        }
    }
    if !arguments.json {
        table(&rows, true).into_iter().try_for_each(|line| out.line(line))?;
        out.line(format!("{PRECISION}, {}, threads: {threads}; the step is the median", isa.name()))?;
    }
    Ok(())
}

/// The optimizers to time: the workload's own, some, or all.
fn rules(asked: Option<&str>) -> Result<Vec<Option<String>>> {
    let table = Tables::default().optimizers;
    match asked {
        None => Ok(vec![None]),
        Some("all") => Ok(table.names().into_iter().map(|name| Some(name.to_owned())).collect()),
        Some(some) => some.split(',').map(|name| Ok(Some(table.find(name.trim())?.name.to_owned()))).collect(),
    }
}

fn time(seconds: Duration, mut step: impl FnMut()) -> Times {
    (0..WARM_UP).for_each(|_| step());
    let mut times = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    while times.len() < LEAST || start.elapsed() < seconds {
        let before = Instant::now();
        step();
        times.push(before.elapsed().as_secs_f64());
    }
    times.sort_unstable_by(f64::total_cmp);
    let middle = times.len() / 2;
    let median = if times.len().is_multiple_of(2) { (times[middle - 1] + times[middle]) / 2.0 } else { times[middle] };
    Times { median, least: times[0], steps: times.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_steps_are_timed_even_without_time() {
        let mut made = 0;
        let times = time(Duration::ZERO, || made += 1);
        assert_eq!((made, times.steps), (WARM_UP + LEAST, LEAST));
        assert!(times.least <= times.median);
    }
}
