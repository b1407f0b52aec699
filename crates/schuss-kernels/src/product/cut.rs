//! Products of factors that are cut into two numbers of bfloat16, where no unit cuts them: products of factors three times as
//! long, in which the parts stand behind each other.

use super::{Beside, Factors, LINE, Matrix, Target, Tile, kernels, run};
use crate::{Isa, math};
use std::ops::Range;

/// Columns at a time.
const COLS: usize = 256;
/// Numbers of A at a time, about.
const COPIED: usize = 1 << 21;

/// Rows at a time.
fn rows_at_a_time(m: usize, k: usize) -> usize {
    (COPIED / (3 * k).max(1)).max(64).min(m.max(1))
}

pub fn scratch_len(isa: Isa, m: usize, k: usize) -> usize {
    let m = rows_at_a_time(m, k);
    LINE + 3 * k * (m + COLS) + kernels(isa, Factors::Bf16).scratch_len(m, 3 * k)
}

/// Copies n numbers, `step` apart: what is near them in bfloat16, or what that lacks.
#[inline(always)]
unsafe fn part(from: *const f32, step: usize, n: usize, lacking: bool, to: *mut f32) {
    for i in 0..n {
        // SAFETY: the caller's promise.
        unsafe {
            let x = *from.wrapping_add(i * step);
            let near = math::bfloat16(x);
            *to.add(i) = if lacking { math::bfloat16(x - near) } else { near };
        }
    }
}

/// The parts of a matrix of `n` rows of k numbers, one behind another; the strides are those of rows and of their numbers.
#[inline(always)]
unsafe fn parts(from: Matrix, n: usize, k: usize, lacking: [bool; 3], to: *mut f32) -> Matrix {
    let Matrix { ptr, row_stride, col_stride } = from;
    // SAFETY: the caller's promise.
    unsafe {
        if col_stride == 1 {
            for row in 0..n {
                for (i, lacking) in lacking.into_iter().enumerate() {
                    part(ptr.wrapping_add(row * row_stride), 1, k, lacking, to.add((3 * row + i) * k));
                }
            }
            return Matrix { ptr: to, row_stride: 3 * k, col_stride: 1 };
        }
        for (i, lacking) in lacking.into_iter().enumerate() {
            for p in 0..k {
                part(ptr.wrapping_add(p * col_stride), row_stride, n, lacking, to.add((i * k + p) * n));
            }
        }
        Matrix { ptr: to, row_stride: 1, col_stride: n }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
unsafe fn parts_avx512(from: Matrix, n: usize, k: usize, lacking: [bool; 3], to: *mut f32) -> Matrix {
    // SAFETY: the caller's promise.
    unsafe { parts(from, n, k, lacking, to) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn parts_avx2(from: Matrix, n: usize, k: usize, lacking: [bool; 3], to: *mut f32) -> Matrix {
    // SAFETY: the caller's promise.
    unsafe { parts(from, n, k, lacking, to) }
}

/// As `super::run`.
pub unsafe fn run_cut(
    isa: Isa,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    scratch: &mut [f32],
    mut target: Target,
) {
    let parts = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => parts_avx512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => parts_avx2,
        _ => parts,
    };
    let start = scratch.as_ptr().align_offset(LINE * size_of::<f32>());
    let height = rows_at_a_time(rows.len(), k);
    let (left, rest) = scratch[start..].split_at_mut(3 * k * height);
    let (right, rest) = rest.split_at_mut(3 * k * COLS);
    for row in rows.clone().step_by(height) {
        let rows = height.min(rows.end - row);
        let a = Matrix { ptr: a.ptr.wrapping_add(row * a.row_stride), ..a };
        // The small products come first: their sum loses less.
        // SAFETY: the caller's promise; there is room for three parts of so many rows.
        let a = unsafe { parts(a, rows, k, [true, false, false], left.as_mut_ptr()) };
        for col in cols.clone().step_by(COLS) {
            let cols = COLS.min(cols.end - col);
            let turned = |b: Matrix| Matrix { ptr: b.ptr, row_stride: b.col_stride, col_stride: b.row_stride };
            let b = Matrix { ptr: b.ptr.wrapping_add(col * b.col_stride), ..b };
            // SAFETY: as above.
            let b = turned(unsafe { parts(turned(b), cols, k, [false, true, false], right.as_mut_ptr()) });
            let kernels = kernels(isa, Factors::Bf16);
            // SAFETY: the caller's promise; the parts are there, and were rounded already.
            unsafe {
                match &mut target {
                    Target::Tiles(done, _) => {
                        let mut moved = |tile: Tile| done(Tile { row: tile.row + row, col: tile.col + col, ..tile });
                        run(kernels, 0..rows, 0..cols, 3 * k, a, b, rest, Target::Tiles(&mut moved, Beside::default()));
                    }
                    Target::Store { to, stride } => {
                        let (to, stride) = (to.wrapping_add(row * *stride + col), *stride);
                        run(kernels, 0..rows, 0..cols, 3 * k, a, b, rest, Target::Store { to, stride });
                    }
                }
            }
        }
    }
}
