//! `schuss schedule`: the rate of every step of a run, without running it.

use crate::arguments;
use crate::output::{Output, Result};
use crate::plot::{Panel, svg};
use crate::text::{number, table};
use schuss::Error;
use schuss::recipe::{Recipe, Setup, Tables};
use schuss::schedules::{Pace, Span, Timetable};
use schuss::store::atomic;
use serde_json::json;

/// Rows of the table, at most.
const ROWS: usize = 21;
/// Steps that a run may have to be shown.
const MOST: usize = 100_000_000;

/// Prints the rates as a table or JSON, and draws them.
pub fn schedule(arguments: &arguments::Schedule, out: &mut Output) -> Result {
    let mut recipe = Recipe::default();
    recipe.set("schedule", arguments.spec.as_str())?;
    if let Some(data) = &arguments.data {
        recipe.set("data.name", data.as_str())?;
    }
    if let Some(optimizer) = &arguments.optimizer {
        recipe.set("optimizer", optimizer.as_str())?;
    }
    let numbers = [
        ("train.epochs", &arguments.epochs),
        ("train.batch_size", &arguments.batch_size),
        ("optimizer.learning_rate", &arguments.learning_rate),
    ];
    for (path, value) in numbers.into_iter().filter_map(|(path, value)| Some((path, value.as_ref()?))) {
        recipe.assign(&format!("{path}={value}"))?;
    }
    let run = Run::new(&recipe, arguments)?;
    let paces: Vec<Pace> = (0..run.steps as u64).map(|t| run.timetable.at(t)).collect();
    let rates: Vec<f64> = paces.iter().map(|p| p.factor * run.learning_rate).collect();
    let momenta: Vec<f64> = paces.iter().filter_map(|p| p.momentum).collect();
    if let Some(file) = &arguments.plot {
        let mut panels = vec![Panel { name: "learning_rate", values: &rates, from_zero: true }];
        // Of a sequence, only some pieces may move it: then there is no curve over all steps.
        if momenta.len() == rates.len() {
            panels.push(Panel { name: "momentum", values: &momenta, from_zero: false });
        }
        atomic::replace(file, svg(&arguments.spec, &panels).as_bytes())?;
    }
    let epoch = |step: usize| 1 + (step as f64 / run.steps_per_epoch) as usize;
    if arguments.json {
        return paces.iter().zip(&rates).enumerate().try_for_each(|(step, (pace, rate))| {
            let (epoch, momentum) = (epoch(step), pace.momentum);
            out.line(json!({"step": step, "epoch": epoch, "learning_rate": rate, "momentum": momentum}))
        });
    }
    let mut rows = vec![["step", "epoch", "learning_rate"].map(str::to_owned).to_vec()];
    if !momenta.is_empty() {
        rows[0].push("momentum".into());
    }
    for i in 0..ROWS.min(run.steps) {
        let step = i * (run.steps - 1) / (ROWS.min(run.steps) - 1).max(1);
        let mut row = vec![step.to_string(), epoch(step).to_string(), number(rates[step])];
        row.extend(paces[step].momentum.map(number));
        rows.push(row);
    }
    table(&rows, true).into_iter().try_for_each(|line| out.line(line))
}

/// What the schedule is asked about.
struct Run {
    timetable: Timetable,
    steps: usize,
    steps_per_epoch: f64,
    learning_rate: f64,
}

impl Run {
    /// Of so many steps; else over data, which are read.
    fn new(recipe: &Recipe, arguments: &arguments::Schedule) -> Result<Self> {
        let tables = Tables::default();
        let resolved = recipe.resolve(&tables)?;
        let learning_rate = resolved.optimizer.learning_rate;
        let epochs = resolved.fit_options().epochs;
        let Some(steps) = arguments.steps else {
            let setup = Setup::new(resolved, &tables)?;
            let (options, optimizer) = (setup.recipe.fit_options(), &setup.recipe.optimizer);
            let (_, count) = options.steps(optimizer, setup.train.len())?;
            let timetable = setup.timetable()?.expect("the recipe has a schedule");
            check(count.saturating_mul(epochs))?;
            return Ok(Run { timetable, steps: count * epochs, steps_per_epoch: count as f64, learning_rate });
        };
        check(steps)?;
        let epochs = if arguments.epochs.is_some() { epochs } else { 1 };
        let size = resolved.fit_options().samples_in_batch(&resolved.optimizer, usize::MAX)?;
        if size == usize::MAX {
            let message = "--steps knows of no samples to make a full batch of; give a number (--batch-size), or --epochs in its place";
            return Err(Error::value("wrong-arguments", message).into());
        }
        let steps_per_epoch = steps as f64 / epochs as f64;
        let span = Span {
            updates: steps as f64,
            updates_per_epoch: steps_per_epoch,
            samples_per_update: size as f64,
            learning_rate,
        };
        let schedule = resolved.schedule.expect("the recipe has a schedule");
        Ok(Run { timetable: schedule.for_run(&span)?, steps, steps_per_epoch, learning_rate })
    }
}

fn check(steps: usize) -> Result {
    if (1..=MOST).contains(&steps) {
        return Ok(());
    }
    let message = format!("the run has {steps} steps; allowed are 1 to {MOST}");
    Err(Error::value("value-not-allowed", message).into())
}
