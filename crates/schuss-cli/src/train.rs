//! `schuss train`, and `schuss` alone.

use crate::arguments;
use crate::input::read_text;
use crate::interrupt::Interrupt;
use crate::output::{Output, Result, Stop, tell};
use crate::progress::Progress;
use crate::shortcuts::Shortcuts;
use crate::text::{count, duration, number, rate};
use schuss::data::Dataset;
use schuss::data::readers::file::show;
use schuss::recipe::{Recipe, Report, Setup, Tables, Training, Transfer};
use schuss::{Error, Kind};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Trains as a recipe and flags say, or goes on with a run.
pub fn train(arguments: &arguments::Train, out: &mut Output) -> Result {
    let tables = Tables::default();
    let training = match &arguments.resume {
        Some(folder) => {
            if let Some(other) = arguments.shortcuts.other_than(Training::CHANGEABLE) {
                let allowed = Training::CHANGEABLE.join(" or ");
                let message = format!(
                    "`{other}` can't be given with --resume, as a run goes on with the recipe it started with; allowed are \
                     --json, --threads N, and --set with {allowed}, which change no bit of the result"
                );
                return Err(Error::value("wrong-arguments", message).into());
            }
            Training::resume_with(folder, &tables, |recipe| arguments.shortcuts.apply(recipe))?
        }
        None => {
            let recipe = recipe_of(arguments.recipe.as_deref(), &arguments.shortcuts, &tables)?;
            Training::start(&recipe, arguments.out.as_deref(), &tables)?
        }
    };
    if arguments.json {
        let report = run(training, Some(out))?;
        // Whoever read the events may be gone; the run has ended well all the same.
        return match out.line(end(&report)).and_then(|()| out.flush()) {
            Err(Stop::Closed) => Ok(()),
            done => done,
        };
    }
    show_report(&run(training, None)?, out)
}

/// Trains on what needs no files, and says what to do next.
pub fn first_run(out: &mut Output) -> Result {
    let training = Training::start(&Recipe::default(), None, &Tables::default())?;
    let data = training.setup().recipe.data.text("name").to_owned();
    let report = run(training, None)?;
    show_report(&report, out)?;
    // What the shell takes, also when cargo started it.
    let schuss = std::env::args().next().unwrap_or_else(|| "schuss".into());
    let model = show(&report.folder.join("model.safetensors"));
    out.line("\nnext:")?;
    let next = [
        (format!("evaluate {model} --data {data}"), "how well each class is found"),
        (format!("predict {model} {data}"), "a class and its probabilities for each sample"),
        ("train --data table.csv --validation 0.1".into(), "your own table, the last column is the target"),
        ("train --help".into(), "all there is to set"),
        ("list".into(), "all there is to name; `explain NAME` says what it does"),
    ];
    next.iter().try_for_each(|(arguments, what)| out.line(format!("  {schuss} {arguments}\n      {what}")))
}

/// A recipe has at most so many bytes.
const LONGEST: u64 = 1 << 20;

/// What a file, if one is given, and the flags come to. What is wrong in the file is told with its name.
pub fn recipe_of(file: Option<&Path>, shortcuts: &Shortcuts, tables: &Tables) -> Result<Recipe> {
    let Some(path) = file else {
        let mut recipe = Recipe::default();
        shortcuts.apply(&mut recipe)?;
        return Ok(recipe);
    };
    let of_file = |e: Error| e.at(show(path));
    let written = Recipe::from_toml(&read_text(path, "the recipe", LONGEST)?).map_err(of_file)?;
    let mut recipe = written.clone();
    shortcuts.apply(&mut recipe)?;
    if let Err(e) = recipe.resolve(tables) {
        // Flags may mend the file, and may spoil it.
        let own = written.resolve(tables).is_err_and(|own| own.message() == e.message());
        return Err(if own { of_file(e) } else { e }.into());
    }
    Ok(recipe)
}

