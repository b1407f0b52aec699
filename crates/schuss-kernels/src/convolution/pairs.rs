//! Convolutions with the machine's unit for bfloat16, which adds two products to a sum at a time.
//!
//! An image is copied as numbers of 16 bits, so that two inner steps which follow each other are one word; of the kernel, two
//! rows go beside each other. For the derivative by the kernel, whose inner steps are windows, a second copy has each number
//! beside that of the next window. What a stretch lacks to a whole pair is 0 in the kernel or the derivatives: the number of
//! the image there is another place's, so that one that is not finite may be found by its neighbours too.

use super::registers::{Kernels, Pairing};
use super::{Factors, Geometry, Isa, LINE, Scratch, Segment, Walk};
use crate::product::Matrix;

/// The unit's kernels, if this machine has one that is faster than f32.
pub fn unit(isa: Isa, factors: Factors) -> Option<&'static Kernels> {
    match (isa, factors) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, Factors::Bf16) => avx512::kernels(),
        _ => None,
    }
}

/// The time that all products take with the unit, for so many columns of a group, as a share of what they take in f32, where it would be used: measured with
/// `examples/convolution_rates.rs`.
pub fn share(isa: Isa, factors: Factors, g: &Geometry, columns: usize) -> Option<f64> {
    // With few columns the kernels wait for numbers of the images rather than multiply.
    unit(isa, factors).filter(|_| !g.depthwise()).map(|unit| if columns <= unit.count { 0.7 } else { 0.55 })
}

