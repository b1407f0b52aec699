//! Snapshots in files: arrays and numbers as tensors, whole numbers and names as text.

use super::tensors::{Numbers, Tensor, Tensors};
use crate::data::readers::file::show;
use crate::error::{Error, Result};
use crate::plan::Sums;
use crate::train::{Array, Best, History, Progress, Row, Snapshot};
use serde::{Deserialize, Serialize};
use std::path::Path;

const FORMAT: u32 = 1;

/// Who wrote a snapshot. A run that goes on elsewhere may end with other bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The version of the library.
    pub version: String,
    /// The instruction set.
    pub isa: String,
    /// What the run was told to do.
    pub recipe: String,
}

/// A snapshot as a file holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotFile {
    /// Who wrote it.
    pub written: Written,
    /// What was written.
    pub snapshot: Snapshot,
}

/// All of it that is no number of an array. Numbers with a fraction are tensors, so that every bit is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: u32,
    written: Written,
    updates: u64,
    epoch: usize,
    step: usize,
    stopped: bool,
    samples: u64,
    running_samples: usize,
    metrics: usize,
    columns: Vec<String>,
    best_epoch: Option<usize>,
    wait: usize,
}

/// Where the tensors of each part of a snapshot are found.
const VARIABLES: &str = "variables/";
const BEST: &str = "best/";
const NUMBERS: &str = "numbers/";

impl Tensors {
    /// Refuses what a run keeps to go on from where a model is wanted.
    pub(crate) fn refuse_snapshot(&self) -> Result<()> {
        if self.text.as_ref().is_none_or(|text| text.get("best_epoch").is_none()) {
            return Ok(());
        }
        let message = "it is the snapshot of a run, which `schuss train --resume` goes on from, and no model; the run's \
                       models are model.safetensors in its folder, and checkpoints/best.safetensors where it watches \
                       for the best epoch";
        Err(Error::format("snapshot-no-model", message))
    }
}

impl SnapshotFile {
    /// Writes the file as a whole, or leaves what is there.
    pub fn write(self, path: &Path) -> Result<()> {
        self.into_tensors().write(path)
    }
    /// Reads the file; none if there is none.
    pub fn read_if_there(path: &Path) -> Result<Option<Self>> {
        if path.try_exists().is_ok_and(|there| !there) { Ok(None) } else { Self::read(path).map(Some) }
    }
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_tensors(Tensors::read(path)?).map_err(|e| e.at(show(path)))
    }

    fn into_tensors(self) -> Tensors {
        let Snapshot { progress: p, updates, memory, variables } = self.snapshot;
        let rows = &p.history.rows;
        let text = Text {
            format: FORMAT,
            written: self.written,
            updates,
            epoch: p.epoch,
            step: p.step,
            stopped: p.stopped,
            samples: p.samples,
            running_samples: p.running.samples,
            metrics: p.running.metrics.len(),
            columns: p.history.columns().into_iter().map(str::to_owned).collect(),
            best_epoch: p.best.epoch.map(|(epoch, _)| epoch),
            wait: p.best.wait,
        };
        let array = |prefix: &'static str| {
            move |a: Array| Tensor {
                name: format!("{prefix}{}", a.name),
                shape: a.shape,
                numbers: Numbers::F32(a.values),
            }
        };
        let numbers = |name: &str, x: Vec<f64>| Tensor {
            name: format!("{NUMBERS}{name}"),
            shape: vec![x.len()],
            numbers: Numbers::F64(x),
        };
        let sums = &p.running;
        let mut tensors: Vec<Tensor> = variables.into_iter().map(array(VARIABLES)).collect();
        tensors.extend(p.best.weights.into_iter().map(array(BEST)));
        tensors.push(numbers("memory", memory));
        tensors.push(numbers("running", [&[sums.loss, sums.penalty, sums.weight], sums.metrics.as_slice()].concat()));
        tensors.push(numbers("history", rows.iter().flat_map(|r| r.values.iter().map(|v| v.1)).collect()));
        tensors.push(numbers("rate", vec![p.scale, p.learning_rate]));
        tensors.push(numbers("seconds", vec![p.seconds]));
        tensors.push(numbers("best", p.best.epoch.map(|b| b.1).into_iter().chain(p.best.reference).collect()));
        let text = serde_json::to_value(text).expect("text, whole numbers and lists of them");
        Tensors { tensors, text: Some(text) }
    }

    fn from_tensors(file: Tensors) -> Result<Self> {
        let wrong = |what: &str| Error::format("bad-snapshot", format!("it is no snapshot of a run: {what}"));
        let text = file.text.ok_or_else(|| wrong("the metadata have no key `schuss`"))?;
        let text: Text = serde_json::from_value(text).map_err(|_| wrong("its text is that of something else"))?;
        if text.format != FORMAT {
            return Err(wrong(&format!("it has format {}; this version reads format {FORMAT}", text.format)));
        }
        let (mut variables, mut weights, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for t in file.tensors {
            match (t.name.split_once('/').map_or("", |(part, _)| &t.name[..=part.len()]), t.numbers) {
                (VARIABLES, Numbers::F32(x)) => variables.push(array(&t.name[VARIABLES.len()..], t.shape, x)),
                (BEST, Numbers::F32(x)) => weights.push(array(&t.name[BEST.len()..], t.shape, x)),
                (NUMBERS, Numbers::F64(x)) => numbers.push((t.name[NUMBERS.len()..].to_owned(), x)),
                _ => return Err(wrong(&format!("it holds a tensor {}", t.name))),
            }
        }
        let mut take = |name: &str| {
            let place = numbers.iter().position(|(n, _)| n == name);
            place.map(|i| numbers.swap_remove(i).1).ok_or_else(|| wrong(&format!("it holds no numbers {name}")))
        };
        let (memory, running, history) = (take("memory")?, take("running")?, take("history")?);
        let (rate, seconds, best) = (take("rate")?, take("seconds")?, take("best")?);
        let width = text.columns.len();
        let (&[loss, penalty, weight], &[seconds]) = (running.first_chunk().unwrap_or(&[0.0; 3]), seconds.as_slice())
        else {
            return Err(wrong("it holds no single number of seconds"));
        };
        let &[scale, learning_rate] = rate.as_slice() else {
            return Err(wrong("its numbers rate are not two"));
        };
        let counts = running.len() == 3 + text.metrics && history.len() == text.epoch.saturating_mul(width);
        if !counts || (text.epoch > 0) != (width > 0) || text.best_epoch.is_some() != (best.len() == 2) {
            return Err(wrong("its numbers do not fit its text"));
        }
        let row = |(i, x): (usize, &[f64])| Row {
            epoch: i + 1,
            values: text.columns.iter().cloned().zip(x.iter().copied()).collect(),
        };
        let rows = history.chunks(width.max(1)).enumerate().map(row).collect();
        let metrics = running[3..].to_vec();
        let progress = Progress {
            epoch: text.epoch,
            step: text.step,
            running: Sums { loss, penalty, metrics, weight, samples: text.running_samples, finite: true },
            history: History { rows },
            best: Best {
                epoch: text.best_epoch.zip(best.first().copied()),
                weights,
                reference: best.get(1).copied(),
                wait: text.wait,
            },
            stopped: text.stopped,
            scale,
            learning_rate,
            seconds,
            samples: text.samples,
        };
        let snapshot = Snapshot { progress, updates: text.updates, memory, variables };
        Ok(SnapshotFile { written: text.written, snapshot })
    }
}

fn array(name: &str, shape: Vec<usize>, values: Vec<f32>) -> Array {
    Array { name: name.to_owned(), shape, values }
}
