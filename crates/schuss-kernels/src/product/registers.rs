//! Tiles in registers, and what is copied together for them, compiled for each instruction set.

use super::{Matrix, Near};
#[cfg(target_arch = "aarch64")]
use crate::lane::Neon;
#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512, Lane};
use crate::lane::{Register, Wide, for_rows};
use crate::math;
use std::hint::black_box;

macro_rules! kernel {
    ($name:ident, $register:ty $(, $feature:literal)?) => {
        $(#[target_feature(enable = $feature)])?
        pub unsafe fn $name<const ROWS: usize, const REGISTERS: usize>(
            k: usize,
            cols: usize,
            a: Matrix,
            b: *const f32,
            b_stride: usize,
            c: *mut f32,
            c_stride: usize,
            c_cols: usize,
            near: &Near,
        ) {
            // SAFETY: the caller's promise.
            unsafe { kernel::<$register, ROWS, REGISTERS>(k, cols, a, b, b_stride, c, c_stride, c_cols, near) }
        }
    };
}
kernel!(kernel_portable, Wide);
#[cfg(target_arch = "aarch64")]
kernel!(kernel_neon, Neon);
#[cfg(target_arch = "x86_64")]
kernel!(kernel_avx2, Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernel!(kernel_avx512, Avx512, "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma");

/// ROWS × `cols` elements of C, held in ROWS × REGISTERS registers while k runs, and stored with zeros up to `c_cols`.
///
/// # Safety
/// ROWS × k of A and k × `cols` of B can be read, ROWS × `c_cols` of C written.
#[inline(always)]
unsafe fn kernel<V: Register, const ROWS: usize, const REGISTERS: usize>(
    k: usize,
    cols: usize,
    a: Matrix,
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    c_stride: usize,
    c_cols: usize,
    near: &Near,
) {
    let last = REGISTERS - 1;
    let (part, stored) = (V::part(cols - last * V::COUNT), V::part(c_cols - last * V::COUNT));
    let mut sums = [[V::splat(0.0); REGISTERS]; ROWS];
    // Rows in threes of five, from their own pointers. Left to itself the compiler makes one chain of ROWS additions of
    // them, as slow as the multiplications; it must not know how the offsets hang together.
    let offsets: [usize; 5] = std::array::from_fn(|i| black_box(i * a.row_stride));
    let mut a_k: [*const f32; 3] = std::array::from_fn(|i| black_box(a.ptr.wrapping_add(5 * i * a.row_stride)));
    let (mut b_k, a_step) = (b, a.col_stride);
    // SAFETY: the caller's promise; the pointers are not read after their last step.
    unsafe {
        let (mut left, mut row) = (k, 0);
        while left > 0 {
            let some = near.bring(row, cols, left);
            for _ in 0..some {
                let mut y = [V::splat(0.0); REGISTERS];
                for (j, y) in y.iter_mut().enumerate().take(last) {
                    *y = V::load(b_k.add(j * V::COUNT));
                }
                y[last] = V::load_part(b_k.add(last * V::COUNT), part);
                for_rows!(i < ROWS: {
                    let x = V::splat(f64::from(*a_k[i / 5].add(offsets[i % 5])));
                    for (sum, y) in sums[i].iter_mut().zip(y) {
                        *sum = x.times_plus(y, *sum);
                    }
                });
                a_k = a_k.map(|a| a.wrapping_add(a_step));
                b_k = b_k.wrapping_add(b_stride);
            }
            (left, row) = (left - some, row + 1);
        }
        for_rows!(i < ROWS: {
            let c = c.add(i * c_stride);
            for (j, sum) in sums[i].iter().enumerate().take(last) {
                sum.store(c.add(j * V::COUNT));
            }
            sums[i][last].store_part(c.add(last * V::COUNT), stored);
        });
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub unsafe fn pack_avx2(k: usize, cols: usize, b: Matrix, panel: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { pack::<Avx2>(k, cols, b, panel) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub unsafe fn pack_avx512(k: usize, cols: usize, b: Matrix, panel: *mut f32) {
    if b.row_stride != 1 || b.col_stride == 1 {
        // SAFETY: the caller's promise.
        return unsafe { pack::<Avx512>(k, cols, b, panel) };
    }
    // A column of B lies together: sixteen columns of sixteen rows at a time become rows.
    for col in (0..cols).step_by(16) {
        for row in (0..k).step_by(16) {
            let part = Avx512::part(k - row);
            let mut block = [Avx512::splat(0.0); 16];
            for (j, x) in block.iter_mut().enumerate().take(cols - col) {
                // SAFETY: the part of column `col + j` from `row` on is within B.
                *x = unsafe { Avx512::load_part(b.ptr.add((col + j) * b.col_stride + row), part) };
            }
            for (i, x) in Avx512::transpose(block).into_iter().enumerate().take(k - row) {
                // SAFETY: row `row + i` of the panel has 32 places, 16 from `col` on.
                unsafe { x.store(panel.add((row + i) * 32 + col)) };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub unsafe fn rounded_avx2(k: usize, cols: usize, b: Matrix, panel: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { rounded::<Avx2>(k, cols, b, panel) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub unsafe fn rounded_avx512(k: usize, cols: usize, b: Matrix, panel: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { rounded::<Avx512>(k, cols, b, panel) }
}

/// [`pack`], each number rounded to bfloat16.
///
/// # Safety
/// As for [`pack`].
#[inline(always)]
pub unsafe fn rounded<V: Register>(k: usize, cols: usize, b: Matrix, panel: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        pack::<V>(k, cols, b, panel);
        for row in 0..k {
            let row = std::slice::from_raw_parts_mut(panel.add(row * 2 * V::COUNT), cols);
            row.iter_mut().for_each(|x| *x = math::bfloat16(*x));
        }
    }
}

/// Copies `k` rows of `cols` elements to rows of two registers.
///
/// # Safety
/// The elements can be read, the panel's rows written.
#[inline(always)]
pub unsafe fn pack<V: Register>(k: usize, cols: usize, b: Matrix, panel: *mut f32) {
    let width = 2 * V::COUNT;
    if b.col_stride == 1 {
        let parts = [V::part(cols), V::part(cols.saturating_sub(V::COUNT))];
        for row in 0..k {
            // SAFETY: the caller's promise; an empty part reads nothing.
            unsafe {
                let (from, to) = (b.ptr.add(row * b.row_stride), panel.add(row * width));
                V::load_part(from, parts[0]).store(to);
                V::load_part(from.wrapping_add(V::COUNT), parts[1]).store(to.add(V::COUNT));
            }
        }
        return;
    }
    for row in 0..k {
        for col in 0..cols {
            // SAFETY: the caller's promise.
            unsafe { *panel.add(row * width + col) = *b.ptr.add(row * b.row_stride + col * b.col_stride) };
        }
    }
}
