//! Convolutions with a unit that multiplies pairs of bfloat16 and adds both products to a sum.
//!
//! An image is copied as numbers of 16 bits, so that two inner steps which follow each other are one word; of the kernel, two
//! rows go beside each other. For the derivative by the kernel, whose inner steps are windows, a second copy has each number
//! beside that of the next window. What a stretch lacks to a whole pair is 0 in the kernel or the derivatives: the
//! number of the image there is another place's, so that one that is not finite may be found by its neighbours too.

use super::registers::{Kernels, Pairing};
use super::{Factors, Geometry, Isa, LINE, Scratch, Segment, Walk, taken};
use crate::product::Matrix;

/// The unit's kernels, if this machine has one that is faster than f32.
pub fn unit(isa: Isa, factors: Factors) -> Option<&'static Kernels> {
    match (isa, factors) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, Factors::Bf16) => x86::kernels(),
        _ => None,
    }
}

/// The time that all products take with the unit, for so many columns of a group, as a share of what they take in f32, where
/// it would be used: measured with `examples/convolution_rates.rs`.
pub fn share(isa: Isa, factors: Factors, g: &Geometry, columns: usize) -> Option<f64> {
    let unit = unit(isa, factors).filter(|_| !g.depthwise())?;
    // With few columns the kernels wait for numbers of the images rather than multiply.
    Some(if columns <= unit.count { 0.7 } else { 0.55 })
}

/// Numbers of scratch memory for panels of so many rows in pairs, in so many stretches.
pub fn paired_len(kernels: &Kernels, stretches: usize, rows: usize) -> usize {
    kernels.pair.map_or(0, |_| (rows + stretches) * kernels.width())
}

/// Some columns of a panel, whose stretches are of `length` rows, as the kernels take them: in pairs at `to`, or where it is.
pub unsafe fn paired(
    kernels: &Kernels,
    stretches: usize,
    length: usize,
    cols: usize,
    panel: *const f32,
    to: *mut f32,
) -> *const f32 {
    let (Some(pair), width) = (kernels.pair, kernels.width()) else { return panel };
    for i in 0..stretches {
        // SAFETY: the caller's promise.
        unsafe {
            let from = Matrix { ptr: panel.add(i * length * width), row_stride: width, col_stride: 1 };
            (pair.pack)(length, cols, from, to.add(i * kernels.steps(length) * width));
        }
    }
    to
}

/// What the derivative by the kernel takes besides: each number of the copy beside that of the next window, and derivatives in
/// panels of pairs of windows.
pub struct Pairs {
    beside: *mut f32,
    panels: *mut f32,
}

/// Numbers of the derivatives of an image in panels.
fn panels_len(kernels: &Kernels, g: &Geometry, walk: &Walk) -> usize {
    let outs = (g.outputs / g.groups).next_multiple_of(kernels.width());
    walk.row_count() * kernels.steps(walk.to[2]) * outs * g.groups
}

/// Numbers that are beside others.
fn beside_len(walk: &Walk) -> usize {
    walk.copied().next_multiple_of(LINE)
}

/// Numbers of scratch memory that [`Pairs`] take.
pub fn scratch_len(kernels: &Kernels, g: &Geometry, walk: &Walk) -> usize {
    if kernels.pair.is_some() { beside_len(walk) + panels_len(kernels, g, walk) + 2 * LINE } else { 0 }
}

impl Pairs {
    /// Takes scratch memory.
    pub fn new(kernels: &Kernels, g: &Geometry, walk: &Walk, scratch: &mut Scratch) -> Self {
        Pairs { beside: taken(scratch, beside_len(walk)), panels: scratch.take(panels_len(kernels, g, walk)) }
    }

    /// Adds what one image gives.
    pub unsafe fn image(
        &self,
        kernels: &Kernels,
        pair: Pairing,
        walk: &Walk,
        segments: &mut [Segment],
        g: &Geometry,
        copy: *const f32,
        y: *const f32,
        w: *mut f32,
    ) {
        let step = walk.strides[2] * walk.channels;
        // SAFETY: the copy has a step of zeros behind it; what was taken has room for one image.
        unsafe {
            (pair.beside)(copy.cast(), step, walk.copied(), self.beside.cast());
            straight(kernels, pair, walk, segments, g, self.beside, self.panels, y, w);
        }
    }
}

unsafe fn straight(
    kernels: &Kernels,
    pair: Pairing,
    walk: &Walk,
    segments: &mut [Segment],
    g: &Geometry,
    beside: *const f32,
    panels: *mut f32,
    y: *const f32,
    w: *mut f32,
) {
    let (stretch, outs, width) = (walk.stretch(), g.outputs / g.groups, kernels.width());
    let (steps, step) = (kernels.steps(walk.to[2]), walk.strides[2] * walk.channels);
    for (i, s) in segments.iter_mut().enumerate() {
        *s = Segment { a: 2 * walk.row(i), b: i * steps * width };
    }
    for group in 0..g.groups {
        for col in (0..outs).step_by(width) {
            let (cols, col) = (width.min(outs - col), group * outs + col);
            for line in 0..walk.row_count() {
                // SAFETY: windows of the image; there is room for all of them.
                unsafe {
                    let ptr = y.add(line * walk.to[2] * g.outputs + col);
                    let from = Matrix { ptr, row_stride: g.outputs, col_stride: 1 };
                    (pair.pack)(walk.to[2], cols, from, panels.add(line * steps * width));
                }
            }
            for (number, start) in walk.stretches(group).enumerate() {
                let strips = stretch.div_ceil(kernels.rows);
                let mut at = 0;
                for strip in 0..strips {
                    let rows = (stretch + strip) / strips;
                    let kernel = kernels.kernels[rows - 1][usize::from(cols > kernels.count)];
                    // SAFETY: rows and columns of the kernel; the windows are within the image.
                    unsafe {
                        let to = w.add((number * stretch + at) * g.outputs + col);
                        let a = beside.add(start + at);
                        kernel(segments, steps, cols, a, 2, 4 * step, panels, width, to, g.outputs, cols, true);
                    }
                    at += rows;
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
pub use x86::copies;
