//! What is computed in registers, compiled for each instruction set.

use super::outer::{Outer, outer_of};
use super::{Add, Entry, SUMS, Sparse};
use crate::lane::{Register, count_nonzero, turn as turn_of};
use std::ops::Range;

#[inline(always)]
unsafe fn gather_of<V: Register>(
    y: *const f32,
    n: usize,
    at: u32,
    counts: *mut u32,
    capacity: usize,
    lists: *mut Entry,
) {
    for i in (0..n).step_by(V::COUNT) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut some = V::load_part(y.add(i), V::part(n - i)).nonzero();
            while some != 0 {
                let own = i + some.trailing_zeros() as usize;
                let count = counts.add(own);
                lists.add(own * capacity + *count as usize).write(Entry { at, value: *y.add(own) });
                *count += 1;
                some &= some - 1;
            }
        }
    }
}

#[inline(always)]
unsafe fn row_of<V: Register>(y: *const f32, n: usize, at: u32, step: u32, to: *mut Entry) -> usize {
    let mut found = 0;
    for i in (0..n).step_by(V::COUNT) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut some = V::load_part(y.add(i), V::part(n - i)).nonzero();
            while some != 0 {
                let own = i + some.trailing_zeros() as usize;
                to.add(found).write(Entry { at: at + own as u32 * step, value: *y.add(own) });
                found += 1;
                some &= some - 1;
            }
        }
    }
    found
}

/// Adds the stretches at each entry, times its value, to LINES × N registers of sums.
#[inline(always)]
unsafe fn add_of<V: Register, const LINES: usize, const N: usize>(
    entries: *const Entry,
    n: usize,
    x: *const f32,
    line: usize,
    last: usize,
    w: *mut f32,
    w_line: usize,
) {
    let part = V::part(last);
    let mut sums = [[V::splat(0.0); N]; LINES];
    // SAFETY: the caller's promise.
    unsafe {
        let at = |i: usize, j: usize| w.add(i * w_line + j * V::COUNT);
        for (i, sums) in sums.iter_mut().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = if j + 1 < N { V::load(at(i, j)) } else { V::load_part(at(i, j), part) };
            }
        }
        for e in 0..n {
            let entry = *entries.add(e);
            let (x, value) = (x.add(entry.at as usize), V::splat(f64::from(entry.value)));
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = x.add(i * line);
                for (j, sum) in sums.iter_mut().enumerate() {
                    let x = x.add(j * V::COUNT);
                    let x = if j + 1 < N { V::load(x) } else { V::load_part(x, part) };
                    *sum = x.times_plus(value, *sum);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                if j + 1 < N {
                    sum.store(at(i, j));
                } else {
                    sum.store_part(at(i, j), part);
                }
            }
        }
    }
}

/// Some windows of a row: for each the sum over its lines' entries of their rows of the panels.
#[inline(always)]
unsafe fn windows_of<V: Register, const N: usize>(
    lines: &[usize],
    starts: *const u32,
    entries: *const Entry,
    which: Range<usize>,
    size: usize,
    panel: *const f32,
    [panel_step, line_step, place_step]: [usize; 3],
    mut to: *mut f32,
    step: usize,
    last: usize,
) {
    let part = V::part(last);
    for window in which {
        let mut sums = [V::splat(0.0); N];
        let mut rows = panel.wrapping_sub(window * place_step);
        // SAFETY: the caller's promise; `rows` is only read where an entry of this window leads.
        unsafe {
            for &line in lines {
                let (first, end) = (*starts.add(line + window), *starts.add(line + window + size));
                for e in first..end {
                    let entry = *entries.add(e as usize);
                    let (row, value) = (rows.wrapping_add(entry.at as usize), V::splat(f64::from(entry.value)));
                    for (j, sum) in sums.iter_mut().enumerate() {
                        let y = V::load(row.wrapping_add(j / 2 * panel_step + j % 2 * V::COUNT));
                        *sum = value.times_plus(y, *sum);
                    }
                }
                rows = rows.wrapping_add(line_step);
            }
            for (j, sum) in sums.iter().enumerate() {
                let to = to.add(j * V::COUNT);
                if j + 1 < N {
                    sum.store(to);
                } else {
                    sum.store_part(to, part);
                }
            }
            to = to.wrapping_add(step);
        }
    }
}

