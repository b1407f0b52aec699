//! Packing with AVX-512's own instructions.

// SAFETY (all of it): runs only inside functions that enable the instruction set (see `Register`); pointers are the
// caller's promise.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::*;
use crate::lane::Avx512;
use std::arch::x86_64::*;

type Ints = __m512i;

#[inline(always)]
fn set(x: u32) -> Ints {
    unsafe { _mm512_set1_epi32(x.cast_signed()) }
}

impl Packing for Avx512 {
    type Worst = __m128i;

    #[inline(always)]
    fn worst() -> __m128i {
        unsafe { _mm_setzero_si128() }
    }
    #[inline(always)]
    fn finite(worst: __m128i) -> bool {
        unsafe { _mm_cmpge_epu16_mask(worst, _mm_set1_epi16(EXPONENT.cast_signed())) == 0 }
    }
    #[inline(always)]
    unsafe fn unpack(codec: Codec, from: [*const f32; GROUP]) -> [Avx512; GROUP] {
        let [a, b, c, d] = from;
        unsafe {
            let [a, b, c, d] = match codec {
                Codec::F32 => unreachable!("it is not packed"),
                Codec::Bf16 => [halves(a), halves(b), halves(c), halves(d)],
                Codec::Signed8 => [signed(a), signed(b), signed(c), signed(d)],
                Codec::Positive8 => [positive(a), positive(b), positive(c), positive(d)],
            };
            [floats(a), floats(b), floats(c), floats(d)]
        }
    }
    #[inline(always)]
    unsafe fn pack<const WHOLE: bool>(
        codec: Codec,
        x: [Avx512; GROUP],
        bits: [u32; GROUP],
        to: [*mut f32; GROUP],
        count: usize,
        worst: &mut __m128i,
    ) {
        unsafe {
            let x = [ints(x[0]), ints(x[1]), ints(x[2]), ints(x[3])];
            match codec {
                Codec::F32 => unreachable!("it is not packed"),
                Codec::Bf16 => pack_halves::<WHOLE>(x, bits, to, count, worst),
                Codec::Signed8 => pack_small::<SIGNED, WHOLE>(x, bits, to, count, worst),
                Codec::Positive8 => pack_small::<POSITIVE, WHOLE>(x, bits, to, count, worst),
            }
        }
    }
}

#[inline(always)]
fn floats(x: Ints) -> Avx512 {
    Avx512(unsafe { _mm512_castsi512_ps(x) })
}

#[inline(always)]
fn ints(x: Avx512) -> Ints {
    unsafe { _mm512_castps_si512(x.0) }
}

#[inline(always)]
unsafe fn halves(from: *const f32) -> Ints {
    unsafe { _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()))) }
}

#[inline(always)]
unsafe fn base(from: *const f32) -> Ints {
    unsafe { _mm512_set1_epi32(from.add(BLOCK / 4).cast::<i32>().read_unaligned()) }
}

#[inline(always)]
unsafe fn positive(from: *const f32) -> Ints {
    unsafe {
        let codes = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
        let some = _mm512_test_epi32_mask(codes, codes);
        _mm512_maskz_add_epi32(some, _mm512_slli_epi32::<20>(codes), base(from))
    }
}

#[inline(always)]
unsafe fn signed(from: *const f32) -> Ints {
    unsafe {
        let codes = _mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()));
        let some = _mm512_test_epi32_mask(codes, set(0x7F));
        // The sign has spread over the bits that the base is added to.
        let code = _mm512_and_epi32(_mm512_slli_epi32::<20>(codes), set(SIGN | 0x7F << DROPPED));
        _mm512_mask_add_epi32(code, some, code, base(from))
    }
}

/// What a block's random bits differ in for each number, `COUNT` bits of it.
#[inline(always)]
fn spread<const COUNT: u32>() -> Ints {
    const fn upper<const COUNT: u32>() -> [u32; BLOCK] {
        let (mut spread, mut i) = (SPREAD, 0);
        while i < BLOCK {
            spread[i] >>= 32 - COUNT;
            i += 1;
        }
        spread
    }
    unsafe { _mm512_loadu_epi32(const { &upper::<COUNT>() }.as_ptr().cast()) }
}

