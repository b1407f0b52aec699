//! Numbers kept in fewer bits than 32, in blocks of [`BLOCK`].
//!
//! What does not fit is rounded up or down at random, up as often as the number is near the upper neighbour: an average
//! that moves by a thousandth a step would else never move at all. The random bits are a function of a key and the
//! number's place, so who packs a block, and when, never changes a bit. A block draws once for two states; its sixteen
//! numbers take that draw with sixteen constants mixed in, which is as random for each of them, from update to update, and
//! spreads them evenly over a block. What has been unpacked packs to the same bits.

#[cfg(target_arch = "x86_64")]
use crate::lane::Avx2;
#[cfg(target_arch = "aarch64")]
use crate::lane::Neon;
use crate::lane::{Lane as _, Register, Wide};

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

/// The key for an array at an update.
pub fn key(seed: u64, update: u64, array: u64) -> u64 {
    mixed(seed ^ crate::tape::random_stream(array, update))
}

#[inline(always)]
fn mixed(x: u64) -> u64 {
    let x = (x ^ (x >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x ^ (x >> 32)
}

/// How far apart the keys of one state and the next are.
pub(crate) const APART: u64 = 0xA076_1D64_78BD_642F;

/// Random bits for two states of the block whose first number has a place.
#[inline(always)]
pub(crate) fn bits(key: u64, place: usize) -> u64 {
    mixed((place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(key))
}

/// Those for one of them.
#[inline(always)]
pub(crate) fn half(bits: u64, upper: bool) -> u32 {
    if upper { (bits >> 32) as u32 } else { bits as u32 }
}

/// For each number of a block, what its block's random bits differ in: the sixteen are spread evenly, and each of them
/// is as random as the block's.
const SPREAD: [u32; BLOCK] = {
    let (mut spread, mut i) = ([0; BLOCK], 0);
    while i < BLOCK {
        spread[i] = (i as u32).wrapping_mul(0x9E37_79B1);
        i += 1;
    }
    spread
};

/// Registers that are packed together.
pub(crate) const GROUP: usize = 4;

/// A register whose numbers are packed, [`GROUP`] registers at a time.
pub(crate) trait Packing: Register {
    /// The greatest numbers so far.
    type Worst: Copy;

    /// None yet.
    fn worst() -> Self::Worst;
    /// Were all finite?
    fn finite(worst: Self::Worst) -> bool;
    /// The numbers of blocks, one for each register.
    /// # Safety
    /// They can be read.
    unsafe fn unpack(codec: Codec, from: [*const f32; GROUP]) -> [Self; GROUP];
    /// Packs the first `count` registers, or all if `WHOLE`; their blocks lie one behind the other then. A block's random
    /// bits are those of its first register.
    /// # Safety
    /// They can be written.
    unsafe fn pack<const WHOLE: bool>(
        codec: Codec,
        x: [Self; GROUP],
        bits: [u32; GROUP],
        to: [*mut f32; GROUP],
        count: usize,
        worst: &mut Self::Worst,
    );
}

/// Eight lanes, half a block, by loops that the compiler makes instructions of.
macro_rules! packing {
    ($register:ty) => {
        impl Packing for $register {
            type Worst = u16;

            #[inline(always)]
            fn worst() -> u16 {
                0
            }
            #[inline(always)]
            fn finite(worst: u16) -> bool {
                worst < EXPONENT
            }
            #[inline(always)]
            unsafe fn unpack(codec: Codec, from: [*const f32; GROUP]) -> [Self; GROUP] {
                let mut x = [<$register>::splat(0.0); GROUP];
                for i in [0, 2] {
                    // SAFETY: the caller's promise.
                    unsafe {
                        let plain = unpack_block(codec, from[i]);
                        x[i] = <$register>::load(plain.as_ptr());
                        x[i + 1] = <$register>::load(plain.as_ptr().add(8));
                    }
                }
                x
            }
            #[inline(always)]
            unsafe fn pack<const WHOLE: bool>(
                codec: Codec,
                x: [Self; GROUP],
                bits: [u32; GROUP],
                to: [*mut f32; GROUP],
                count: usize,
                worst: &mut u16,
            ) {
                for i in [0, 2] {
                    if WHOLE || i < count {
                        let mut plain = [0.0; BLOCK];
                        // SAFETY: the caller's promise.
                        unsafe {
                            x[i].store(plain.as_mut_ptr());
                            x[i + 1].store(plain.as_mut_ptr().add(8));
                            *worst = (*worst).max(pack_block(codec, plain, bits[i], &SPREAD, to[i]));
                        }
                    }
                }
            }
        }
    };
}
packing!(Wide);
#[cfg(target_arch = "aarch64")]
packing!(Neon);
#[cfg(target_arch = "x86_64")]
packing!(Avx2);

/// An array of packed numbers as they are, in rows of `cols`.
///
/// # Panics
/// If these are no whole rows.
pub fn unpacked(codec: Codec, from: &[f32], cols: usize) -> Vec<f32> {
    let (words, blocks) = (codec.len(cols), cols.div_ceil(BLOCK));
    assert!(from.len().is_multiple_of(words), "no packed rows of {cols}");
    let mut out = Vec::with_capacity(from.len() / words * cols);
    for packed in from.chunks(words) {
        for block in 0..blocks {
            // SAFETY: a row has so many blocks.
            let plain = unsafe { unpack_block(codec, packed.as_ptr().add(block * codec.words())) };
            out.extend(&plain[..BLOCK.min(cols - block * BLOCK)]);
        }
    }
    out
}

/// Packs an array in rows of `cols`, each number to the nearest.
///
/// # Panics
/// If the lengths don't belong together.
pub fn pack_nearest(codec: Codec, from: &[f32], cols: usize, to: &mut [f32]) {
    let words = codec.len(cols);
    assert!(from.len().is_multiple_of(cols) && to.len() == from.len() / cols * words, "wrong lengths");
    for (from, to) in from.chunks(cols).zip(to.chunks_mut(words)) {
        for (from, to) in from.chunks(BLOCK).zip(to.chunks_mut(codec.words())) {
            let mut plain = [0.0; BLOCK];
            plain[..from.len()].copy_from_slice(from);
            // The upper half of what is dropped goes up.
            // SAFETY: there is room for a block.
            unsafe { pack_block(codec, plain, 1 << 31, &[0; BLOCK], to.as_mut_ptr()) };
        }
    }
}

/// Packs a block, or what a row's end has of it, with random bits.
#[cfg(test)]
pub(crate) fn pack_block_at(codec: Codec, from: &[f32], bits: u32, to: &mut [f32]) {
    let mut plain = [0.0; BLOCK];
    plain[..from.len()].copy_from_slice(from);
    assert!(to.len() >= codec.words(), "no room for a block");
    // SAFETY: there is room for a block.
    unsafe { pack_block(codec, plain, bits, &SPREAD, to.as_mut_ptr()) };
}

/// # Safety
/// A block can be read there; what is read as bytes has no alignment.
#[inline(always)]
unsafe fn unpack_block(codec: Codec, from: *const f32) -> [f32; BLOCK] {
    // SAFETY: the caller's promise.
    unsafe {
        match codec {
            Codec::F32 => from.cast::<[f32; BLOCK]>().read_unaligned(),
            Codec::Bf16 => {
                let halves = from.cast::<[u16; BLOCK]>().read_unaligned();
                let mut out = [0.0; BLOCK];
                for i in 0..BLOCK {
                    out[i] = f32::from_bits(u32::from(halves[i]) << 16);
                }
                out
            }
            Codec::Signed8 => unpack_small::<SIGNED>(from),
            Codec::Positive8 => unpack_small::<POSITIVE>(from),
        }
    }
}

/// Packs a block and gives the upper half of its greatest number.
/// # Safety
/// A block can be written there; what is written as bytes has no alignment.
#[inline(always)]
unsafe fn pack_block(codec: Codec, x: [f32; BLOCK], bits: u32, spread: &[u32; BLOCK], to: *mut f32) -> u16 {
    // SAFETY: the caller's promise.
    unsafe {
        match codec {
            Codec::F32 => {
                to.cast::<[f32; BLOCK]>().write_unaligned(x);
                x.iter().fold(0, |greatest, x| greatest.max((x.abs().to_bits() >> 16) as u16))
            }
            Codec::Bf16 => {
                let (mut halves, mut greatest) = ([0u16; BLOCK], 0);
                for i in 0..BLOCK {
                    let x = x[i].to_bits();
                    // No finite number becomes infinite; what is not finite stays so.
                    let random = if x & !SIGN < GREATEST_BF16 { (bits ^ spread[i]) >> 16 } else { 0 };
                    halves[i] = ((x + random) >> 16) as u16;
                    greatest = greatest.max(halves[i] & 0x7FFF);
                }
                to.cast::<[u16; BLOCK]>().write_unaligned(halves);
                greatest
            }
            Codec::Signed8 => pack_small::<SIGNED>(x, bits, spread, to),
            Codec::Positive8 => pack_small::<POSITIVE>(x, bits, spread, to),
        }
    }
}

const SIGN: u32 = 0x8000_0000;
const GREATEST_BF16: u32 = 0x7F7F_0000;
/// Bits of an f32's fraction that a small number has not.
const DROPPED: u32 = 20;
/// Exponents of a small number less one: how far the least is below the greatest.
const SIGNED: u16 = 15;
const POSITIVE: u16 = 31;
/// The bits of an exponent, and its lowest, in the upper half of an f32.
const EXPONENT: u16 = 0x7F80;
const ONE: u16 = 0x80;

/// Codes, and the base: the f32 that code 0 would be if it were not 0.
#[inline(always)]
unsafe fn unpack_small<const EXPONENTS: u16>(from: *const f32) -> [f32; BLOCK] {
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

/// The upper halves of the rounded numbers have all bits that are kept; the greatest of these gives the base, so that no
/// code is too great.
#[inline(always)]
unsafe fn pack_small<const EXPONENTS: u16>(x: [f32; BLOCK], bits: u32, spread: &[u32; BLOCK], to: *mut f32) -> u16 {
    let sign = if EXPONENTS == SIGNED { 0x8000 } else { 0 };
    let (mut halves, mut greatest) = ([0u16; BLOCK], 0);
    for i in 0..BLOCK {
        halves[i] = (x[i].to_bits().wrapping_add((bits ^ spread[i]) >> (32 - DROPPED)) >> 16) as u16;
        greatest = greatest.max(halves[i] & !sign);
    }
    let base = (greatest & EXPONENT).max((EXPONENTS + 1) * ONE) - EXPONENTS * ONE;
    let mut codes = [0u8; BLOCK];
    for i in 0..BLOCK {
        let mut code = (halves[i] & !sign).saturating_sub(base) >> 4;
        if EXPONENTS == POSITIVE && halves[i] > ZERO {
            code = code.max(1);
        }
        codes[i] = (code | (halves[i] & sign) >> 8) as u8;
    }
    // SAFETY: the caller's promise.
    unsafe {
        to.cast::<[u8; BLOCK]>().write_unaligned(codes);
        to.add(BLOCK / 4).cast::<u32>().write_unaligned(u32::from(base) << 16);
    }
    greatest
}

/// The greatest upper half that 0 may have with random bits added.
const ZERO: u16 = 15;

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

    /// How packing rounds.
    #[derive(Clone, Copy)]
    enum Rounding {
        Nearest,
        Random { key: u64, upper: bool },
    }

    fn packed(codec: Codec, how: Rounding, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; codec.len(x.len())];
        match how {
            Rounding::Nearest => pack_nearest(codec, x, x.len(), &mut out),
            Rounding::Random { key, upper } => {
                let blocks = x.chunks(BLOCK).zip(out.chunks_mut(codec.words()));
                for (i, (x, out)) in blocks.enumerate() {
                    pack_block_at(codec, x, half(bits(key, i * BLOCK), upper), out);
                }
            }
        }
        out
    }
    fn bits_of(x: &[f32]) -> Vec<u32> {
        x.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn what_was_unpacked_packs_to_the_same_bits() {
        for codec in SMALL {
            let first = packed(codec, Rounding::Random { key: 1, upper: true }, &numbers(codec, 4096));
            let plain = unpacked(codec, &first, 4096);
            for key in [2, 3] {
                let again = packed(codec, Rounding::Random { key, upper: false }, &plain);
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
            let nearest = unpacked(codec, &packed(codec, Rounding::Nearest, &x), x.len());
            let random = Rounding::Random { key: 9, upper: false };
            let random = unpacked(codec, &packed(codec, random, &x), x.len());
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

    /// The mean of many roundings is the number: within four standard deviations of the mean. The greatest of a block is
    /// nearer to the next power of two than to the last code below it.
    #[test]
    fn rounding_at_random_favours_no_side() {
        for codec in SMALL {
            let x: Vec<f32> = (0..BLOCK).map(|i| 1.97 / (1.0 + i as f32 * 3.3)).collect();
            let mut sums = [0.0f64; BLOCK];
            let times = 20_000u32;
            for key in 0..times {
                let how = Rounding::Random { key: super::key(3, u64::from(key), 1), upper: key % 2 == 0 };
                let out = unpacked(codec, &packed(codec, how, &x), BLOCK);
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
    fn what_is_not_finite_stays_so() {
        let mut x = [1.0f32; BLOCK];
        (x[1], x[2], x[3], x[4]) = (f32::INFINITY, f32::NAN, f32::MAX, -f32::MAX);
        let how = Rounding::Random { key: 1, upper: false };
        let out = unpacked(Codec::Bf16, &packed(Codec::Bf16, how, &x), BLOCK);
        assert!(out[1] == f32::INFINITY && out[2].is_nan() && out[3].is_finite() && out[4] < -3e38);
        for codec in [Codec::Signed8, Codec::Positive8] {
            x[4] = 2.0;
            let out = unpacked(codec, &packed(codec, how, &x), BLOCK);
            assert!(out[1] == f32::INFINITY && out[2].is_nan(), "{codec:?}: {out:?}");
        }
    }

    /// Of many pairs of uniform numbers the correlation is within four of its standard deviations of 0, for what must
    /// not go together: two states of a number, a block and the next, an update and the next, two arrays.
    #[test]
    fn random_bits_are_uniform_and_go_their_own_ways() {
        let uniform = |key: u64, place: usize, upper: bool| f64::from(half(bits(key, place), upper)) / 4_294_967_296.0;
        let count = 40_000;
        let keys = |update: usize, array: u64| key(3, update as u64, array);
        type Pair<'a> = (&'a str, &'a dyn Fn(usize) -> (f64, f64));
        let pairs: [Pair; 5] = [
            ("states", &|i| (uniform(keys(i, 1), 48, true), uniform(keys(i, 1), 48, false))),
            ("pairs of states", &|i| {
                (uniform(keys(i, 1), 48, true), uniform(keys(i, 1).wrapping_add(APART.wrapping_mul(2)), 48, true))
            }),
            ("blocks", &|i| (uniform(keys(7, 1), i * BLOCK, false), uniform(keys(7, 1), (i + 1) * BLOCK, false))),
            ("updates", &|i| (uniform(keys(i, 1), 32, true), uniform(keys(i + 1, 1), 32, true))),
            ("arrays", &|i| (uniform(keys(i, 1), 32, true), uniform(keys(i, 2), 32, true))),
        ];
        for (name, pair) in pairs {
            let (mut buckets, mut product) = ([0u32; 32], 0.0);
            for i in 0..count {
                let (a, b) = pair(i);
                buckets[(a * 32.0) as usize] += 1;
                product += (a - 0.5) * (b - 0.5) * 12.0;
            }
            let correlation = product / f64::from(count as u32);
            assert!(correlation.abs() < 4.0 / f64::from(count as u32).sqrt(), "{name}: {correlation}");
            let mean = f64::from(count as u32) / 32.0;
            let chi_squared: f64 = buckets.iter().map(|&n| (f64::from(n) - mean).powi(2) / mean).sum();
            // 31 degrees of freedom: mean 31, standard deviation 7.9.
            assert!(chi_squared < 31.0 + 4.0 * 7.9, "{name}: {chi_squared}");
        }
    }
}
