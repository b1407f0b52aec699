//! Factors as tiles take them: numbers of 16 bits, of which two inner steps that follow each other are one word. What inner
//! steps lack to whole tiles is 0.

use super::{PAIRS, ROWS, STEP, TILES};
use crate::lane::{Avx512, Register};
use crate::product::Matrix;
use crate::product::bf16::{WIDTH, in_turn};
use std::arch::x86_64::*;
use std::ops::Range;

/// Thirty-two numbers as 16 bits each; with a second part, what they lack then.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn halves<const PARTS: usize>(x: __m512, y: __m512) -> [__m512i; PARTS] {
    // SAFETY: 64 bytes of numbers.
    unsafe {
        let near: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(y, x));
        let mut all = [near; PARTS];
        if PARTS == 2 {
            let number = |x: __m256i| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(x)));
            let (low, high) = (_mm512_castsi512_si256(near), _mm512_extracti64x4_epi64::<1>(near));
            let (x, y) = (_mm512_sub_ps(x, number(low)), _mm512_sub_ps(y, number(high)));
            let lacking: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(y, x));
            all[PARTS - 1] = lacking;
        }
        all
    }
}

/// Copies strips of A together, so many rows each as `strip` says: a strip's tiles behind each other, part behind part.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn pack_strips<const PARTS: usize>(
    k: usize,
    count: usize,
    strip: &dyn Fn(usize) -> Range<usize>,
    a: Matrix,
    to: *mut f32,
) {
    let steps = k.div_ceil(STEP).max(1);
    let part = steps * TILES;
    let tiles = |i: usize, j: usize| to.wrapping_add(i * PARTS * part + j * TILES);
    let inner = |j: usize| (k - j * STEP).min(STEP);
    // SAFETY: the caller's promise; a tile has room for 16 rows.
    unsafe {
        if a.col_stride == 1 {
            // Along a row, as it lies in memory.
            for (i, row) in (0..count).flat_map(|i| strip(i).enumerate().map(move |row| (i, row))) {
                let from = a.ptr.wrapping_add(row.1 * a.row_stride);
                for j in 0..steps {
                    let to = tiles(i, j).wrapping_add(row.0 * PAIRS);
                    rows_of_pairs::<PARTS>(inner(j), 1, from.wrapping_add(j * STEP), 0, part, to);
                }
            }
            return;
        }
        // Along a column, or next to where it lies.
        for (j, i) in (0..steps).flat_map(|j| (0..count).map(move |i| (j, i))) {
            let (rows, to) = (strip(i), tiles(i, j));
            let from = a.ptr.wrapping_add(j * STEP * a.col_stride + rows.start * a.row_stride);
            for row in (0..rows.len()).step_by(16).filter(|_| a.row_stride == 1) {
                let (rows, to) = ((rows.len() - row).min(16), to.wrapping_add(row * PAIRS));
                turned_pairs::<PARTS>(inner(j), rows, from.wrapping_add(row), a.col_stride, part, to);
            }
            for row in (0..rows.len()).filter(|_| a.row_stride != 1) {
                let mut gathered = [0.0; STEP];
                let from = from.wrapping_add(row * a.row_stride);
                gathered.iter_mut().take(inner(j)).enumerate().for_each(|(i, x)| *x = *from.add(i * a.col_stride));
                rows_of_pairs::<PARTS>(STEP, 1, gathered.as_ptr(), 0, part, to.wrapping_add(row * PAIRS));
            }
        }
    }
}

/// Rows of up to 32 numbers, each rounded to a row of 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn rows_of_pairs<const PARTS: usize>(
    count: usize,
    rows: usize,
    from: *const f32,
    stride: usize,
    part: usize,
    to: *mut f32,
) {
    let (low, high) = (Avx512::part(count), Avx512::part(count.saturating_sub(16)));
    for row in 0..rows {
        // SAFETY: the caller's promise.
        unsafe {
            let at = from.wrapping_add(row * stride);
            let (x, y) = if count == STEP {
                (_mm512_loadu_ps(at), _mm512_loadu_ps(at.wrapping_add(16)))
            } else {
                (_mm512_maskz_loadu_ps(low, at), _mm512_maskz_loadu_ps(high, at.wrapping_add(16)))
            };
            let all = halves::<PARTS>(x, y);
            for (i, x) in all.iter().enumerate() {
                _mm512_storeu_si512(to.wrapping_add(i * part + row * PAIRS).cast(), *x);
            }
        }
    }
}

