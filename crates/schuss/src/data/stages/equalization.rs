//! Histograms made even.

use super::{Frame, Parameters, Stage, Transform, shared, value_range};
use crate::registry::{Entry, Page};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "equalization",
    page: Page {
        summary: "makes the histogram of each channel as even as can be",
        equation: "y = round(255 · (C(x) − C₀) / (n − C₀)) of values from 0 to 255, C(x) how many of the channel's n values are not \
                   above x's level, C₀ how many are at the lowest; a channel of a single level stays",
        source: "Keras 3, keras.layers.Equalization (256 bins)",
        differs: "It is done outside training too; Keras leaves pictures as they are then. Keras (3.15) looks up x / 255 · 255, which \
                  rounding makes one level less for some x.",
    },
    settings: &[shared::VALUE_RANGE],
    make: |settings| Ok(Stage::new("equalization", settings, Equalization { range: value_range(settings)? })),
};

#[derive(Debug)]
struct Equalization {
    range: [f64; 2],
}

impl Transform for Equalization {
    fn is_random(&self) -> bool {
        false
    }
    fn apply(&self, _: &Parameters, frame: &mut Frame) {
        let ([low, high], channels) = (self.range.map(|x| x as f32), frame.sizes().channels);
        let (to_bytes, back) = (255.0 / (high - low), (high - low) / 255.0);
        let level = |x: f32| ((x - low) * to_bytes) as u8;
        for c in 0..channels {
            let mut counts = [0u32; 256];
            frame.pixels().iter().skip(c).step_by(channels).for_each(|&x| counts[usize::from(level(x))] += 1);
            if counts.iter().filter(|n| **n > 0).count() <= 1 {
                continue;
            }
            let lowest = counts.iter().copied().find(|n| *n > 0).unwrap_or(0);
            let rest = f64::from(counts.iter().sum::<u32>() - lowest);
            let (mut sum, mut table) = (0u32, [0.0f32; 256]);
            for (to, count) in table.iter_mut().zip(counts) {
                sum += count;
                let share = f64::from(sum.saturating_sub(lowest)) * 255.0 / rest;
                *to = share.round_ties_even().clamp(0.0, 255.0) as f32 * back + low;
            }
            let all = frame.pixels_mut().iter_mut().skip(c).step_by(channels);
            all.for_each(|x| *x = table[usize::from(level(*x))]);
        }
    }
}
