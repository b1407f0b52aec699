//! What looks at a whole row of numbers at a time: softmax, cross-entropy, ranks, maxima, sums.
//!
//! Rows are taken sixteen numbers at a time; sums keep sixteen partial sums that are added in a fixed order at the end,
//! so a result depends on the row alone.

use crate::{Isa, math, tape::Operand};

/// Numbers taken together.
const LANES: usize = 16;

/// A matrix to read: row i starts at `ptr + i · stride`, columns lie side by side.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// The first number.
    pub ptr: *const f32,
    /// From one row to the next.
    pub stride: usize,
}

/// A matrix to write, laid out like [`Rows`].
#[derive(Clone, Copy, Debug)]
pub struct RowsMut {
    /// The first number.
    pub ptr: *mut f32,
    /// From one row to the next.
    pub stride: usize,
}

/// What a row is to be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// The index of one column, one number a row. An index that is no column means none.
    Index(Rows),
    /// A number for every column.
    Dense(Rows),
}

/// What [`cross_entropy`] computes; what is absent is not written.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy {
    /// z.
    pub logits: Rows,
    /// y.
    pub target: Target,
    /// Σⱼ yⱼ (ln Σₖ exp zₖ − zⱼ), one number a row.
    pub entropy: Option<RowsMut>,
    /// (softmax(z) · Σy − y) · d, with one d a row.
    pub gradient: Option<(Operand, RowsMut)>,
    /// 1 if fewer than k numbers of the row are greater than the target's, else 0. Only with [`Target::Index`].
    pub in_top: Option<(usize, RowsMut)>,
}

/// A function of a row that gives a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowMap {
    /// exp zⱼ / Σₖ exp zₖ
    Softmax,
    /// zⱼ − ln Σₖ exp zₖ
    LogSoftmax,
}

/// A function of a row that gives a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowFold {
    /// The greatest; NaN if there is one.
    Max,
    /// The first place of the greatest.
    Argmax,
    /// The sum.
    Sum,
}

macro_rules! for_each_isa {
    ($(#[$doc:meta])* pub unsafe fn $name:ident($($arg:ident: $t:ty),*) = $inner:ident) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// This machine has `isa`; all that is named can be read or written, and nothing written overlaps the rest.
        pub unsafe fn $name(isa: Isa, $($arg: $t),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
            unsafe fn avx512($($arg: $t),*) {
                // SAFETY: the caller's promise.
                unsafe { $inner($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $t),*) {
                // SAFETY: the caller's promise.
                unsafe { $inner($($arg),*) }
            }
            // SAFETY: the caller's promise.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => avx2($($arg),*),
                    _ => $inner($($arg),*),
                }
            }
        }
    };
}

for_each_isa! {
    /// Softmax, its cross-entropy with a target, and that one's derivative, in one go over rows `from` to `to` of
    /// `cols` numbers. `scratch` holds a row, rounded up to sixteen.
    pub unsafe fn cross_entropy(what: &CrossEntropy, from: usize, to: usize, cols: usize, scratch: *mut f32)
        = cross_entropy_rows
}
for_each_isa! {
    /// Rows `from` to `to` of `cols` numbers from `x` to `y`. `scratch` holds a row, rounded up to sixteen.
    pub unsafe fn map(f: RowMap, x: Rows, y: RowsMut, from: usize, to: usize, cols: usize, scratch: *mut f32) = map_rows
}
for_each_isa! {
    /// Each of the rows `from` to `to` of `cols` numbers to one number.
    pub unsafe fn fold(f: RowFold, x: Rows, y: RowsMut, from: usize, to: usize, cols: usize) = fold_rows
}
for_each_isa! {
    /// Adds `rows` rows of `cols` numbers to `sums`, one after another.
    pub unsafe fn add_rows(x: Rows, rows: usize, cols: usize, sums: *mut f32) = add_each_row
}

/// A row of an index and one of zeros but for a 1 at it.
///
/// # Safety
/// As for [`map`].
pub unsafe fn one_hot(labels: Rows, y: RowsMut, from: usize, to: usize, cols: usize) {
    for row in from..to {
        // SAFETY: the caller's promise.
        unsafe {
            let label = *labels.ptr.wrapping_add(row * labels.stride);
            for j in 0..cols {
                *y.ptr.wrapping_add(row * y.stride + j) = if label == j as f32 { 1.0 } else { 0.0 };
            }
        }
    }
}

