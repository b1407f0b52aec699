//! Convolution over a volume.

use super::AnyLayer;
use super::convolution::{self, Convolution};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = convolution::entry::<3>(Page {
    summary: "every window of a volume times a kernel, through an activation",
    equation: "y = f(x ∗ W + b): at every window of x, the sum over its places and channels of x times W",
    source: "Ji, Xu, Yang and Yu 2013, 3D convolutional neural networks for human action recognition; Keras 3, keras.layers.Conv3D",
    differs: "Keras' names, defaults and layout: channels last, W is [depth, height, width, channels / groups, filters]. \
              Otherwise as conv2d.",
});

/// A convolution over depth, height and width.
pub type Conv3D = Convolution<3>;
