//! The batch: samples gathered by index into the arena, converted on the way.

use crate::Isa;
use crate::lane::prefetch_near;
use std::fmt;

/// Where a column's numbers are.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Bytes, as pixels are.
    U8(&'a [u8]),
    /// Numbers.
    F32(&'a [f32]),
    /// Indices.
    U32(&'a [u32]),
    /// Nowhere yet: each thread makes the rows of its samples.
    Made(Maker<'a>),
}

/// Makes rows: a function of the thread, of the sample's position in the batch, and of the row to be filled.
#[derive(Clone, Copy)]
pub struct Maker<'a>(pub &'a (dyn Fn(usize, usize, &mut [f32]) + Sync));

impl fmt::Debug for Maker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Maker")
    }
}

/// What is done to them on the way.
#[derive(Clone, Copy, Debug)]
pub enum Transform<'a> {
    /// x · factor.
    Scale(f32),
    /// (x − mean) · factor, each with its own.
    Affine {
        /** Means. */
        mean: &'a [f32],
        /** Factors. */
        factor: &'a [f32],
    },
}

/// So many numbers a sample.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// All samples, one after another.
    pub source: Source<'a>,
    /// Numbers a sample.
    pub width: usize,
    /// What is done to them.
    pub transform: Transform<'a>,
    /// Where they go in the arena.
    pub to: usize,
}

/// A batch of samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct Feed<'a> {
    /// What there is of each sample.
    pub columns: &'a [Column<'a>],
    /// Which samples, in order.
    pub indices: &'a [u32],
}

impl Feed<'_> {
    /// Panics if a column does not have the samples, or its place is not within the arena, or two places overlap.
    pub(super) fn check(&self, arena: usize) {
        let last = self.indices.iter().max().map_or(0, |&i| i as usize + 1);
        for (n, c) in self.columns.iter().enumerate() {
            let have = match c.source {
                Source::U8(s) => s.len(),
                Source::F32(s) => s.len(),
                Source::U32(s) => s.len(),
                Source::Made(_) => usize::MAX,
            };
            assert!(last.checked_mul(c.width).is_some_and(|need| need <= have), "a sample's index is out of range");
            let len = self.indices.len() * c.width;
            assert!(c.to.checked_add(len).is_some_and(|end| end <= arena), "a column leaves the arena");
            if let Transform::Affine { mean, factor } = c.transform {
                assert!(mean.len() == c.width && factor.len() == c.width, "a transform has another width");
            }
            for other in &self.columns[..n] {
                let apart = c.to + len <= other.to || other.to + self.indices.len() * other.width <= c.to;
                assert!(apart, "two columns overlap in the arena");
            }
        }
    }

    /// Gathers this thread's share of the samples.
    ///
    /// # Safety
    /// `check` has passed for the arena, and nobody else touches the columns' places.
    pub(super) unsafe fn gather(&self, isa: Isa, arena: *mut f32, thread: usize, threads: usize) {
        let n = self.indices.len();
        let share = n * thread / threads..n * (thread + 1) / threads;
        for c in self.columns {
            let ask = |i: usize| self.indices[..share.end].get(i).map_or((), |&sample| c.ask(sample));
            (share.start..share.start + AHEAD).for_each(ask);
            for i in share.clone() {
                ask(i + AHEAD);
                let from = self.indices[i] as usize * c.width;
                // SAFETY: checked to be within the arena; rows of different threads are apart.
                let to = unsafe { std::slice::from_raw_parts_mut(arena.add(c.to + i * c.width), c.width) };
                if let Source::Made(Maker(make)) = c.source {
                    make(thread, i, to);
                    continue;
                }
                // SAFETY: a program is made only for a machine that has its instruction set.
                unsafe { convert(isa, c, from, to) };
            }
        }
    }
}

/// Samples that are asked for before they are converted: they lie anywhere, and the memory is slow to see what is wanted.
const AHEAD: usize = 2;
/// Bytes of each. (What comes behind them in a long row the machine fetches by itself.)
const BYTES: usize = 1024;
/// Bytes of a cache line.
const LINE: usize = 64;

impl Column<'_> {
    /// Asks the memory for a sample's first numbers.
    fn ask(&self, sample: u32) {
        let (start, size) = match self.source {
            Source::U8(s) => (s.as_ptr(), size_of::<u8>()),
            Source::F32(s) => (s.as_ptr().cast(), size_of::<f32>()),
            Source::U32(s) => (s.as_ptr().cast(), size_of::<u32>()),
            Source::Made(_) => return,
        };
        let row = start.wrapping_add(sample as usize * self.width * size);
        for byte in (0..(self.width * size).min(BYTES)).step_by(LINE) {
            prefetch_near(row.wrapping_add(byte).cast());
        }
    }
}

/// # Safety
/// This machine has `isa`.
unsafe fn convert(isa: Isa, column: &Column, from: usize, to: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
    fn avx512(column: &Column, from: usize, to: &mut [f32]) {
        row(column, from, to);
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2(column: &Column, from: usize, to: &mut [f32]) {
        row(column, from, to);
    }
    // SAFETY: the caller's promise.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_unsafe))]
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512(column, from, to),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2(column, from, to),
            _ => row(column, from, to),
        }
    }
}

#[inline(always)]
fn row(column: &Column, from: usize, to: &mut [f32]) {
    #[inline(always)]
    fn each<T: Copy>(x: &[T], to: &mut [f32], transform: Transform, number: impl Fn(T) -> f32) {
        match transform {
            Transform::Scale(factor) => to.iter_mut().zip(x).for_each(|(y, &x)| *y = number(x) * factor),
            Transform::Affine { mean, factor } => {
                for (((y, &x), m), f) in to.iter_mut().zip(x).zip(mean).zip(factor) {
                    *y = (number(x) - m) * f;
                }
            }
        }
    }
    let within = from..from + column.width;
    match column.source {
        Source::U8(s) => each(&s[within], to, column.transform, f32::from),
        Source::F32(s) => each(&s[within], to, column.transform, |x| x),
        Source::U32(s) => each(&s[within], to, column.transform, |x| x as f32),
        Source::Made(_) => unreachable!("such rows are made, not converted"),
    }
}
