//! What is done to a sample's numbers before the model sees them.

use super::dataset::{Dataset, Features, elements};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What is done to a sample's numbers before the model sees them; stored with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Pipeline {
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
}

impl Pipeline {
    /// Pixels divided by 255, without a shift; columns of numbers standardised.
    pub fn default_for(train: &Dataset) -> Self {
        match train.features {
            Features::U8(_) => Pipeline::Scale { factor: 1.0 / 255.0 },
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
        Pipeline::Standardize { mean: mean.iter().map(|&m| m as f32).collect(), factor: factor.collect() }
    }
    /// Does it fit samples of this shape, and is every number of it finite?
    pub fn check(&self, shape: &[usize]) -> Result<()> {
        let fits = match self {
            Pipeline::Scale { factor } => factor.is_finite(),
            Pipeline::Standardize { mean, factor } => {
                let (n, m, f) = (elements(shape), mean.len(), factor.len());
                if n != Some(m) || m != f {
                    let message = format!("the input pipeline has {m} means and {f} factors; a sample is {shape:?}");
                    return Err(Error::shape("pipeline-shape", message));
                }
                mean.iter().chain(factor).all(|x| x.is_finite())
            }
        };
        if fits {
            return Ok(());
        }
        Err(Error::value("pipeline-not-finite", "the input pipeline holds a number that is not finite"))
    }
    /// Sample `index` as the model sees it: what the fast conversion of a batch is held to. Panics where [`Self::check`]
    /// refuses the data set's shape, or `out` is not as long as a sample.
    pub fn apply(&self, data: &Dataset, index: usize, out: &mut [f32]) {
        let n = data.sample_len();
        match &data.features {
            Features::U8(v) => out.iter_mut().zip(&v[index * n..][..n]).for_each(|(o, &x)| *o = f32::from(x)),
            Features::F32(v) => out.copy_from_slice(&v[index * n..][..n]),
        }
        assert_eq!(out.len(), n, "room for one sample");
        match self {
            Pipeline::Scale { factor } => out.iter_mut().for_each(|x| *x *= factor),
            Pipeline::Standardize { mean, factor } => {
                assert_eq!((mean.len(), factor.len()), (n, n), "a column for each number of a sample");
                out.iter_mut().zip(mean).zip(factor).for_each(|((x, m), f)| *x = (*x - m) * f);
            }
        }
    }
}

fn each_row(data: &Dataset, mut f: impl FnMut(&mut dyn Iterator<Item = f64>)) {
    let n = data.sample_len();
    match &data.features {
        Features::U8(v) => v.chunks_exact(n).for_each(|row| f(&mut row.iter().map(|&x| f64::from(x)))),
        Features::F32(v) => v.chunks_exact(n).for_each(|row| f(&mut row.iter().map(|&x| f64::from(x)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_standardised_with_the_population_deviation() {
        // Column 0: mean 2, σ = √(2/3). Column 1 is constant.
        let data = Dataset::inputs([1.0, 0.1, 2.0, 0.1, 3.0, 0.1], &[2]).unwrap();
        let pipeline = Pipeline::default_for(&data);
        let Pipeline::Standardize { mean, factor } = &pipeline else { panic!("numbers are standardised") };
        assert_eq!((mean[0], mean[1]), (2.0, 0.1));
        assert_eq!((factor[0], factor[1]), (1.5f64.sqrt() as f32, 1.0));
        let mut out = [0.0; 2];
        pipeline.apply(&data, 2, &mut out);
        assert_eq!(out, [1.5f64.sqrt() as f32, 0.0]);
        // 1/σ of numbers this narrow is above the greatest f32.
        let narrow = Pipeline::standardize(&Dataset::inputs([0.0, 1e-42], &[1]).unwrap());
        assert!(matches!(narrow, Pipeline::Standardize { factor, .. } if factor == [1.0]));
    }

    #[test]
    fn pixels_are_scaled_without_a_shift() {
        let data = Dataset::images([0, 51, 255, 7], &[2], [0, 0], 1).unwrap();
        let mut out = [0.0; 2];
        Pipeline::default_for(&data).apply(&data, 1, &mut out);
        assert_eq!(out, [1.0, 7.0 * (1.0 / 255.0)]);
    }

    #[test]
    fn it_is_text_and_comes_back_the_same() {
        let data = Dataset::inputs([1.0, 0.1, 2.0, 0.3], &[2]).unwrap();
        for pipeline in [Pipeline::Scale { factor: 1.0 / 255.0 }, Pipeline::standardize(&data)] {
            let text = serde_json::to_string(&pipeline).unwrap();
            let back: Pipeline = serde_json::from_str(&text).unwrap();
            assert_eq!(back, pipeline);
            back.check(&[2]).unwrap();
        }
        let text = serde_json::to_string(&Pipeline::Scale { factor: 0.0625 }).unwrap();
        assert_eq!(text, r#"{"kind":"scale","factor":0.0625}"#);
        assert!(serde_json::from_str::<Pipeline>(r#"{"kind":"scale","factor":1,"shift":2}"#).is_err());
        let code = |p: Pipeline, shape: &[usize]| p.check(shape).unwrap_err().code();
        assert_eq!(code(Pipeline::standardize(&data), &[3]), "pipeline-shape");
        assert_eq!(code(Pipeline::Scale { factor: f32::INFINITY }, &[3]), "pipeline-not-finite");
    }
}
