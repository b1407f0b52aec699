//! Each channel stretched to the whole range.

use super::{Frame, Parameters, Stage, Transform, shared, value_range};
use crate::registry::{Entry, Page};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "auto_contrast",
    page: Page {
        summary: "stretches the values of each channel to the whole range",
        equation: "y = low + (x − min) / (max − min) · (high − low), of each channel of the picture; one that has a single value \
                   stays",
        source: "Keras 3, keras.layers.AutoContrast",
        differs: "",
    },
    settings: &[shared::VALUE_RANGE],
    make: |settings| Ok(Stage::new("auto_contrast", settings, AutoContrast { range: value_range(settings)? })),
};

#[derive(Debug)]
struct AutoContrast {
    range: [f64; 2],
}

impl Transform for AutoContrast {
    fn is_random(&self) -> bool {
        false
    }
    fn apply(&self, _: &Parameters, frame: &mut Frame) {
        let ([low, high], channels) = (self.range.map(|x| x as f32), frame.sizes().channels);
        for c in 0..channels {
            let values = || frame.pixels().iter().copied().skip(c).step_by(channels);
            let (least, most) = (values().fold(f32::MAX, f32::min), values().fold(f32::MIN, f32::max));
            if most > least {
                let scale = (high - low) / (most - least);
                let all = frame.pixels_mut().iter_mut().skip(c).step_by(channels);
                all.for_each(|x| *x = ((*x - least) * scale + low).max(low).min(high));
            }
        }
    }
}