/// 1 if fewer than `k` numbers of the row are greater than the one at its label, else 0; 0 if the label is no column
/// or its number is NaN.
///
/// # Safety
/// As for [`map`].
pub unsafe fn in_top_k(k: usize, x: Rows, labels: Rows, y: RowsMut, from: usize, to: usize, cols: usize) {
    for row in from..to {
        // SAFETY: the caller's promise.
        unsafe {
            let label = column(*labels.ptr.wrapping_add(row * labels.stride), cols);
            let z = std::slice::from_raw_parts(x.ptr.wrapping_add(row * x.stride), cols);
            *y.ptr.wrapping_add(row * y.stride) = rank_below(z, label, k);
        }
    }
}

/// The column that a number names, if it is one.
#[inline(always)]
fn column(label: f32, cols: usize) -> Option<usize> {
    let index = label as usize;
    (index as f32 == label && index < cols).then_some(index)
}

#[inline(always)]
fn rank_below(z: &[f32], label: Option<usize>, k: usize) -> f32 {
    match label {
        Some(j) if !z[j].is_nan() => {
            let greater = z.iter().filter(|&&x| x > z[j]).count();
            if greater < k { 1.0 } else { 0.0 }
        }
        _ => 0.0,
    }
}

#[inline(always)]
fn lanes_sum(sums: [f32; LANES]) -> f32 {
    halve(sums, |a, b| a + b)
}

/// Halves against halves until one is left: few steps that wait for each other.
#[inline(always)]
fn halve(mut x: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut n = LANES / 2;
    while n > 0 {
        for i in 0..n {
            x[i] = f(x[i], x[i + n]);
        }
        n /= 2;
    }
    x[0]
}

/// Puts exp(z − max) into `e` (padded with zeros to sixteen) and gives max and the sum.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // sixteen lanes in step
unsafe fn exponentials(z: *const f32, cols: usize, e: *mut f32) -> (f32, f32) {
    // SAFETY: the caller vouches for `cols` numbers at z, and as many rounded up to sixteen at e.
    let (z, e) = unsafe {
        (std::slice::from_raw_parts(z, cols), std::slice::from_raw_parts_mut(e, cols.next_multiple_of(LANES)))
    };
    e[..cols].copy_from_slice(z);
    e[cols..].fill(f32::NEG_INFINITY);
    let (e, _) = e.as_chunks_mut::<LANES>();
    let mut greatest = [f32::NEG_INFINITY; LANES];
    for e in e.iter() {
        for i in 0..LANES {
            greatest[i] = if e[i] > greatest[i] { e[i] } else { greatest[i] };
        }
    }
    let max = halve(greatest, |a, b| if b > a { b } else { a });
    let mut sums = [0.0; LANES];
    for e in e {
        for i in 0..LANES {
            e[i] = math::exp(e[i] - max);
            sums[i] += e[i];
        }
    }
    (max, lanes_sum(sums))
}

#[inline(always)]
unsafe fn cross_entropy_rows(what: &CrossEntropy, from: usize, to: usize, cols: usize, scratch: *mut f32) {
    for row in from..to {
        // SAFETY: the caller vouches for every matrix named.
        unsafe {
            let z = what.logits.ptr.wrapping_add(row * what.logits.stride);
            let (max, sum) = exponentials(z, cols, scratch);
            let log_sum = max + math::log(sum);
            let (label, dense, total) = match what.target {
                Target::Index(t) => {
                    let label = column(*t.ptr.wrapping_add(row * t.stride), cols);
                    (label, None, if label.is_some() { 1.0 } else { 0.0 })
                }
                Target::Dense(t) => {
                    let y = t.ptr.wrapping_add(row * t.stride);
                    (None, Some(y), (0..cols).fold(0.0, |s, j| s + *y.add(j)))
                }
            };
            if let Some(entropy) = what.entropy {
                *entropy.ptr.wrapping_add(row * entropy.stride) = match (label, dense) {
                    (Some(j), _) => log_sum - *z.add(j),
                    (None, Some(y)) => (0..cols).fold(0.0, |s, j| {
                        let part = *y.add(j) * (log_sum - *z.add(j));
                        s + if *y.add(j) == 0.0 { 0.0 } else { part }
                    }),
                    // No target at all: nothing is asked of the row, but what went wrong before it must show.
                    (None, None) => sum * 0.0,
                };
            }
            if let Some((d, gradient)) = what.gradient {
                let d = *d.ptr.wrapping_add(row * d.row_stride);
                let out = gradient.ptr.wrapping_add(row * gradient.stride);
                let scale = total / sum;
                match dense {
                    Some(y) => (0..cols).for_each(|j| *out.add(j) = (*scratch.add(j) * scale - *y.add(j)) * d),
                    None => {
                        (0..cols).for_each(|j| *out.add(j) = *scratch.add(j) * scale * d);
                        if let Some(j) = label {
                            *out.add(j) = (*scratch.add(j) * scale - 1.0) * d;
                        }
                    }
                }
            }
            if let Some((k, out)) = what.in_top {
                *out.ptr.wrapping_add(row * out.stride) = rank_below(std::slice::from_raw_parts(z, cols), label, k);
            }
        }
    }
}

