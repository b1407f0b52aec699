//! What is done to a sample's numbers before the model sees them.

use super::ahead::Reading;
use super::dataset::{Dataset, Features, elements};
use super::stages::{Draws, Epoch, Frame, Parameters, Sizes, Stage, Transform};
use super::views::View;
use crate::error::{Error, Result};
use crate::registry::{Argument, Registry};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is done to a sample's numbers before the model sees them: steps in order. It is stored with the model; the random
/// ones are done while training only.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    steps: Vec<Step>,
    /// What is made of a picture at the end.
    view: View,
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// x · factor.
    Scale {
        /// The factor, 1/255 for pixels.
        factor: f32,
    },
    /// (x − mean) · factor, column by column.
    Standardize {
        /// Each column's mean.
        mean: Vec<f32>,
        /// 1 / each column's standard deviation.
        factor: Vec<f32>,
    },
    /// A stage for pictures.
    Stage(Stage),
}

impl Pipeline {
    /// These steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Pipeline { steps, view: View::default() }
    }
    /// x · factor.
    pub fn scale(factor: f32) -> Self {
        Pipeline::new(vec![Step::Scale { factor }])
    }
    /// (x − mean) · factor, column by column.
    pub fn columns(mean: Vec<f32>, factor: Vec<f32>) -> Self {
        Pipeline::new(vec![Step::Standardize { mean, factor }])
    }
    /// Pixels divided by 255, without a shift; columns of numbers standardised.
    pub fn default_for(train: &Dataset) -> Self {
        match train.features {
            Features::U8(_) | Features::Stored(_) => Pipeline::scale(1.0 / 255.0),
            Features::F32(_) => Pipeline::standardize(train),
        }
    }
    /// Mean 0 and variance 1 over the training samples: (x − μ) / σ with σ² = Σ (x − μ)² / n, computed in f64. A column
    /// that is constant (or too narrow for 1/σ to be a finite f32) is only shifted.
    pub fn standardize(train: &Dataset) -> Self {
        let (columns, n) = (train.sample_len(), train.len() as f64);
        let mut sums = vec![0.0; columns];
        each_row(train, |row| sums.iter_mut().zip(row).for_each(|(s, x)| *s += x));
        let mean: Vec<f64> = sums.iter().map(|s| s / n).collect();
        let mut squares = vec![0.0; columns];
        each_row(train, |row| {
            squares.iter_mut().zip(&mean).zip(row).for_each(|((s, m), x)| *s += (x - m).powi(2));
        });
        // Of a constant column the squares are 0: the sum of up to 2²⁹ equal f32 is exact in f64.
        let factor = squares.iter().map(|s| (n / s).sqrt() as f32).map(|f| if f.is_finite() { f } else { 1.0 });
        Pipeline::columns(mean.iter().map(|&m| m as f32).collect(), factor.collect())
    }
    /// The same behind these stages, which get the numbers as the reader has them. Where a stage brings them to a scale of
    /// its own, no other follows. What stages have to learn, they learn from `train`.
    pub fn behind(self, stages: Vec<Stage>, train: &Dataset) -> Result<Self> {
        let own_scale = stages.iter().any(|stage| stage.transform().scales());
        let mut pipeline = Pipeline::new(Vec::new());
        for stage in stages {
            let learned = stage.transform().learned(&|| pipeline.channel_sums(train));
            pipeline.steps.push(Step::Stage(learned.unwrap_or(stage)));
            pipeline.check(&train.shape)?;
        }
        pipeline.steps.extend(self.steps.into_iter().filter(|step| !(own_scale && matches!(step, Step::Scale { .. }))));
        pipeline.check(&train.shape)?;
        Ok(pipeline)
    }
    /// Of each channel how many numbers there are, Σ x, and Σ x², as the samples are outside of training.
    fn channel_sums(&self, data: &Dataset) -> Vec<[f64; 3]> {
        let shape = self.output_shape(&data.shape).expect("it was checked");
        let channels = shape.get(2).copied().unwrap_or(1);
        let (mut frame, mut row) = (Frame::default(), vec![0.0; shape.iter().product()]);
        let mut sums = vec![[0.0; 3]; channels];
        let all: Vec<u32> = (0..data.len() as u32).collect();
        let _reading = self.read_ahead(data, &all, None);
        for index in all {
            self.make(data, index, None, &mut frame, &mut row);
            for pixel in row.chunks_exact(channels) {
                for (sum, &x) in sums.iter_mut().zip(pixel) {
                    let x = f64::from(x);
                    [sum[0], sum[1], sum[2]] = [sum[0] + 1.0, sum[1] + x, sum[2] + x * x];
                }
            }
        }
        sums
    }
    /// The same for this view of pictures.
    pub(crate) fn seen(&self, view: View) -> Self {
        Pipeline { view, ..self.clone() }
    }
    /// The steps before the first one that brings numbers to another scale.
    pub fn before_scaling(&self) -> Self {
        let scales = |step: &Step| match step {
            Step::Scale { .. } | Step::Standardize { .. } => true,
            Step::Stage(stage) => stage.transform().scales(),
        };
        Pipeline::new(self.steps.iter().take_while(|step| !scales(step)).cloned().collect())
    }
    /// All steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
    /// The stages for pictures.
    pub fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.steps.iter().filter_map(|step| if let Step::Stage(stage) = step { Some(stage) } else { None })
    }
    /// The only step, if it treats each number by itself: such pipelines are part of how a batch is gathered.
    pub fn simple(&self) -> Option<&Step> {
        match self.steps.as_slice() {
            _ if self.view != View::default() => None,
            [Step::Stage(_)] => None,
            [only] => Some(only),
            _ => None,
        }
    }
    /// The shape of what comes out of samples of this shape. The error is about a step that does not fit.
    pub fn output_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        Ok(self.output_sizes(shape)?.map_or_else(|| shape.to_vec(), |sizes| sizes.shape(shape)))
    }
    /// The sizes of the pictures that come out; none where no stage is for pictures.
    pub fn output_sizes(&self, shape: &[usize]) -> Result<Option<Sizes>> {
        if self.stages().next().is_none() {
            return Ok(None);
        }
        let mut sizes = Sizes::of(shape)?;
        for stage in self.stages() {
            sizes = stage.transform().output(sizes).map_err(|e| e.at(stage.kind()))?;
        }
        Ok(Some(sizes))
    }
    /// Does it fit samples of this shape, and is every number of it finite?
    pub fn check(&self, shape: &[usize]) -> Result<()> {
        let output = self.output_shape(shape)?;
        if self.stages().filter(|stage| stage.transform().mixes()).count() > 1 {
            let message = "two stages mix pictures; a pipeline has one of them at most";
            return Err(Error::value("mixed-twice", message));
        }
        for step in &self.steps {
            let fits = match step {
                Step::Scale { factor } => factor.is_finite(),
                Step::Standardize { mean, factor } => {
                    let (n, m, f) = (elements(&output), mean.len(), factor.len());
                    if n != Some(m) || m != f {
                        let message =
                            format!("the input pipeline has {m} means and {f} factors; a sample is {output:?}");
                        return Err(Error::shape("pipeline-shape", message));
                    }
                    mean.iter().chain(factor).all(|x| x.is_finite())
                }
                Step::Stage(_) => true,
            };
            if !fits {
                let message = "the input pipeline holds a number that is not finite";
                return Err(Error::value("pipeline-not-finite", message));
            }
        }
        Ok(())
    }
    /// Sample `index` as the model sees it: while training with the epoch's random numbers, else without. Panics where
    /// [`Self::check`] refuses the data set's shape, or `out` is not as long as what comes out.
    pub fn make(&self, data: &Dataset, index: u32, epoch: Option<Epoch>, frame: &mut Frame, out: &mut [f32]) {
        self.run(data, index, epoch, frame, self.steps.len());
        self.view.apply(frame);
        out.copy_from_slice(frame.pixels());
    }
    /// Brings a sample through the first steps.
    fn run(&self, data: &Dataset, index: u32, epoch: Option<Epoch>, frame: &mut Frame, steps: usize) {
        let (n, i) = (data.sample_len(), index as usize);
        let sizes = Sizes::of(&data.shape).unwrap_or(Sizes { height: 1, width: 1, channels: n });
        let pixels = frame.start(sizes);
        match &data.features {
            Features::U8(v) => pixels.iter_mut().zip(&v[i * n..][..n]).for_each(|(o, &x)| *o = f32::from(x)),
            Features::F32(v) => pixels.copy_from_slice(&v[i * n..][..n]),
            Features::Stored(v) => frame.fill_bytes(|bytes| v.fill(i, bytes)),
        }
        for (place, step) in self.steps.iter().enumerate().take(steps) {
            match step {
                Step::Scale { factor } => frame.pixels_mut().iter_mut().for_each(|x| *x *= factor),
                Step::Standardize { mean, factor } => {
                    let pixels = frame.pixels_mut();
                    assert_eq!((mean.len(), factor.len()), (pixels.len(), pixels.len()), "a column for each number");
                    pixels.iter_mut().zip(mean).zip(factor).for_each(|((x, m), f)| *x = (*x - m) * f);
                }
                Step::Stage(stage) => {
                    let (transform, sizes) = (stage.transform(), frame.sizes());
                    if let (true, Some(now)) = (transform.mixes(), epoch) {
                        let (partner, parameters) = partner(transform, sizes, data, now.draws(index, place));
                        let mut other = frame.take_other();
                        self.run(data, partner, epoch, &mut other, place);
                        transform.mix(&parameters, frame, &other);
                        frame.put_other(other);
                        continue;
                    }
                    let parameters = match epoch.filter(|_| transform.is_random()) {
                        Some(now) => Some(transform.draw(sizes, &mut now.draws(index, place))),
                        None => transform.rest(sizes),
                    };
                    if let Some(parameters) = parameters {
                        transform.apply(&parameters, frame);
                    }
                }
            }
        }
    }
    /// Does it mix samples, and their targets, while training?
    pub fn mixes(&self) -> bool {
        self.stages().any(|stage| stage.transform().mixes())
    }
    /// The sample that this one is mixed with in the epoch that has these random numbers, and the share that its own target
    /// keeps; itself where nothing is mixed.
    pub fn mixture(&self, data: &Dataset, index: u32, epoch: Option<Epoch>) -> (u32, f32) {
        let Some(now) = epoch else { return (index, 1.0) };
        let Ok(mut sizes) = Sizes::of(&data.shape) else { return (index, 1.0) };
        for (place, step) in self.steps.iter().enumerate() {
            let Step::Stage(stage) = step else { continue };
            let transform = stage.transform();
            if transform.mixes() {
                let (partner, parameters) = partner(transform, sizes, data, now.draws(index, place));
                return (partner, transform.share(&parameters, sizes) as f32);
            }
            sizes = transform.output(sizes).unwrap_or(sizes);
        }
        (index, 1.0)
    }
    /// Has samples that are not in memory made ready in this order, with those they are mixed with, as long as what it gives
    /// is kept.
    pub(crate) fn read_ahead(&self, data: &Dataset, indices: &[u32], epoch: Option<Epoch>) -> Option<Reading> {
        let Features::Stored(stored) = &data.features else { return None };
        let mixes = epoch.is_some() && self.mixes();
        let with_partner = |&i: &u32| [Some(i), mixes.then(|| self.mixture(data, i, epoch).0)].into_iter().flatten();
        stored.read_ahead(indices.iter().flat_map(with_partner))
    }
    /// In words.
    pub fn text(&self) -> PipelineText {
        let step = |step: &Step| match step {
            Step::Scale { factor } => StepText::Scale { factor: *factor },
            Step::Standardize { mean, factor } => StepText::Standardize { mean: mean.clone(), factor: factor.clone() },
            Step::Stage(stage) => StepText::Stage {
                name: stage.kind().to_owned(),
                settings: stage.settings().iter().map(|(name, v)| (name.to_owned(), v.clone())).collect(),
            },
        };
        let mut steps: Vec<StepText> = self.steps.iter().map(step).collect();
        if steps.len() == 1 { PipelineText::One(steps.remove(0)) } else { PipelineText::Several(steps) }
    }
    /// From words, with the names of stages looked up in this table.
    pub fn from_text(text: &PipelineText, table: &Registry<Stage>) -> Result<Self> {
        let step = |text: &StepText| {
            Ok(match text {
                StepText::Scale { factor } => Step::Scale { factor: *factor },
                StepText::Standardize { mean, factor } => {
                    Step::Standardize { mean: mean.clone(), factor: factor.clone() }
                }
                StepText::Stage { name, settings } => {
                    let given: Vec<_> = settings.iter().map(|(name, v)| (name.clone(), v.clone())).collect();
                    Step::Stage(table.make(name, &given)?)
                }
            })
        };
        let steps = match text {
            PipelineText::One(one) => std::slice::from_ref(one),
            PipelineText::Several(steps) => steps,
        };
        steps.iter().map(step).collect::<Result<_>>().map(Pipeline::new)
    }
}

