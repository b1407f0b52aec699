//! Samples in memory.

use super::Stored;
use crate::error::{Error, Result};
use crate::target::TargetKind;

/// The inputs of all samples, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// Pixels and the like, converted while a batch is gathered.
    U8(Vec<u8>),
    /// Numbers.
    F32(Vec<f32>),
    /// Bytes that are made when they are asked for, because they do not fit into memory.
    Stored(Stored),
}

impl Features {
    fn len(&self) -> usize {
        match self {
            Features::U8(v) => v.len(),
            Features::F32(v) => v.len(),
            Features::Stored(v) => v.len(),
        }
    }
}

/// The targets of all samples.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// A class each: indices into the label map.
    Classes(Vec<u32>),
    /// So many numbers each, row-major.
    Numbers {
        /// Numbers per sample.
        width: usize,
        /// All of them.
        values: Vec<f32>,
    },
    /// None: for prediction.
    None,
}

/// Samples in memory.
///
/// ```
/// use schuss::data::Dataset;
/// // Two samples of three numbers, of class 0 and class 1.
/// let data = Dataset::classes([0.0, 0.5, 1.0, 1.0, 0.5, 0.0], &[3], [0, 1], 2)?;
/// assert_eq!(data.len(), 2);
/// # Ok::<(), schuss::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The sizes of a sample: `[28, 28]`, `[11]`.
    pub shape: Vec<usize>,
    /// The inputs.
    pub features: Features,
    /// The targets.
    pub targets: Targets,
    /// A weight for each sample.
    pub weights: Option<Vec<f32>>,
    /// The label map: the name of class i.
    pub classes: Vec<String>,
}

impl Dataset {
    /// Samples of `shape`, each of one of `classes` classes, which are named `0`, `1` …
    ///
    /// Errors: counts that differ, a label out of range, a feature that is not finite, no samples.
    pub fn classes(
        x: impl Into<Vec<f32>>,
        shape: &[usize],
        labels: impl Into<Vec<u32>>,
        classes: usize,
    ) -> Result<Self> {
        Self::labelled(shape, Features::F32(x.into()), labels.into(), classes)
    }
    /// Like [`Dataset::classes`], of pixels; they stay bytes in memory.
    pub fn images(
        pixels: impl Into<Vec<u8>>,
        shape: &[usize],
        labels: impl Into<Vec<u32>>,
        classes: usize,
    ) -> Result<Self> {
        Self::labelled(shape, Features::U8(pixels.into()), labels.into(), classes)
    }
    /// Samples of `shape`, each with `width` numbers to hit.
    pub fn numbers(x: impl Into<Vec<f32>>, shape: &[usize], y: impl Into<Vec<f32>>, width: usize) -> Result<Self> {
        Self::new(shape, Features::F32(x.into()), Targets::Numbers { width, values: y.into() }, Vec::new())
    }
    /// Samples without targets, for prediction.
    pub fn inputs(x: impl Into<Vec<f32>>, shape: &[usize]) -> Result<Self> {
        Self::new(shape, Features::F32(x.into()), Targets::None, Vec::new())
    }
    /// From parts, checked.
    pub fn new(shape: &[usize], features: Features, targets: Targets, classes: Vec<String>) -> Result<Self> {
        let data = Dataset { shape: shape.to_vec(), features, targets, weights: None, classes };
        data.check()?;
        Ok(data)
    }
    fn labelled(shape: &[usize], features: Features, labels: Vec<u32>, classes: usize) -> Result<Self> {
        let names = (0..classes).map(|c| c.to_string()).collect();
        Self::new(shape, features, Targets::Classes(labels), names)
    }
    /// Samples of several inputs, each in a data set of its own, side by side in one row: for the layer `take`. Targets,
    /// too, for the loss `joint`: numbers, and classes as their index. Bytes stay bytes where all are, and beside numbers
    /// become numbers from 0 to 255. Weights are the first one's.
    ///
    /// Errors: counts that differ, pictures that are not in memory, nothing at all.
    pub fn side_by_side(all: &[Dataset]) -> Result<Self> {
        let Some(first) = all.first() else {
            return Err(Error::value("no-samples", "no data set to put beside another"));
        };
        let n = first.len();
        all.iter().try_for_each(|d| same_count("samples of another input", d.len(), n))?;
        let widths: Vec<usize> = all.iter().map(Dataset::sample_len).collect();
        let bytes: Option<Vec<&[u8]>> =
            all.iter().map(|d| if let Features::U8(v) = &d.features { Some(&v[..]) } else { None }).collect();
        let features = match bytes {
            Some(bytes) => Features::U8(beside(&bytes, &widths, n)),
            None => {
                let numbers = |d: &Dataset| match &d.features {
                    Features::F32(v) => Ok(v.clone()),
                    Features::U8(v) => Ok(v.iter().map(|&x| f32::from(x)).collect()),
                    Features::Stored(_) => {
                        let message = "pictures beyond `data.memory` cannot stand beside another input; raise it";
                        Err(Error::value("inputs-not-in-memory", message))
                    }
                };
                let numbers = all.iter().map(numbers).collect::<Result<Vec<Vec<f32>>>>()?;
                Features::F32(beside(&numbers, &widths, n))
            }
        };
        let (mut targets, mut columns) = (Vec::new(), Vec::new());
        for data in all {
            match &data.targets {
                Targets::Classes(v) => {
                    targets.push(v.iter().map(|&c| c as f32).collect::<Vec<f32>>());
                    columns.push(1);
                }
                Targets::Numbers { width, values } => {
                    targets.push(values.clone());
                    columns.push(*width);
                }
                Targets::None => {}
            }
        }
        let width = columns.iter().sum();
        let targets = match width {
            0 => Targets::None,
            _ => Targets::Numbers { width, values: beside(&targets, &columns, n) },
        };
        let data = Self::new(&[widths.iter().sum()], features, targets, Vec::new())?;
        Ok(Dataset { weights: first.weights.clone(), ..data })
    }
    /// The same samples, each with a weight: finite, not negative, and not all 0.
    pub fn with_weights(mut self, weights: impl Into<Vec<f32>>) -> Result<Self> {
        self.weights = Some(weights.into());
        self.check()?;
        Ok(self)
    }

