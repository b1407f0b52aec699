//! Numbers kept in fewer bits than 32, in blocks of [`BLOCK`].
//!
//! What does not fit is rounded up or down at random, up as often as the number is near the upper neighbour: an average
//! that moves by a thousandth a step would else never move at all. The random bits are a function of a key and the
//! number's place, so who packs a block, and when, never changes a bit. What has been unpacked packs to the same bits.

use crate::Isa;

#[cfg(target_arch = "x86_64")]
mod avx512;

/// Numbers that are packed together.
pub const BLOCK: usize = 16;

/// How numbers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// As they are.
    #[default]
    F32,
    /// The upper half of an f32: 8 bits of exponent, 7 of fraction.
    Bf16,
    /// 8 bits: sign, 4 of exponent, 3 of fraction, with the least exponent of a block beside it. Numbers below 2⁻¹⁵ of
    /// the power of two of the block's greatest number are 0.
    Signed8,
    /// 8 bits for numbers that are not negative: 5 of exponent, 3 of fraction, with the least exponent of a block beside
    /// it. A number above 0 is at least 2⁻³¹ of that power: a quotient by it stays finite.
    Positive8,
}

impl Codec {
    /// Words of 32 bits that a block takes.
    pub fn words(self) -> usize {
        match self {
            Codec::F32 => BLOCK,
            Codec::Bf16 => BLOCK / 2,
            Codec::Signed8 | Codec::Positive8 => BLOCK / 4 + 1,
        }
    }
    /// Words that a row of so many numbers takes: whole blocks.
    pub fn len(self, numbers: usize) -> usize {
        if self == Codec::F32 { numbers } else { numbers.div_ceil(BLOCK) * self.words() }
    }
}

/// Where random bits come from.
#[derive(Clone, Copy, Debug)]
pub enum Rounding {
    /// To the nearest.
    Nearest,
    /// At random: a key, and which half of a number's 32 bits is taken.
    Random {
        /// The key.
        key: u32,
        /// The upper half?
        upper: bool,
    },
}

/// The key for an array at an update.
pub fn key(seed: u64, update: u64, array: u64) -> u32 {
    let mut x = seed ^ crate::tape::random_stream(array, update);
    x = (x ^ (x >> 31)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (x ^ (x >> 32)) as u32
}

/// What places are multiplied with.
const STEP: u32 = 0x9E37_79B1;

/// 32 bits for the number at a place, which is multiplied with [`STEP`] already.
#[inline(always)]
fn bits(key: u32, stepped: u32) -> u32 {
    let mut x = stepped ^ key;
    x = (x ^ (x >> 15)).wrapping_mul(0x846C_A68B);
    x ^ (x >> 16)
}

/// Unpacks whole blocks.
///
/// # Safety
/// This machine has `isa`; `blocks` blocks can be read at `from`, and as many times [`BLOCK`] numbers written at `to`.
pub unsafe fn unpack(isa: Isa, codec: Codec, from: *const f32, blocks: usize, to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            Isa::Portable => unpack_of(codec, from, blocks, to),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unpack_avx2(codec, from, blocks, to),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::unpack(codec, from, blocks, to),
        }
    }
}

/// Packs whole blocks of an array, whose first number has the place `first` in it.
///
/// # Safety
/// This machine has `isa`; `blocks` times [`BLOCK`] numbers can be read at `from`, and as many blocks written at `to`.
pub unsafe fn pack(
    isa: Isa,
    codec: Codec,
    rounding: Rounding,
    first: usize,
    from: *const f32,
    blocks: usize,
    to: *mut f32,
) {
    let first = first as u32;
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            Isa::Portable => pack_of(codec, rounding, first, from, blocks, to),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => pack_avx2(codec, rounding, first, from, blocks, to),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::pack(codec, rounding, first, from, blocks, to),
        }
    }
}

/// An array of packed numbers as they are, in rows of `cols`.
///
/// # Panics
/// If these are no whole rows.
pub fn unpacked(codec: Codec, from: &[f32], cols: usize) -> Vec<f32> {
    let (words, blocks) = (codec.len(cols), cols.div_ceil(BLOCK));
    assert!(from.len().is_multiple_of(words), "no packed rows of {cols}");
    let mut out = Vec::with_capacity(from.len() / words * cols);
    let mut row = vec![0.0; blocks * BLOCK];
    for packed in from.chunks(words) {
        // SAFETY: both have room for the blocks; portable code runs everywhere.
        unsafe { unpack(Isa::Portable, codec, packed.as_ptr(), blocks, row.as_mut_ptr()) }
        out.extend(&row[..cols]);
    }
    out
}

