//! Layers: plain descriptions that write operations into a graph. A layer holds no arrays.

use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::Settings;
use std::fmt::Debug;
use std::sync::Arc;

/// A layer: its configuration, and how it is written into a graph.
pub trait Layer: Debug + Send + Sync {
    /// The name in the table.
    fn kind(&self) -> &'static str;
    /// The configuration, such that the table's `make` builds the same layer from it.
    fn settings(&self) -> Settings;
    /// Writes the layer into `build`'s graph. `x` is `[batch, …]`.
    fn build(&self, build: &mut Build, x: Value) -> Result<Value>;
}

/// A shared layer.
pub type AnyLayer = Arc<dyn Layer>;