/// The numbers of blocks with `COUNT` random bits added.
#[inline(always)]
fn rounded<const COUNT: u32>(x: [Ints; GROUP], bits: [u32; GROUP]) -> [Ints; GROUP] {
    let shift = 32 - COUNT;
    let bits = [bits[0] >> shift, bits[1] >> shift, bits[2] >> shift, bits[3] >> shift];
    let one = |i: usize| unsafe {
        // Through memory: to load one word sixteen times takes nothing from the units that compute, to move it does.
        let bits = _mm512_set1_epi32(std::ptr::read_volatile(&bits[i]).cast_signed());
        _mm512_add_epi32(x[i], _mm512_xor_epi32(spread::<COUNT>(), bits))
    };
    [one(0), one(1), one(2), one(3)]
}

/// The upper halves of the numbers of two registers, taking turns.
#[inline(always)]
fn upper_halves(a: Ints, b: Ints) -> Ints {
    unsafe { _mm512_mask_mov_epi16(_mm512_srli_epi32::<16>(a), 0xAAAA_AAAA, b) }
}

#[inline(always)]
unsafe fn pack_halves<const WHOLE: bool>(
    x: [Ints; GROUP],
    bits: [u32; GROUP],
    to: [*mut f32; GROUP],
    count: usize,
    worst: &mut __m128i,
) {
    unsafe {
        let random = rounded::<16>(x, bits);
        let one = |i: usize| {
            let below = _mm512_cmplt_epu32_mask(_mm512_and_epi32(x[i], set(!SIGN)), set(GREATEST_BF16));
            _mm512_mask_mov_epi32(x[i], below, random[i])
        };
        // The upper halves of two registers, one behind the other.
        let upper = _mm512_loadu_epi32(UPPER.as_ptr().cast());
        let low = _mm512_permutex2var_epi16(one(0), upper, one(1));
        let high = _mm512_permutex2var_epi16(one(2), upper, one(3));
        let both = _mm512_max_epu16(magnitudes(low), magnitudes(high));
        let both = _mm256_max_epu16(_mm512_castsi512_si256(both), _mm512_extracti64x4_epi64::<1>(both));
        let both = _mm_max_epu16(_mm256_castsi256_si128(both), _mm256_extracti128_si256::<1>(both));
        *worst = _mm_max_epu16(*worst, both);
        if WHOLE {
            _mm512_storeu_epi32(to[0].cast(), low);
            _mm512_storeu_epi32(to[0].add(BLOCK).cast(), high);
        } else {
            let mut apart = [[0i32; BLOCK / 2]; GROUP];
            _mm512_storeu_epi32(apart.as_mut_ptr().cast(), low);
            _mm512_storeu_epi32(apart[2..].as_mut_ptr().cast(), high);
            for i in 0..count {
                to[i].cast::<[i32; BLOCK / 2]>().write_unaligned(apart[i]);
            }
        }
    }
}

/// Places of the upper halves of two registers' numbers.
static UPPER: [u16; 2 * BLOCK] = {
    let (mut places, mut i) = ([0; 2 * BLOCK], 0);
    while i < 2 * BLOCK {
        places[i] = 2 * i as u16 + 1;
        i += 1;
    }
    places
};

#[inline(always)]
fn magnitudes(halves: Ints) -> Ints {
    unsafe { _mm512_and_si512(halves, set(0x7FFF_7FFF)) }
}

