//! Products of factors that are rounded to bfloat16, with the unit of AVX-512 that adds two products to a sum.
//!
//! Both factors are copied together in pairs of inner steps: A in blocks of rows, B in panels of two registers. What k
//! lacks to a whole pair is 0.

use super::sparse::PAIRS;
use super::{Kernel, Kernels, Matrix, Near};
use crate::lane::{Avx512, Register, for_rows};
use std::arch::x86_64::*;
use std::hint::black_box;
use std::sync::OnceLock;

/// Pairs of two registers.
pub const WIDTH: usize = 32;

pub(super) static KERNELS: Kernels = {
    macro_rules! kernels {
        ($($rows:literal)*) => { &[$([kernel::<$rows, 1>, kernel::<$rows, 2>]),*] };
    }
    const ALL: &[[Kernel; 2]] = kernels!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    Kernels { copies: true, pairs: true, zeros: Some(&PAIRS), ..Kernels::new(16, ALL.len(), ALL, pack) }
};

/// Does this machine have the unit, and is it faster than multiplying and adding f32? Intel's takes twice as long.
pub fn fast() -> bool {
    static FAST: OnceLock<bool> = OnceLock::new();
    *FAST.get_or_init(|| {
        let maker = __cpuid(0);
        let amd = [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD";
        amd && is_x86_feature_detected!("avx512bf16")
    })
}

/// Floating-point operations that this thread's unit does in so many rounds of twelve chains.
///
/// # Panics
/// If this machine does not have the unit.
pub fn multiply(rounds: usize) -> usize {
    assert!(fast(), "this machine has no such unit");
    const CHAINS: usize = 12;
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn chains(rounds: usize) -> f32 {
        let mut sums = [_mm512_setzero_ps(); CHAINS];
        // SAFETY: 64 bytes of numbers.
        let ones: __m512bh = unsafe { std::mem::transmute(_mm512_set1_epi32(0x3f80_3f80)) };
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbf16_ps(*sum, ones, ones);
            }
        }
        let mut all = sums[0];
        for sum in &sums[1..] {
            all = _mm512_add_ps(all, *sum);
        }
        _mm512_cvtss_f32(all)
    }
    // SAFETY: the unit is there.
    black_box(unsafe { chains(black_box(rounds)) });
    2 * 32 * CHAINS * rounds
}

/// Copies k rows of `cols` numbers together, in pairs of rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn pack(k: usize, cols: usize, from: Matrix, to: *mut f32) {
    // SAFETY: the caller's promise; a pair takes the place of a number.
    unsafe {
        match from.col_stride {
            1 => pack_rows(k, cols, from.ptr, from.row_stride, to.cast()),
            _ => pack_columns(k, cols, from, to.cast()),
        }
    }
}

/// Where the numbers of two rows go once they are side by side, the first row's in the lower halves.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub fn in_turn() -> __m512i {
    const ORDER: [u16; 32] = {
        let mut order = [0; 32];
        let mut i = 0;
        while i < 32 {
            order[i] = (i / 2 + i % 2 * 16) as u16;
            i += 1;
        }
        order
    };
    // SAFETY: 64 bytes.
    unsafe { _mm512_loadu_si512(ORDER.as_ptr().cast()) }
}

/// The same where the numbers of a row lie together.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_rows(k: usize, cols: usize, from: *const f32, from_stride: usize, to: *mut u32) {
    for row in (0..k).step_by(2) {
        for col in (0..cols).step_by(16) {
            let (part, next) = (Avx512::part(cols - col), Avx512::part(if row + 1 < k { cols - col } else { 0 }));
            // SAFETY: the caller's promise; an empty part reads nothing.
            unsafe {
                let at = from.wrapping_add(row * from_stride + col);
                let (x, y) = (Avx512::load_part(at, part), Avx512::load_part(at.wrapping_add(from_stride), next));
                let halves: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(y.0, x.0));
                let pairs = _mm512_permutexvar_epi16(in_turn(), halves);
                _mm512_storeu_si512(to.add(row / 2 * WIDTH + col).cast(), pairs);
            }
        }
    }
}

/// Thirty-two numbers that lie a step apart, rounded; 0 behind the first `count`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn stretch(from: *const f32, step: usize, count: usize) -> __m512i {
    let mut gathered = [0.0f32; 32];
    let from = if step == 1 {
        from
    } else {
        // SAFETY: the caller's promise.
        gathered.iter_mut().take(count).enumerate().for_each(|(i, x)| *x = unsafe { *from.add(i * step) });
        gathered.as_ptr()
    };
    // SAFETY: the first `count` can be read; both are 64 bytes of numbers.
    unsafe {
        let x = Avx512::load_part(from, Avx512::part(count));
        let y = Avx512::load_part(from.wrapping_add(16), Avx512::part(count.saturating_sub(16)));
        std::mem::transmute(_mm512_cvtne2ps_pbh(y.0, x.0))
    }
}

/// The same where the numbers of a column lie together, or anywhere.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_columns(k: usize, cols: usize, from: Matrix, to: *mut u32) {
    for col in (0..cols).step_by(16) {
        for row in (0..k).step_by(32) {
            let mut block = [Avx512(_mm512_setzero_ps()); 16];
            for (j, x) in block.iter_mut().enumerate().take(cols - col) {
                // SAFETY: numbers of column `col + j` from `row` on.
                *x = Avx512(_mm512_castsi512_ps(unsafe {
                    let at = from.ptr.add((col + j) * from.col_stride + row * from.row_stride);
                    stretch(at, from.row_stride, (k - row).min(32))
                }));
            }
            for (i, x) in Avx512::transpose(block).into_iter().enumerate().take((k - row).div_ceil(2)) {
                // SAFETY: row `row / 2 + i` of the panel has 32 places, 16 from `col` on.
                unsafe { x.store(to.add((row / 2 + i) * WIDTH + col).cast()) };
            }
        }
    }
}

/// ROWS × `c_cols` elements of C, held in ROWS × REGISTERS registers while the pairs run.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
unsafe fn kernel<const ROWS: usize, const REGISTERS: usize>(
    pairs: usize,
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
    let stored = Avx512::part(c_cols - last * 16);
    let mut sums = [[_mm512_setzero_ps(); REGISTERS]; ROWS];
    // As in the plain kernel: rows in threes of five, and offsets that the compiler must not see through.
    let offsets: [usize; 5] = std::array::from_fn(|i| black_box(i * a.row_stride));
    let mut a_k: [*const u32; 3] = std::array::from_fn(|i| black_box(a.ptr.wrapping_add(5 * i * a.row_stride).cast()));
    let (mut b_k, a_step) = (b, a.col_stride);
    // SAFETY: the caller's promise; the pointers are not read after their last step.
    unsafe {
        let (mut left, mut row) = (pairs, 0);
        while left > 0 {
            let some = near.bring(row, cols, left);
            for _ in 0..some {
                let y: [__m512bh; REGISTERS] =
                    std::array::from_fn(|j| std::mem::transmute(_mm512_loadu_si512(b_k.add(j * 16).cast())));
                for_rows!(i < ROWS: {
                    let x = _mm512_set1_epi32((*a_k[i / 5].add(offsets[i % 5])).cast_signed());
                    for (sum, y) in sums[i].iter_mut().zip(y) {
                        *sum = _mm512_dpbf16_ps(*sum, std::mem::transmute::<__m512i, __m512bh>(x), y);
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
                Avx512(*sum).store(c.add(j * 16));
            }
            Avx512(sums[i][last]).store_part(c.add(last * 16), stored);
        });
    }
}