/// Packs an array in rows of `cols`, each number to the nearest.
///
/// # Panics
/// If the lengths don't belong together.
pub fn pack_nearest(codec: Codec, from: &[f32], cols: usize, to: &mut [f32]) {
    let (words, blocks) = (codec.len(cols), cols.div_ceil(BLOCK));
    assert!(from.len().is_multiple_of(cols) && to.len() == from.len() / cols * words, "wrong lengths");
    let mut row = vec![0.0; blocks * BLOCK];
    for (from, to) in from.chunks(cols).zip(to.chunks_mut(words)) {
        row[..cols].copy_from_slice(from);
        // SAFETY: both have room for the blocks; portable code runs everywhere.
        unsafe { pack(Isa::Portable, codec, Rounding::Nearest, 0, row.as_ptr(), blocks, to.as_mut_ptr()) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn unpack_avx2(codec: Codec, from: *const f32, blocks: usize, to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { unpack_of(codec, from, blocks, to) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn pack_avx2(codec: Codec, how: Rounding, first: u32, from: *const f32, blocks: usize, to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { pack_of(codec, how, first, from, blocks, to) }
}

#[inline(always)]
unsafe fn unpack_of(codec: Codec, from: *const f32, blocks: usize, to: *mut f32) {
    for block in 0..blocks {
        // SAFETY: the caller's promise; what is read as bytes has no alignment.
        unsafe {
            let (from, to) = (from.add(block * codec.words()), to.add(block * BLOCK).cast::<[f32; BLOCK]>());
            match codec {
                Codec::F32 => to.write_unaligned(from.cast::<[f32; BLOCK]>().read_unaligned()),
                Codec::Bf16 => {
                    let halves = from.cast::<[u16; BLOCK]>().read_unaligned();
                    to.write_unaligned(halves.map(|x| f32::from_bits(u32::from(x) << 16)));
                }
                Codec::Signed8 => to.write_unaligned(unpack_small::<SIGNED>(from)),
                Codec::Positive8 => to.write_unaligned(unpack_small::<POSITIVE>(from)),
            }
        }
    }
}

#[inline(always)]
unsafe fn pack_of(codec: Codec, how: Rounding, first: u32, from: *const f32, blocks: usize, to: *mut f32) {
    for block in 0..blocks {
        let place = first.wrapping_add((block * BLOCK) as u32);
        let random: [u32; BLOCK] = match how {
            Rounding::Nearest => [0x8000; BLOCK],
            Rounding::Random { key, upper } => {
                let mut random = [0; BLOCK];
                for (i, r) in random.iter_mut().enumerate() {
                    let x = bits(key, place.wrapping_add(i as u32).wrapping_mul(STEP));
                    *r = if upper { x >> 16 } else { x & 0xFFFF };
                }
                random
            }
        };
        // SAFETY: the caller's promise; what is written as bytes has no alignment.
        unsafe {
            let x = from.add(block * BLOCK).cast::<[f32; BLOCK]>().read_unaligned();
            let to = to.add(block * codec.words());
            match codec {
                Codec::F32 => to.cast::<[f32; BLOCK]>().write_unaligned(x),
                Codec::Bf16 => {
                    let mut halves = [0u16; BLOCK];
                    for i in 0..BLOCK {
                        let (magnitude, sign) = (x[i].to_bits() & !SIGN, x[i].to_bits() & SIGN);
                        // No finite number becomes infinite; what is not finite stays so.
                        let most = if magnitude < INFINITE { GREATEST_BF16 } else { magnitude };
                        halves[i] = (((magnitude + random[i]).min(most) | sign) >> 16) as u16;
                    }
                    to.cast::<[u16; BLOCK]>().write_unaligned(halves);
                }
                Codec::Signed8 => pack_small::<SIGNED>(x, random, to),
                Codec::Positive8 => pack_small::<POSITIVE>(x, random, to),
            }
        }
    }
}

const SIGN: u32 = 0x8000_0000;
const INFINITE: u32 = 0x7F80_0000;
const GREATEST_BF16: u32 = 0x7F7F_0000;
/// Bits of an f32's fraction that a small number has not.
const DROPPED: u32 = 20;
/// Exponents of a small number less one: how far the least is below the greatest.
const SIGNED: u32 = 15;
const POSITIVE: u32 = 31;

/// The bits of the f32 that code 0 would be if it were not 0, for a block whose greatest number has these bits.
#[inline(always)]
fn base(greatest: u32, exponents: u32) -> u32 {
    (greatest & INFINITE).clamp((exponents + 1) << 23, 254 << 23) - (exponents << 23)
}

/// Codes, and the base.
#[inline(always)]
unsafe fn unpack_small<const EXPONENTS: u32>(from: *const f32) -> [f32; BLOCK] {
    // SAFETY: the caller's promise.
    let (codes, base) =
        unsafe { (from.cast::<[u8; BLOCK]>().read_unaligned(), from.add(BLOCK / 4).cast::<u32>().read_unaligned()) };
    let mut out = [0.0; BLOCK];
    for i in 0..BLOCK {
        let code = u32::from(codes[i]);
        let (code, sign) = if EXPONENTS == SIGNED { (code & 0x7F, (code & 0x80) << 24) } else { (code, 0) };
        let magnitude = if code == 0 { 0 } else { base.wrapping_add(code << DROPPED) };
        out[i] = f32::from_bits(magnitude | sign);
    }
    out
}

#[inline(always)]
unsafe fn pack_small<const EXPONENTS: u32>(x: [f32; BLOCK], random: [u32; BLOCK], to: *mut f32) {
    let magnitude = |x: f32| if EXPONENTS == SIGNED { x.to_bits() & !SIGN } else { x.to_bits() };
    let mut greatest = 0;
    for x in x {
        greatest = greatest.max(magnitude(x));
    }
    let base = base(greatest, EXPONENTS);
    let mut codes = [0u8; BLOCK];
    for i in 0..BLOCK {
        let (magnitude, sign) = (magnitude(x[i]), x[i].to_bits() >> 31);
        let rounded = magnitude.wrapping_add(random[i] << (DROPPED - 16));
        let code = rounded.wrapping_sub(base).cast_signed() >> DROPPED;
        let code = if EXPONENTS == POSITIVE {
            code.clamp(i32::from(magnitude > 0), 255)
        } else {
            code.clamp(0, 127) | (sign << 7).cast_signed()
        };
        codes[i] = code as u8;
    }
    // SAFETY: the caller's promise.
    unsafe {
        to.cast::<[u8; BLOCK]>().write_unaligned(codes);
        to.add(BLOCK / 4).cast::<u32>().write_unaligned(base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{philox, uniform};

    const SMALL: [Codec; 3] = [Codec::Bf16, Codec::Signed8, Codec::Positive8];

    /// Numbers of all sizes, and of both signs if the codec has them.
    fn numbers(codec: Codec, count: usize) -> Vec<f32> {
        let one = |i: usize| {
            let [a, b, c, _] = philox([7, 0], [i as u32, 0, 0, 0]);
            // Blocks differ by many powers of two, numbers of a block by some.
            let power = (i / BLOCK % 40) as f32 * 3.0 - 60.0 - 24.0 * uniform(b);
            let x = (0.5 + uniform(a)) * power.exp2() * if c % 9 == 0 { 0.0 } else { 1.0 };
            if c & 16 == 0 && codec != Codec::Positive8 { -x } else { x }
        };
        (0..count).map(one).collect()
    }

    fn packed(isa: Isa, codec: Codec, how: Rounding, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; codec.len(x.len())];
        // SAFETY: asked of instruction sets that there are; the lengths belong together.
        unsafe { pack(isa, codec, how, 0, x.as_ptr(), x.len() / BLOCK, out.as_mut_ptr()) }
        out
    }
    fn bits_of(x: &[f32]) -> Vec<u32> {
        x.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn every_instruction_set_packs_to_the_same_bits() {
        for codec in SMALL {
            let x = numbers(codec, 4096);
            for how in [Rounding::Nearest, Rounding::Random { key: 5, upper: false }] {
                let want = packed(Isa::Portable, codec, how, &x);
                let plain = unpacked(codec, &want, x.len());
                for isa in Isa::all_available() {
                    let found = packed(isa, codec, how, &x);
                    assert_eq!(bits_of(&found), bits_of(&want), "{codec:?} {isa:?}");
                    let mut back = vec![0.0; x.len()];
                    // SAFETY: as above.
                    unsafe { unpack(isa, codec, found.as_ptr(), x.len() / BLOCK, back.as_mut_ptr()) }
                    assert_eq!(bits_of(&back), bits_of(&plain), "{codec:?} {isa:?}");
                }
            }
        }
    }

    #[test]
    fn what_was_unpacked_packs_to_the_same_bits() {
        for codec in SMALL {
            let first = packed(Isa::Portable, codec, Rounding::Random { key: 1, upper: true }, &numbers(codec, 4096));
            let plain = unpacked(codec, &first, 4096);
            for key in [2, 3] {
                let again = packed(Isa::Portable, codec, Rounding::Random { key, upper: false }, &plain);
                assert_eq!(bits_of(&again), bits_of(&first), "{codec:?}");
            }
            let mut again = vec![0.0; first.len()];
            pack_nearest(codec, &plain, 4096, &mut again);
            assert_eq!(bits_of(&again), bits_of(&first), "{codec:?}");
        }
    }

    /// One step of a code, relative to the number.
    fn step(codec: Codec) -> f32 {
        if codec == Codec::Bf16 { 1.0 / 128.0 } else { 1.0 / 8.0 }
    }

    #[test]
    fn a_number_goes_to_one_of_its_neighbours() {
        for codec in SMALL {
            let x = numbers(codec, 4096);
            let nearest = unpacked(codec, &packed(Isa::Portable, codec, Rounding::Nearest, &x), x.len());
            let random = Rounding::Random { key: 9, upper: false };
            let random = unpacked(codec, &packed(Isa::Portable, codec, random, &x), x.len());
            for (block, x) in x.chunks(BLOCK).enumerate() {
                let greatest = x.iter().fold(0.0f32, |m, x| m.max(x.abs()));
                let below = match codec {
                    Codec::Signed8 => greatest / 15_000.0,
                    Codec::Positive8 => greatest / 1e9,
                    _ => 0.0,
                };
                for (i, x) in x.iter().enumerate() {
                    let (n, r) = (nearest[block * BLOCK + i], random[block * BLOCK + i]);
                    let step = (x.abs() * step(codec)).max(below);
                    assert!((n - x).abs() <= 0.5 * step && (r - x).abs() <= step, "{codec:?}: {x} to {n} and {r}");
                    assert!(codec != Codec::Positive8 || (*x > 0.0) == (r > 0.0), "{x} to {r}");
                }
            }
        }
    }

    /// The mean of many roundings is the number: within four standard deviations of the mean.
    #[test]
    fn rounding_at_random_favours_no_side() {
        for codec in SMALL {
            let x: Vec<f32> = (0..BLOCK).map(|i| 1.0 / (1.0 + i as f32 * 3.3)).collect();
            let mut sums = [0.0f64; BLOCK];
            let times = 20_000u32;
            for key in 0..times {
                let how = Rounding::Random { key: super::key(3, u64::from(key), 1), upper: key % 2 == 0 };
                let out = unpacked(codec, &packed(Isa::Portable, codec, how, &x), BLOCK);
                sums.iter_mut().zip(out).for_each(|(s, x)| *s += f64::from(x));
            }
            for (sum, x) in sums.iter().zip(x) {
                let bound = 4.0 * f64::from(step(codec) * x) / 2.0 / f64::from(times).sqrt();
                assert!((sum / f64::from(times) - f64::from(x)).abs() < bound, "{codec:?}: {x}");
            }
        }
    }

    #[test]
    fn rows_of_any_length_are_packed() {
        for codec in SMALL {
            let x = numbers(codec, 3 * 21);
            let mut to = vec![0.0; 3 * codec.len(21)];
            pack_nearest(codec, &x, 21, &mut to);
            let out = unpacked(codec, &to, 21);
            assert_eq!(out.len(), x.len());
            assert!(
                out.iter().zip(&x).all(|(a, b)| *b == 0.0 || (a / b - 1.0).abs() < 0.07 || a.abs() < 1e-3),
                "{codec:?}"
            );
        }
    }

    #[test]
    fn what_is_not_finite_stays_so_in_half_the_bits() {
        let mut x = [1.0f32; BLOCK];
        (x[1], x[2], x[3], x[4]) = (f32::INFINITY, f32::NAN, f32::MAX, -f32::MAX);
        let how = Rounding::Random { key: 1, upper: false };
        let out = unpacked(Codec::Bf16, &packed(Isa::Portable, Codec::Bf16, how, &x), BLOCK);
        assert!(out[1] == f32::INFINITY && out[2].is_nan() && out[3].is_finite() && out[4] < -3e38);
    }
}
