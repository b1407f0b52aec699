//! The mean of each channel of a sequence.

use super::AnyLayer;
use super::pooling::{self, Average, GlobalPooling};
use crate::registry::{Entry, Page};

pub const ENTRY: Entry<AnyLayer> = pooling::global_entry::<Average, 1>(Page {
    summary: "the mean of each channel of a sequence",
    equation: "y = the mean of x of the channel, over length",
    source: "Lin, Chen and Yan 2014, section 3.2, https://arxiv.org/abs/1312.4400; Keras 3, keras.layers.GlobalAveragePooling1D",
    differs: "As in Keras. PyTorch writes it as AdaptiveAvgPool1d(1). No data_format.",
});

/// The mean of each channel, over length.
pub type GlobalAveragePooling1D = GlobalPooling<Average, 1>;
