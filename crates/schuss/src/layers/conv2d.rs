//! Convolution over an image.

use super::AnyLayer;
use super::convolution::{self, Convolution};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = convolution::entry::<2>(Page {
    summary: "every window of an image times a kernel, through an activation",
    equation: "y = f(x ∗ W + b): at every window of x, the sum over its places and channels of x times W",
    source: "LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition; Keras 3, keras.layers.Conv2D",
    differs: "Keras' names, defaults and layout: channels last, W is [height, width, channels / groups, filters]; a \
              cross-correlation, as everywhere; where the padding of `same` is odd, one more behind than in front. \
              PyTorch's Conv2d has channels first and starts W and b uniform between ∓√(1 / (places · channels / \
              groups)). No data_format, no constraints, no lora_rank.",
});

/// A convolution over height and width.
pub type Conv2D = Convolution<2>;
