//! The greatest number of every window of an image.

use super::AnyLayer;
use super::pooling::{self, Max, Pooling};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = pooling::entry::<Max, 2>(Page {
    summary: "the greatest number of every window of an image",
    equation: "y = the greatest x of the window, channel by channel",
    source: "Riesenhuber and Poggio 1999, Hierarchical models of object recognition in cortex; Keras 3, keras.layers.MaxPooling2D",
    differs: "Keras' names and defaults; of equal numbers the first gets the derivative. PyTorch's MaxPool2d has channels first and no `same`. No data_format.",
});

/// The greatest number of every window, over height and width.
pub type MaxPooling2D = Pooling<Max, 2>;
