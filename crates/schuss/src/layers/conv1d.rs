//! Convolution over a sequence.

use super::AnyLayer;
use super::convolution::{self, Convolution};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = convolution::entry::<1>(Page {
    summary: "every window of a sequence times a kernel, through an activation",
    equation: "y = f(x ∗ W + b): at every window of x, the sum over its places and channels of x times W",
    source: "Waibel, Hanazawa, Hinton, Shikano and Lang 1989, Phoneme recognition using time-delay neural networks; Keras 3, keras.layers.Conv1D",
    differs: "Keras' names, defaults and layout: channels last, W is [size, channels / groups, filters]; a cross-correlation, as \
              everywhere. PyTorch's Conv1d has channels first, W as [filters, channels / groups, size], and starts both \
              uniform between ∓√(1 / (size · channels / groups)). No data_format, no constraints, no lora_rank.",
});

/// A convolution over one axis.
pub type Conv1D = Convolution<1>;
