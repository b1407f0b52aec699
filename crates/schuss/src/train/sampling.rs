//! In which order an epoch goes through the samples.

use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::random::Stream;
use std::fmt;
use std::str::FromStr;

/// Which samples an epoch takes, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// Every sample once, in a random order.
    #[default]
    Shuffled,
    /// As many samples as there are, every class equally often: in turns of one sample of each class, the classes of a turn
    /// and the samples of a class in a random order. A class with few samples takes them again and again.
    Balanced,
}

impl FromStr for Sampling {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "shuffled" => Ok(Sampling::Shuffled),
            "balanced" => Ok(Sampling::Balanced),
            _ => {
                let message = format!("sampling is `{text}`; allowed are shuffled and balanced");
                Err(Error::value("unknown-sampling", message))
            }
        }
    }
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if *self == Sampling::Shuffled { "shuffled" } else { "balanced" })
    }
}

impl Sampling {
    /// Does it go with these data?
    pub fn check(self, data: &Dataset) -> Result<()> {
        match (self, &data.targets) {
            (Sampling::Shuffled, _) | (_, Targets::Classes(_)) => Ok(()),
            (Sampling::Balanced, _) => {
                let message = "balanced sampling needs targets that are classes; these are numbers, or there are none";
                Err(Error::value("sampling-without-classes", message))
            }
        }
    }
    /// The samples of the epoch that has this stream, in order.
    pub fn order(self, data: &Dataset, stream: Stream) -> Vec<u32> {
        let n = data.len();
        let (Sampling::Balanced, Targets::Classes(labels)) = (self, &data.targets) else {
            return stream.permutation(n);
        };
        let mut classes = vec![Vec::new(); data.classes.len()];
        labels.iter().zip(0u32..).for_each(|(&class, i)| classes[class as usize].push(i));
        classes.retain(|samples| !samples.is_empty());
        let count = classes.len() as u64;
        // Parts 0 … are the classes' own streams, those behind them the turns'.
        let mut left: Vec<Vec<u32>> = vec![Vec::new(); classes.len()];
        let mut passes = vec![0u64; classes.len()];
        let mut order = Vec::with_capacity(n);
        for turn in 0u64.. {
            for class in stream.part(count + turn).permutation(classes.len()) {
                if order.len() == n {
                    return order;
                }
                let (class, samples) = (class as usize, &classes[class as usize]);
                if left[class].is_empty() {
                    let again = stream.part(class as u64).part(passes[class]).permutation(samples.len());
                    left[class] = again.into_iter().map(|i| samples[i as usize]).collect();
                    passes[class] += 1;
                }
                order.push(left[class].pop().expect("a class has samples"));
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 50 samples of class 0, 7 of class 2, 3 of class 3, none of class 1.
    fn data() -> Dataset {
        let labels: Vec<u32> = (0..60).map(|i| if i < 50 { 0 } else { 2 + u32::from(i >= 57) }).collect();
        Dataset::images(vec![0; 60], &[], labels, 4).unwrap()
    }

    #[test]
    fn balanced_takes_every_class_equally_often_and_every_sample_in_turn() {
        let (data, stream) = (data(), Stream::named(1, "shuffle"));
        let order = Sampling::Balanced.order(&data, stream);
        assert_eq!(order.len(), 60);
        assert_eq!(data.subset(&order).class_counts(), [20, 0, 20, 20]);
        // In every turn each class once, not always in the same order.
        let turns: Vec<Vec<u32>> =
            order.chunks(3).map(|t| t.iter().map(|&i| u32::from(i >= 50) + u32::from(i >= 57)).collect()).collect();
        assert!(turns.iter().all(|t| t.iter().sum::<u32>() == 3 && t.iter().max() == Some(&2)));
        assert!(turns.iter().any(|t| *t != turns[0]));
        // No sample of a class comes again before all others have come.
        for (from, to) in [(0, 50), (50, 57), (57, 60)] {
            let of_class: Vec<u32> = order.iter().copied().filter(|i| (from..to).contains(i)).collect();
            for pass in of_class.chunks((to - from) as usize) {
                let mut sorted = pass.to_vec();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), pass.len());
            }
        }
        assert_eq!(order, Sampling::Balanced.order(&data, stream));
        assert_ne!(order, Sampling::Balanced.order(&data, stream.part(1)));
    }

    #[test]
    fn shuffled_takes_every_sample_once() {
        let (data, stream) = (data(), Stream::named(1, "shuffle"));
        assert_eq!(Sampling::Shuffled.order(&data, stream), stream.permutation(60));
        let numbers = Dataset::numbers([0.0; 4], &[], [0.0; 4], 1).unwrap();
        assert_eq!(Sampling::Balanced.check(&numbers).unwrap_err().code(), "sampling-without-classes");
        assert!(Sampling::Shuffled.check(&numbers).is_ok() && Sampling::Balanced.check(&data).is_ok());
        assert_eq!("even".parse::<Sampling>().unwrap_err().code(), "unknown-sampling");
        assert!(["shuffled", "balanced"].iter().all(|w| w.parse::<Sampling>().unwrap().to_string() == *w));
    }
}
