//! Packing with AVX-512's own instructions.

// SAFETY (all of it): the functions run only where `pack` and `unpack` know that the machine has the instruction set;
// pointers are the caller's promise.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::*;
use std::arch::x86_64::*;

#[inline(always)]
fn set(x: u32) -> __m512i {
    unsafe { _mm512_set1_epi32(x.cast_signed()) }
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub unsafe fn unpack(codec: Codec, from: *const f32, blocks: usize, to: *mut f32) {
    for block in 0..blocks {
        unsafe {
            let (from, to) = (from.add(block * codec.words()), to.add(block * BLOCK).cast::<i32>());
            let x = match codec {
                Codec::F32 => _mm512_loadu_epi32(from.cast()),
                Codec::Bf16 => _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()))),
                Codec::Signed8 | Codec::Positive8 => {
                    let codes = _mm_loadu_si128(from.cast());
                    let base = _mm512_set1_epi32(from.add(BLOCK / 4).cast::<i32>().read_unaligned());
                    if codec == Codec::Positive8 {
                        let codes = _mm512_cvtepu8_epi32(codes);
                        let some = _mm512_test_epi32_mask(codes, codes);
                        _mm512_maskz_add_epi32(some, _mm512_slli_epi32::<20>(codes), base)
                    } else {
                        let codes = _mm512_cvtepi8_epi32(codes);
                        let code = _mm512_and_epi32(codes, set(0x7F));
                        let some = _mm512_test_epi32_mask(code, code);
                        let magnitude = _mm512_maskz_add_epi32(some, _mm512_slli_epi32::<20>(code), base);
                        // magnitude | (codes & sign)
                        _mm512_ternarylogic_epi32::<0xF8>(magnitude, codes, set(SIGN))
                    }
                }
            };
            _mm512_storeu_epi32(to, x);
        }
    }
}

/// The greatest of four registers' elements each, in four elements of one.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
fn greatest(x: [__m512i; 4]) -> __m128i {
    let pair = |a: __m512i, b: __m512i| {
        // Quarters of a in the first and third place, of b in the second and fourth.
        let low = _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
        let high = _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b);
        _mm512_max_epu32(low, high)
    };
    let (p, q) = (pair(x[0], x[1]), pair(x[2], x[3]));
    let all = pair(p, q);
    // Each quarter holds four candidates of one register.
    let all = _mm512_max_epu32(all, _mm512_shuffle_epi32::<0b10_11_00_01>(all));
    let all = _mm512_max_epu32(all, _mm512_shuffle_epi32::<0b01_00_11_10>(all));
    let first = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm512_castsi512_si128(_mm512_permutexvar_epi32(first, all))
}

/// Sixteen bits for each number of a block and the next ones, in the place that a codec adds them to.
struct Random {
    stepped: __m512i,
    key: __m512i,
}

