//! Weights for classes, turned into weights for samples.

use super::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::registry::suggest;
use std::str::FromStr;

/// How much each class counts. As text: `balanced`, or `spam=2,ham=0.5`.
///
/// ```
/// use schuss::data::{ClassWeights, Dataset};
/// let data = Dataset::classes([1.0, 2.0, 3.0, 4.0], &[1], [0, 0, 0, 1], 2)?;
/// assert_eq!("balanced".parse::<ClassWeights>()?.of(&data)?, [4.0 / (2.0 * 3.0), 4.0 / (2.0 * 1.0)]);
/// # Ok::<(), schuss::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeights {
    /// n / (classes · count of the class), as scikit-learn's `balanced`: every class counts the same in sum.
    Balanced,
    /// By name; a class that is not named has weight 1.
    Named(Vec<(String, f64)>),
}

impl FromStr for ClassWeights {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        if text == "balanced" {
            return Ok(ClassWeights::Balanced);
        }
        let pair = |pair: &str| {
            let (name, weight) = pair.rsplit_once('=')?;
            Some((name.trim().to_owned(), weight.trim().parse().ok()?))
        };
        let wrong = |what: &str| Error::value("class-weights", format!("class weights {text:?}; {what}"));
        let allowed = || wrong("allowed is balanced, or CLASS=WEIGHT with commas between");
        let named: Vec<(String, f64)> = text.split(',').map(pair).collect::<Option<_>>().ok_or_else(allowed)?;
        for (i, (name, weight)) in named.iter().enumerate() {
            if let Some((_, first)) = named[..i].iter().find(|(n, _)| n == name) {
                return Err(wrong(&format!("`{name}` has {first} and {weight}; a class has one weight")));
            }
        }
        Ok(ClassWeights::Named(named))
    }
}

impl ClassWeights {
    /// The weight of each class of `train`. Only classes that occur are counted as classes.
    ///
    /// Errors: targets that are not classes, a name that is no class, a weight that is negative or not finite.
    pub fn of(&self, train: &Dataset) -> Result<Vec<f64>> {
        labels(train)?;
        match self {
            ClassWeights::Balanced => {
                let counts = train.class_counts();
                let present = counts.iter().filter(|&&n| n > 0).count() as f64;
                let weight = |n: usize| if n == 0 { 1.0 } else { train.len() as f64 / (present * n as f64) };
                Ok(counts.into_iter().map(weight).collect())
            }
            ClassWeights::Named(named) => {
                let mut weights = vec![1.0; train.classes.len()];
                for (name, weight) in named {
                    let class = train.classes.iter().position(|c| c == name).ok_or_else(|| {
                        let names: Vec<&str> = train.classes.iter().map(String::as_str).collect();
                        Error::name(
                            "unknown-class",
                            format!("class weights: no class `{name}`{}", suggest(name, &names)),
                        )
                    })?;
                    if !weight.is_finite() || *weight < 0.0 {
                        let message = format!("class weights: `{name}` is {weight}; a weight is finite and at least 0");
                        return Err(Error::value("class-weights", message));
                    }
                    weights[class] = *weight;
                }
                Ok(weights)
            }
        }
    }
}

impl Dataset {
    /// The same samples, each weighted by its class, on top of a weight it may have.
    pub fn with_class_weights(self, weights: &ClassWeights) -> Result<Self> {
        let of_class = weights.of(&self)?;
        let old = self.weights.as_ref();
        let weight = |(i, &c): (usize, &u32)| of_class[c as usize] as f32 * old.map_or(1.0, |w| w[i]);
        let new: Vec<f32> = labels(&self)?.iter().enumerate().map(weight).collect();
        self.with_weights(new)
    }
}

fn labels(data: &Dataset) -> Result<&[u32]> {
    match &data.targets {
        Targets::Classes(labels) => Ok(labels),
        Targets::Numbers { .. } | Targets::None => {
            let message = "class weights need targets that are classes; these are numbers, or there are none";
            Err(Error::value("class-weights", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Dataset {
        Dataset::images([0; 6], &[], [0, 0, 0, 2, 2, 0], 3).unwrap()
    }

    #[test]
    fn balanced_counts_every_class_that_occurs_the_same() {
        // Two classes occur: 6 / (2 · 4) and 6 / (2 · 2).
        assert_eq!(ClassWeights::Balanced.of(&data()).unwrap(), [0.75, 1.0, 1.5]);
        let weighted = data().with_weights([2.0, 1.0, 1.0, 1.0, 4.0, 1.0]).unwrap();
        let weighted = weighted.with_class_weights(&ClassWeights::Balanced).unwrap();
        assert_eq!(weighted.weights.unwrap(), [1.5, 0.75, 0.75, 1.5, 6.0, 0.75]);
    }

    #[test]
    fn named_weights_are_read_and_checked() {
        let weights: ClassWeights = "2=5, 0 = 0.5".parse().unwrap();
        assert_eq!(weights.of(&data()).unwrap(), [0.5, 1.0, 5.0]);
        let code =
            |text: &str| text.parse::<ClassWeights>().and_then(|w| data().with_class_weights(&w)).unwrap_err().code();
        for text in ["", "balance", "0", "0=", "0=1,", "0=x", "0=-1", "0=inf", "0=nan"] {
            assert_eq!(code(text), "class-weights", "{text}");
        }
        assert_eq!(code("3=1"), "unknown-class");
        assert_eq!(code("0=0,1=0,2=0"), "weights-zero");
        let numbers = Dataset::numbers([0.0], &[], [0.0], 1).unwrap();
        assert_eq!(numbers.with_class_weights(&ClassWeights::Balanced).unwrap_err().code(), "class-weights");
    }
}
