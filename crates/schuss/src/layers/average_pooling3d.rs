//! The mean of every window of a volume.

use super::AnyLayer;
use super::pooling::{self, Average, Pooling};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = pooling::entry_required::<Average, 3>(Page {
    summary: "the mean of every window of a volume",
    equation: "y = the mean of the window's x, channel by channel; padding is not counted",
    source: "LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition, section II; Keras 3, keras.layers.AveragePooling3D",
    differs: "Keras' names and defaults. PyTorch's AvgPool3d counts its padding unless told otherwise, and has no `same`. No data_format.",
});

/// The mean of every window, over depth, height and width.
pub type AveragePooling3D = Pooling<Average, 3>;
