//! Windows that move over the spatial axes of images: their sizes, steps and padding, and where they lie.

use crate::error::{Error, Result};

/// A window over 1 to 3 spatial axes of `[batch, spatial…, channels]`. All lists have one entry an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Places in the window.
    pub size: Vec<usize>,
    /// From one window to the next.
    pub strides: Vec<usize>,
    /// From one place of the window to the next.
    pub dilation: Vec<usize>,
    /// Places in front of the input and behind it that count as padding.
    pub padding: Vec<[usize; 2]>,
    /// The most windows along each axis, where the last ones that fit are left out.
    pub most: Option<Vec<usize>>,
}

impl Window {
    /// Windows that lie within the input: Keras' `valid`.
    pub fn valid(size: &[usize], strides: &[usize], dilation: &[usize]) -> Self {
        let (padding, strides) = (vec![[0; 2]; size.len()], strides.to_vec());
        Window { size: size.to_vec(), strides, dilation: dilation.to_vec(), padding, most: None }
    }
    /// As many windows as ⌈input / stride⌉: Keras' `same`. Where the padding is odd, one more behind than in front.
    pub fn same(size: &[usize], strides: &[usize], dilation: &[usize], input: &[usize]) -> Self {
        let mut window = Window::valid(size, strides, dilation);
        for (i, &n) in input.iter().enumerate().take(size.len()) {
            let outputs = n.div_ceil(window.strides[i].max(1));
            let span = outputs.saturating_sub(1) * window.strides[i] + window.reach(i);
            let all = span.saturating_sub(n);
            window.padding[i] = [all / 2, all - all / 2];
        }
        window
    }
    /// How many spatial axes.
    pub fn rank(&self) -> usize {
        self.size.len()
    }
    /// Places from the window's first to its last, both counted.
    pub fn reach(&self, axis: usize) -> usize {
        self.size[axis].saturating_sub(1) * self.dilation[axis] + 1
    }
    /// Places in the window.
    pub fn places(&self) -> usize {
        self.size.iter().product()
    }
    /// How many windows there are along each axis of an input of these sizes. Errors: `window`, if there is none, or the
    /// window itself makes no sense.
    pub fn outputs(&self, input: &[usize]) -> Result<Vec<usize>> {
        let rank = self.rank();
        let wrong = |what: String| Err(Error::shape("window", what));
        if !(1..=3).contains(&rank) || [self.strides.len(), self.dilation.len(), self.padding.len()] != [rank; 3] {
            return wrong(format!("a window has 1 to 3 axes, the same in all its parts: {self:?}"));
        }
        if self.most.as_ref().is_some_and(|most| most.len() != rank || most.contains(&0)) {
            return wrong(format!("at least one window along each axis, not {:?}", self.most));
        }
        if input.len() != rank {
            return wrong(format!("a window over {rank} spatial axes does not fit an input of {input:?}"));
        }
        let mut outputs = Vec::with_capacity(rank);
        for (i, &n) in input.iter().enumerate() {
            if self.size[i] == 0 || self.strides[i] == 0 || self.dilation[i] == 0 {
                let (size, strides, dilation) = (&self.size, &self.strides, &self.dilation);
                return wrong(format!(
                    "window {size:?}, strides {strides:?}, dilation {dilation:?}: each must be at least 1"
                ));
            }
            let (reach, [before, behind]) = (self.reach(i), self.padding[i]);
            if before >= reach || behind >= reach {
                return wrong(format!("padding {:?} is wider than the window, which reaches {reach}", self.padding));
            }
            let padded = n + before + behind;
            if padded < reach {
                let padding = if padded > n { format!(" ({padded} with padding)") } else { String::new() };
                return wrong(format!(
                    "the window reaches {reach} along spatial axis {i}, and the input {input:?} has {n} there{padding}"
                ));
            }
            let all = (padded - reach) / self.strides[i] + 1;
            outputs.push(self.most.as_ref().map_or(all, |most| all.min(most[i])));
        }
        Ok(outputs)
    }
    /// For every window in turn (row-major over the outputs), and every place in it: the place of the input, row-major
    /// over the input's sizes, or nothing where that is padding.
    pub fn taps(&self, input: &[usize]) -> Vec<Vec<Option<usize>>> {
        let outputs = self.outputs(input).expect("a window that was checked");
        let place = |output: &[usize], tap: &[usize]| {
            let mut place = 0;
            for i in 0..input.len() {
                let at = (output[i] * self.strides[i] + tap[i] * self.dilation[i]).checked_sub(self.padding[i][0])?;
                if at >= input[i] {
                    return None;
                }
                place = place * input[i] + at;
            }
            Some(place)
        };
        let taps = places(&self.size);
        places(&outputs).iter().map(|o| taps.iter().map(|t| place(o, t)).collect()).collect()
    }
}

/// All places of an array of these sizes, the last axis fastest.
fn places(sizes: &[usize]) -> Vec<Vec<usize>> {
    sizes.iter().fold(vec![Vec::new()], |all, &n| {
        all.iter().flat_map(|p| (0..n).map(move |i| p.iter().copied().chain([i]).collect())).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_and_padding_are_those_of_keras() {
        let same = |n, k, s, d| {
            let w = Window::same(&[k], &[s], &[d], &[n]);
            (w.outputs(&[n]).unwrap()[0], w.padding[0])
        };
        assert_eq!(same(28, 5, 1, 1), (28, [2, 2]));
        assert_eq!(same(32, 3, 2, 1), (16, [0, 1]));
        assert_eq!(same(7, 2, 2, 1), (4, [0, 1]));
        assert_eq!(same(7, 3, 1, 2), (7, [2, 2]));
        assert_eq!(same(8, 1, 2, 1), (4, [0, 0]));
        let valid = |n, k, s, d| Window::valid(&[k], &[s], &[d]).outputs(&[n]).map(|o| o[0]).map_err(|e| e.code());
        assert_eq!((valid(28, 3, 1, 1), valid(11, 2, 2, 1), valid(7, 3, 1, 3)), (Ok(26), Ok(5), Ok(1)));
        let most = |most: &[usize]| Window { most: Some(most.to_vec()), ..Window::valid(&[3], &[1], &[1]) };
        assert_eq!((most(&[4]).outputs(&[9]).unwrap(), most(&[4]).outputs(&[5]).unwrap()), (vec![4], vec![3]));
        assert!(most(&[0]).outputs(&[9]).is_err() && most(&[1, 1]).outputs(&[9]).is_err());
        for (n, k, s, d) in [(3, 4, 1, 1), (3, 2, 1, 3), (3, 2, 0, 1), (3, 0, 1, 1), (3, 2, 1, 0)] {
            assert_eq!(valid(n, k, s, d), Err("window"), "{n} {k} {s} {d}");
        }
    }

    #[test]
    fn taps_are_where_the_window_lies() {
        let window = Window::same(&[2, 2], &[2, 1], &[1, 1], &[3, 2]);
        let taps = window.taps(&[3, 2]);
        assert_eq!(taps.len(), 4);
        assert_eq!(taps[0], [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(taps[3], [Some(5), None, None, None]);
    }
}
