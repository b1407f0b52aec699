//! Counter-based random numbers: a number is a function of (seed, stream, counter), never of who asks for it when.

use schuss_kernels::random::philox;

/// Numbers of one stream under one seed.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    seed: u64,
    stream: u64,
}

impl Stream {
    /// The stream of that name (a variable's, a layer's, a purpose).
    pub fn named(seed: u64, name: &str) -> Self {
        Stream { seed, stream: hash(name) }
    }
    /// A part of this stream, for the n-th of something (an epoch, an update).
    pub fn part(self, n: u64) -> Self {
        Stream { seed: self.seed, stream: mix(self.stream ^ mix(n.wrapping_add(0x9e37_79b9_7f4a_7c15))) }
    }
    /// The stream's number in `[0, 2⁶⁴)`, as kernels take it.
    pub fn id(self) -> u64 {
        self.stream
    }
    /// 64 random bits for this counter.
    pub fn bits(self, counter: u64) -> u64 {
        let split = |x: u64| (x as u32, (x >> 32) as u32);
        let ((k0, k1), (c0, c1), (s0, s1)) = (split(self.seed), split(counter), split(self.stream));
        let [a, b, ..] = philox([k0, k1], [c0, c1, s0, s1]);
        u64::from(b) << 32 | u64::from(a)
    }
    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(self, counter: u64) -> f64 {
        (self.bits(counter) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
    /// Standard normal (Box and Muller 1958), from counters 2n and 2n + 1.
    pub fn normal(self, counter: u64) -> f64 {
        let (u, v) = (1.0 - self.uniform(2 * counter), self.uniform(2 * counter + 1));
        (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
    }
    /// Uniform in `0..n`, without bias that could be seen (a 64-bit product, Lemire 2019).
    pub fn below(self, counter: u64, n: usize) -> usize {
        ((u128::from(self.bits(counter)) * n as u128) >> 64) as usize
    }
    /// The numbers 0..n in a random order (Fisher and Yates; Knuth, Algorithm P).
    pub fn permutation(self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..u32::try_from(n).expect("fewer than 2³² samples")).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i as u64, i + 1));
        }
        order
    }
}

/// FNV-1a, 64 bits, then mixed: names that differ in one letter get unrelated streams.
fn hash(name: &str) -> u64 {
    mix(name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)))
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_has_every_number_once_and_depends_on_seed_and_stream() {
        let of = |seed, name| Stream::named(seed, name).permutation(1000);
        let mut sorted = of(1, "a");
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &x)| i == x as usize));
        assert_eq!(of(1, "a"), of(1, "a"));
        assert_ne!(of(1, "a"), of(2, "a"));
        assert_ne!(of(1, "a"), of(1, "b"));
        assert_ne!(Stream::named(1, "a").part(0).permutation(9), Stream::named(1, "a").part(1).permutation(9));
    }

    #[test]
    fn moments_of_uniform_and_normal() {
        let s = Stream::named(7, "moments");
        let n = 200_000;
        let mean = |f: &dyn Fn(u64) -> f64| (0..n).map(f).sum::<f64>() / n as f64;
        // Four standard errors each: 4·√(1/12/n), 4/√n, 4·√(2/n).
        assert!((mean(&|i| s.uniform(i)) - 0.5).abs() < 0.0026);
        assert!(mean(&|i| s.normal(i)).abs() < 0.0090);
        assert!((mean(&|i| s.normal(i).powi(2)) - 1.0).abs() < 0.0127);
    }
}
