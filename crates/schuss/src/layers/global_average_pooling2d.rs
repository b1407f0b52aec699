//! The mean of each channel of an image.

use super::AnyLayer;
use super::pooling::{self, Average, GlobalPooling};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = pooling::global_entry::<Average, 2>(Page {
    summary: "the mean of each channel of an image",
    equation: "y = the mean of x of the channel, over height and width",
    source: "Lin, Chen and Yan 2014, section 3.2, https://arxiv.org/abs/1312.4400; Keras 3, keras.layers.GlobalAveragePooling2D",
    differs: "As in Keras. PyTorch writes it as AdaptiveAvgPool2d(1). No data_format.",
});

/// The mean of each channel, over height and width.
pub type GlobalAveragePooling2D = GlobalPooling<Average, 2>;
