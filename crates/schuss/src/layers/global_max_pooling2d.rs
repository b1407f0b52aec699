//! The greatest number of each channel of an image.

use super::AnyLayer;
use super::pooling::{self, GlobalPooling, Max};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = pooling::global_entry::<Max, 2>(Page {
    summary: "the greatest number of each channel of an image",
    equation: "y = the greatest number x of the channel, over height and width",
    source: "Oquab, Bottou, Laptev and Sivic 2015, Is object localization for free?; Keras 3, keras.layers.GlobalMaxPooling2D",
    differs: "As in Keras, but of equal greatest numbers the first gets the derivative, where Keras shares it. PyTorch writes it as AdaptiveMaxPool2d(1). No data_format.",
});

/// The greatest number of each channel, over height and width.
pub type GlobalMaxPooling2D = GlobalPooling<Max, 2>;
