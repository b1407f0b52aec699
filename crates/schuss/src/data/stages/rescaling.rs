//! Numbers brought to another scale.

use super::{Frame, Parameters, Stage, Transform};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "rescaling",
    page: Page {
        summary: "multiplies every number, and adds to it; in the place of the scaling that pixels have otherwise (1/255)",
        equation: "y = x · scale + offset",
        source: "Keras 3, keras.layers.Rescaling",
        differs: "",
    },
    settings: &[
        Setting {
            name: "scale",
            default: Default::Required,
            allowed: Allowed::Number,
            doc: "the factor, as 0.00392156862745098",
        },
        Setting { name: "offset", default: Default::Float(0.0), allowed: Allowed::Number, doc: "what is added" },
    ],
    make: |settings| {
        let [scale, offset] = ["scale", "offset"].map(|name| settings.f64(name) as f32);
        Ok(Stage::new("rescaling", settings, Rescaling { scale, offset }))
    },
};

#[derive(Debug)]
struct Rescaling {
    scale: f32,
    offset: f32,
}

impl Transform for Rescaling {
    fn is_random(&self) -> bool {
        false
    }
    fn scales(&self) -> bool {
        true
    }
    fn apply(&self, _: &Parameters, frame: &mut Frame) {
        frame.pixels_mut().iter_mut().for_each(|x| *x = *x * self.scale + self.offset);
    }
}
