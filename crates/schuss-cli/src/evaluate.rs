//! `schuss evaluate`.

use crate::arguments;
use crate::output::{Output, Result, tell};
use crate::text::{count, number, table};
use schuss::Model;
use schuss::data::readers::file::show;
use schuss::data::{Options, Samples, open_for};
use schuss::train::{ClassRow, Scores};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Loss, metrics, and how well each class is found.
pub fn evaluate(arguments: &arguments::Evaluate, out: &mut Output) -> Result {
    let mut model = open(&arguments.model, arguments.threads, &arguments.views)?;
    let Samples { data, notes, .. } = read(&model, &arguments.data, true)?;
    notes.iter().for_each(|note| tell(format!("{}: {note}", show(&arguments.data))));
    let scores = model.evaluate(&data)?;
    let classes = model.class_table(&data)?;
    if arguments.json {
        return out.line(object(&scores, &classes, data.len()));
    }
    let mut rows = vec![vec!["samples".to_owned(), count(data.len())], vec!["loss".to_owned(), number(scores.loss)]];
    rows.extend(scores.metrics.iter().map(|(name, x)| vec![name.clone(), number(*x)]));
    table(&rows, false).into_iter().try_for_each(|line| out.line(line))?;
    if classes.is_empty() {
        return Ok(());
    }
    let mut rows = vec![["class", "precision", "recall", "f1", "support"].map(str::to_owned).to_vec()];
    rows.extend(
        classes
            .iter()
            .map(|c| vec![c.name.clone(), number(c.precision), number(c.recall), number(c.f1), count(c.support)]),
    );
    out.line("")?;
    table(&rows, true).into_iter().try_for_each(|line| out.line(line))
}

/// A trained model.
pub fn open(model: &Path, threads: Option<usize>, views: &arguments::Views) -> Result<Model> {
    let model = Model::load(model)?;
    let model = model.flip_averaging(views.flip_averaging).shift_averaging(views.shift_averaging);
    Ok(match arguments::threads(threads)? {
        Some(threads) => model.threads(threads),
        None => model,
    })
}

/// Data of the kind that a model was trained on.
pub fn read(model: &Model, data: &Path, targets: bool) -> Result<Samples> {
    let schema = model.schema().expect("a model from a file was trained");
    Ok(open_for(data, schema, targets, &Options::default())?)
}

fn object(scores: &Scores, classes: &[ClassRow], samples: usize) -> Value {
    let mut object = Map::from_iter([("samples".into(), samples.into()), ("loss".into(), json!(scores.loss))]);
    object.extend(scores.metrics.iter().map(|(name, x)| (name.clone(), json!(x))));
    if !classes.is_empty() {
        let class = |c: &ClassRow| {
            json!({
                "class": c.name, "precision": c.precision, "recall": c.recall, "f1": c.f1, "support": c.support,
            })
        };
        object.insert("classes".into(), classes.iter().map(class).collect());
    }
    Value::Object(object)
}
