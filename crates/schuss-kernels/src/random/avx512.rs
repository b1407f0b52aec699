//! Philox for sixteen counters in a register.

use super::{MULTIPLIER, ROUNDS, WEYL, head};
use std::arch::x86_64::*;

/// Counters in a register.
const LANES: usize = 16;
/// Numbers that they give.
const NUMBERS: usize = 4 * LANES;

/// As [`super::fill`].
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub(crate) fn fill(key: [u32; 2], stream: u64, first: u64, out: &mut [f32]) {
    let (at, out) = head(key, stream, first, out);
    let mut at = at / 4;
    let mut pairs = out.chunks_exact_mut(2 * NUMBERS);
    for pair in &mut pairs {
        // Two chains of rounds at once: each waits for its own products.
        let numbers = sixteen(key, stream, [at, at + LANES as u64]);
        for (to, x) in pair.as_chunks_mut::<LANES>().0.iter_mut().zip(numbers.as_flattened()) {
            // SAFETY: as many numbers as a register has.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), *x) };
        }
        at += 2 * LANES as u64;
    }
    for some in pairs.into_remainder().chunks_mut(NUMBERS) {
        let [numbers] = sixteen(key, stream, [at]);
        for (to, x) in some.chunks_mut(LANES).zip(numbers) {
            let mask = u16::MAX >> (LANES - to.len());
            // SAFETY: the mask has as many numbers as there are.
            unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask, x) };
        }
        at += LANES as u64;
    }
}

/// The numbers of sixteen blocks from each of these on, in order.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
#[inline]
fn sixteen<const N: usize>(mut key: [u32; 2], stream: u64, from: [u64; N]) -> [[__m512; 4]; N] {
    let all = |word: u32| _mm512_set1_epi32(word.cast_signed());
    let mut words = from.map(|from| {
        // Such an order that what the last shuffles bring together is in order.
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        let low = _mm512_add_epi32(all(from as u32), order);
        let carry = _mm512_cmplt_epu32_mask(low, all(from as u32));
        let high = all((from >> 32) as u32);
        let high = _mm512_mask_add_epi32(high, carry, high, all(1));
        [low, high, all(stream as u32), all((stream >> 32) as u32)]
    });
    for _ in 0..ROUNDS {
        for [a, b, c, d] in &mut words {
            let (left, right) = (products(*a, MULTIPLIER[0]), products(*c, MULTIPLIER[1]));
            let xor = |x, y, z| _mm512_ternarylogic_epi32::<0x96>(x, y, z);
            (*a, *b) = (xor(right.1, *b, all(key[0])), right.0);
            (*c, *d) = (xor(left.1, *d, all(key[1])), left.0);
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    words.map(|words| {
        let [a, b, c, d] = words.map(|word| {
            let upper = _mm512_cvtepi32_ps(_mm512_srli_epi32::<8>(word));
            _mm512_mul_ps(upper, _mm512_set1_ps(1.0 / (1 << 24) as f32))
        });
        let pairs =
            [_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d)];
        let [ab, cd, more_ab, more_cd] = pairs.map(|x| _mm512_castps_pd(x));
        [
            _mm512_unpacklo_pd(ab, cd),
            _mm512_unpackhi_pd(ab, cd),
            _mm512_unpacklo_pd(more_ab, more_cd),
            _mm512_unpackhi_pd(more_ab, more_cd),
        ]
        .map(|x| _mm512_castpd_ps(x))
    })
}

/// The lower and the upper halves of products.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
#[inline]
fn products(x: __m512i, by: u32) -> (__m512i, __m512i) {
    let by = _mm512_set1_epi32(by.cast_signed());
    let (even, odd) = (_mm512_mul_epu32(x, by), _mm512_mul_epu32(_mm512_srli_epi64::<32>(x), by));
    let low = _mm512_mask_shuffle_epi32::<0b10_10_00_00>(even, 0xAAAA, odd);
    let high = _mm512_mask_shuffle_epi32::<0b11_11_01_01>(odd, 0x5555, even);
    (low, high)
}
