//! A model in words, and back.

use super::Tables;
use crate::data::readers::Schema;
use crate::data::{Pipeline, Step, named_twice};
use crate::error::{Error, Result};
use crate::losses::{self, AnyLoss};
use crate::metrics::AnyMetric;
use crate::model::Sequential;
use crate::registry::{Registry, Settings};
use crate::store::{Description, LayerText, TargetText, ThingText};
use crate::target::TargetKind;

/// What a model is made of, with names looked up.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub model: Sequential,
    pub loss: AnyLoss,
    pub metrics: Vec<AnyMetric>,
    pub target: TargetKind,
    pub schema: Schema,
    pub pipeline: Pipeline,
}

/// Numbers in a sample, in a model file: more are refused before anything is built from them.
const MOST_NUMBERS: usize = 1 << 31;

impl Parts {
    /// Refuses to train a model that does not end as its loss takes it.
    pub fn check_end(&self) -> Result<()> {
        let built = self.model.build(true)?;
        losses::check_end(&self.loss, self.target, &built.graph, built.output)
    }
    pub fn describe(&self) -> Description {
        let layer = |l: &crate::model::NamedLayer| LayerText {
            name: l.name.clone(),
            layer: text(l.layer.kind(), &l.layer.settings()),
            inputs: l.inputs.clone(),
        };
        Description {
            layers: self.model.layers().iter().map(layer).collect(),
            loss: text(self.loss.kind(), &self.loss.settings()),
            metrics: self.metrics.iter().map(|m| text(m.kind(), &m.settings())).collect(),
            target: match self.target {
                TargetKind::Class(n) => TargetText::Classes(n),
                TargetKind::Numbers(n) => TargetText::Numbers(n),
            },
            schema: self.schema.clone(),
            pipeline: self.pipeline.text(),
        }
    }
    pub fn rebuild(description: &Description, tables: &Tables) -> Result<Self> {
        let shape = &description.schema.shape;
        let numbers = shape.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
        if numbers.is_none_or(|n| n > MOST_NUMBERS) {
            let message =
                format!("a sample of shape {shape:?} has too many numbers; at most {MOST_NUMBERS} are allowed");
            return Err(Error::format("model-description", message));
        }
        check_names(&description.schema)?;
        let pipeline = Pipeline::from_text(&description.pipeline, &tables.augmentations)?;
        pipeline.check(shape)?;
        let input = pipeline.output_shape(shape)?;
        let target = match description.target {
            TargetText::Classes(n) if n != description.schema.classes.len() => {
                let message = format!("the target has {n} classes, the label map {}", description.schema.classes.len());
                return Err(Error::format("model-description", message));
            }
            TargetText::Classes(n) => TargetKind::Class(n),
            TargetText::Numbers(n) => TargetKind::Numbers(n),
        };
        let mut model = Sequential::new(&input);
        for l in &description.layers {
            let inputs: Vec<&str> = l.inputs.iter().map(String::as_str).collect();
            model.connect(Some(&l.name), thing(&tables.layers, &l.layer)?, &inputs);
        }
        let metrics = description.metrics.iter().map(|m| thing(&tables.metrics, m)).collect::<Result<_>>()?;
        let loss = thing(&tables.losses, &description.loss)?;
        let mut schema = description.schema.clone();
        if pipeline.steps() == [Step::Scale { factor: 1.0 / 16.0 }] {
            // In files that do not tell yet how great pixels are, it tells the embedded digits.
            schema.highest.get_or_insert(16.0);
        }
        Ok(Parts { model, loss, metrics, target, schema, pipeline })
    }
}

/// Does every name of a column have its number, and every class a name of its own?
fn check_names(schema: &Schema) -> Result<()> {
    let (columns, numbers) = (schema.columns.len(), schema.shape.iter().product::<usize>());
    if columns > 0 && columns != numbers {
        let message = format!("there are {columns} columns, and a sample has {numbers} numbers");
        return Err(Error::format("model-description", message));
    }
    for (what, names) in [("column", &schema.columns), ("class", &schema.classes)] {
        if let Some(name) = named_twice(names) {
            let message = format!("two are called {what} `{}`; each has a name of its own", name.escape_debug());
            return Err(Error::format("model-description", message));
        }
    }
    Ok(())
}

fn text(kind: &str, settings: &Settings) -> ThingText {
    ThingText { kind: kind.into(), settings: settings.iter().map(|(name, v)| (name.to_owned(), v.clone())).collect() }
}

fn thing<T>(table: &Registry<T>, text: &ThingText) -> Result<T> {
    let given: Vec<_> = text.settings.iter().map(|(name, v)| (name.clone(), v.clone())).collect();
    table.make(&text.kind, &given)
}
