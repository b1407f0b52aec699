//! A model in words, and back.

use super::Tables;
use crate::data::Pipeline;
use crate::data::readers::Schema;
use crate::error::{Error, Result};
use crate::losses::AnyLoss;
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
        let schema = description.schema.clone();
        Ok(Parts { model, loss, metrics, target, schema, pipeline })
    }
}

fn text(kind: &str, settings: &Settings) -> ThingText {
    ThingText { kind: kind.into(), settings: settings.iter().map(|(name, v)| (name.to_owned(), v.clone())).collect() }
}

fn thing<T>(table: &Registry<T>, text: &ThingText) -> Result<T> {
    let given: Vec<_> = text.settings.iter().map(|(name, v)| (name.clone(), v.clone())).collect();
    table.make(&text.kind, &given)
}
