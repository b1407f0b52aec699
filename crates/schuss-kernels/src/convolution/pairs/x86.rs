//! AVX-512's unit for pairs of bfloat16, and AMX's for tiles of them.

use super::super::registers::{Kernel, Kernels, Pairing};
use super::{Factors, Isa, Segment};
use crate::lane::{Avx512, Register, for_rows};
use crate::product::bf16;
use std::arch::x86_64::*;
use std::hint::black_box;
use std::sync::OnceLock;

/// Where numbers of 16 bits are multiplied in pairs.
const PAIRS: Pairing = Pairing { pack: bf16::pack, beside };

/// The unit's kernels, if it is faster than f32.
pub fn kernels() -> Option<&'static Kernels> {
    macro_rules! kernels {
        ($($rows:literal)*) => { &[$([kernel::<$rows, 1>, kernel::<$rows, 2>]),*] };
    }
    const ALL: &[[Kernel; 2]] = kernels!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    static KERNELS: OnceLock<Kernels> = OnceLock::new();
    bf16::fast().then(|| KERNELS.get_or_init(|| of(ALL)))
}

/// What copies for tiles.
pub fn copies() -> &'static Kernels {
    static COPIES: OnceLock<Kernels> = OnceLock::new();
    COPIES.get_or_init(|| of(&[]))
}

fn of(kernels: &'static [[Kernel; 2]]) -> Kernels {
    let plain = super::super::kernels(Isa::Avx512, Factors::F32);
    Kernels { kernels, rows: kernels.len(), copy: halves, rounds: true, pair: Some(PAIRS), ..*plain }
}

/// n numbers, rounded to 16 bits.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn halves(from: *const f32, to: *mut f32, n: usize) {
    let to = to.cast::<u16>();
    for i in (0..n).step_by(32) {
        let mask = u32::MAX >> (32 - (n - i).min(32));
        // SAFETY: n numbers can be read and written.
        unsafe {
            let numbers = bf16::stretch(from.add(i), 1, (n - i).min(32));
            _mm512_mask_storeu_epi16(to.add(i).cast(), mask, numbers);
        }
    }
}

/// Each of n numbers beside the one `step` further.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn beside(from: *const u16, step: usize, n: usize, to: *mut u32) {
    for i in (0..n).step_by(16) {
        // SAFETY: the caller's promise: a register can be read behind both, and written behind n numbers up to a line.
        unsafe {
            let word = |at: *const u16| _mm512_cvtepu16_epi32(_mm256_loadu_si256(at.cast()));
            let (own, next) = (word(from.add(i)), word(from.add(i + step)));
            _mm512_storeu_si512(to.add(i).cast(), _mm512_or_si512(own, _mm512_slli_epi32::<16>(next)));
        }
    }
}

/// As `super::super::registers::kernel`, in pairs: places of A are numbers of 16 bits, and so are its steps.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
unsafe fn kernel<const ROWS: usize, const REGISTERS: usize>(
    segments: &[Segment],
    pairs: usize,
    _cols: usize,
    a: *const f32,
    a_row: usize,
    a_step: usize,
    b: *const f32,
    b_step: usize,
    c: *mut f32,
    c_stride: usize,
    c_cols: usize,
    add: bool,
) {
    let last = REGISTERS - 1;
    let stored = Avx512::part(c_cols - last * 16);
    let mut sums = [[_mm512_setzero_ps(); REGISTERS]; ROWS];
    let a = a.cast::<u16>();
    // SAFETY: the caller's promise; the pointers are not read after their last step.
    unsafe {
        if add {
            for_rows!(i < ROWS: {
                for (j, sum) in sums[i].iter_mut().enumerate().take(last) {
                    *sum = Avx512::load(c.add(i * c_stride + j * 16)).0;
                }
                sums[i][last] = Avx512::load_part(c.add(i * c_stride + last * 16), stored).0;
            });
        }
        // As in the plain kernel: rows in threes of five, and offsets that the compiler must not see through.
        let mut offsets = [0; 5];
        let mut bases = [a; 3];
        for (i, offset) in offsets.iter_mut().enumerate() {
            *offset = black_box(i * a_row);
        }
        for (i, base) in bases.iter_mut().enumerate() {
            *base = black_box(a.wrapping_add(5 * i * a_row));
        }
        for segment in segments {
            let mut a_k = bases;
            for a in &mut a_k {
                *a = a.wrapping_add(segment.a);
            }
            let mut b_k = b.add(segment.b);
            for _ in 0..pairs {
                let mut y = [_mm512_setzero_si512(); REGISTERS];
                for (j, y) in y.iter_mut().enumerate() {
                    *y = _mm512_loadu_si512(b_k.add(j * 16).cast());
                }
                for_rows!(i < ROWS: {
                    let x = a_k[i / 5].add(offsets[i % 5]).cast::<i32>().read_unaligned();
                    let x = std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(x));
                    for (sum, y) in sums[i].iter_mut().zip(y) {
                        *sum = _mm512_dpbf16_ps(*sum, x, std::mem::transmute::<__m512i, __m512bh>(y));
                    }
                });
                for a in &mut a_k {
                    *a = a.wrapping_add(a_step);
                }
                b_k = b_k.wrapping_add(b_step);
            }
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