/// Up to 16 columns of up to 32 numbers, `step` apart, each as a row of pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn turned_pairs<const PARTS: usize>(
    count: usize,
    cols: usize,
    from: *const f32,
    step: usize,
    part: usize,
    to: *mut f32,
) {
    let (own, order) = (Avx512::part(cols), in_turn());
    let mut pairs = [[Avx512(_mm512_setzero_ps()); PARTS]; PAIRS];
    for (j, pair) in pairs.iter_mut().enumerate().take(count.div_ceil(2)) {
        let next = Avx512::part(if 2 * j + 1 < count { cols } else { 0 });
        // SAFETY: the caller's promise; an empty part reads nothing.
        unsafe {
            let at = from.wrapping_add(2 * j * step);
            let (x, y) = (_mm512_maskz_loadu_ps(own, at), _mm512_maskz_loadu_ps(next, at.wrapping_add(step)));
            for (pair, x) in pair.iter_mut().zip(halves::<PARTS>(x, y)) {
                *pair = Avx512(_mm512_castsi512_ps(_mm512_permutexvar_epi16(order, x)));
            }
        }
    }
    for i in 0..PARTS {
        let mut block = [Avx512(_mm512_setzero_ps()); PAIRS];
        for (x, pair) in block.iter_mut().zip(&pairs) {
            *x = pair[i];
        }
        let turned = Avx512::transpose(block);
        for (j, x) in turned.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { x.store(to.wrapping_add(i * part + j * PAIRS)) };
        }
    }
}

/// Copies k rows of `cols` numbers together in pairs of rows, for so many steps of tiles: part behind part.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn pack_block<const PARTS: usize>(k: usize, steps: usize, cols: usize, from: Matrix, to: *mut f32) {
    let part = steps * TILES;
    // SAFETY: the caller's promise.
    unsafe {
        if from.col_stride == 1 {
            pairs_of_rows::<PARTS>(k, cols, from.ptr, from.row_stride, part, to);
        } else {
            for col in (0..cols).step_by(16) {
                columns::<PARTS>(k, (cols - col).min(16), from, col, part, to.wrapping_add(col));
            }
        }
        let pairs = k.div_ceil(2);
        for i in 0..PARTS {
            let rest = to.wrapping_add(i * part + pairs * WIDTH);
            std::slice::from_raw_parts_mut(rest, part - pairs * WIDTH).fill(0.0);
        }
    }
}

/// Where the numbers of a row lie together.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pairs_of_rows<const PARTS: usize>(
    k: usize,
    cols: usize,
    from: *const f32,
    stride: usize,
    part: usize,
    to: *mut f32,
) {
    let order = in_turn();
    let own = [Avx512::part(cols), Avx512::part(cols.saturating_sub(16))];
    for pair in 0..k / 2 {
        // SAFETY: the caller's promise.
        unsafe {
            let at = from.wrapping_add(2 * pair * stride);
            for (i, own) in own.into_iter().enumerate() {
                let at = at.wrapping_add(16 * i);
                let (x, y) = if cols == WIDTH {
                    (_mm512_loadu_ps(at), _mm512_loadu_ps(at.wrapping_add(stride)))
                } else {
                    (_mm512_maskz_loadu_ps(own, at), _mm512_maskz_loadu_ps(own, at.wrapping_add(stride)))
                };
                for (p, x) in halves::<PARTS>(x, y).into_iter().enumerate() {
                    let to = to.wrapping_add(p * part + pair * WIDTH + 16 * i);
                    _mm512_storeu_si512(to.cast(), _mm512_permutexvar_epi16(order, x));
                }
            }
        }
    }
    if k % 2 == 1 {
        for (i, own) in own.into_iter().enumerate() {
            // SAFETY: as above, for the last row alone.
            unsafe {
                let at = from.wrapping_add((k - 1) * stride + 16 * i);
                let all = halves::<PARTS>(_mm512_maskz_loadu_ps(own, at), _mm512_setzero_ps());
                for (p, x) in all.into_iter().enumerate() {
                    let to = to.wrapping_add(p * part + k / 2 * WIDTH + 16 * i);
                    _mm512_storeu_si512(to.cast(), _mm512_permutexvar_epi16(order, x));
                }
            }
        }
    }
}

