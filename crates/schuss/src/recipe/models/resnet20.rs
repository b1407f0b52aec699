//! The residual network of 20 layers.

use super::{AnyBlueprint, resnet};
use crate::registry::Entry;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "resnet20",
    page: resnet::page(
        "a residual network of 20 layers: three stages of three blocks of two 3×3 convolutions",
        "conv 3×3×16; stages of 16, 32 and 64 filters, 3 blocks each: x + F(x); mean over the picture; outputs",
    ),
    settings: resnet::SETTINGS,
    make: |s| Ok(resnet::make(3, s)),
};
