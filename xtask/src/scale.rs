//! What a training step costs against width, depth, batch and data, and what more threads bring.

mod picture;

use crate::Result;
use crate::command::{number, options, root};
use crate::schuss::Schuss;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What one curve shows.
struct Curve {
    name: &'static str,
    /// What is varied.
    x: &'static str,
    /// What theory says that it grows with, in words.
    theory: &'static str,
    points: Vec<Point>,
}

/// A measurement: the number varied, what theory says it costs (in a unit of its own), and microseconds.
struct Point {
    x: f64,
    work: f64,
    microseconds: f64,
}

/// Inputs and classes of the embedded digits.
const DIGITS: (usize, usize) = (64, 10);

/// Multiply-adds of a training step for a sample: forwards, and backwards twice, but for the inputs' derivative.
fn products(units: &[usize]) -> f64 {
    let sizes: Vec<usize> = std::iter::once(DIGITS.0).chain(units.iter().copied()).chain([DIGITS.1]).collect();
    let all: usize = sizes.windows(2).map(|pair| pair[0] * pair[1]).sum();
    (3 * all - sizes[0] * sizes[1]) as f64
}

/// Workloads whose steps are timed on one and two threads.
const WORKS: [&str; 5] = ["mlp", "widemlp", "convnet", "cnn3c3d", "resnet20"];
/// Numbers of threads that the model is asked about.
const CORES: [usize; 4] = [8, 16, 32, 64];

/// Writes `scale.json`, `scale.md` and `scale.svg` to a folder.
pub fn scale(args: &[String]) -> Result {
    let [out, seconds] = options(args, [("out", "benchmarks/scale"), ("seconds", "1")])?;
    let seconds: f64 = number("seconds", &seconds)?;
    let schuss = Schuss::build()?;
    let folder = root().join(out);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let curves =
        [width(&schuss, seconds)?, depth(&schuss, seconds)?, batch(&schuss, seconds)?, data(&schuss, &folder)?];
    let threads = threads(&schuss, seconds)?;
    let lines: Vec<_> = curves
        .iter()
        .flat_map(|c| c.points.iter().map(|p| json!({"curve": c.name, "x": p.x, "work": p.work, "us": p.microseconds})))
        .chain(
            threads
                .iter()
                .map(|t| json!({"work": t.work, "ms_one_thread": t.one, "ms_two": t.two, "phases": t.phases})),
        )
        .collect();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    for (name, text) in
        [("scale.jsonl", text), ("scale.md", page(&curves, &threads)), ("scale.svg", picture::svg(&curves))]
    {
        fs::write(folder.join(name), text).map_err(|e| format!("{name}: {e}"))?;
    }
    println!("{}", folder.display());
    Ok(())
}

/// Microseconds of a sample while training a network of these layers on the digits.
fn sample(schuss: &Schuss, units: &[usize], batch: usize, seconds: f64) -> Result<f64> {
    let units = format!("[{}]", units.iter().map(usize::to_string).collect::<Vec<_>>().join(","));
    let batch = batch.to_string();
    let run = |epochs: u64| {
        let epochs = epochs.to_string();
        let values = [("units", &*units), ("batch", &*batch), ("epochs", &*epochs)];
        let command =
            "train --data digits --set model.units={units} --batch-size {batch} --epochs {epochs} --json --out {out}";
        let folder = std::env::temp_dir().join(format!("schuss-scale-{}", std::process::id()));
        let out = folder.to_string_lossy().into_owned();
        let values: Vec<(&str, &str)> = values.into_iter().chain([("out", &*out)]).collect();
        let finished = schuss.finish(schuss.command(command, &values));
        let _ = fs::remove_dir_all(&folder);
        finished?.end("samples_per_second")
    };
    // As many epochs as take so long; the digits have some 1,400 samples to train on.
    let rate = run(2)?;
    let epochs = (rate * seconds / 1437.0).ceil().clamp(2.0, 1000.0) as u64;
    let best = (0..3).map(|_| run(epochs)).collect::<Result<Vec<f64>>>()?.into_iter().fold(0.0, f64::max);
    Ok(1e6 / best)
}

fn width(schuss: &Schuss, seconds: f64) -> Result<Curve> {
    let mut points = Vec::new();
    for width in [32, 64, 128, 256, 512, 1024, 2048] {
        let units = [width, width];
        let microseconds = sample(schuss, &units, 128, seconds)?;
        points.push(Point { x: width as f64, work: products(&units), microseconds });
        eprintln!("width {width}: {microseconds:.2} µs a sample");
    }
    Ok(Curve { name: "width", x: "units of two layers", theory: "multiply-adds of a sample", points })
}

fn depth(schuss: &Schuss, seconds: f64) -> Result<Curve> {
    let mut points = Vec::new();
    for depth in [1, 2, 4, 8, 16, 32] {
        let units = vec![256; depth];
        let microseconds = sample(schuss, &units, 128, seconds)?;
        points.push(Point { x: depth as f64, work: products(&units), microseconds });
        eprintln!("depth {depth}: {microseconds:.2} µs a sample");
    }
    Ok(Curve { name: "depth", x: "layers of 256 units", theory: "multiply-adds of a sample", points })
}

fn batch(schuss: &Schuss, seconds: f64) -> Result<Curve> {
    let mut points = Vec::new();
    for batch in [1, 4, 16, 64, 128, 256, 512, 1024] {
        let microseconds = sample(schuss, &[256, 256], batch, seconds)? * batch as f64;
        points.push(Point { x: batch as f64, work: batch as f64, microseconds });
        eprintln!("batch {batch}: {microseconds:.2} µs a step");
    }
    Ok(Curve { name: "batch", x: "samples of a step", theory: "samples, above what a step costs at least", points })
}

