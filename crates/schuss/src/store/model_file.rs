//! Model files: what a model is, in words, its parameters and its buffers.

use super::tensors::{Numbers, Tensor, Tensors, short};
use crate::build::Parameter;
use crate::data::PipelineText;
use crate::data::readers::Schema;
use crate::data::readers::file::show;
use crate::error::{Error, Result};
use crate::registry::Argument;
use crate::train::Array;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The version of the format that this library writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// A thing of a table in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThingText {
    /// Its name in the table.
    pub kind: String,
    /// All its settings.
    pub settings: BTreeMap<String, Argument>,
}

/// A layer in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerText {
    /// Its name in the model.
    pub name: String,
    /// What it is.
    pub layer: ThingText,
    /// The layers whose outputs it takes; none are named where it takes that of the layer before alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
}

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetText {
    /// One of so many classes.
    Classes(usize),
    /// So many numbers.
    Numbers(usize),
}

/// What a model is, in words: all that is needed to predict with its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The layers in order.
    pub layers: Vec<LayerText>,
    /// The loss it was trained with.
    pub loss: ThingText,
    /// What was measured.
    pub metrics: Vec<ThingText>,
    /// What it was trained to hit.
    pub target: TargetText,
    /// The shape of a sample, the label map, the columns.
    pub schema: Schema,
    /// What is done to a sample's numbers first.
    pub pipeline: PipelineText,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: u32,
    version: String,
    #[serde(rename = "model")]
    description: Description,
}

/// A model as a file holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// What it is, in words.
    pub description: Description,
    /// Its parameters and buffers.
    pub parameters: Vec<Array>,
}

impl ModelFile {
    /// What the file holds, in the format's own terms.
    pub fn to_tensors(&self) -> Tensors {
        let text =
            Text { format: FORMAT, version: env!("CARGO_PKG_VERSION").into(), description: self.description.clone() };
        let tensor = |a: &Array| Tensor {
            name: a.name.clone(),
            shape: a.shape.clone(),
            numbers: Numbers::F32(a.values.clone()),
        };
        let text = serde_json::to_value(text).expect("text, numbers and lists of them");
        Tensors { tensors: self.parameters.iter().map(tensor).collect(), text: Some(text) }
    }
    /// Writes the file as a whole, or leaves what is there. Equal models are equal files.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.to_tensors().write(path)
    }
    /// Reads the file. Whether the parameters are those of the architecture is asked by [`ModelFile::check`], once
    /// the names in the description have been looked up.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_tensors(Tensors::read(path)?).map_err(|e| e.at(show(path)))
    }
    /// From what a file holds.
    pub fn from_tensors(file: Tensors) -> Result<Self> {
        file.refuse_snapshot()?;
        let text = file.text.ok_or_else(|| {
            let message =
                "it is no schuss model: the metadata have no key `schuss`; its tensors can be trained from (weights)";
            Error::format("no-model", message)
        })?;
        match text.get("format").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(other) => {
                let message = format!("the model has format {other}; this version reads format {FORMAT}");
                return Err(Error::format("model-format", message));
            }
            None => return Err(Error::format("no-model", "it is no schuss model: the metadata have no format")),
        }
        let Text { description, .. } = Text::deserialize(&text).map_err(|_| {
            Error::format("model-description", format!("the description of the model: {}", misdescribed(&text)))
        })?;
        let array = |t: Tensor| match t.numbers {
            Numbers::F32(values) => match values.iter().position(|x| !x.is_finite()) {
                None => Ok(Array { name: t.name, shape: t.shape, values }),
                Some(i) => {
                    let message = format!("tensor {}: number {i} is {}; allowed are finite ones", t.name, values[i]);
                    Err(Error::format("tensor-not-finite", message))
                }
            },
            other => Err(wrong_type(&t.name, other.kind())),
        };
        let parameters = file.tensors.into_iter().map(array).collect::<Result<_>>()?;
        Ok(ModelFile { description, parameters })
    }
    /// Are these the parameters and buffers of a model that wants those?
    pub fn check(&self, wanted: &[Parameter]) -> Result<()> {
        for p in wanted {
            let Some(found) = self.parameters.iter().find(|a| a.name == p.name) else {
                return Err(Error::format("tensor-missing", format!("the file has no tensor {}", p.name)));
            };
            if found.shape != p.shape {
                let message = format!("tensor {} has shape {:?}; the model wants {:?}", p.name, found.shape, p.shape);
                return Err(Error::format("tensor-shape", message));
            }
        }
        match self.parameters.iter().find(|a| !wanted.iter().any(|p| p.name == a.name)) {
            Some(extra) => Err(Error::format("tensor-unknown", format!("the model has no parameter {}", extra.name))),
            None => Ok(()),
        }
    }
}

/// What is wrong with a text that is no description of a model.
fn misdescribed(text: &Value) -> String {
    fn no<T: DeserializeOwned>(value: &Value) -> bool {
        T::deserialize(value).is_err()
    }
    type Part = (&'static str, fn(&Value) -> bool, &'static str);
    const PARTS: [Part; 6] = [
        ("layers", no::<Vec<LayerText>>, "a list of {name, layer, inputs}, where a layer is {kind, settings}"),
        ("loss", no::<ThingText>, "{kind, settings}"),
        ("metrics", no::<Vec<ThingText>>, "a list of {kind, settings}"),
        ("target", no::<TargetText>, "{classes: count} or {numbers: count}"),
        ("schema", no::<Schema>, "{shape: counts, columns: names, target: a name or null, classes: names}"),
        ("pipeline", no::<PipelineText>, "a step {kind, …} or a list of such, of kind scale, standardize or stage"),
    ];
    let Some(Value::Object(model)) = text.get("model") else { return "`model` is not there, or no object".into() };
    for (name, wrong, form) in PARTS {
        match model.get(name) {
            None => return format!("it has no `{name}`, which is {form}"),
            Some(found) if wrong(found) => return format!("`{name}` is {}; it is {form}", short(found)),
            Some(_) => {}
        }
    }
    let names: Vec<&str> = PARTS.iter().map(|part| part.0).collect();
    match model.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => format!("it has a `{}`; there are {}", key.escape_debug(), names.join(", ")),
        None => "beside `model` there are only `format` and `version`, which is text".into(),
    }
}

fn wrong_type(name: &str, found: &str) -> Error {
    Error::format("tensor-type", format!("tensor {name} has type {found}; a model has F32"))
}
