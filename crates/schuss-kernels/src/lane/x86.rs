//! The registers of AVX2 and AVX-512.

use super::{Entry, Lane, Register};
use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Eight numbers, AVX2 and FMA.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Avx2(__m256);

/// Sixteen numbers, AVX-512 F, DQ, BW and VL.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Avx512(pub(crate) __m512);

macro_rules! operator {
    ($($register:ident: $trait:ident $method:ident $intrinsic:ident;)*) => {$(
        impl $trait for $register {
            type Output = $register;
            #[inline(always)]
            fn $method(self, other: $register) -> $register {
                // SAFETY: runs only inside functions that enable the instruction set (see `Register`).
                $register(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    )*};
}
operator! {
    Avx2: Add add _mm256_add_ps;
    Avx2: Sub sub _mm256_sub_ps;
    Avx2: Mul mul _mm256_mul_ps;
    Avx2: Div div _mm256_div_ps;
    Avx512: Add add _mm512_add_ps;
    Avx512: Sub sub _mm512_sub_ps;
    Avx512: Mul mul _mm512_mul_ps;
    Avx512: Div div _mm512_div_ps;
}

impl Neg for Avx2 {
    type Output = Avx2;
    #[inline(always)]
    fn neg(self) -> Avx2 {
        // SAFETY: runs only inside functions that enable the instruction set (see `Register`).
        Avx2(unsafe { _mm256_xor_ps(self.0, _mm256_set1_ps(-0.0)) })
    }
}

impl Neg for Avx512 {
    type Output = Avx512;
    #[inline(always)]
    fn neg(self) -> Avx512 {
        // SAFETY: runs only inside functions that enable the instruction set (see `Register`).
        Avx512(unsafe { _mm512_xor_ps(self.0, _mm512_set1_ps(-0.0)) })
    }
}

// SAFETY (all blocks of these four impls): they run only inside functions that enable the instruction set (see
// `Register`); where a pointer is read or written the caller promised that it can be.
#[allow(clippy::undocumented_unsafe_blocks)]
mod registers {
    use super::*;

    impl Lane for Avx2 {
        type Mask = __m256;
        #[inline(always)]
        fn splat(x: f64) -> Self {
            Avx2(unsafe { _mm256_set1_ps(x as f32) })
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            Avx2(unsafe { _mm256_sqrt_ps(self.0) })
        }
        #[inline(always)]
        fn abs(self) -> Self {
            Avx2(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            Avx2(unsafe { _mm256_max_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn min(self, other: Self) -> Self {
            Avx2(unsafe { _mm256_min_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn less(self, other: Self) -> __m256 {
            unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) }
        }
        #[inline(always)]
        fn select(mask: __m256, yes: Self, no: Self) -> Self {
            Avx2(unsafe { _mm256_blendv_ps(no.0, yes.0, mask) })
        }
    }

    impl Register for Avx2 {
        const COUNT: usize = 8;
        type Part = __m256i;

        #[inline(always)]
        fn part(n: usize) -> __m256i {
            unsafe {
                let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                _mm256_cmpgt_epi32(_mm256_set1_epi32(n.min(8) as i32), places)
            }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Avx2(unsafe { _mm256_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm256_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn load_part(from: *const f32, part: __m256i) -> Self {
            Avx2(unsafe { _mm256_maskload_ps(from, part) })
        }
        #[inline(always)]
        unsafe fn store_part(self, to: *mut f32, part: __m256i) {
            unsafe { _mm256_maskstore_ps(to, part, self.0) }
        }
        #[inline(always)]
        fn keep(self, part: __m256i) -> Self {
            Avx2(unsafe { _mm256_and_ps(self.0, _mm256_castsi256_ps(part)) })
        }
        #[inline(always)]
        fn times_plus(self, y: Self, z: Self) -> Self {
            Avx2(unsafe { _mm256_fmadd_ps(self.0, y.0, z.0) })
        }
        #[inline(always)]
        fn is_zero(self) -> bool {
            self.nonzero() == 0
        }
        #[inline(always)]
        fn nonzero(self) -> u32 {
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(self.0, _mm256_setzero_ps())) }.cast_unsigned()
        }
    }

    impl Lane for Avx512 {
        type Mask = __mmask16;
        #[inline(always)]
        fn splat(x: f64) -> Self {
            Avx512(unsafe { _mm512_set1_ps(x as f32) })
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            Avx512(unsafe { _mm512_sqrt_ps(self.0) })
        }
        #[inline(always)]
        fn abs(self) -> Self {
            Avx512(unsafe { _mm512_abs_ps(self.0) })
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            Avx512(unsafe { _mm512_max_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn min(self, other: Self) -> Self {
            Avx512(unsafe { _mm512_min_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn less(self, other: Self) -> __mmask16 {
            unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }
        }
        #[inline(always)]
        fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
            Avx512(unsafe { _mm512_mask_blend_ps(mask, no.0, yes.0) })
        }
    }

    impl Register for Avx512 {
        const COUNT: usize = 16;
        type Part = __mmask16;

        #[inline(always)]
        fn part(n: usize) -> __mmask16 {
            ((1u32 << n.min(16)) - 1) as u16
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Avx512(unsafe { _mm512_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn load_part(from: *const f32, part: __mmask16) -> Self {
            Avx512(unsafe { _mm512_maskz_loadu_ps(part, from) })
        }
        #[inline(always)]
        unsafe fn store_part(self, to: *mut f32, part: __mmask16) {
            unsafe { _mm512_mask_storeu_ps(to, part, self.0) }
        }
        #[inline(always)]
        fn keep(self, part: __mmask16) -> Self {
            Avx512(unsafe { _mm512_maskz_mov_ps(part, self.0) })
        }
        #[inline(always)]
        fn times_plus(self, y: Self, z: Self) -> Self {
            Avx512(unsafe { _mm512_fmadd_ps(self.0, y.0, z.0) })
        }
        #[inline(always)]
        fn is_zero(self) -> bool {
            self.nonzero() == 0
        }
        #[inline(always)]
        fn nonzero(self) -> u32 {
            u32::from(unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_ps()) })
        }
        #[inline(always)]
        unsafe fn list_nonzero(self, at: u32, step: u32, to: *mut Entry) -> usize {
            unsafe {
                let some = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_ps());
                list_chosen(some, _mm512_castps_si512(self.0), at, step, to)
            }
        }
        #[inline(always)]
        unsafe fn turn(from: *const f32, step: usize, [rows, columns]: [usize; 2], to: *mut f32, to_step: usize) {
            let (width, height) = (Self::part(columns), Self::part(rows));
            let mut square = [Self::splat(0.0); 16];
            for (i, x) in square.iter_mut().enumerate().take(rows) {
                *x = unsafe { Self::load_part(from.add(i * step), width) };
            }
            let turned = Self::transpose(square);
            for (i, x) in turned.iter().enumerate().take(columns) {
                unsafe { x.store_part(to.add(i * to_step), height) };
            }
        }
    }
}

/// Lists the chosen numbers, as [`Register::list_nonzero`].
///
/// # Safety
/// Sixteen entries can be written at `to`; the machine has AVX-512.
#[inline(always)]
pub unsafe fn list_chosen(some: __mmask16, numbers: __m512i, at: u32, step: u32, to: *mut Entry) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        let place = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let steps = _mm512_mullo_epi32(place, _mm512_set1_epi32(step.cast_signed()));
        let at = _mm512_add_epi32(steps, _mm512_set1_epi32(at.cast_signed()));
        let at = _mm512_maskz_compress_epi32(some, at);
        let value = _mm512_maskz_compress_epi32(some, numbers);
        // Places and numbers in turn.
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
        _mm512_storeu_si512(to.cast(), _mm512_permutex2var_epi32(at, low, value));
        _mm512_storeu_si512(to.add(8).cast(), _mm512_permutex2var_epi32(at, high, value));
        some.count_ones() as usize
    }
}

impl Avx512 {
    /// Swaps rows and columns of sixteen registers.
    #[inline(always)]
    pub fn transpose(rows: [Avx512; 16]) -> [Avx512; 16] {
        // SAFETY: the same bits; runs only inside functions that enable the instruction set (see `Register`). (The standard
        // library's `map` would not be compiled for it.)
        unsafe {
            let mut x = std::mem::transmute::<[Avx512; 16], [__m512; 16]>(rows);
            // Each round swaps one bit of the row's number with one bit of the column's.
            for i in [0, 2, 4, 6, 8, 10, 12, 14] {
                (x[i], x[i + 1]) = (_mm512_unpacklo_ps(x[i], x[i + 1]), _mm512_unpackhi_ps(x[i], x[i + 1]));
            }
            for i in [0, 4, 8, 12] {
                let (a, b) = (_mm512_castps_pd(x[i]), _mm512_castps_pd(x[i + 1]));
                let (d, e) = (_mm512_castps_pd(x[i + 2]), _mm512_castps_pd(x[i + 3]));
                x[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, d));
                x[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, d));
                x[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, e));
                x[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, e));
            }
            // Now x[4q + c] holds, in its 128-bit quarter p, column 4p + c of rows 4q ... 4q + 3.
            for c in 0..4 {
                let [a, b, d, e] = [x[c], x[c + 4], x[c + 8], x[c + 12]];
                let (ab_even, ab_odd) =
                    (_mm512_shuffle_f32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b));
                let (de_even, de_odd) =
                    (_mm512_shuffle_f32x4::<0b10_00_10_00>(d, e), _mm512_shuffle_f32x4::<0b11_01_11_01>(d, e));
                x[c] = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab_even, de_even);
                x[c + 8] = _mm512_shuffle_f32x4::<0b11_01_11_01>(ab_even, de_even);
                x[c + 4] = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab_odd, de_odd);
                x[c + 12] = _mm512_shuffle_f32x4::<0b11_01_11_01>(ab_odd, de_odd);
            }
            std::mem::transmute::<[__m512; 16], [Avx512; 16]>(x)
        }
    }
}
