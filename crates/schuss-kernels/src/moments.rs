//! Sums of columns that belong together, in one pass: those of numbers and of their squared distances from the mean, or those of
//! numbers and of their products with others.
//!
//! Some rows at a time, so that they are still near when their mean is known; what comes of them is put together as Chan, Golub
//! and LeVeque 1983 do, Algorithms for computing the sample variance, equations 2.1.

use crate::Isa;
use crate::lane::{Register, Wide, prefetch};
use crate::rows::Rows;
use std::ops::Range;

/// Numbers that are near, about, and rows at a time at least and at most.
const NEAR: usize = 1024;
const ROWS: [usize; 2] = [16, 64];

/// What is summed.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// x.
    pub x: Rows,
    /// u, as many, and a row m.
    pub with: Option<(Rows, *const f32)>,
    /// How many, at least one.
    pub rows: usize,
    /// How many.
    pub cols: usize,
    /// The sums of each column of x, then those of its squared distances from the column's mean or, given u and m, those of
    /// x (u − m).
    pub to: *mut f32,
}

/// Sums.
///
/// # Safety
/// This machine has `isa`; all that is named can be read or written, and nothing written overlaps the rest.
pub unsafe fn moments(isa: Isa, what: Moments) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
    unsafe fn avx512(what: Moments) {
        // SAFETY: the caller's promise.
        unsafe { what.run::<crate::lane::Avx512>() }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(what: Moments) {
        // SAFETY: the caller's promise.
        unsafe { what.run::<crate::lane::Avx2>() }
    }
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512(what),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2(what),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => what.run::<crate::lane::Neon>(),
            _ => what.run::<Wide>(),
        }
    }
}

/// Some columns: in whole registers, or fewer than one has.
trait Columns<V: Register>: Copy {
    unsafe fn load(self, from: *const f32) -> V;
    unsafe fn store(self, x: V, to: *mut f32);
}

#[derive(Clone, Copy)]
struct Whole;
#[derive(Clone, Copy)]
struct Few<P>(P);

impl<V: Register> Columns<V> for Whole {
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load(from) }
    }
    #[inline(always)]
    unsafe fn store(self, x: V, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { x.store(to) }
    }
}

impl<V: Register> Columns<V> for Few<V::Part> {
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load_part(from, self.0) }
    }
    #[inline(always)]
    unsafe fn store(self, x: V, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { x.store_part(to, self.0) }
    }
}

impl Moments {
    /// Rows at a time.
    #[inline(always)]
    fn height(&self) -> usize {
        (NEAR / self.cols.max(1)).clamp(ROWS[0], ROWS[1])
    }

    #[inline(always)]
    unsafe fn run<V: Register>(self) {
        let (mut start, height) = (0, self.height());
        while start < self.rows {
            let end = self.rows.min(start + height);
            let mut col = 0;
            // SAFETY: the caller vouches for all columns.
            unsafe {
                while col + 2 * V::COUNT <= self.cols {
                    self.of_columns::<V, 2, 2>(Whole, start..end, col);
                    col += 2 * V::COUNT;
                }
                while col < self.cols {
                    self.of_columns::<V, 1, 4>(Few(V::part(self.cols - col)), start..end, col);
                    col += V::COUNT;
                }
            }
            start = end;
        }
    }

    /// K registers of columns from `col` on, of some rows, put together with what came of the rows before them. S rows are added
    /// side by side: one addition need not wait for the one before it.
    #[inline(always)]
    unsafe fn of_columns<V: Register, const K: usize, const S: usize>(
        self,
        columns: impl Columns<V>,
        rows: Range<usize>,
        col: usize,
    ) {
        // SAFETY: the caller vouches for the columns of every row and of what is made.
        unsafe {
            let place = |x: Rows, row: usize, k: usize| x.ptr.wrapping_add(row * x.stride + col + k * V::COUNT);
            let at = |x: Rows, row: usize, k: usize| columns.load(place(x, row, k));
            let zeros = || [V::splat(0.0); K];
            let (mut sums, mut latter) = (zeros(), zeros());
            let share = V::splat(1.0 / rows.len() as f64);
            match self.with {
                Some((u, m)) => {
                    let mean: [V; K] = std::array::from_fn(|k| columns.load(m.add(col + k * V::COUNT)));
                    added::<V, K, S, 2>(rows.clone(), [&mut sums, &mut latter], |sums, row, k| {
                        // Nobody has asked for these.
                        prefetch(place(u, row + ROWS[1], k));
                        let x = at(self.x, row, k);
                        sums[0] = sums[0] + x;
                        sums[1] = x.times_plus(at(u, row, k) - mean[k], sums[1]);
                    });
                }
                None => {
                    added::<V, K, S, 1>(rows.clone(), [&mut sums], |sums, row, k| {
                        sums[0] = sums[0] + at(self.x, row, k);
                    });
                    let mean = sums.map(|s| s * share);
                    added::<V, K, S, 1>(rows.clone(), [&mut latter], |sums, row, k| {
                        let apart = at(self.x, row, k) - mean[k];
                        sums[0] = apart.times_plus(apart, sums[0]);
                    });
                }
            }
            for k in 0..K {
                let to = [0, self.cols].map(|first| self.to.add(first + col + k * V::COUNT));
                if rows.start > 0 {
                    let (before, more) = (columns.load(to[0]), columns.load(to[1]));
                    if self.with.is_none() {
                        let (n, m) = (rows.start as f64, rows.len() as f64);
                        let apart = sums[k] * share - before * V::splat(1.0 / n);
                        latter[k] = (apart * apart).times_plus(V::splat(n * m / (n + m)), latter[k]);
                    }
                    (sums[k], latter[k]) = (before + sums[k], more + latter[k]);
                }
                columns.store(sums[k], to[0]);
                columns.store(latter[k], to[1]);
            }
        }
    }
}

/// M sums over some rows, of each of K registers.
#[inline(always)]
fn added<V: Register, const K: usize, const S: usize, const M: usize>(
    rows: Range<usize>,
    to: [&mut [V; K]; M],
    add: impl Fn(&mut [V; M], usize, usize),
) {
    let mut sums = [[[V::splat(0.0); M]; K]; S];
    let mut row = rows.start;
    while row + S <= rows.end {
        for (s, sums) in sums.iter_mut().enumerate() {
            sums.iter_mut().enumerate().for_each(|(k, sums)| add(sums, row + s, k));
        }
        row += S;
    }
    while row < rows.end {
        sums[0].iter_mut().enumerate().for_each(|(k, sums)| add(sums, row, k));
        row += 1;
    }
    for (m, to) in to.into_iter().enumerate() {
        for (k, to) in to.iter_mut().enumerate() {
            *to = sums[0][k][m];
            sums[1..].iter().for_each(|side| *to = *to + side[k][m]);
        }
    }
}