/// Numbers of scratch memory for panels of so many rows in pairs.
pub fn paired_len(kernels: &Kernels, rows: usize) -> usize {
    if kernels.pair.is_some() { rows * kernels.width() } else { 0 }
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

/// What the derivative by the kernel takes besides.
pub struct Pairs {
    pair: Pairing,
    /// Each number of the copy beside that of the next window.
    beside: *mut f32,
    /// Derivatives, in panels of pairs of windows.
    panels: *mut f32,
}

/// Numbers of the derivatives of an image in panels.
fn panels_len(kernels: &Kernels, g: &Geometry, walk: &Walk) -> usize {
    let outs = (g.outputs / g.groups).next_multiple_of(kernels.width());
    walk.row_count() * kernels.steps(walk.to[2]) * outs * g.groups
}

/// Numbers of scratch memory that [`Pairs`] take.
pub fn scratch_len(kernels: &Kernels, g: &Geometry, walk: &Walk) -> usize {
    walk.copied().next_multiple_of(LINE) + panels_len(kernels, g, walk) + 2 * LINE
}

impl Pairs {
    pub fn new(kernels: &Kernels, pair: Pairing, g: &Geometry, walk: &Walk, scratch: &mut Scratch) -> Self {
        let beside = scratch.take(walk.copied().next_multiple_of(LINE));
        Pairs { pair, beside, panels: scratch.take(panels_len(kernels, g, walk)) }
    }

    /// Adds what one image gives.
    pub unsafe fn kernel_of_image(
        &mut self,
        kernels: &Kernels,
        walk: &Walk,
        segments: &mut [Segment],
        g: &Geometry,
        copy: *const f32,
        y: *const f32,
        w: *mut f32,
    ) {
        let (stretch, outs, width) = (walk.stretch(), g.outputs / g.groups, kernels.width());
        let (steps, step) = (kernels.steps(walk.to[2]), walk.strides[2] * walk.channels);
        for (i, s) in segments.iter_mut().enumerate() {
            *s = Segment { a: 2 * walk.row(i), b: i * steps * width };
        }
        // SAFETY: the copy has a step of zeros behind it; all that is taken has room for one image.
        unsafe { (self.pair.beside)(copy.cast(), step, walk.copied(), self.beside.cast()) };
        for group in 0..g.groups {
            for col in (0..outs).step_by(width) {
                let (cols, col) = (width.min(outs - col), group * outs + col);
                // SAFETY: as above.
                unsafe {
                    for line in 0..walk.row_count() {
                        let ptr = y.add(line * walk.to[2] * g.outputs + col);
                        let from = Matrix { ptr, row_stride: g.outputs, col_stride: 1 };
                        (self.pair.pack)(walk.to[2], cols, from, self.panels.add(line * steps * width));
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
                            let (a, b) = (self.beside.add(start + at), self.panels);
                            kernel(segments, steps, cols, a, 2, 4 * step, b, width, to, g.outputs, cols, true);
                        }
                        at += rows;
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::super::registers::{Kernel, Kernels, Pairing};
    use super::{Factors, Isa, Segment};
    use crate::lane::{Avx512, Register, for_rows};
    use crate::product::bf16;
    use std::arch::x86_64::*;
    use std::hint::black_box;
    use std::sync::OnceLock;

    pub fn kernels() -> Option<&'static Kernels> {
        macro_rules! kernels {
            ($($rows:literal)*) => { &[$([kernel::<$rows, 1>, kernel::<$rows, 2>]),*] };
        }
        const ALL: &[[Kernel; 2]] = kernels!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        static KERNELS: OnceLock<Kernels> = OnceLock::new();
        let plain = super::super::kernels(Isa::Avx512, Factors::F32);
        bf16::fast().then(|| {
            KERNELS.get_or_init(|| Kernels {
                kernels: ALL,
                copy: halves,
                rounds: true,
                pair: Some(Pairing { pack: bf16::pack, beside }),
                ..*plain
            })
        })
    }

    /// n numbers, rounded to 16 bits.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn halves(from: *const f32, to: *mut f32, n: usize) {
        let to = to.cast::<u16>();
        for i in (0..n).step_by(32) {
            let mask = u32::MAX >> (32 - (n - i).min(32));
            // SAFETY: n numbers can be read and written.
            unsafe { _mm512_mask_storeu_epi16(to.add(i).cast(), mask, bf16::stretch(from.add(i), 1, (n - i).min(32))) };
        }
    }

    /// Each of n numbers beside the one `step` further.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn beside(from: *const u16, step: usize, n: usize, to: *mut u32) {
        for i in (0..n).step_by(16) {
            // SAFETY: the caller's promise: a register can be read behind both, and written behind n numbers up to a line.
            unsafe {
                let word = |at: *const u16| _mm512_cvtepu16_epi32(_mm256_loadu_si256(at.cast()));
                let (own, next) = (word(from.add(i)), word(from.add(i + step)));
                _mm512_storeu_si512(to.add(i).cast(), _mm512_or_si512(own, _mm512_slli_epi32::<16>(next)));
            }
        }
    }

    /// As `super::registers::kernel`, in pairs: places of A are numbers of 16 bits, and so are its steps.
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
    unsafe fn kernel<const ROWS: usize, const REGISTERS: usize>(
        segments: &[Segment],
        pairs: usize,
        _cols: usize,
        a: *const f32,
        a_row: usize,
        a_step: usize,
        b: *const f32,
        b_step: usize,
        c: *mut f32,
        c_stride: usize,
        c_cols: usize,
        add: bool,
    ) {
        let last = REGISTERS - 1;
        let stored = Avx512::part(c_cols - last * 16);
        let mut sums = [[_mm512_setzero_ps(); REGISTERS]; ROWS];
        let a = a.cast::<u16>();
        // SAFETY: the caller's promise; the pointers are not read after their last step.
        unsafe {
            if add {
                for_rows!(i < ROWS: {
                    for (j, sum) in sums[i].iter_mut().enumerate().take(last) {
                        *sum = Avx512::load(c.add(i * c_stride + j * 16)).0;
                    }
                    sums[i][last] = Avx512::load_part(c.add(i * c_stride + last * 16), stored).0;
                });
            }
            // As in the plain kernel: rows in threes of five, and offsets that the compiler must not see through.
            let mut offsets = [0; 5];
            let mut bases = [a; 3];
            for (i, offset) in offsets.iter_mut().enumerate() {
                *offset = black_box(i * a_row);
            }
            for (i, base) in bases.iter_mut().enumerate() {
                *base = black_box(a.wrapping_add(5 * i * a_row));
            }
            for segment in segments {
                let mut a_k = bases;
                for a in &mut a_k {
                    *a = a.wrapping_add(segment.a);
                }
                let mut b_k = b.add(segment.b);
                for _ in 0..pairs {
                    let mut y = [_mm512_setzero_si512(); REGISTERS];
                    for (j, y) in y.iter_mut().enumerate() {
                        *y = _mm512_loadu_si512(b_k.add(j * 16).cast());
                    }
                    for_rows!(i < ROWS: {
                        let x = a_k[i / 5].add(offsets[i % 5]).cast::<i32>().read_unaligned();
                        let x = std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(x));
                        for (sum, y) in sums[i].iter_mut().zip(y) {
                            *sum = _mm512_dpbf16_ps(*sum, x, std::mem::transmute::<__m512i, __m512bh>(y));
                        }
                    });
                    for a in &mut a_k {
                        *a = a.wrapping_add(a_step);
                    }
                    b_k = b_k.wrapping_add(b_step);
                }
            }
            for_rows!(i < ROWS: {
                let c = c.add(i * c_stride);
                for (j, sum) in sums[i].iter().enumerate().take(last) {
                    Avx512(*sum).store(c.add(j * 16));
                }
                Avx512(sums[i][last]).store_part(c.add(last * 16), stored);
            });
        }
    }
}