/// An epoch on tables of random numbers.
fn data(schuss: &Schuss, folder: &Path) -> Result<Curve> {
    let (mut points, file) = (Vec::new(), folder.join("scale.csv"));
    for rows in [1_000usize, 4_000, 16_000, 64_000, 256_000] {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1u64 << 24) as f64
        };
        let mut text = (0..16).fold(String::new(), |text, i| text + &format!("x{i},")) + "y\n";
        for _ in 0..rows {
            let row: Vec<f64> = (0..16).map(|_| next()).collect();
            row.iter().for_each(|x| write!(text, "{x:.4},").expect("a string takes it"));
            writeln!(text, "{}", u8::from(row[0] > row[1])).expect("a string takes it");
        }
        fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
        let (path, out) = (file.to_string_lossy().into_owned(), folder.join("run").to_string_lossy().into_owned());
        let command = "train --data {file} --set model.units=[64] --epochs 8 --json --out {out}";
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let run = schuss.finish(schuss.command(command, &[("file", &*path), ("out", &*out)]));
            let _ = fs::remove_dir_all(&out);
            // Four fifths are trained on.
            best = best.min(rows as f64 * 0.8 / run?.end("samples_per_second")?);
        }
        points.push(Point { x: rows as f64, work: rows as f64, microseconds: best * 1e6 });
        eprintln!("data {rows}: {best:.4} s an epoch");
    }
    fs::remove_file(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(Curve { name: "data", x: "rows of a table", theory: "rows", points })
}

/// A workload's fastest steps in milliseconds, and how often all threads meet in one.
struct Threads {
    work: &'static str,
    one: f64,
    two: f64,
    phases: f64,
}

impl Threads {
    /// Milliseconds of a step on so many cores, if memory keeps up: what does not get shorter with a second thread stays,
    /// the rest is shared, and meeting takes half a microsecond a doubling.
    fn model(&self, cores: usize) -> f64 {
        let shared = (2.0 * (self.one - self.two)).min(self.one);
        (self.one - shared) + shared / cores as f64 + self.phases * 0.5e-3 * (cores as f64).log2()
    }
}

fn threads(schuss: &Schuss, seconds: f64) -> Result<Vec<Threads>> {
    let mut all = Vec::new();
    for work in WORKS {
        let (mut least, mut phases) = ([f64::INFINITY; 2], 0.0);
        // In turn, as the machine may be shared.
        for (i, threads) in [0, 1, 0, 1, 0, 1].into_iter().map(|i| (i, ["1", "2"][i])) {
            let seconds = seconds.to_string();
            let values = [("work", work), ("threads", threads), ("seconds", &*seconds)];
            let command = "bench --work {work} --threads {threads} --seconds {seconds} --json";
            let run = schuss.finish(schuss.command(command, &values))?;
            let line = run.events.first().ok_or("bench printed nothing")?;
            let number = |name: &str| line[name].as_f64().ok_or_else(|| format!("no `{name}` in {line}"));
            least[i] = least[i].min(number("min_ms")?);
            phases = number("phases")?;
        }
        eprintln!("{work}: {:.3} ms on one thread, {:.3} on two", least[0], least[1]);
        all.push(Threads { work, one: least[0], two: least[1], phases });
    }
    Ok(all)
}

fn page(curves: &[Curve], threads: &[Threads]) -> String {
    let mut text = String::from("Written by `cargo xtask scale`. Fastest of three runs each.\n");
    for c in curves {
        writeln!(text, "\n| {} | µs | ns for each of the {} |\n|---|---|---|", c.x, c.theory)
            .expect("a string takes it");
        for p in &c.points {
            let each = p.microseconds * 1e3 / p.work;
            writeln!(text, "| {} | {:.2} | {each:.4} |", p.x, p.microseconds).expect("a string takes it");
        }
    }
    text += "\nThreads: a step in ms, and how much of a second thread is used. The last columns are a **model**, not\n\
             measured: what two threads did not shorten stays, the rest is shared, meeting takes 0.5 µs a doubling, and\n\
             memory keeps up, which it would not for layers as wide as widemlp's.\n\n\
             | work | 1 thread | 2 threads | efficiency |";
    CORES.iter().for_each(|n| write!(text, " {n} (model) |").expect("a string takes it"));
    text += "\n|---|---|---|---|---|---|---|---|\n";
    for t in threads {
        let efficiency = t.one / t.two / 2.0 * 100.0;
        write!(text, "| {} | {:.3} | {:.3} | {efficiency:.0} % |", t.work, t.one, t.two).expect("a string takes it");
        CORES.iter().for_each(|n| write!(text, " {:.3} |", t.model(*n)).expect("a string takes it"));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_gives_what_it_was_made_of() {
        let t = Threads { work: "mlp", one: 10.0, two: 6.0, phases: 0.0 };
        assert!((t.model(1) - t.one).abs() < 1e-9 && (t.model(2) - t.two).abs() < 1e-9);
        assert!((t.model(64) - 2.125).abs() < 1e-9);
        let perfect = Threads { two: 4.9, ..t };
        assert!(perfect.model(1000) >= 0.0);
    }

    #[test]
    fn products_are_counted_as_by_hand() {
        assert_eq!(products(&[3, 2]), (3 * (64 * 3 + 3 * 2 + 2 * 10) - 64 * 3) as f64);
    }
}
