//! The greatest number of every window of a volume.

use super::AnyLayer;
use super::pooling::{self, Max, Pooling};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = pooling::entry::<Max, 3>(Page {
    summary: "the greatest number of every window of a volume",
    equation: "y = the greatest x of the window, channel by channel",
    source: "Riesenhuber and Poggio 1999, Hierarchical models of object recognition in cortex; Keras 3, keras.layers.MaxPooling3D",
    differs: "Keras' names and defaults; of equal numbers the first gets the derivative. PyTorch's MaxPool3d has channels first and no `same`. No data_format.",
});

/// The greatest number of every window, over depth, height and width.
pub type MaxPooling3D = Pooling<Max, 3>;
