//! `schuss bench`: whole training steps, timed as `benchmarks/` times other libraries.

use crate::arguments;
use crate::output::{Output, Result, tell};
use crate::text::{rate, table};
use schuss::Error;
use schuss::graph::Precision;
use schuss::lab::{Bench, workloads};
use schuss::plan::Options;
use schuss::recipe::Tables;
use schuss_kernels::limits::{bandwidth, dispatch, multiply_adds, products_of_bfloat16};
use schuss_kernels::{Isa, Pool};
use serde_json::json;
use std::time::{Duration, Instant};

/// Steps before those that are timed.
const WARM_UP: usize = 10;
/// Steps that are timed, whatever the time.
const LEAST: usize = 15;

/// Seconds of the timed steps.
struct Times {
    median: f64,
    mean: f64,
    /// Nine of ten steps take less.
    ninth: f64,
    least: f64,
    steps: usize,
}

/// Times the workloads that are asked for, one after another.
pub fn bench(arguments: &arguments::Bench, out: &mut Output) -> Result {
    if arguments.limits {
        return limits(arguments, out);
    }
    if let Some(name) = &arguments.profile {
        return profile(name, arguments, out);
    }
    let table_of = workloads();
    let names = match arguments.work.as_str() {
        "all" => table_of.names(),
        some => some.split(',').map(|name| Ok(table_of.find(name.trim())?.name)).collect::<Result<_>>()?,
    };
    let seconds = seconds(arguments)?;
    let precision = Precision::from_name(&arguments.precision)?;
    let (isa, threads) = (isa()?, threads(arguments)?);
    let mut rows = vec![["work", "step", "least", "samples"].map(str::to_owned).to_vec()];
    let rules = rules(arguments.optimizer.as_deref())?;
    let settings: Vec<String> = arguments.set.iter().map(|s| setting(s)).collect();
    for (name, rule) in names.iter().flat_map(|name| rules.iter().map(move |rule| (*name, rule))) {
        let options = Options { precision, ..Options::new(threads, isa) };
        let mut bench = table_of.make(name, &[])?.start(rule.as_deref(), &settings, options)?;
        let compiled = compiled(&mut bench)?;
        let Times { median, mean, ninth, least, steps } = time(seconds, || bench.step());
        let samples = bench.batch() as f64 / median;
        let rounded = |ms: f64| (ms * 1e7).round() / 1e4;
        if arguments.json {
            let mut line = json!({
                "peer": "schuss", "work": name, "threads": threads, "step_ms": rounded(median),
                "mean_ms": rounded(mean), "p90_ms": rounded(ninth), "min_ms": rounded(least), "samples_per_s": samples.round() as u64, "steps": steps,
                "precision": precision.name(), "isa": isa.name(),
            });
            if !bench.is_update() {
                line["phases"] = json!(bench.phases());
                line["plan_ms"] = json!(rounded(compiled));
            }
            bench.measure();
            let flop: u64 = bench.measured().iter().map(|m| m.flop).sum();
            if flop > 0 {
                line["mflop"] = json!(flop as f64 * 1e-6);
            }
            if bench.is_update() || rule.is_some() {
                line["optimizer"] = json!(bench.optimizer());
            }
            if !arguments.set.is_empty() {
                line["set"] = json!(arguments.set);
            }
            if bench.is_update() {
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
        let name = precision.name();
        out.line(format!("{name}, {}, threads: {threads}; the step is the median", isa.name()))?;
    }
    Ok(())
}

fn seconds(arguments: &arguments::Bench) -> Result<Duration> {
    Ok(Duration::try_from_secs_f64(arguments.seconds).map_err(|_| {
        let message = format!("--seconds is {:e}; allowed is a number from 0 to 1e19", arguments.seconds);
        Error::value("value-not-allowed", message)
    })?)
}

fn isa() -> Result<Isa> {
    Ok(Isa::chosen().map_err(|message| Error::value("bad-isa", message))?)
}

fn threads(arguments: &arguments::Bench) -> Result<usize> {
    let asked = arguments::threads(arguments.threads)?;
    Ok(asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get())))
}

/// What the machine can do at best.
fn limits(arguments: &arguments::Bench, out: &mut Output) -> Result {
    let (isa, threads) = (isa()?, threads(arguments)?);
    let (one, all) = (Pool::new(1), Pool::new(threads));
    let (alone, together) = (multiply_adds(isa, &one) * 1e-9, multiply_adds(isa, &all) * 1e-9);
    let unit = products_of_bfloat16(isa, &all).map(|(name, together)| {
        (name, together * 1e-9, products_of_bfloat16(isa, &one).map_or(0.0, |(_, alone)| alone * 1e-9))
    });
    let (memory, asked) = (bandwidth(isa, &all) * 1e-9, dispatch(&all) * 1e6);
    let round = |x: f64| (x * 100.0).round() / 100.0;
    if arguments.json {
        out.line(json!({
            "isa": isa.name(), "threads": threads, "gflop_per_s_one_thread": round(alone),
            "gflop_per_s": round(together), "gb_per_s": round(memory), "dispatch_us": round(asked),
            "bfloat16_unit": unit.map(|(name, _, _)| name),
            "bfloat16_gflop_per_s_one_thread": unit.map(|(_, _, alone)| round(alone)),
            "bfloat16_gflop_per_s": unit.map(|(_, together, _)| round(together)),
        }))?;
        return Ok(());
    }
    out.line(format!("multiply-adds   {together:.0} GFLOP/s, {alone:.0} of one thread alone ({})", isa.name()))?;
    if let Some((name, together, alone)) = unit {
        out.line(format!("of bfloat16     {together:.0} GFLOP/s, {alone:.0} of one thread alone ({name})"))?;
    }
    out.line(format!("memory          {memory:.1} GB/s, reading two arrays and writing one"))?;
    out.line(format!("dispatch        {asked:.2} µs until {threads} threads have done nothing"))?;
    Ok(())
}

