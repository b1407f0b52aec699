//! Functions of one f32, written so that a loop over them becomes vector code: no branch, no call, no rounding mode.
//!
//! Errors are against the exact value over the whole range, found by the tests at the end; each function gives the same
//! bits on every instruction set, as it uses single operations of IEEE 754 only.

/// Adding and subtracting it rounds to a whole number (ties to even) for |x| < 2²².
const ROUND: f32 = 12_582_912.0;

/// eˣ; error below 2 ulp. 0 below −87.33, infinite above 88.72.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // e^x = 2^n · e^r with n whole and |r| ≤ ln 2 / 2; ln 2 in two parts so that r is exact (Cody and Waite 1980).
    let t = x * std::f32::consts::LOG2_E + ROUND;
    let n = t - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    // Minimax polynomial of Cephes' expf (Moshier).
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    // 2^n in two factors, so that n = 128 does not overflow on the way.
    let whole = t.to_bits().wrapping_sub(ROUND.to_bits());
    let half = ((whole as i32) >> 1) as u32;
    let power = |k: u32| f32::from_bits(k.wrapping_add(127) << 23);
    let y = p * power(half) * power(whole.wrapping_sub(half));
    let y = if x > 88.722_84 { f32::INFINITY } else { y };
    if x < -87.336_54 { 0.0 } else { y }
}

/// ln x; error below 2 ulp. −∞ at 0, NaN below.
#[inline(always)]
pub fn log(x: f32) -> f32 {
    // x = m · 2^e with m in [√½, √2).
    let bits = x.to_bits();
    let e = (bits >> 23).wrapping_sub(126) as i32;
    let m = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    let small = m < std::f32::consts::FRAC_1_SQRT_2;
    let e = if small { e - 1 } else { e } as f32;
    let r = if small { m + m - 1.0 } else { m - 1.0 };
    // Minimax polynomial of Cephes' logf (Moshier).
    let mut p = 7.037_683_6e-2;
    p = p * r - 1.151_461e-1;
    p = p * r + 1.167_699_9e-1;
    p = p * r - 1.242_014_1e-1;
    p = p * r + 1.424_932_3e-1;
    p = p * r - 1.666_805_8e-1;
    p = p * r + 2.000_071_5e-1;
    p = p * r - 2.499_999_4e-1;
    p = p * r + 3.333_333e-1;
    let z = r * r;
    let y = (p * r * z - 2.121_944_4e-4 * e) - 0.5 * z + r + 0.693_359_4 * e;
    let y = if x < f32::MIN_POSITIVE { f32::NEG_INFINITY } else { y };
    let y = if x == f32::INFINITY { f32::INFINITY } else { y };
    if x >= 0.0 { y } else { f32::NAN }
}

/// ln(1 + u) for u in [0, 1]; error below 4 ulp.
#[inline(always)]
fn log1p_unit(u: f32) -> f32 {
    // w is 1 + u rounded; the quotient makes good what rounding lost (Kahan; HP-15C handbook 1982).
    let w = 1.0 + u;
    let y = log(w) * (u / (w - 1.0));
    if w == 1.0 { u } else { y }
}

/// ln(1 + eˣ), without overflow; error below 6 ulp.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let positive = if x > 0.0 { x } else { 0.0 };
    let y = positive + log1p_unit(exp(-x.abs()));
    if x.is_nan() { x } else { y }
}

/// 1/(1 + e⁻ˣ); error below 4 ulp down to −87, 0 below.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let upper = 1.0 / (1.0 + e);
    if x < 0.0 { e * upper } else { upper }
}

/// tanh x; error below 4 ulp.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let e = exp(-2.0 * a);
    let large = (1.0 - e) / (1.0 + e);
    let large = if x < 0.0 { -large } else { large };
    // Minimax polynomial of Cephes' tanhf (Moshier) where the quotient would cancel.
    let z = x * x;
    let mut p = -5.704_988_7e-3;
    p = p * z + 2.063_908_7e-2;
    p = p * z - 5.373_971_6e-2;
    p = p * z + 1.333_144_2e-1;
    p = p * z - 3.333_328e-1;
    let small = p * z * x + x;
    if a < 0.625 { small } else { large }
}

