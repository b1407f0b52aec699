//! Several stages drawn from a table.

use super::{
    Draws, Frame, Parameters, Sizes, Stage, Transform, auto_contrast, equalization, from_zero, random_brightness,
    random_color_degeneration, random_contrast, random_posterization, random_rotation, random_sharpness, random_shear,
    random_translation, shared, solarization, value_range,
};
use crate::error::Result;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};

pub(super) const ENTRY: Entry<Stage> = Entry {
    name: "rand_augment",
    page: Page {
        summary: "does some stages, drawn from eleven, of one strength",
        equation: "num_ops times: one of random_shear, random_translation, random_rotation, random_brightness, \
                   random_color_degeneration, random_contrast, random_sharpness, random_posterization, solarization, auto_contrast, \
                   equalization, each with the factors that its parameters are drawn from",
        source: "Keras 3, keras.layers.RandAugment; E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le, RandAugment, 2019, arXiv 1909.13719",
        differs: "As in Keras, a single factor x is a range from 0 to x, so that pictures are turned, moved and brightened in one \
                  direction only. Of num_ops at most 4. Each sample draws its own stages; Keras draws them for a batch.",
    },
    settings: &[
        shared::VALUE_RANGE,
        Setting {
            name: "num_ops",
            default: Default::Int(2),
            allowed: Allowed::Int(1, MOST as i64),
            doc: "how many stages",
        },
        Setting {
            name: "factor",
            default: Default::Float(0.5),
            allowed: Allowed::Range(0.0, 1.0),
            doc: "their strength: from 0 to x, or [least, most]",
        },
        shared::INTERPOLATION,
    ],
    make,
};

/// Stages done one after another, at most: the parameters have room for so many.
const MOST: usize = 4;
/// Numbers that each takes: which one it is, and its own parameters.
const NUMBERS: usize = 3;

fn make(settings: &Settings) -> Result<Stage> {
    value_range(settings)?;
    let [low, high] = from_zero(settings, "factor");
    let factor = Argument::List(vec![Argument::Float(low), Argument::Float(high)]);
    let bits = ((8.0 * high) as i64).max(1);
    let stage = |entry: Entry<Stage>| {
        // Each takes what of this its settings have.
        let value = |name: &str| match name {
            "value_range" | "interpolation" => settings.get(name).cloned(),
            "factor" if entry.name == random_posterization::ENTRY.name => Some(Argument::Int(bits)),
            name if name.ends_with("factor") => Some(factor.clone()),
            _ => None,
        };
        let given: Vec<_> = entry.settings.iter().filter_map(|s| Some((s.name.to_owned(), value(s.name)?))).collect();
        (entry.make)(&Settings::resolve(entry.name, entry.settings, &given)?)
    };
    let entries = [
        random_shear::ENTRY,
        random_translation::ENTRY,
        random_rotation::ENTRY,
        random_brightness::ENTRY,
        random_color_degeneration::ENTRY,
        random_contrast::ENTRY,
        random_sharpness::ENTRY,
        random_posterization::ENTRY,
        solarization::ENTRY,
        auto_contrast::ENTRY,
        equalization::ENTRY,
    ];
    let stages = entries.into_iter().map(stage).collect::<Result<_>>()?;
    Ok(Stage::new("rand_augment", settings, RandAugment { stages, count: settings.usize("num_ops") }))
}

/// Parameters, for each stage that is done: its place among the eleven, and its own.
#[derive(Debug)]
struct RandAugment {
    stages: Vec<Stage>,
    count: usize,
}

impl Transform for RandAugment {
    fn output(&self, input: Sizes) -> Result<Sizes> {
        self.stages.iter().try_fold(input, |sizes, stage| stage.transform().output(sizes))
    }
    fn draw(&self, input: Sizes, draws: &mut Draws) -> Parameters {
        let mut parameters = Parameters::default();
        for slot in parameters.numbers.chunks_exact_mut(NUMBERS).take(self.count) {
            let place = draws.below(self.stages.len());
            slot[0] = place as f64;
            let own = self.stages[place].transform().draw(input, draws);
            slot[1..].copy_from_slice(&own.numbers[..NUMBERS - 1]);
        }
        parameters
    }
    fn apply(&self, parameters: &Parameters, frame: &mut Frame) {
        for slot in parameters.numbers.chunks_exact(NUMBERS).take(self.count) {
            let mut own = Parameters::default();
            own.numbers[..NUMBERS - 1].copy_from_slice(&slot[1..]);
            self.stages[slot[0] as usize].transform().apply(&own, frame);
        }
    }
}