/// Up to 16 columns whose numbers lie together, or anywhere.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn columns<const PARTS: usize>(k: usize, cols: usize, from: Matrix, col: usize, part: usize, to: *mut f32) {
    let mut rows = [[0u32; PAIRS]; 16 * 2];
    for row in (0..k).step_by(STEP) {
        let count = (k - row).min(STEP);
        let at = from.ptr.wrapping_add(col * from.col_stride + row * from.row_stride);
        // SAFETY: the caller's promise; `rows` has room for two parts of 16 rows.
        unsafe {
            if from.row_stride == 1 {
                rows_of_pairs::<PARTS>(count, cols, at, from.col_stride, 16 * PAIRS, rows.as_mut_ptr().cast());
            } else {
                for (i, row) in rows.iter_mut().enumerate().take(cols) {
                    let mut gathered = [0.0; STEP];
                    let at = at.wrapping_add(i * from.col_stride);
                    gathered.iter_mut().take(count).enumerate().for_each(|(i, x)| *x = *at.add(i * from.row_stride));
                    rows_of_pairs::<PARTS>(STEP, 1, gathered.as_ptr(), 0, 16 * PAIRS, row.as_mut_ptr().cast());
                }
            }
            for p in 0..PARTS {
                let mut block = [Avx512(_mm512_setzero_ps()); PAIRS];
                for (x, row) in block.iter_mut().zip(&rows[16 * p..]) {
                    *x = Avx512::load(row.as_ptr().cast());
                }
                let turned = Avx512::transpose(block);
                for (i, x) in turned.iter().enumerate().take(count.div_ceil(2)) {
                    x.store(to.wrapping_add(p * part + (row / 2 + i) * WIDTH));
                }
            }
        }
    }
}

/// From 32 rows the numbers of up to 16 columns from `col` on: each column as 32 numbers of 16 bits, `line` words apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn turned_rows(rows: &[*const f32; STEP], col: usize, cols: usize, to: *mut f32, line: usize) {
    let (part, order) = (Avx512::part(cols), in_turn());
    let mut pairs = [Avx512(_mm512_setzero_ps()); PAIRS];
    for (x, rows) in pairs.iter_mut().zip(rows.as_chunks::<2>().0) {
        // SAFETY: the caller's promise.
        unsafe {
            let row = |row: *const f32| _mm512_maskz_loadu_ps(part, row.wrapping_add(col));
            let [pair] = halves::<1>(row(rows[0]), row(rows[1]));
            *x = Avx512(_mm512_castsi512_ps(_mm512_permutexvar_epi16(order, pair)));
        }
    }
    let turned = Avx512::transpose(pairs);
    for (i, x) in turned.iter().enumerate().take(cols) {
        // SAFETY: the caller's promise.
        unsafe { x.store(to.wrapping_add(i * line)) };
    }
}

/// From 32 rows the numbers of up to 32 columns from `col` on, in pairs of rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn paired_rows(rows: &[*const f32; STEP], col: usize, cols: usize, to: *mut f32) {
    let order = in_turn();
    let parts = [Avx512::part(cols), Avx512::part(cols.saturating_sub(16))];
    for (pair, rows) in rows.as_chunks::<2>().0.iter().enumerate() {
        for (i, part) in parts.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                let row = |row: *const f32| _mm512_maskz_loadu_ps(part, row.wrapping_add(col + 16 * i));
                let [x] = halves::<1>(row(rows[0]), row(rows[1]));
                let to = to.wrapping_add(pair * WIDTH + 16 * i);
                _mm512_storeu_si512(to.cast(), _mm512_permutexvar_epi16(order, x));
            }
        }
    }
}

const _: () = assert!(ROWS == 2 * PAIRS);
