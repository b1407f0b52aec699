//! The mean of each channel of a volume.

use super::AnyLayer;
use super::pooling::{self, Average, GlobalPooling};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = pooling::global_entry::<Average, 3>(Page {
    summary: "the mean of each channel of a volume",
    equation: "y = the mean of x of the channel, over depth, height and width",
    source: "Lin, Chen and Yan 2014, section 3.2, https://arxiv.org/abs/1312.4400; Keras 3, keras.layers.GlobalAveragePooling3D",
    differs: "As in Keras. PyTorch writes it as AdaptiveAvgPool3d(1). No data_format.",
});

/// The mean of each channel, over depth, height and width.
pub type GlobalAveragePooling3D = GlobalPooling<Average, 3>;