    /// How many samples.
    pub fn len(&self) -> usize {
        self.features.len() / self.sample_len().max(1)
    }
    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Bytes that samples, targets and weights take in memory.
    pub fn bytes(&self) -> usize {
        let features = match &self.features {
            Features::U8(v) => v.len(),
            Features::F32(v) => size_of_val(v.as_slice()),
            Features::Stored(v) => v.kept(),
        };
        let targets = match &self.targets {
            Targets::Classes(v) => size_of_val(v.as_slice()),
            Targets::Numbers { values, .. } => size_of_val(values.as_slice()),
            Targets::None => 0,
        };
        features + targets + self.weights.as_ref().map_or(0, |w| size_of_val(w.as_slice()))
    }
    /// How many numbers a sample has.
    pub fn sample_len(&self) -> usize {
        self.shape.iter().product()
    }
    /// What a target is.
    pub fn target_kind(&self) -> Option<TargetKind> {
        match &self.targets {
            Targets::Classes(_) => Some(TargetKind::Class(self.classes.len())),
            Targets::Numbers { width, .. } => Some(TargetKind::Numbers(*width)),
            Targets::None => None,
        }
    }
    /// How many samples each class has; nothing where targets are not classes.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        if let Targets::Classes(labels) = &self.targets {
            labels.iter().for_each(|&c| counts[c as usize] += 1);
        }
        counts
    }
    /// These samples, in this order. Panics if there is no sample of that index.
    pub fn subset(&self, indices: &[u32]) -> Dataset {
        Dataset {
            shape: self.shape.clone(),
            features: match &self.features {
                Features::U8(v) => Features::U8(rows(v, self.sample_len(), indices)),
                Features::F32(v) => Features::F32(rows(v, self.sample_len(), indices)),
                Features::Stored(v) => Features::Stored(v.subset(indices)),
            },
            targets: match &self.targets {
                Targets::Classes(v) => Targets::Classes(rows(v, 1, indices)),
                Targets::Numbers { width, values } => {
                    Targets::Numbers { width: *width, values: rows(values, *width, indices) }
                }
                Targets::None => Targets::None,
            },
            weights: self.weights.as_ref().map(|v| rows(v, 1, indices)),
            classes: self.classes.clone(),
        }
    }

    /// Do all parts fit together, and is every number finite? Constructors and readers have asked already; it is for
    /// a data set whose fields were set by hand.
    pub fn check(&self) -> Result<()> {
        let shape = &self.shape;
        let sample = elements(shape).filter(|&n| n > 0).ok_or_else(|| {
            Error::shape("empty-sample", format!("a sample of shape {shape:?} has no elements, or too many to count"))
        })?;
        let numbers = self.features.len();
        if !numbers.is_multiple_of(sample) {
            let message =
                format!("{numbers} features are no whole number of samples of shape {shape:?} ({sample} each)");
            return Err(Error::shape("counts-differ", message));
        }
        let n = numbers / sample;
        if n == 0 || u32::try_from(n).is_err() {
            return Err(Error::shape("sample-count", format!("{n} samples; a data set has 1 to {}", u32::MAX)));
        }
        if let Features::F32(x) = &self.features {
            finite("feature", x, sample)?;
        }
        self.check_targets(n)?;
        let Some(weights) = &self.weights else { return Ok(()) };
        same_count("weights", weights.len(), n)?;
        finite("weight", weights, 1)?;
        if let Some(i) = weights.iter().position(|w| *w < 0.0) {
            let message = format!("sample {i}: the weight is {}; a weight is at least 0", weights[i]);
            return Err(Error::value("weight-negative", message));
        }
        if weights.iter().all(|w| *w == 0.0) {
            return Err(Error::value("weights-zero", "every sample has weight 0; at least one must have more"));
        }
        Ok(())
    }
    fn check_targets(&self, n: usize) -> Result<()> {
        match &self.targets {
            Targets::Classes(labels) => {
                same_count("labels", labels.len(), n)?;
                if let Some(name) = named_twice(&self.classes) {
                    let message =
                        format!("two classes are called `{}`; each has a name of its own", name.escape_debug());
                    return Err(Error::value("class-twice", message));
                }
                let classes = self.classes.len();
                match labels.iter().position(|&c| c as usize >= classes) {
                    Some(i) => {
                        let found = labels[i];
                        let message = format!(
                            "sample {i}: label {found} is out of range; {classes} classes are 0 to {}",
                            classes as i64 - 1
                        );
                        Err(Error::value("label-out-of-range", message))
                    }
                    None => Ok(()),
                }
            }
            Targets::Numbers { width, values } => {
                if *width == 0 {
                    return Err(Error::shape("empty-target", "a target has 0 numbers; it has at least 1"));
                }
                if n.checked_mul(*width) != Some(values.len()) {
                    let found = values.len();
                    let message = format!("{found} target numbers for {n} samples of {width} each");
                    return Err(Error::shape("counts-differ", message));
                }
                finite("target", values, *width)
            }
            Targets::None => Ok(()),
        }
    }
}

