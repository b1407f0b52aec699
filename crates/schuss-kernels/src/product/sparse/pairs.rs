//! For the unit that adds two products of bfloat16 at a time: numbers of A are rounded, and listed two by two.

use super::super::bf16::{WIDTH, pack, stretch};
use super::{Entry, Rows, Zeros};
use crate::lane::{Avx512, Register, list_chosen, turn as turn_of};
use std::arch::x86_64::*;
use std::ops::Range;

pub static PAIRS: Zeros = Zeros {
    width: 16,
    together: 2,
    along,
    across,
    list,
    turn,
    pack: Some((pack, WIDTH)),
    add: [add::<1>, add::<2>, add::<3>, add::<4>, add::<5>, add::<6>, add::<7>, add::<8>],
    most: [0.65, 0.62],
};

/// Which pairs of rounded numbers are more than two zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn some(pairs: __m512i) -> __mmask16 {
    // Without the signs of zeros.
    _mm512_test_epi32_mask(pairs, _mm512_set1_epi32(0x7fff_7fff))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn along(x: *const f32, n: usize) -> usize {
    let mut found = 0;
    for i in (0..n).step_by(32) {
        // SAFETY: the caller's promise.
        found += some(unsafe { stretch(x.add(i), 1, n - i) }).count_ones() as usize;
    }
    found
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16")]
unsafe fn across([x, y]: [*const f32; 2], n: usize) -> usize {
    let mut found = 0;
    for i in (0..n).step_by(16) {
        let part = Avx512::part(n - i);
        // SAFETY: the caller's promise.
        let (x, y) = unsafe { (Avx512::load_part(x.add(i), part), Avx512::load_part(y.add(i), part)) };
        found += (x.nonzero() | y.nonzero()).count_ones() as usize;
    }
    found
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn list(x: *const f32, n: usize, step: u32, to: *mut Entry) -> usize {
    let mut found = 0;
    for i in (0..n).step_by(32) {
        // SAFETY: the caller's promise.
        unsafe {
            let pairs = stretch(x.add(i), 1, n - i);
            found += list_chosen(some(pairs), pairs, i as u32 / 2 * step, step, to.add(found));
        }
    }
    found
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn turn(from: *const f32, step: usize, counts: [usize; 2], to: *mut f32, to_step: usize) {
    // SAFETY: the caller's promise.
    unsafe { turn_of::<Avx512>(from, step, counts, to, to_step) }
}

/// As for single numbers: N registers of sums of each row, plus the pairs of rows of B at each entry, times its pair.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn add<const N: usize>(rows: &Rows, which: Range<usize>, b: *const f32, begins: bool) {
    for i in which {
        let mut all = [_mm512_setzero_ps(); N];
        // SAFETY: the caller's promise.
        unsafe {
            let (sums, entries) = rows.row(i);
            if !begins {
                for (j, sum) in all.iter_mut().enumerate() {
                    *sum = _mm512_loadu_ps(sums.add(j * 16));
                }
            }
            for entry in entries {
                let pair = _mm512_set1_epi32(entry.value.to_bits().cast_signed());
                let row = b.add(entry.at as usize);
                for (j, sum) in all.iter_mut().enumerate() {
                    let y = _mm512_loadu_si512(row.add(j / 2 * rows.panel + j % 2 * 16).cast());
                    let (x, y) =
                        (std::mem::transmute::<__m512i, __m512bh>(pair), std::mem::transmute::<__m512i, __m512bh>(y));
                    *sum = _mm512_dpbf16_ps(*sum, x, y);
                }
            }
            for (j, sum) in all.iter().enumerate() {
                _mm512_storeu_ps(sums.add(j * 16), *sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::product::{Factors, Matrix, bf16, product_into, scratch_len};
    use crate::{Buffer, Isa};

    #[test]
    fn pairs_of_zeros_are_left_out() {
        if !bf16::fast() || crate::product::tiles(Isa::Avx512) {
            return;
        }
        // Of four inner steps two are zeros, and one a 1, first or last of its pair.
        let (m, n, k) = (20, 50, 60);
        let (mut a, mut b, mut c) = (Buffer::zeros(m * k), Buffer::zeros(k * n), Buffer::zeros(m * n));
        let left_out = |p: usize| p % 4 < 2;
        a.iter_mut().enumerate().for_each(|(i, x)| *x = f32::from(u8::from(i % 8 == 2 || i % 8 == 7)));
        b.iter_mut().enumerate().for_each(|(i, x)| *x = if left_out(i / n) { f32::NAN } else { 1.0 });
        let matrix = |x: &Buffer, row_stride| Matrix { ptr: x.as_ptr(), row_stride, col_stride: 1 };
        let mut scratch = Buffer::zeros(scratch_len(Isa::Avx512, Factors::Bf16, m, k));
        let (rows, factors) = ([0..m, 0..n], [matrix(&a, k), matrix(&b, n)]);
        let ([rows, cols], [a, b], to) = (rows, factors, c.as_mut_ptr());
        // SAFETY: the arrays have these sizes; the unit is there.
        unsafe { product_into(Isa::Avx512, Factors::Bf16, rows, cols, k, a, b, &mut scratch, to, n) };
        assert!(c.iter().all(|x| *x == 15.0), "{:?}", &c[..4]);
    }
}
