//! Two pictures blended, and their targets.

use super::{Draws, Frame, Parameters, Sizes, Stage, Transform};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "mix_up",
    page: Page {
        summary: "blends a picture with another one, and their targets alike",
        equation: "y = λ x + (1 − λ) x′ of pictures and of targets, λ from Beta(alpha, alpha), x′ any picture of the training part",
        source: "Keras 3, keras.layers.MixUp; H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, mixup, 2017, arXiv 1710.09412",
        differs: "The other picture is drawn from the whole training part; Keras takes one of the batch, each once. The loss must take \
                  shares of classes (categorical_crossentropy).",
    },
    settings: &[Setting {
        name: "alpha",
        default: Default::Float(0.2),
        allowed: Allowed::Positive,
        doc: "less of it is less blending",
    }],
    make: |settings| Ok(Stage::new("mix_up", settings, MixUp { alpha: settings.f64("alpha") })),
};

/// Parameter: λ.
#[derive(Debug)]
struct MixUp {
    alpha: f64,
}

impl Transform for MixUp {
    fn draw(&self, _: Sizes, draws: &mut Draws) -> Parameters {
        Parameters::of([draws.beta(self.alpha)])
    }
    fn mixes(&self) -> bool {
        true
    }
    fn share(&self, parameters: &Parameters, _: Sizes) -> f64 {
        parameters.numbers[0]
    }
    fn mix(&self, parameters: &Parameters, frame: &mut Frame, other: &Frame) {
        let share = parameters.numbers[0] as f32;
        frame.pixels_mut().iter_mut().zip(other.pixels()).for_each(|(x, y)| *x = share * *x + (1.0 - share) * y);
    }
    fn apply(&self, _: &Parameters, _: &mut Frame) {}
}
