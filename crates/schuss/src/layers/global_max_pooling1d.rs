//! The greatest number of each channel of a sequence.

use super::AnyLayer;
use super::pooling::{self, GlobalPooling, Max};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = pooling::global_entry::<Max, 1>(Page {
    summary: "the greatest number of each channel of a sequence",
    equation: "y = the greatest number x of the channel, over length",
    source: "Oquab, Bottou, Laptev and Sivic 2015, Is object localization for free?; Keras 3, keras.layers.GlobalMaxPooling1D",
    differs: "As in Keras, but of equal greatest numbers the first gets the derivative, where Keras shares it. PyTorch writes it as AdaptiveMaxPool1d(1). No data_format.",
});

/// The greatest number of each channel, over length.
pub type GlobalMaxPooling1D = GlobalPooling<Max, 1>;
