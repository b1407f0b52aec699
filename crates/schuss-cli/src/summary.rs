//! `schuss summary`.

use crate::arguments;
use crate::output::{Output, Result};
use crate::text::{count, table};
use crate::train::read_recipe;
use schuss::recipe::{LayerSummary, Recipe, Setup, Tables};
use schuss::{Error, Model};
use std::path::Path;

/// Layers, shapes and parameters of a model; with `--plan` the plan of its training step.
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
    let mut recipe = match what {
        Some(file) if ends_in("toml") => read_recipe(file)?,
        Some(name) => {
            let mut recipe = Recipe::default();
            recipe.set("model", name.to_string_lossy().as_ref())?;
            recipe
        }
        None => Recipe::default(),
    };
    arguments.shortcuts.apply(&mut recipe)?;
    let tables = Tables::default();
    let setup = Setup::new(recipe.resolve(&tables)?, &tables)?;
    layers(&setup.summary()?, out)?;
    if arguments.plan {
        let batch = setup.batch_size()?;
        out.line("")?;
        out.line(setup.machine()?.describe(batch)?.trim_end())?;
    }
    Ok(())
}

fn layers(lines: &[LayerSummary], out: &mut Output) -> Result {
    let buffers: usize = lines.iter().map(|l| l.buffers).sum();
    let row = |name: &str, kind: &str, output: String, parameters: usize, own: usize| {
        let mut row = vec![name.to_owned(), kind.to_owned(), output, count(parameters)];
        // A column of its own only where there is something in it.
        row.extend((buffers > 0).then(|| count(own)));
        row
    };
    let mut rows = vec![["layer", "kind", "output", "parameters"].map(str::to_owned).to_vec()];
    rows[0].extend((buffers > 0).then(|| "not trained".to_owned()));
    rows.extend(lines.iter().map(|l| row(&l.name, l.kind, l.output.to_string(), l.parameters, l.buffers)));
    rows.push(row("total", "", String::new(), lines.iter().map(|l| l.parameters).sum(), buffers));
    table(&rows, true).into_iter().try_for_each(|line| out.line(line))
}