impl Random {
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
    fn new(key: u32, first: u32) -> Self {
        let places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let places = _mm512_add_epi32(places, set(first));
        Random { stepped: _mm512_mullo_epi32(places, set(STEP)), key: set(key) }
    }
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
    fn next<const UPPER: bool, const SHIFTED: bool>(&mut self) -> __m512i {
        let x = _mm512_xor_epi32(self.stepped, self.key);
        self.stepped = _mm512_add_epi32(self.stepped, set((BLOCK as u32).wrapping_mul(STEP)));
        let x = _mm512_xor_epi32(x, _mm512_srli_epi32::<15>(x));
        let x = _mm512_mullo_epi32(x, set(0x846C_A68B));
        // The upper half is not changed by the last step.
        let lower = || _mm512_xor_epi32(x, _mm512_srli_epi32::<16>(x));
        match (UPPER, SHIFTED) {
            (true, false) => _mm512_srli_epi32::<16>(x),
            (false, false) => _mm512_and_epi32(lower(), set(0xFFFF)),
            (true, true) => _mm512_and_epi32(_mm512_srli_epi32::<12>(x), set(0xF_FFF0)),
            (false, true) => _mm512_and_epi32(_mm512_slli_epi32::<4>(lower()), set(0xF_FFF0)),
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub unsafe fn pack(codec: Codec, how: Rounding, first: u32, from: *const f32, blocks: usize, to: *mut f32) {
    unsafe {
        match (codec, how) {
            (Codec::F32, _) | (_, Rounding::Nearest) => pack_of(codec, how, first, from, blocks, to),
            (Codec::Bf16, Rounding::Random { key, upper: false }) => halves::<false>(key, first, from, blocks, to),
            (Codec::Bf16, Rounding::Random { key, upper: true }) => halves::<true>(key, first, from, blocks, to),
            (Codec::Signed8, Rounding::Random { key, upper: false }) => {
                small::<SIGNED, false>(key, first, from, blocks, to);
            }
            (Codec::Signed8, Rounding::Random { key, upper: true }) => {
                small::<SIGNED, true>(key, first, from, blocks, to);
            }
            (Codec::Positive8, Rounding::Random { key, upper: false }) => {
                small::<POSITIVE, false>(key, first, from, blocks, to);
            }
            (Codec::Positive8, Rounding::Random { key, upper: true }) => {
                small::<POSITIVE, true>(key, first, from, blocks, to);
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
unsafe fn halves<const UPPER: bool>(key: u32, first: u32, from: *const f32, blocks: usize, to: *mut f32) {
    let mut random = Random::new(key, first);
    for block in 0..blocks {
        unsafe {
            let x = _mm512_loadu_epi32(from.add(block * BLOCK).cast());
            let magnitude = _mm512_and_epi32(x, set(!SIGN));
            let finite = _mm512_cmplt_epu32_mask(magnitude, set(INFINITE));
            let most = _mm512_mask_mov_epi32(magnitude, finite, set(GREATEST_BF16));
            let rounded = _mm512_add_epi32(magnitude, random.next::<UPPER, false>());
            let rounded = _mm512_min_epu32(rounded, most);
            let signed = _mm512_ternarylogic_epi32::<0xF8>(rounded, x, set(SIGN));
            let halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(signed));
            _mm256_storeu_si256(to.add(block * (BLOCK / 2)).cast(), halves);
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
unsafe fn small<const EXPONENTS: u32, const UPPER: bool>(
    key: u32,
    first: u32,
    from: *const f32,
    blocks: usize,
    to: *mut f32,
) {
    let mut random = Random::new(key, first);
    let load = |block: usize| unsafe { _mm512_loadu_epi32(from.add(block * BLOCK).cast()) };
    let mut start = 0;
    while start < blocks {
        let n = 4.min(blocks - start);
        let x: [__m512i; 4] =
            [load(start), load(start + 1.min(n - 1)), load(start + 2.min(n - 1)), load(start + 3.min(n - 1))];
        let magnitude = |x| if EXPONENTS == SIGNED { _mm512_and_epi32(x, set(!SIGN)) } else { x };
        let magnitudes = [magnitude(x[0]), magnitude(x[1]), magnitude(x[2]), magnitude(x[3])];
        let top = _mm_and_si128(greatest(magnitudes), _mm_set1_epi32(INFINITE.cast_signed()));
        let top = _mm_max_epi32(top, _mm_set1_epi32(((EXPONENTS + 1) << 23).cast_signed()));
        let top = _mm_min_epi32(top, _mm_set1_epi32(254 << 23));
        let bases = _mm_sub_epi32(top, _mm_set1_epi32((EXPONENTS << 23).cast_signed()));
        let bases = [bases, _mm_srli_si128::<4>(bases), _mm_srli_si128::<8>(bases), _mm_srli_si128::<12>(bases)];
        let mut one = |i: usize| {
            let above = _mm512_sub_epi32(magnitudes[i], _mm512_broadcastd_epi32(bases[i]));
            let code = _mm512_srai_epi32::<20>(_mm512_add_epi32(above, random.next::<UPPER, true>()));
            let codes = if EXPONENTS == POSITIVE {
                let some = _mm512_test_epi32_mask(magnitudes[i], magnitudes[i]);
                let code = _mm512_maskz_max_epi32(some, code, set(1));
                _mm512_cvtusepi32_epi8(code)
            } else {
                let code = _mm512_min_epi32(_mm512_max_epi32(code, set(0)), set(127));
                let sign = _mm512_srli_epi32::<24>(x[i]);
                _mm512_cvtepi32_epi8(_mm512_ternarylogic_epi32::<0xF8>(code, sign, set(0x80)))
            };
            unsafe {
                let to = to.add((start + i) * (BLOCK / 4 + 1));
                _mm_storeu_si128(to.cast(), codes);
                _mm_storeu_si32(to.add(BLOCK / 4).cast(), bases[i]);
            }
        };
        one(0);
        if n == 4 {
            one(1);
            one(2);
            one(3);
        } else {
            (1..n).for_each(one);
        }
        start += 4;
    }
}