#[inline(always)]
unsafe fn map_rows(f: RowMap, x: Rows, y: RowsMut, from: usize, to: usize, cols: usize, scratch: *mut f32) {
    for row in from..to {
        // SAFETY: the caller vouches for both matrices.
        unsafe {
            let (z, out) = (x.ptr.wrapping_add(row * x.stride), y.ptr.wrapping_add(row * y.stride));
            let (max, sum) = exponentials(z, cols, scratch);
            match f {
                RowMap::Softmax => {
                    let scale = 1.0 / sum;
                    (0..cols).for_each(|j| *out.add(j) = *scratch.add(j) * scale);
                }
                RowMap::LogSoftmax => {
                    let log_sum = math::log(sum);
                    (0..cols).for_each(|j| *out.add(j) = *z.add(j) - max - log_sum);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn fold_rows(f: RowFold, x: Rows, y: RowsMut, from: usize, to: usize, cols: usize) {
    for row in from..to {
        // SAFETY: the caller vouches for both matrices.
        unsafe {
            let z = std::slice::from_raw_parts(x.ptr.wrapping_add(row * x.stride), cols);
            *y.ptr.wrapping_add(row * y.stride) = match f {
                RowFold::Max => z.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a || b.is_nan() { b } else { a }),
                RowFold::Argmax => {
                    let first = |best: usize, j: usize| if z[j] > z[best] || z[best].is_nan() { j } else { best };
                    (0..cols).fold(0, first) as f32
                }
                RowFold::Sum => {
                    // Long rows: the sums of stretches are added in f64.
                    let stretch = |s: &[f32]| {
                        let mut sums = [0.0f32; LANES];
                        let (whole, rest) = s.as_chunks::<LANES>();
                        whole.iter().for_each(|c| (0..LANES).for_each(|i| sums[i] += c[i]));
                        rest.iter().zip(&mut sums).for_each(|(x, s)| *s += x);
                        f64::from(lanes_sum(sums))
                    };
                    z.chunks(1024).map(stretch).sum::<f64>() as f32
                }
            };
        }
    }
}

#[inline(always)]
unsafe fn add_each_row(x: Rows, rows: usize, cols: usize, sums: *mut f32) {
    let mut col = 0;
    // SAFETY: the caller vouches for both.
    unsafe {
        while col + 4 * LANES <= cols {
            add_to_registers::<4>(x, rows, col, sums);
            col += 4 * LANES;
        }
        while col + LANES <= cols {
            add_to_registers::<1>(x, rows, col, sums);
            col += LANES;
        }
        for row in 0..rows {
            let x = x.ptr.wrapping_add(row * x.stride);
            (col..cols).for_each(|j| *sums.add(j) += *x.add(j));
        }
    }
}

/// N · 16 columns from `col` on, whose sums wait in registers.
#[inline(always)]
unsafe fn add_to_registers<const N: usize>(x: Rows, rows: usize, col: usize, sums: *mut f32) {
    // SAFETY: the caller vouches for the columns of every row and of the sums.
    unsafe {
        let sums = sums.add(col).cast::<[[f32; LANES]; N]>();
        let mut s = sums.read_unaligned();
        for row in 0..rows {
            let x = x.ptr.wrapping_add(row * x.stride + col).cast::<[[f32; LANES]; N]>().read_unaligned();
            for (s, x) in s.iter_mut().zip(&x) {
                s.iter_mut().zip(x).for_each(|(s, x)| *s += x);
            }
        }
        sums.write_unaligned(s);
    }
}
