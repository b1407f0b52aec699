//! Samples put together from pieces of other samples: parts cut out, zeros around, arrays side by side.

use crate::convolution::Target;
use crate::windows::hand_on;
use std::ops::Range;

/// A piece of a sample, and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Its first number within the source's sample.
    pub from: usize,
    /// Where that goes within the sample that is made.
    pub to: usize,
    /// Size, and strides in both, of each axis.
    pub axes: Vec<(usize, usize, usize)>,
    /// Numbers that lie side by side in both.
    pub width: usize,
}

impl Piece {
    /// Where the last number ends in the source and in what is made. Panics if there is none.
    pub fn ends(&self) -> (usize, usize) {
        assert!(self.width > 0 && self.axes.iter().all(|a| a.0 > 0), "an empty piece: {self:?}");
        let last = |stride: fn(&(usize, usize, usize)) -> usize| -> usize {
            self.axes.iter().map(|a| (a.0 - 1) * stride(a)).sum::<usize>() + self.width
        };
        (self.from + last(|a| a.1), self.to + last(|a| a.2))
    }
}

/// A source: its first number, and numbers from one sample to the next.
pub type Source = (*const f32, usize);

/// Puts samples together from so many pieces: `places` rows of `cols` numbers each. The i-th piece comes of the i-th
/// source. What no piece covers is 0 if there are `zeros`, and must not be else.
///
/// # Safety
/// Every piece of these samples can be read; where results are stored can be written, as far as the pieces reach, and
/// overlaps no source.
///
/// # Panics
/// If there is a function to hand tiles to, and `scratch` is shorter than a sample.
pub unsafe fn run<'a>(
    pieces: usize,
    piece: &dyn Fn(usize) -> &'a Piece,
    source: &dyn Fn(usize) -> Source,
    zeros: bool,
    samples: Range<usize>,
    (places, cols): (usize, usize),
    scratch: &mut [f32],
    target: &mut Target,
) {
    let len = places * cols;
    for sample in samples {
        // SAFETY: the caller's promise.
        unsafe {
            let to = match target {
                Target::Store { to, .. } => to.wrapping_add(sample * len),
                Target::Tiles(..) => scratch[..len].as_mut_ptr(),
            };
            if zeros {
                std::slice::from_raw_parts_mut(to, len).fill(0.0);
            }
            for i in 0..pieces {
                let ((from, stride), piece) = (source(i), piece(i));
                copy(&piece.axes, piece.width, from.wrapping_add(sample * stride + piece.from), to.add(piece.to));
            }
            if let Target::Tiles(done, _) = target {
                hand_on(to, sample * places, places, cols, *done);
            }
        }
    }
}

unsafe fn copy(axes: &[(usize, usize, usize)], width: usize, from: *const f32, to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        match axes {
            [] => from.copy_to_nonoverlapping(to, width),
            [(size, own, other), rest @ ..] => {
                (0..*size).for_each(|i| copy(rest, width, from.add(i * own), to.add(i * other)));
            }
        }
    }
}
