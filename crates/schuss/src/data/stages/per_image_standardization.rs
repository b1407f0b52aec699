//! Each picture brought to mean 0 and variance 1.

use super::frame::sum;
use super::{Frame, Parameters, Stage, Transform};
use crate::registry::{Entry, Page};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "per_image_standardization",
    page: Page {
        summary: "brings each picture to mean 0 and variance 1; in the place of the scaling that pixels have otherwise (1/255)",
        equation: "y = (x − μ) / max(σ, 1/√n), μ and σ over all n numbers of the picture",
        source: "TensorFlow, tf.image.per_image_standardization",
        differs: "",
    },
    settings: &[],
    make: |settings| Ok(Stage::new("per_image_standardization", settings, PerImageStandardization)),
};

#[derive(Debug)]
struct PerImageStandardization;

impl Transform for PerImageStandardization {
    fn is_random(&self) -> bool {
        false
    }
    fn scales(&self) -> bool {
        true
    }
    fn apply(&self, _: &Parameters, frame: &mut Frame) {
        let pixels = frame.pixels_mut();
        let n = pixels.len() as f64;
        let mean = sum(pixels, |x| x) / n;
        let deviation = (sum(pixels, |x| (x - mean) * (x - mean)) / n).sqrt();
        let (mean, factor) = (mean as f32, (1.0 / deviation.max(1.0 / n.sqrt())) as f32);
        pixels.iter_mut().for_each(|x| *x = (*x - mean) * factor);
    }
}