fn run(training: Training, json: Option<&mut Output>) -> Result<Report> {
    training.setup().notes.iter().for_each(tell);
    training.warnings().iter().for_each(|warning| tell(format!("warning: {warning}")));
    if json.is_none() {
        tell(head(training.setup())?);
    }
    training.transfer().into_iter().flat_map(transferred).for_each(tell);
    let folder = training.folder().to_owned();
    let (mut interrupt, mut progress) = (Interrupt::listen()?, Progress::new(json));
    training.run(&mut [&mut progress, &mut interrupt]).map_err(|e| {
        let when = match e.kind() {
            Kind::Interrupted => "go on with",
            // A full disk, or a picture that is gone: what was learned is in the last snapshot.
            Kind::File => "once that is mended, go on with",
            _ => return e.into(),
        };
        let message = format!("{}; {when}: schuss train --resume {}", e.message(), show(&folder));
        Error::new(e.kind(), e.code(), message).into()
    })
}

/// What is trained on what, in two lines.
fn head(setup: &Setup) -> Result<String> {
    let samples = |data: &Option<Dataset>| data.as_ref().map_or(0, Dataset::len);
    let mut data = format!("{}: {} samples to train on", setup.recipe.data.text("name"), count(setup.train.len()));
    for (part, what) in [(&setup.validation, "to validate"), (&setup.test, "to test")] {
        if samples(part) > 0 {
            data += &format!(", {} {what}", count(samples(part)));
        }
    }
    let layers = setup.summary()?;
    let parameters = count(layers.iter().map(|l| l.parameters).sum());
    let shapes: Vec<String> = layers.iter().map(|l| format!("{} {}", l.name, l.output)).collect();
    let optimizer = &setup.recipe.optimizer;
    let rate = optimizer.learning_rate;
    Ok(format!("{data}\n{}: {parameters} parameters; {} at {rate:?}", shapes.join(", "), optimizer.name))
}

/// What did not come over from another model, and what did.
fn transferred(transfer: &Transfer) -> Vec<String> {
    let Transfer { taken, missing, unmatched, misfits } = transfer;
    let lists = [
        ("taken over", taken),
        ("not in the file, so drawn anew", missing),
        ("in the file only", unmatched),
        ("of another shape or type", misfits),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    lists.map(|(what, list)| format!("weights {what}: {}", list.join(", "))).collect()
}

fn show_report(report: &Report, out: &mut Output) -> Result {
    let outcome = &report.outcome;
    if let (Some(epoch), true) = (outcome.best, outcome.early) {
        out.line(format!("stopped early; kept is epoch {epoch}"))?;
    } else if let Some(epoch) = outcome.best {
        out.line(format!("kept is epoch {epoch}"))?;
    }
    if let Some(test) = &report.test {
        let values = test.metrics.iter().map(|(name, x)| format!("  {name} {}", number(*x))).collect::<String>();
        out.line(format!("test   loss {}{values}", number(test.loss)))?;
    }
    let (samples, seconds) = (count(outcome.samples as usize), duration(outcome.seconds));
    out.line(format!("time   {seconds} for {samples} samples, {}", rate(report.samples_per_second())))?;
    out.line(format!("model  {}", show(&report.folder.join("model.safetensors"))))
}

/// The last event.
fn end(report: &Report) -> Value {
    let mut object = Map::from_iter([("event".into(), "end".into())]);
    if let Some(test) = &report.test {
        object.insert("test_loss".into(), json!(test.loss));
        object.extend(test.metrics.iter().map(|(name, x)| (format!("test_{name}"), json!(x))));
    }
    object.insert("stopped_early".into(), report.outcome.early.into());
    object.insert("kept_epoch".into(), json!(report.outcome.best));
    object.insert("seconds".into(), json!(report.outcome.seconds));
    object.insert("samples_per_second".into(), json!(report.samples_per_second()));
    object.insert("out".into(), json!(report.folder.to_string_lossy()));
    object.insert("model".into(), json!(report.folder.join("model.safetensors").to_string_lossy()));
    Value::Object(object)
}