/// A pipeline in words, as a model file has it: a step alone, or a list of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PipelineText {
    /// One step, as files have had it from the beginning.
    One(StepText),
    /// Several steps, or none.
    Several(Vec<StepText>),
}

/// A step in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum StepText {
    /// x · factor.
    Scale {
        /// The factor.
        factor: f32,
    },
    /// (x − mean) · factor.
    Standardize {
        /// Means.
        mean: Vec<f32>,
        /// Factors.
        factor: Vec<f32>,
    },
    /// An entry of the table of stages.
    Stage {
        /// Its name.
        name: String,
        /// All its settings.
        settings: BTreeMap<String, Argument>,
    },
}

/// What a stage that mixes draws: another sample, and its parameters.
fn partner(transform: &dyn Transform, sizes: Sizes, data: &Dataset, mut draws: Draws) -> (u32, Parameters) {
    let partner = draws.below(data.len()) as u32;
    (partner, transform.draw(sizes, &mut draws))
}

fn each_row(data: &Dataset, mut f: impl FnMut(&mut dyn Iterator<Item = f64>)) {
    let n = data.sample_len();
    match &data.features {
        Features::U8(v) => v.chunks_exact(n).for_each(|row| f(&mut row.iter().map(|&x| f64::from(x)))),
        Features::F32(v) => v.chunks_exact(n).for_each(|row| f(&mut row.iter().map(|&x| f64::from(x)))),
        Features::Stored(v) => {
            let mut row = vec![0; n];
            for i in 0..data.len() {
                v.fill(i, &mut row);
                f(&mut row.iter().map(|&x| f64::from(x)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::stages;

    fn apply(pipeline: &Pipeline, data: &Dataset, index: u32) -> Vec<f32> {
        let mut out = vec![0.0; data.sample_len()];
        pipeline.make(data, index, None, &mut Frame::default(), &mut out);
        out
    }

    #[test]
    fn columns_are_standardised_with_the_population_deviation() {
        // Column 0: mean 2, σ = √(2/3). Column 1 is constant.
        let data = Dataset::inputs([1.0, 0.1, 2.0, 0.1, 3.0, 0.1], &[2]).unwrap();
        let pipeline = Pipeline::default_for(&data);
        let Some(Step::Standardize { mean, factor }) = pipeline.simple() else { panic!("numbers are standardised") };
        assert_eq!((mean[0], mean[1]), (2.0, 0.1));
        assert_eq!((factor[0], factor[1]), (1.5f64.sqrt() as f32, 1.0));
        assert_eq!(apply(&pipeline, &data, 2), [1.5f64.sqrt() as f32, 0.0]);
        // 1/σ of numbers this narrow is above the greatest f32.
        let narrow = Pipeline::standardize(&Dataset::inputs([0.0, 1e-42], &[1]).unwrap());
        assert!(matches!(narrow.simple(), Some(Step::Standardize { factor, .. }) if factor == &[1.0]));
    }

    #[test]
    fn pixels_are_scaled_without_a_shift() {
        let data = Dataset::images([0, 51, 255, 7], &[2], [0, 0], 1).unwrap();
        assert_eq!(apply(&Pipeline::default_for(&data), &data, 1), [1.0, 7.0 * (1.0 / 255.0)]);
    }

    #[test]
    fn it_is_text_and_comes_back_the_same() {
        let data = Dataset::inputs([1.0, 0.1, 2.0, 0.3], &[2]).unwrap();
        let pictures = Dataset::images((0..16).collect::<Vec<u8>>(), &[2, 2, 2], [0, 1], 2).unwrap();
        let table = stages::registry();
        let stages = [("random_flip", vec![]), ("normalization", vec![])].map(|(n, s)| table.make(n, &s).unwrap());
        let staged = Pipeline::scale(0.5).behind(stages.into(), &pictures).unwrap();
        for pipeline in [Pipeline::scale(1.0 / 255.0), Pipeline::standardize(&data), staged.clone()] {
            let text = serde_json::to_string(&pipeline.text()).unwrap();
            let back: PipelineText = serde_json::from_str(&text).unwrap();
            assert_eq!(Pipeline::from_text(&back, &table).unwrap(), pipeline);
        }
        // What stood before the stage that scales is gone, and it has learned: the first channel is 0, 2 … 14.
        assert!(staged.steps().len() == 2 && staged.steps()[1] != Step::Scale { factor: 0.5 });
        let [_, Step::Stage(stage)] = staged.steps() else { panic!("two stages") };
        assert_eq!(
            (stage.settings().numbers("mean"), stage.settings().numbers("variance")),
            (vec![7.0, 8.0], vec![21.0; 2])
        );
        // A file that was written before there were stages.
        let text = serde_json::to_string(&Pipeline::scale(0.0625).text()).unwrap();
        assert_eq!(text, r#"{"kind":"scale","factor":0.0625}"#);
        let bad = [
            r#"{"kind":"scale","factor":1,"shift":2}"#,
            r#"{"kind":"flip"}"#,
            r#"[{"kind":"stage","name":"random_flip"}]"#,
            "3",
        ];
        assert!(bad.iter().all(|text| serde_json::from_str::<PipelineText>(text).is_err()));
        let code = |p: Pipeline, shape: &[usize]| p.check(shape).unwrap_err().code();
        assert_eq!(code(Pipeline::standardize(&data), &[3]), "pipeline-shape");
        assert_eq!(code(Pipeline::scale(f32::INFINITY), &[3]), "pipeline-not-finite");
        assert_eq!(code(staged, &[3]), "not-pictures");
    }
}
