//! Random numbers without a state: a number is a function of a key, a stream and an index.
//!
//! The generator is Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

use crate::Isa;

#[cfg(target_arch = "x86_64")]
mod avx512;

const ROUNDS: usize = 10;
const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Philox4x32-10: four random words for a key and a counter.
pub fn philox(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    rounds(key, counter.map(|word| [word])).map(|[word]| word)
}

/// N counters side by side: word w of counter i is `counter[w][i]`.
#[inline(always)]
fn rounds<const N: usize>(mut key: [u32; 2], mut counter: [[u32; N]; 4]) -> [[u32; N]; 4] {
    for _ in 0..ROUNDS {
        #[allow(clippy::needless_range_loop)]
        for i in 0..N {
            let [a, b, c, d] = [counter[0][i], counter[1][i], counter[2][i], counter[3][i]];
            let left = u64::from(a) * u64::from(MULTIPLIER[0]);
            let right = u64::from(c) * u64::from(MULTIPLIER[1]);
            counter[0][i] = (right >> 32) as u32 ^ b ^ key[0];
            counter[1][i] = right as u32;
            counter[2][i] = (left >> 32) as u32 ^ d ^ key[1];
            counter[3][i] = left as u32;
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// A number in [0, 1) from the word's upper 24 bits.
#[inline(always)]
pub fn uniform(word: u32) -> f32 {
    // As a signed number: that conversion is one instruction everywhere.
    (word >> 8) as i32 as f32 * (1.0 / (1 << 24) as f32)
}

/// A number in [0, 1) from the upper 53 bits of two words.
#[inline(always)]
pub fn uniform_f64(high: u32, low: u32) -> f64 {
    let word = u64::from(high) << 32 | u64::from(low);
    (word >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// The four words at indices `4 · block` … of a stream.
pub fn block(key: [u32; 2], stream: u64, block: u64) -> [u32; 4] {
    philox(key, [block as u32, (block >> 32) as u32, stream as u32, (stream >> 32) as u32])
}

/// Puts number `first + i` of the stream, in [0, 1), into `out[i]`. A number depends on key, stream and index alone.
///
/// # Panics
/// If this machine does not have `isa`.
pub fn fill_uniform(isa: Isa, key: [u32; 2], stream: u64, first: u64, out: &mut [f32]) {
    assert!(isa.available());
    // SAFETY: available.
    unsafe { fill_for(isa, key, stream, first, out) }
}

/// The same.
///
/// # Safety
/// This machine has `isa`.
pub(crate) unsafe fn fill_for(isa: Isa, key: [u32; 2], stream: u64, first: u64, out: &mut [f32]) {
    match isa {
        Isa::Portable => fill::<8>(key, stream, first, out),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => fill::<16>(key, stream, first, out),
        // SAFETY: the caller's promise.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { fill_avx2(key, stream, first, out) },
        // SAFETY: the caller's promise.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512::fill(key, stream, first, out) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn fill_avx2(key: [u32; 2], stream: u64, first: u64, out: &mut [f32]) {
    fill::<16>(key, stream, first, out);
}

/// Puts number `first + i` of the stream, in [0, 1), into `out[i]`: N blocks side by side, then eight, then one.
#[inline(always)]
fn fill<const N: usize>(key: [u32; 2], stream: u64, first: u64, out: &mut [f32]) {
    let (mut at, out) = head(key, stream, first, out);
    let rest = whole::<N>(key, stream, &mut at, out);
    let rest = whole::<8>(key, stream, &mut at, rest);
    for four in rest.chunks_mut(4) {
        let words = block(key, stream, at / 4);
        four.iter_mut().zip(words).for_each(|(x, word)| *x = uniform(word));
        at = at.wrapping_add(4);
    }
}

/// Up to the first number of a block: its index, and what is left.
fn head(key: [u32; 2], stream: u64, first: u64, out: &mut [f32]) -> (u64, &mut [f32]) {
    let head = (first.wrapping_neg() % 4).min(out.len() as u64);
    let (before, out) = out.split_at_mut(head as usize);
    if head > 0 {
        let words = block(key, stream, first / 4);
        before.iter_mut().zip(&words[(first % 4) as usize..]).for_each(|(x, word)| *x = uniform(*word));
    }
    (first.wrapping_add(head), out)
}

/// N blocks at a time as long as they are whole, from a block's first number on; what is left.
#[inline(always)]
fn whole<'a, const N: usize>(key: [u32; 2], stream: u64, at: &mut u64, out: &'a mut [f32]) -> &'a mut [f32] {
    let (chunks, rest) = out.split_at_mut(out.len() / (4 * N) * (4 * N));
    for chunk in chunks.chunks_exact_mut(4 * N) {
        let mut counter = [[0; N], [0; N], [stream as u32; N], [(stream >> 32) as u32; N]];
        #[allow(clippy::needless_range_loop)]
        for i in 0..N {
            let block = *at / 4 + i as u64;
            counter[0][i] = block as u32;
            counter[1][i] = (block >> 32) as u32;
        }
        let words = rounds(key, counter);
        for (i, four) in chunk.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *four = [0, 1, 2, 3].map(|w| uniform(words[w][i]));
        }
        *at = at.wrapping_add(4 * N as u64);
    }
    rest
}