/// Where the time of a workload's step goes.
fn profile(name: &str, arguments: &arguments::Bench, out: &mut Output) -> Result {
    let (isa, threads, seconds) = (isa()?, threads(arguments)?, seconds(arguments)?);
    let before = multiply_adds(isa, &Pool::new(threads));
    let precision = Precision::from_name(&arguments.precision)?;
    let options = Options { precision, ..Options::new(threads, isa) };
    let rule = rules(arguments.optimizer.as_deref())?.into_iter().next().flatten();
    let settings: Vec<String> = arguments.set.iter().map(|s| setting(s)).collect();
    let mut bench = workloads().make(name, &[])?.start(rule.as_deref(), &settings, options)?;
    let compiled = compiled(&mut bench)?;
    (0..WARM_UP).for_each(|_| bench.step());
    bench.measure();
    let mut steps = 0;
    let Times { median, .. } = time(seconds, || {
        steps += 1;
        bench.step();
    });
    // The machine may have been busy at one of the two times.
    let roof = multiply_adds(isa, &Pool::new(threads)).max(before) / threads as f64;
    let mut measured = bench.measured();
    let total: u64 = measured.iter().map(|m| m.nanoseconds).sum();
    measured.retain(|m| m.nanoseconds > 0);
    measured.sort_by_key(|m| std::cmp::Reverse(m.nanoseconds));
    let mut rows = vec![["calls", "share", "of a step", "rate", "of the roof"].map(str::to_owned).to_vec()];
    for m in &measured {
        let seconds = m.nanoseconds as f64 * 1e-9;
        let share = m.nanoseconds as f64 / total as f64;
        let rate = (m.flop > 0).then(|| m.flop as f64 * steps as f64 / seconds);
        if arguments.json {
            out.line(json!({
                "work": name, "call": m.name, "calls": m.calls, "share": (share * 1e4).round() / 1e4,
                "us_per_step": (seconds * 1e8 / steps as f64).round() / 100.0,
                "gflop_per_s": rate.map(|r| (r * 1e-7).round() / 100.0),
                "of_roof": rate.map(|r| (r / roof * 1e3).round() / 1e3),
            }))?;
        } else {
            let rate = rate.map_or([String::new(), String::new()], |r| {
                [format!("{:.1} GFLOP/s", r * 1e-9), format!("{:.0} %", r / roof * 100.0)]
            });
            let time = format!("{:.1} µs", seconds * 1e6 / steps as f64);
            let share = format!("{:.1} %", share * 100.0);
            rows.push([m.name.clone(), share, time].into_iter().chain(rate).collect());
        }
    }
    if !arguments.json {
        table(&rows, true).into_iter().try_for_each(|line| out.line(line))?;
        let (step, roof) = (median * 1e3, roof * 1e-9);
        out.line(format!("a step takes {step:.3} ms on {threads} threads, whose time is added up above"))?;
        if !bench.is_update() {
            out.line(format!("its plan took {:.1} ms to make", compiled * 1e3))?;
        }
        out.line("rates count products with zeros that are left out, too")?;
        out.line(format!("rates are a thread's; the roof is {roof:.1} GFLOP/s a thread ({})", isa.name()))?;
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

/// `state=int8` as `state='int8'`: words may go without quotes.
fn setting(text: &str) -> String {
    let Some((name, value)) = text.split_once('=') else { return text.to_owned() };
    let value = value.trim();
    let word = value.starts_with(|c: char| c.is_alphabetic()) && !["true", "false"].contains(&value);
    if word { format!("{name}='{value}'") } else { format!("{name}={value}") }
}

/// Seconds that making the plan takes.
fn compiled(bench: &mut Bench) -> Result<f64> {
    let begin = Instant::now();
    bench.prepare()?;
    Ok(begin.elapsed().as_secs_f64())
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
    let (mean, ninth) = (times.iter().sum::<f64>() / times.len() as f64, times[times.len() * 9 / 10]);
    Times { median, mean, ninth, least: times[0], steps: times.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_steps_are_timed_even_without_time() {
        let mut made = 0;
        let times = time(Duration::ZERO, || made += 1);
        assert_eq!((made, times.steps), (WARM_UP + LEAST, LEAST));
        assert!(times.least <= times.median && times.median <= times.ninth && times.least <= times.mean);
    }
}
