//! How well each class is found.

use crate::data::{Dataset, Targets};
use crate::target::Outputs;

/// One class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassRow {
    /// Its name.
    pub name: String,
    /// Of the samples that were taken for it, the share that is of it; 0 if there is none.
    pub precision: f64,
    /// Of the samples that are of it, the share that was taken for it; 0 if there is none.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// Samples that are of it.
    pub support: usize,
}

/// How well each class is found: from the outputs for all samples of `data`, row-major, that
/// mean this. Empty where targets are not classes.
pub fn class_table(outputs: &[f32], mean: Outputs, data: &Dataset) -> Vec<ClassRow> {
    let Targets::Classes(labels) = &data.targets else { return Vec::new() };
    let width = outputs.len() / labels.len().max(1);
    let mut counts = vec![[0usize; 3]; data.classes.len().max(width)];
    for (&label, row) in labels.iter().zip(outputs.chunks_exact(width.max(1))) {
        let found = mean.class(row);
        counts[found][TAKEN] += 1;
        counts[label as usize][SUPPORT] += 1;
        counts[label as usize][RIGHT] += usize::from(found == label as usize);
    }
    let share = |a: usize, b: usize| if b == 0 { 0.0 } else { a as f64 / b as f64 };
    let row = |(name, c): (&String, &[usize; 3])| ClassRow {
        name: name.clone(),
        precision: share(c[RIGHT], c[TAKEN]),
        recall: share(c[RIGHT], c[SUPPORT]),
        f1: share(2 * c[RIGHT], c[TAKEN] + c[SUPPORT]),
        support: c[SUPPORT],
    };
    data.classes.iter().zip(&counts).map(row).collect()
}

const RIGHT: usize = 0;
const TAKEN: usize = 1;
const SUPPORT: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_counting_by_hand() {
        let data = Dataset::images([0; 6], &[], [0, 0, 0, 1, 1, 2], 4).unwrap();
        let one_hot = |c: usize| (0..4).map(move |i| f32::from(u8::from(i == c)));
        let outputs: Vec<f32> = [0, 0, 1, 1, 0, 1].into_iter().flat_map(one_hot).collect();
        let row =
            |name: &str, precision, recall, f1, support| ClassRow { name: name.into(), precision, recall, f1, support };
        let third = 1.0 / 3.0;
        let expected = [
            row("0", 2.0 * third, 2.0 * third, 2.0 * third, 3),
            row("1", third, 0.5, 0.4, 2),
            row("2", 0.0, 0.0, 0.0, 1),
            row("3", 0.0, 0.0, 0.0, 0),
        ];
        assert_eq!(class_table(&outputs, Outputs::Probabilities, &data), expected);
    }
}
