//! What is found, listed and summed in registers, compiled for each instruction set.

use super::{Add, Entry, Rows, SUMS, Zeros};
use crate::lane::{Register, count_nonzero, turn as turn_of};
use std::ops::Range;

/// Writes the entries of those of `n` numbers that are not 0, `step` apart, and says how many. It may write a register's
/// length more than that.
#[inline(always)]
unsafe fn list_of<V: Register>(x: *const f32, n: usize, step: u32, to: *mut Entry) -> usize {
    let mut found = 0;
    for i in (0..n).step_by(V::COUNT) {
        // SAFETY: the caller's promise.
        unsafe {
            let x = V::load_part(x.add(i), V::part(n - i));
            found += x.list_nonzero(i as u32 * step, step, to.add(found));
        }
    }
    found
}

/// N registers of sums of each row, from 0 or from what stands there: plus the row of B at each entry, times its value.
#[inline(always)]
unsafe fn add_of<V: Register, const N: usize>(rows: &Rows, which: Range<usize>, b: *const f32, begins: bool) {
    for i in which {
        let mut all = [V::splat(0.0); N];
        // SAFETY: the caller's promise.
        unsafe {
            let (sums, entries) = rows.row(i);
            if !begins {
                for (j, sum) in all.iter_mut().enumerate() {
                    *sum = V::load(sums.add(j * V::COUNT));
                }
            }
            for entry in entries {
                let (row, value) = (b.add(entry.at as usize), V::splat(f64::from(entry.value)));
                for (j, sum) in all.iter_mut().enumerate() {
                    *sum = V::load(row.add(j * V::COUNT)).times_plus(value, *sum);
                }
            }
            for (j, sum) in all.iter().enumerate() {
                sum.store(sums.add(j * V::COUNT));
            }
        }
    }
}

/// The functions of an instruction set.
macro_rules! zeros {
    ($all:ident, $register:ty $(, $feature:literal)?) => {
        pub static $all: Zeros = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn along(x: *const f32, n: usize) -> usize {
                // SAFETY: the caller's promise, as in all of these.
                unsafe { count_nonzero::<$register>(x, n) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn across(x: [*const f32; 2], n: usize) -> usize {
                // SAFETY: see above.
                unsafe { count_nonzero::<$register>(x[0], n) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn list(x: *const f32, n: usize, step: u32, to: *mut Entry) -> usize {
                // SAFETY: see above.
                unsafe { list_of::<$register>(x, n, step, to) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn turn(from: *const f32, step: usize, counts: [usize; 2], to: *mut f32, to_step: usize) {
                // SAFETY: see above.
                unsafe { turn_of::<$register>(from, step, counts, to, to_step) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn add<const N: usize>(rows: &Rows, which: Range<usize>, b: *const f32, begins: bool) {
                // SAFETY: see above.
                unsafe { add_of::<$register, N>(rows, which, b, begins) }
            }
            const ADD: [Add; SUMS] = [add::<1>, add::<2>, add::<3>, add::<4>, add::<5>, add::<6>, add::<7>, add::<8>];
            let width = <$register as Register>::COUNT;
            Zeros { width, together: 1, along, across, list, turn, pack: None, add: ADD, most: [0.65, 0.62] }
        };
    };
}
zeros!(PORTABLE, crate::lane::Wide);
#[cfg(target_arch = "aarch64")]
zeros!(NEON, crate::lane::Neon);
#[cfg(target_arch = "x86_64")]
zeros!(AVX2, crate::lane::Avx2, "avx2,fma,popcnt");
#[cfg(target_arch = "x86_64")]
zeros!(AVX512, crate::lane::Avx512, "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,popcnt");