/// x Φ(x), Φ(x) the share of a standard normal distribution below x; error below 8 ulp down to −13.1, 0 below −13.21.
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    x * normal(x)[0]
}

/// Its derivative, Φ(x) + x φ(x) with φ(x) = e^(−x²/2) / √(2π); error below 8 units in the last place of 1.
#[inline(always)]
pub fn gelu_slope(x: f32) -> f32 {
    let [share, bell] = normal(x);
    // Far out x φ(x) is 0, x infinite or not.
    let density = if bell > 0.0 { x * (bell * 0.398_942_3) } else { 0.0 };
    if x.is_nan() { x } else { share + density }
}

/// Φ(x) with an error below 6 ulp down to −13.1, and e^(−x²/2) nearly.
#[inline(always)]
fn normal(x: f32) -> [f32; 2] {
    let a = x.abs();
    // Φ(−a) e^(a²/2) as a polynomial of t = 1/(1 + a/4): least squares with weights that even out the relative error, 1.5e-8.
    let t = 1.0 / (1.0 + 0.25 * a);
    let mut p = 3.394_667_8e-2;
    p = p * t - 1.961_771e-1;
    p = p * t + 3.950_009e-1;
    p = p * t - 3.334_686e-1;
    p = p * t + 3.044_863_6e-1;
    p = p * t - 2.038_378_6e-2;
    p = p * t + 1.215_678_5e-1;
    p = p * t + 9.482_027e-2;
    p = p * t + 1.002_289_95e-1;
    p = p * t - 2.159_998_4e-5;
    // What rounding took from a² (Dekker 1971), which e^(−a²/2) would magnify.
    let square = a * a;
    let high = f32::from_bits(a.to_bits() & 0xffff_f000);
    let low = a - high;
    let lost = (high * high - square) + 2.0 * high * low + low * low;
    let bell = exp(-0.5 * square);
    let below = bell * p;
    let below = below - below * (0.5 * lost);
    let below = if a > 13.21 { 0.0 } else { below };
    let y = if x < 0.0 { below } else { 1.0 - below };
    [if x.is_nan() { x } else { y }, bell]
}

/// [`gelu_slope`] in double precision, for a reference.
pub fn gelu_slope_f64(x: f64) -> f64 {
    let bell = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    normal_cdf_f64(x) + if bell > 0.0 { x * bell } else { 0.0 }
}

/// Φ(x) in double precision, for a reference: error below 1e-15 of the value near 0 and a²/2 times that far out.
pub fn normal_cdf_f64(x: f64) -> f64 {
    let a = x.abs();
    let density = (-0.5 * a * a).exp() / std::f64::consts::TAU.sqrt();
    let below = if a < 1.0 {
        // ½ − φ(a) Σ a^(2n+1) / (1 · 3 · 5 … (2n + 1)).
        let terms = (1..40).scan(a, |term, n| {
            let this = *term;
            *term *= a * a / f64::from(2 * n + 1);
            Some(this)
        });
        0.5 - density * terms.sum::<f64>()
    } else if a > 40.0 {
        0.0
    } else {
        // φ(a) / (a + 1/(a + 2/(a + 3/(a + …)))) (Laplace 1805).
        density / (1..400).rev().fold(a, |rest, n| a + f64::from(n) / rest)
    };
    if x < 0.0 { below } else { 1.0 - below }
}