#[inline(always)]
unsafe fn pack_small<const EXPONENTS: u16, const WHOLE: bool>(
    x: [Ints; GROUP],
    bits: [u32; GROUP],
    to: [*mut f32; GROUP],
    count: usize,
    worst: &mut __m128i,
) {
    unsafe {
        let x = rounded::<DROPPED>(x, bits);
        // Halves of blocks 0 and 1 take turns, and of 2 and 3.
        let halves = [upper_halves(x[0], x[1]), upper_halves(x[2], x[3])];
        let magnitude = |x| if EXPONENTS == SIGNED { magnitudes(x) } else { x };
        let [m, n] = [magnitude(halves[0]), magnitude(halves[1])];
        // The greatest of each block: four halves, one of each, take turns from here on.
        let top = _mm512_max_epu16(_mm512_unpacklo_epi32(m, n), _mm512_unpackhi_epi32(m, n));
        let top = _mm256_max_epu16(_mm512_castsi512_si256(top), _mm512_extracti64x4_epi64::<1>(top));
        let top = _mm_max_epu16(_mm256_castsi256_si128(top), _mm256_extracti128_si256::<1>(top));
        let top = _mm_max_epu16(top, _mm_unpackhi_epi64(top, top));
        *worst = _mm_max_epu16(*worst, top);
        let top = _mm_and_si128(top, _mm_set1_epi16(EXPONENT.cast_signed()));
        let top = _mm_max_epu16(top, _mm_set1_epi16(((EXPONENTS + 1) * ONE).cast_signed()));
        let bases = _mm_sub_epi16(top, _mm_set1_epi16((EXPONENTS * ONE).cast_signed()));
        let above = |x, bases| {
            let above = _mm512_subs_epu16(x, _mm512_broadcastd_epi32(bases));
            if EXPONENTS == POSITIVE {
                let some = _mm512_cmpgt_epu16_mask(x, _mm512_set1_epi16(ZERO.cast_signed()));
                _mm512_mask_max_epu16(above, some, above, _mm512_set1_epi16(16))
            } else {
                above
            }
        };
        let codes = [above(m, bases), above(n, _mm_srli_epi64::<32>(bases))];
        // Bytes of blocks 0, 2, 1 and 3 take turns: the second's code is in the upper byte.
        let upper = set(0xFF00_FF00);
        let codes = mux(upper, _mm512_slli_epi16::<4>(codes[1]), _mm512_srli_epi16::<4>(codes[0]));
        let codes = if EXPONENTS == SIGNED {
            let signs = mux(upper, halves[1], _mm512_srli_epi16::<8>(halves[0]));
            mux(set(0x8080_8080), signs, codes)
        } else {
            codes
        };
        let turned = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15));
        let codes = _mm512_shuffle_epi8(codes, turned);
        // In each quarter four codes of every block. A block's are put together, and its base behind them.
        let bases = _mm_unpacklo_epi16(_mm_setzero_si128(), bases);
        if WHOLE {
            let bases = _mm512_castsi128_si512(bases);
            let first = _mm512_setr_epi32(0, 4, 8, 12, 16, 1, 5, 9, 13, 17, 2, 6, 10, 14, 18, 3);
            let rest = _mm512_castsi128_si512(_mm_setr_epi32(7, 11, 15, 19));
            let first = _mm512_permutex2var_epi32(codes, first, bases);
            let rest = _mm512_castsi512_si128(_mm512_permutex2var_epi32(codes, rest, bases));
            _mm512_storeu_epi32(to[0].cast(), first);
            _mm_storeu_si128(to[0].add(16).cast(), rest);
        } else {
            let apart = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            let (mut apart_codes, mut apart_bases) = ([[0i32; BLOCK / 4]; GROUP], [0i32; GROUP]);
            _mm512_storeu_epi32(apart_codes.as_mut_ptr().cast(), _mm512_permutexvar_epi32(apart, codes));
            _mm_storeu_si128(apart_bases.as_mut_ptr().cast(), bases);
            for i in 0..count {
                to[i].cast::<[i32; BLOCK / 4]>().write_unaligned(apart_codes[i]);
                to[i].add(BLOCK / 4).cast::<i32>().write_unaligned(apart_bases[i]);
            }
        }
    }
}

/// Bits of `yes` where `mask` has them, else of `no`.
#[inline(always)]
fn mux(mask: Ints, yes: Ints, no: Ints) -> Ints {
    unsafe { _mm512_ternarylogic_epi32::<0xCA>(mask, yes, no) }
}
