//! `schuss summary`.

use crate::arguments;
use crate::output::{Output, Result};
use crate::text::{count, table};
use crate::train::recipe_of;
use schuss::data::readers::file::show;
use schuss::recipe::{LayerSummary, Recipe, Setup, Tables};
use schuss::{Error, Model};
use std::path::Path;

/// What the program takes by itself, about: it and its libraries in memory, stacks, what was read with.
const OWN: usize = 9 << 20;

/// Layers, shapes, parameters and multiply-adds (of one sample at prediction) of a model, and the memory of a step; with
/// `--plan` the plan of its training step.
pub fn summary(arguments: &arguments::Summary, out: &mut Output) -> Result {
    let what = arguments.what.as_deref();
    let ends_in = |end: &str| what.and_then(Path::extension).is_some_and(|e| e == end);
    if let Some(file) = what.filter(|_| ends_in("safetensors")) {
        if arguments.plan || !arguments.shortcuts.is_empty() {
            let message =
                "a trained model has its layers only; a plan and other settings need a recipe or a model's name";
            return Err(Error::value("wrong-arguments", message).into());
        }
        return layers(&Model::load(file)?.summary()?, out);
    }
    let tables = Tables::default();
    let recipe = match what.filter(|_| !ends_in("toml")) {
        Some(file) if file.is_file() && tables.models.find(&file.to_string_lossy()).is_err() => {
            let message = format!(
                "{}: it is no file that says what a model is; one ends in .safetensors (a trained model) or .toml (a recipe)",
                show(file)
            );
            return Err(Error::format("no-model", message).into());
        }
        Some(name) => {
            let mut recipe = Recipe::default();
            recipe.set("model", name.to_string_lossy().as_ref())?;
            arguments.shortcuts.apply(&mut recipe)?;
            recipe
        }
        None => recipe_of(what, &arguments.shortcuts, &tables)?,
    };
    let setup = Setup::new(recipe.resolve(&tables)?, &tables)?;
    layers(&setup.summary()?, out)?;
    let (batch, mut machine) = (setup.batch_size()?, setup.machine()?);
    let memory = machine.memory(batch, setup.evaluated())?;
    let together = memory.most(setup.validates()) + setup.data_bytes() + OWN;
    let of = |bytes: usize| format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64);
    out.line(format!(
        "memory of a training step, batch {batch}: {} for variables, {} for what lives within it; data {}; evaluation {}",
        of(memory.variables),
        of(memory.step),
        of(setup.data_bytes()),
        of(memory.evaluation)
    ))?;
    out.line(format!("together at most {}, the program's own {} with it", of(together), of(OWN)))?;
    if arguments.plan {
        out.line("")?;
        out.line(machine.describe(batch)?.trim_end())?;
    }
    Ok(())
}

fn layers(lines: &[LayerSummary], out: &mut Output) -> Result {
    // Columns that say something only.
    let buffers: usize = lines.iter().map(|l| l.buffers).sum();
    let connected = lines.iter().any(|l| !l.inputs.is_empty());
    let row = |texts: [String; 4], numbers: [String; 3]| {
        let ([name, kind, inputs, output], [parameters, fixed, products]) = (texts, numbers);
        let mut row = vec![name, kind];
        row.extend(connected.then_some(inputs));
        row.extend([output, parameters]);
        row.extend((buffers > 0).then_some(fixed));
        row.push(products);
        row
    };
    let head = ["parameters", "not trained", "multiply-adds"];
    let mut rows = vec![row(["layer", "kind", "inputs", "output"].map(str::to_owned), head.map(str::to_owned))];
    let numbers = |l: &LayerSummary| [l.parameters, l.buffers, l.multiply_adds];
    rows.extend(lines.iter().map(|l| {
        let texts = [l.name.clone(), l.kind.into(), l.inputs.join(", "), l.output.to_string()];
        row(texts, numbers(l).map(count))
    }));
    let total = |i: usize| count(lines.iter().map(|l| numbers(l)[i]).sum());
    rows.push(row(["total", "", "", ""].map(str::to_owned), [0, 1, 2].map(total)));
    table(&rows, true).into_iter().try_for_each(|line| out.line(line))
}