/// The nearest number of bfloat16 (8 bits of mantissa, the first one not stored; ties to even): the upper half of an f32.
#[inline(always)]
pub fn bfloat16(x: f32) -> f32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
    // A NaN stays one, whatever its bits.
    f32::from_bits(if x.is_nan() { bits | 0x0040_0000 } else { rounded })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal_cdf(x: f32) -> f32 {
        normal(x)[0]
    }

    /// The greatest error in units of the last place of f32, over a range and small numbers of both signs in it.
    fn worst(f: fn(f32) -> f32, exact: fn(f64) -> f64, from: f64, to: f64) -> f64 {
        let n = 400_000;
        let places = (0..=n).map(|i| from + (to - from) * f64::from(i) / f64::from(n));
        let small = (-100..0).flat_map(|e| [10f64.powf(f64::from(e) / 4.0), -(10f64.powf(f64::from(e) / 4.0))]);
        let error = |x: f64| {
            let x = x as f32;
            let y = exact(f64::from(x));
            let ulp = f64::from(f32::EPSILON) * y.abs().max(f64::from(f32::MIN_POSITIVE));
            (f64::from(f(x)) - y).abs() / ulp
        };
        places.chain(small.filter(|x| (from..=to).contains(x))).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn errors_are_as_stated() {
        assert!(worst(exp, f64::exp, -87.0, 88.7) < 2.0);
        assert!(worst(log, f64::ln, 1e-3, 30.0) < 2.0);
        assert!(worst(log, f64::ln, 1e-30, 1e30) < 2.0);
        assert!(worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -86.0, 100.0) < 4.0);
        assert!(worst(tanh, f64::tanh, -20.0, 20.0) < 4.0);
        assert!(worst(normal_cdf, normal_cdf_f64, -13.1, 10.0) < 6.0);
        assert!(worst(gelu, |x| x * normal_cdf_f64(x), -13.1, 10.0) < 8.0);
        let apart = |x: f32| (f64::from(gelu_slope(x)) - gelu_slope_f64(f64::from(x))).abs();
        let most = (-300_000..300_000).map(|i| apart(i as f32 * 5e-5)).fold(0.0, f64::max);
        assert!(most < 8.0 * f64::from(f32::EPSILON), "{most}");
        assert!(worst(softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), -80.0, 100.0) < 6.0);
    }

    #[test]
    fn the_edges() {
        assert_eq!((exp(-1e4), exp(1e4), exp(0.0)), (0.0, f32::INFINITY, 1.0));
        assert_eq!((exp(f32::INFINITY), exp(f32::NEG_INFINITY)), (f32::INFINITY, 0.0));
        assert_eq!((log(0.0), log(1.0), log(f32::INFINITY)), (f32::NEG_INFINITY, 0.0, f32::INFINITY));
        assert_eq!((softplus(1e4), softplus(-1e4)), (1e4, 0.0));
        assert_eq!((sigmoid(1e4), sigmoid(-1e4), sigmoid(0.0)), (1.0, 0.0, 0.5));
        assert_eq!((tanh(1e4), tanh(-1e4), tanh(0.0)), (1.0, -1.0, 0.0));
        assert_eq!((normal_cdf(1e4), normal_cdf(-1e4), normal_cdf(0.0)), (1.0, 0.0, 0.5));
        assert_eq!((normal_cdf(f32::INFINITY), normal_cdf(f32::NEG_INFINITY)), (1.0, 0.0));
        assert_eq!([-1e30, f32::NEG_INFINITY, f32::INFINITY].map(gelu_slope), [0.0, 0.0, 1.0]);
        assert!([exp, log, softplus, sigmoid, tanh, normal_cdf, gelu, gelu_slope].iter().all(|f| f(f32::NAN).is_nan()));
        assert!(log(-1.0).is_nan());
    }

    #[test]
    fn the_normal_distribution_has_its_values() {
        // Abramowitz and Stegun 1964, table 26.1 (Φ(x) for x ≥ 0) and 26.2 (−log₁₀ Φ(−x)).
        for (x, y) in [(0.5, 0.691_462_461_274_013), (1.0, 0.841_344_746_068_543), (2.0, 0.977_249_868_051_821)] {
            assert!((normal_cdf_f64(x) - y).abs() < 1e-15, "{x}");
            assert!((normal_cdf_f64(-x) - (1.0 - y)).abs() < 1e-15, "{x}");
        }
        for (x, y) in [(5.0, 6.542_65), (10.0, 23.118_05)] {
            assert!((-normal_cdf_f64(-x).log10() - y).abs() < 1e-5, "{x}");
        }
        // Both ways of computing it meet.
        assert!((normal_cdf_f64(1.0 - 1e-12) - normal_cdf_f64(1.0)).abs() < 1e-12);
        assert_eq!((normal_cdf_f64(0.0), normal_cdf_f64(-50.0), normal_cdf_f64(50.0)), (0.5, 0.0, 1.0));
        assert!(normal_cdf_f64(f64::NAN).is_nan());
    }
}
