//! A distribution whose variance follows from a layer's number of inputs or outputs.

use super::scaled::{Fan, normal, truncated_normal, uniform};
use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

const MODES: [&str; 3] = ["fan_in", "fan_out", "fan_avg"];
const DISTRIBUTIONS: [&str; 3] = ["truncated_normal", "untruncated_normal", "uniform"];

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "variance_scaling",
    page: Page {
        summary: "mean 0, and a variance that follows from the number of inputs, outputs or both",
        equation: "variance scale / n\nfan_in: n inputs; fan_out: n outputs; fan_avg: their mean",
        source: "Keras 3, keras.initializers.VarianceScaling",
        differs: "As in Keras. For a convolution, inputs and outputs are each times the size of the window. The numbers \
                  are a function of the run's seed and the parameter's name; no input_axes, no output_axes.",
    },
    settings: &[
        Setting {
            name: "scale",
            default: Default::Float(1.0),
            allowed: Allowed::Positive,
            doc: "the variance times n",
        },
        Setting {
            name: "mode",
            default: Default::Text(MODES[0]),
            allowed: Allowed::OneOf(&MODES),
            doc: "what n counts: inputs, outputs, or the mean of both",
        },
        Setting {
            name: "distribution",
            default: Default::Text(DISTRIBUTIONS[0]),
            allowed: Allowed::OneOf(&DISTRIBUTIONS),
            doc: "normal, cut off at two standard deviations or not, or uniform",
        },
    ],
    make: |s| {
        let mode = match s.text("mode") {
            "fan_in" => Mode::FanIn,
            "fan_out" => Mode::FanOut,
            _ => Mode::FanAvg,
        };
        let distribution = match s.text("distribution") {
            "truncated_normal" => Distribution::TruncatedNormal,
            "untruncated_normal" => Distribution::UntruncatedNormal,
            _ => Distribution::Uniform,
        };
        Ok(Arc::new(VarianceScaling { scale: s.f64("scale"), mode, distribution }))
    },
};

/// What the variance is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The number of inputs.
    FanIn,
    /// The number of outputs.
    FanOut,
    /// The mean of both.
    FanAvg,
}

/// The shape of the distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Normal, cut off at two standard deviations.
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
    /// Uniform.
    Uniform,
}

/// Mean 0 and variance `scale` / n.
#[derive(Clone, Copy, Debug)]
pub struct VarianceScaling {
    /// The variance times n.
    pub scale: f64,
    /// What n counts.
    pub mode: Mode,
    /// The shape of the distribution.
    pub distribution: Distribution,
}

impl std::default::Default for VarianceScaling {
    fn default() -> Self {
        VarianceScaling { scale: 1.0, mode: Mode::FanIn, distribution: Distribution::TruncatedNormal }
    }
}

impl Initializer for VarianceScaling {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        Settings::from_pairs([
            ("scale", Argument::Float(self.scale)),
            ("mode", Argument::Text(MODES[self.mode as usize].into())),
            ("distribution", Argument::Text(DISTRIBUTIONS[self.distribution as usize].into())),
        ])
    }
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]) {
        let fan = match self.mode {
            Mode::FanIn => Fan::In,
            Mode::FanOut => Fan::Out,
            Mode::FanAvg => Fan::Average,
        };
        match self.distribution {
            Distribution::TruncatedNormal => truncated_normal(self.scale, fan, shape, stream, out),
            Distribution::UntruncatedNormal => normal(self.scale, fan, shape, stream, out),
            Distribution::Uniform => uniform(self.scale, fan, shape, stream, out),
        }
    }
}
