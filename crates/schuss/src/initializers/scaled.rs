//! Distributions whose width follows from a layer's number of inputs and outputs (Keras' `VarianceScaling`).

use crate::random::Stream;

/// What the variance is divided by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fan {
    /// The number of inputs.
    In,
    /// The number of outputs.
    Out,
    /// The mean of the numbers of inputs and outputs.
    Average,
}

impl Fan {
    /// For a kernel of shape [inputs, outputs], or [… window, inputs, outputs], as Keras counts; at least 1.
    fn of(self, shape: &[usize]) -> f64 {
        let (inputs, outputs) = match shape {
            [] => (1.0, 1.0),
            [n] => (*n as f64, *n as f64),
            [window @ .., inputs, outputs] => {
                let window: f64 = window.iter().map(|&n| n as f64).product();
                (window * *inputs as f64, window * *outputs as f64)
            }
        };
        match self {
            Fan::In => inputs.max(1.0),
            Fan::Out => outputs.max(1.0),
            Fan::Average => ((inputs + outputs) / 2.0).max(1.0),
        }
    }
}

/// Uniform with variance `scale` / fan: between ∓√(3 · scale / fan).
pub(super) fn uniform(scale: f64, fan: Fan, shape: &[usize], stream: Stream, out: &mut [f32]) {
    let limit = (3.0 * scale / fan.of(shape)).sqrt();
    uniform_between(-limit, limit, stream, out);
}

/// Uniform between two numbers.
pub(super) fn uniform_between(low: f64, high: f64, stream: Stream, out: &mut [f32]) {
    let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0);
    for (i, x) in (0..).zip(out) {
        *x = (middle + (2.0 * stream.uniform(i) - 1.0) * half) as f32;
    }
}

/// Normal with mean 0, cut off at two of its standard deviations, and as wide before that as makes its variance
/// `scale` / fan after.
pub(super) fn truncated_normal(scale: f64, fan: Fan, shape: &[usize], stream: Stream, out: &mut [f32]) {
    /// The standard deviation of a standard normal cut off at ∓2.
    const WIDTH: f64 = 0.879_625_661_034_239_8;
    cut_normal(0.0, (scale / fan.of(shape)).sqrt() / WIDTH, stream, out);
}

/// Normal with variance `scale` / fan.
pub(super) fn normal(scale: f64, fan: Fan, shape: &[usize], stream: Stream, out: &mut [f32]) {
    normal_around(0.0, (scale / fan.of(shape)).sqrt(), stream, out);
}

/// Normal around a mean.
pub(super) fn normal_around(mean: f64, deviation: f64, stream: Stream, out: &mut [f32]) {
    for (i, x) in (0..).zip(out) {
        *x = (mean + deviation * stream.normal(i)) as f32;
    }
}

/// Normal around a mean, cut off at two of its standard deviations.
pub(super) fn cut_normal(mean: f64, deviation: f64, stream: Stream, out: &mut [f32]) {
    /// The probability below −2.
    const TAIL: f64 = 0.022_750_131_948_179_21;
    for (i, x) in (0..).zip(out) {
        let p = TAIL + (1.0 - 2.0 * TAIL) * stream.uniform(i);
        *x = (mean + quantile(p).clamp(-2.0, 2.0) * deviation) as f32;
    }
}

/// Where the standard normal distribution reaches the probability p, from 1e-10 to 1 − 1e-10; right to 1e-7 of it.
///
/// Wichura 1988, "The percentage points of the normal distribution", Algorithm AS 241, PPND7.
fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        let above = ((59.109_374_720 * r + 159.291_132_02) * r + 50.434_271_938) * r + 3.387_132_717_9;
        let below = ((67.187_563_600 * r + 78.757_757_664) * r + 17.895_169_469) * r + 1.0;
        return q * above / below;
    }
    let r = (-p.min(1.0 - p).ln()).sqrt() - 1.6;
    let above = ((0.170_238_211_03 * r + 1.306_728_481_6) * r + 2.756_815_390_0) * r + 1.423_437_277_7;
    let below = (0.120_211_329_75 * r + 0.737_001_642_50) * r + 1.0;
    (above / below).copysign(q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_normal_distribution() {
        // Python's statistics.NormalDist().inv_cdf, itself AS 241 in its longer form, right to 1e-16.
        let known = [
            (0.5, 0.0),
            (0.6, 0.253_347_103_135_799_8),
            (0.9, 1.281_551_565_544_600_8),
            (0.925, 1.439_531_470_938_456),
            (0.95, 1.644_853_626_951_471_5),
            (0.977_249_868_051_820_8, 2.0),
            (0.999, 3.090_232_306_167_813),
        ];
        for (p, x) in known {
            assert!((quantile(p) - x).abs() < 2e-7 * (1.0 + x), "{p}: {} is not {x}", quantile(p));
            assert!((quantile(1.0 - p) + x).abs() < 2e-7 * (1.0 + x));
        }
    }

    #[test]
    fn fans_are_at_least_one() {
        assert_eq!(Fan::In.of(&[]), 1.0);
        assert_eq!(Fan::Average.of(&[7]), 7.0);
        assert_eq!([Fan::In, Fan::Out].map(|fan| fan.of(&[3, 3, 2, 5])), [18.0, 45.0]);
        assert_eq!(Fan::Average.of(&[0, 1]), 1.0);
    }
}
