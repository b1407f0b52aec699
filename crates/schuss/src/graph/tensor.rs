//! An array in f64, row-major: what the reference computes with. Plain and slow.

/// Sizes and numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The axes.
    pub sizes: Vec<usize>,
    /// The numbers, the last axis fastest.
    pub data: Vec<f64>,
}

impl Tensor {
    /// From sizes and as many numbers. Panics if they don't agree.
    pub fn new(sizes: &[usize], data: Vec<f64>) -> Self {
        assert_eq!(sizes.iter().product::<usize>(), data.len(), "sizes {sizes:?} hold another number of elements");
        Tensor { sizes: sizes.to_vec(), data }
    }
    /// The same number everywhere.
    pub fn full(sizes: &[usize], x: f64) -> Self {
        Tensor { sizes: sizes.to_vec(), data: vec![x; sizes.iter().product()] }
    }
    /// Each number a function of its place.
    pub fn from_fn(sizes: &[usize], f: impl FnMut(usize) -> f64) -> Self {
        Tensor { sizes: sizes.to_vec(), data: (0..sizes.iter().product()).map(f).collect() }
    }
    /// How many numbers.
    pub fn len(&self) -> usize {
        self.data.len()
    }
    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
    /// The size of the last axis (1 for a single number) and how many rows of it there are.
    pub fn rows(&self) -> (usize, usize) {
        let last = self.sizes.last().copied().unwrap_or(1);
        (self.data.len().checked_div(last).unwrap_or(0), last)
    }
    /// For every element of an array of `sizes`, the place in `self` that broadcasts to it (NumPy's rule).
    pub fn places_in(&self, sizes: &[usize]) -> impl Iterator<Item = usize> {
        let mut strides = vec![0; sizes.len()];
        let (mut stride, skip) = (1, sizes.len() - self.sizes.len());
        for i in (0..self.sizes.len()).rev() {
            strides[i + skip] = if self.sizes[i] == 1 { 0 } else { stride };
            stride *= self.sizes[i];
        }
        let sizes = sizes.to_vec();
        (0..sizes.iter().product::<usize>()).map(move |mut i| {
            let mut place = 0;
            for axis in (0..sizes.len()).rev() {
                place += i % sizes[axis] * strides[axis];
                i /= sizes[axis];
            }
            place
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_numpy() {
        let places = |from: &[usize], to: &[usize]| Tensor::full(from, 0.0).places_in(to).collect::<Vec<_>>();
        assert_eq!(places(&[], &[2, 2]), [0, 0, 0, 0]);
        assert_eq!(places(&[3], &[2, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(places(&[2, 1], &[2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(places(&[2, 1, 2], &[2, 2, 2]), [0, 1, 0, 1, 2, 3, 2, 3]);
        assert_eq!(places(&[1], &[0]), [0; 0]);
    }

    #[test]
    fn rows_are_along_the_last_axis() {
        let rows = |sizes: &[usize]| Tensor::full(sizes, 0.0).rows();
        assert_eq!([rows(&[]), rows(&[5]), rows(&[2, 3, 5]), rows(&[2, 0])], [(1, 1), (1, 5), (6, 5), (0, 0)]);
    }
}
