//! What the machine can do at best: the roof under which every kernel works.

#[cfg(target_arch = "aarch64")]
use crate::lane::Neon;
#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512};
use crate::lane::{Register, Wide};
use crate::{Buffer, Isa, Pool};
use std::hint::black_box;
use std::sync::Mutex;
use std::time::Instant;

/// Independent chains, enough to fill the pipelines, few enough for the registers.
const CHAINS: usize = 12;
/// Rounds of all chains between two looks at the clock.
const ROUNDS: usize = 20_000;

#[inline(always)]
fn chains<V: Register>(start: f64) -> V {
    let (factor, term) = (V::splat(0.999_999), V::splat(1e-6));
    let mut x = [V::splat(start); CHAINS];
    for _ in 0..ROUNDS {
        for x in &mut x {
            *x = x.times_plus(factor, term);
        }
    }
    let mut sum = x[0];
    for x in &x[1..] {
        sum = sum + *x;
    }
    sum
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn chains_avx2(start: f64) -> bool {
    chains::<Avx2>(start).is_zero()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
fn chains_avx512(start: f64) -> bool {
    chains::<Avx512>(start).is_zero()
}

/// Multiply-adds in registers alone: floating-point operations a second of all threads of the pool together, two for
/// each of them; the best of some tries.
///
/// # Panics
/// If this machine does not have `isa`.
pub fn multiply_adds(isa: Isa, pool: &Pool) -> f64 {
    assert!(isa.available(), "this machine has no {}", isa.name());
    let run = |start: f64| match isa {
        Isa::Portable => (chains::<Wide>(start).is_zero(), Wide::COUNT),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => (chains::<Neon>(start).is_zero(), Neon::COUNT),
        // SAFETY: the instruction set is there.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => (unsafe { chains_avx2(start) }, Avx2::COUNT),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => (unsafe { chains_avx512(start) }, Avx512::COUNT),
    };
    rate(pool, &|| {
        let (zero, count) = run(black_box(1.0));
        black_box(zero);
        2 * CHAINS * ROUNDS * count
    })
}

/// Operations a second of all threads together, each at its best of some tries; `run` does some and says how many.
fn rate(pool: &Pool, run: &(dyn Fn() -> usize + Sync)) -> f64 {
    let total = Mutex::new(0.0);
    pool.run(&|_| {
        let mut best = 0.0f64;
        for _ in 0..40 {
            let start = Instant::now();
            let done = run();
            best = best.max(done as f64 / start.elapsed().as_secs_f64());
        }
        *total.lock().expect("no thread panics here") += best;
    });
    total.into_inner().expect("no thread panics here")
}

/// The same for products of bfloat16 in the machine's unit for them, which reads its factors from the first level of the cache,
/// and the unit's name; none if it has none that is faster than multiply-adds in f32.
pub fn products_of_bfloat16(isa: Isa, pool: &Pool) -> Option<(&'static str, f64)> {
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512 && isa.available() {
        use crate::product::{amx, bf16};
        let (name, run): (_, fn(usize) -> usize) = if amx::available() {
            ("AMX", amx::multiply)
        } else if bf16::fast() {
            ("AVX-512", bf16::multiply)
        } else {
            return None;
        };
        return Some((name, rate(pool, &|| run(black_box(ROUNDS)))));
    }
    let _ = (isa, pool);
    None
}

/// Bytes a second that all threads of the pool move together, to and from memory beyond the caches: y ← a x + y, which
/// reads two arrays and writes one, the best of some tries.
pub fn bandwidth(isa: Isa, pool: &Pool) -> f64 {
    const NUMBERS: usize = 1 << 24;
    let (x, mut y) = (Buffer::zeros(NUMBERS), Buffer::zeros(NUMBERS));
    let sweep = crate::Sweep::of::<Add>();
    let (from, to) = (x.as_ptr() as usize, y.as_mut_ptr() as usize);
    let mut best = f64::INFINITY;
    for _ in 0..8 {
        let start = Instant::now();
        pool.run(&|thread| {
            let own = crate::program::share(NUMBERS, pool.threads(), thread);
            let at = own.start * size_of::<f32>();
            let (x, y) = ((from + at) as *const f32, (to + at) as *mut f32);
            // SAFETY: threads have parts of their own; the arrays live until all have ended.
            unsafe { sweep.run_block(isa, &[1.0], 1, own.len(), y, 0, x, 0, &[], false) };
        });
        best = best.min(start.elapsed().as_secs_f64());
    }
    (3 * NUMBERS * size_of::<f32>()) as f64 / best
}

/// Seconds from asking all threads of the pool to their end, when they do nothing: the best of some tries.
pub fn dispatch(pool: &Pool) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..2000 {
        let start = Instant::now();
        pool.run(&|_| ());
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

/// y + x.
struct Add;

impl crate::Elementwise for Add {
    type At<L: crate::Lane> = [L; 0];
    type State<L: crate::Lane> = [L; 0];
    #[inline(always)]
    fn step<L: crate::Lane>(_: [L; 0], theta: L, g: L, state: [L; 0]) -> (L, [L; 0]) {
        (theta + g, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_a_machine() {
        let pool = Pool::new(2);
        let rate = multiply_adds(Isa::detect(), &pool);
        assert!((1e8..1e13).contains(&rate), "{rate}");
        if let Some((name, unit)) = products_of_bfloat16(Isa::detect(), &pool) {
            assert!((rate..1e14).contains(&unit), "{name}: {unit}");
        }
        assert!(bandwidth(Isa::detect(), &pool) > 1e7);
        assert!((0.0..1.0).contains(&dispatch(&pool)));
    }
}