/// A name that two have.
pub(crate) fn named_twice(names: &[String]) -> Option<&String> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// How many numbers a sample of this shape has, if that can be counted.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, &k| n.checked_mul(k))
}

/// Rows of several tables, each behind the other's.
fn beside<T: Copy>(tables: &[impl AsRef<[T]>], widths: &[usize], rows: usize) -> Vec<T> {
    let row = |i: usize| tables.iter().zip(widths).flat_map(move |(t, &w)| &t.as_ref()[i * w..(i + 1) * w]);
    (0..rows).flat_map(row).copied().collect()
}

fn rows<T: Copy>(from: &[T], width: usize, indices: &[u32]) -> Vec<T> {
    let mut to = Vec::with_capacity(indices.len() * width);
    indices.iter().for_each(|&i| to.extend_from_slice(&from[i as usize * width..][..width]));
    to
}

fn same_count(what: &str, found: usize, samples: usize) -> Result<()> {
    if found == samples {
        return Ok(());
    }
    Err(Error::shape("counts-differ", format!("{found} {what} for {samples} samples; there is one for each")))
}

fn finite(what: &str, values: &[f32], width: usize) -> Result<()> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(i) => {
            let (sample, place, found) = (i / width, i % width, values[i]);
            let message = format!("sample {sample}: {what} {place} is {found}; allowed are finite numbers");
            Err(Error::value("data-not-finite", message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_takes_the_rows_in_the_order_asked() {
        let data = Dataset::classes([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2], [0, 1, 2], 3).unwrap();
        let part = data.with_weights([0.5, 1.0, 2.0]).unwrap().subset(&[2, 0]);
        assert_eq!(part.features, Features::F32(vec![5.0, 6.0, 1.0, 2.0]));
        assert_eq!(part.targets, Targets::Classes(vec![2, 0]));
        assert_eq!(part.weights, Some(vec![2.0, 0.5]));
        let wide = Dataset::numbers([1.0, 2.0], &[], [1.0, -1.0, 2.0, -2.0], 2).unwrap().subset(&[1]);
        assert_eq!(wide.targets, Targets::Numbers { width: 2, values: vec![2.0, -2.0] });
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let code = |r: Result<Dataset>| r.unwrap_err().code();
        let good = || Dataset::images([1, 2, 3, 4], &[2], [0, 1], 2).unwrap();
        assert_eq!(code(Dataset::images([1, 2, 3], &[2], [0, 1], 2)), "counts-differ");
        assert_eq!(code(Dataset::images([1, 2, 3, 4], &[2], [0], 2)), "counts-differ");
        assert_eq!(code(Dataset::images([1, 2, 3, 4], &[2], [0, 2], 2)), "label-out-of-range");
        let twice = Dataset { classes: vec!["a".into(), "a".into()], ..good() };
        assert_eq!(twice.check().unwrap_err().code(), "class-twice");
        assert_eq!(code(Dataset::images([], &[2], [], 2)), "sample-count");
        assert_eq!(code(Dataset::images([], &[0], [], 2)), "empty-sample");
        assert_eq!(code(Dataset::images([], &[usize::MAX, 2], [], 2)), "empty-sample");
        assert_eq!(code(Dataset::classes([1.0, f32::NAN], &[1], [0, 0], 1)), "data-not-finite");
        assert_eq!(code(Dataset::inputs([f32::INFINITY], &[1])), "data-not-finite");
        assert_eq!(code(Dataset::numbers([1.0], &[1], [f32::NAN], 1)), "data-not-finite");
        assert_eq!(code(Dataset::numbers([1.0], &[1], [1.0], 2)), "counts-differ");
        assert_eq!(code(Dataset::numbers([1.0], &[1], [], 0)), "empty-target");
        assert_eq!(code(good().with_weights([1.0])), "counts-differ");
        assert_eq!(code(good().with_weights([1.0, f32::NAN])), "data-not-finite");
        assert_eq!(code(good().with_weights([1.0, -1.0])), "weight-negative");
        assert_eq!(code(good().with_weights([0.0, 0.0])), "weights-zero");
    }
}
