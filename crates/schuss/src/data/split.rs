//! Cutting a part off a data set, the same one for the same seed.

use super::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::random::Stream;

impl Dataset {
    /// Two data sets, the rest and the part: [`Dataset::split_indices`].
    pub fn split(&self, fraction: f64, stream: Stream) -> Result<(Dataset, Dataset)> {
        let (rest, part) = self.split_indices(fraction, stream)?;
        Ok((self.subset(&rest), self.subset(&part)))
    }
    /// The rest and a part of round(n · fraction) samples, drawn at random, each list in ascending order.
    ///
    /// Of classes, each gives its share (largest remainders; of equal ones the lower class), and each keeps at least
    /// one sample in the rest, so the part is smaller where that is what it takes. Which samples of a class go depends
    /// on the stream and on that class alone.
    ///
    /// Errors: a fraction that is not inside 0 … 1, or that leaves a side empty.
    pub fn split_indices(&self, fraction: f64, stream: Stream) -> Result<(Vec<u32>, Vec<u32>)> {
        if !(fraction > 0.0 && fraction < 1.0) {
            let message = format!("a part of {fraction} can't be split off; it is above 0 and below 1");
            return Err(Error::value("split-fraction", message));
        }
        let n = self.len();
        let wanted = (n as f64 * fraction).round() as usize;
        let groups = match &self.targets {
            Targets::Classes(labels) => {
                let mut groups = vec![Vec::new(); self.classes.len()];
                labels.iter().zip(0u32..).for_each(|(&c, i)| groups[c as usize].push(i));
                groups
            }
            Targets::Numbers { .. } | Targets::None => vec![(0..n as u32).collect()],
        };
        let (mut rest, mut part) = (Vec::new(), Vec::new());
        let counts: Vec<usize> = groups.iter().map(Vec::len).collect();
        for (i, (group, share)) in groups.iter().zip(shares(&counts, wanted)).enumerate() {
            let order = stream.part(i as u64).permutation(group.len());
            let (gone, kept) = order.split_at(share);
            part.extend(gone.iter().map(|&i| group[i as usize]));
            rest.extend(kept.iter().map(|&i| group[i as usize]));
        }
        if rest.is_empty() || part.is_empty() {
            let message = format!("a part of {fraction} of {n} samples leaves {} and {}", rest.len(), part.len());
            let why = match wanted > 0 && part.is_empty() && groups.len() > 1 {
                true => "; the first keeps a sample of each class, so one class at least must have two",
                false => "; each side must have at least one",
            };
            return Err(Error::value("split-empty", message + why));
        }
        rest.sort_unstable();
        part.sort_unstable();
        Ok((rest, part))
    }
}

/// How many of each group make up `wanted`, in proportion to the groups' counts.
fn shares(counts: &[usize], wanted: usize) -> Vec<usize> {
    let n = counts.iter().sum::<usize>().max(1);
    let most = |i: usize| counts[i].saturating_sub(1);
    let exact = |i: usize| counts[i] as u128 * wanted as u128;
    let whole = |i: usize| (exact(i) / n as u128) as usize;
    let mut shares: Vec<usize> = (0..counts.len()).map(|i| whole(i).min(most(i))).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(exact(i) % n as u128));
    let mut left = wanted - shares.iter().sum::<usize>();
    while left > 0 {
        let before = left;
        for &i in &order {
            if left > 0 && shares[i] < most(i) {
                shares[i] += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(labels: Vec<u32>, classes: usize) -> Dataset {
        Dataset::images(vec![0; labels.len()], &[], labels, classes).unwrap()
    }

    #[test]
    fn classes_give_their_shares_by_largest_remainders() {
        // Exact shares of 7, 5, 3 for 4 of 15 are 1.87, 1.33, 0.8.
        assert_eq!(shares(&[7, 5, 3], 4), [2, 1, 1]);
        assert_eq!(shares(&[10, 10], 5), [3, 2]);
        assert_eq!(shares(&[1, 9], 5), [0, 5]);
        assert_eq!(shares(&[1, 1, 1], 2), [0, 0, 0]);
        assert_eq!(shares(&[3, 0, 7], 9), [2, 0, 6]);
    }

    #[test]
    fn every_sample_is_on_one_side_and_the_seed_decides_which() {
        let data = of((0..1000).map(|i| i % 10 / 4).collect(), 3);
        let of_seed = |seed| data.split_indices(0.2, Stream::named(seed, "test")).unwrap();
        let (rest, part) = of_seed(1);
        let mut all = [rest.clone(), part.clone()].concat();
        all.sort_unstable();
        assert!(all.iter().zip(0u32..).all(|(&a, i)| a == i) && all.len() == 1000);
        assert_eq!(data.subset(&part).class_counts(), [80, 80, 40]);
        assert_eq!(of_seed(1), (rest, part.clone()));
        assert_ne!(of_seed(2).1, part);
        // Not simply the first of each class: half of the part comes from the second half of the samples, ± 5 σ.
        let late = part.iter().filter(|&&i| i >= 500).count();
        assert!((67..=133).contains(&late), "{late}");
    }

    #[test]
    fn numbers_are_split_at_random_and_empty_sides_are_refused() {
        let data = Dataset::numbers([0.0; 10], &[], [0.0; 10], 1).unwrap();
        let (rest, part) = data.split(0.3, Stream::named(0, "s")).unwrap();
        assert_eq!((rest.len(), part.len()), (7, 3));
        let code = |data: &Dataset, f| data.split(f, Stream::named(0, "s")).unwrap_err().code();
        for fraction in [0.0, 1.0, -0.5, f64::NAN] {
            assert_eq!(code(&data, fraction), "split-fraction");
        }
        assert_eq!(code(&data, 0.04), "split-empty");
        let singles = of(vec![0, 1, 2], 3).split(0.5, Stream::named(0, "s")).unwrap_err();
        assert_eq!(singles.code(), "split-empty");
        assert!(singles.message().contains("one class at least must have two"), "{singles}");
    }
}