/// The function for so many lines of so many registers: those that [`lines_of`] gives.
macro_rules! by_lines {
    ($choose:ident, $kind:ty, $f:ident) => {
        fn $choose(lines: usize, registers: usize) -> $kind {
            const ONE: [$kind; SUMS] = [
                $f::<1, 1>,
                $f::<1, 2>,
                $f::<1, 3>,
                $f::<1, 4>,
                $f::<1, 5>,
                $f::<1, 6>,
                $f::<1, 7>,
                $f::<1, 8>,
                $f::<1, 9>,
                $f::<1, 10>,
                $f::<1, 11>,
                $f::<1, 12>,
            ];
            const TWO: [$kind; 6] = [$f::<2, 1>, $f::<2, 2>, $f::<2, 3>, $f::<2, 4>, $f::<2, 5>, $f::<2, 6>];
            const THREE: [$kind; 4] = [$f::<3, 1>, $f::<3, 2>, $f::<3, 3>, $f::<3, 4>];
            const FIVE: [$kind; 2] = [$f::<5, 1>, $f::<5, 2>];
            match lines {
                1 => ONE[registers - 1],
                2 => TWO[registers - 1],
                3 => THREE[registers - 1],
                _ => FIVE[registers - 1],
            }
        }
    };
}

/// The functions of an instruction set.
macro_rules! sparse {
    ($all:ident, $register:ty $(, $feature:literal)?) => {
        pub static $all: Sparse = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn count(x: *const f32, n: usize) -> usize {
                // SAFETY: the caller's promise, as in all of these.
                unsafe { count_nonzero::<$register>(x, n) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gather(y: *const f32, n: usize, at: u32, counts: *mut u32, capacity: usize, lists: *mut Entry) {
                // SAFETY: see above.
                unsafe { gather_of::<$register>(y, n, at, counts, capacity, lists) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn row(y: *const f32, n: usize, at: u32, step: u32, to: *mut Entry) -> usize {
                // SAFETY: see above.
                unsafe { row_of::<$register>(y, n, at, step, to) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn add<const LINES: usize, const N: usize>(
                entries: *const Entry,
                n: usize,
                x: *const f32,
                line: usize,
                last: usize,
                w: *mut f32,
                w_line: usize,
            ) {
                // SAFETY: see above.
                unsafe { add_of::<$register, LINES, N>(entries, n, x, line, last, w, w_line) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn windows<const N: usize>(
                lines: &[usize],
                starts: *const u32,
                entries: *const Entry,
                which: Range<usize>,
                size: usize,
                panel: *const f32,
                steps: [usize; 3],
                to: *mut f32,
                step: usize,
                last: usize,
            ) {
                // SAFETY: see above.
                unsafe {
                    windows_of::<$register, N>(lines, starts, entries, which, size, panel, steps, to, step, last)
                }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn outer<const LINES: usize, const N: usize>(
                y: *const f32,
                outs: usize,
                x: *const f32,
                line: usize,
                last: usize,
                w: *mut f32,
                steps: [usize; 2],
            ) {
                // SAFETY: see above.
                unsafe { outer_of::<$register, LINES, N>(y, outs, x, line, last, w, steps) }
            }
            by_lines!(choose, Add, add);
            by_lines!(choose_outer, Outer, outer);
            $(#[target_feature(enable = $feature)])?
            unsafe fn turn(from: *const f32, step: usize, counts: [usize; 2], to: *mut f32, to_step: usize) {
                // SAFETY: see above.
                unsafe { turn_of::<$register>(from, step, counts, to, to_step) }
            }
            Sparse {
                count,
                gather,
                row,
                turn,
                add: choose,
                outer: choose_outer,
                windows: [
                    windows::<1>, windows::<2>, windows::<3>, windows::<4>, windows::<5>, windows::<6>, windows::<7>,
                    windows::<8>,
                ],
            }
        };
    };
}
sparse!(PORTABLE, crate::lane::Wide);
#[cfg(target_arch = "aarch64")]
sparse!(NEON, crate::lane::Neon);
#[cfg(target_arch = "x86_64")]
sparse!(AVX2, crate::lane::Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
sparse!(AVX512, crate::lane::Avx512, "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma");
