//! The mean of every window of a sequence.

use super::AnyLayer;
use super::pooling::{self, Average, Pooling};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = pooling::entry_required::<Average, 1>(Page {
    summary: "the mean of every window of a sequence",
    equation: "y = the mean of the window's x, channel by channel; padding is not counted",
    source: "LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition, section II; Keras 3, keras.layers.AveragePooling1D",
    differs: "Keras' names and defaults. PyTorch's AvgPool1d counts its padding unless told otherwise, and has no `same`. No data_format.",
});

/// The mean of every window, over length.
pub type AveragePooling1D = Pooling<Average, 1>;
