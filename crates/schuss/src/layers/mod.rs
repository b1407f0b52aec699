//! Layers: plain descriptions that write operations into a graph. A layer holds no arrays. One file each.
//!
//! A layer of your own is a type with a `build`, and gets its derivative from the operations it is made of:
//!
//! ```
//! use schuss::build::Build;
//! use schuss::graph::{Graph, Value};
//! use schuss::initializers::Ones;
//! use schuss::layers::{Dense, Layer};
//! use schuss::model::Sequential;
//! use std::sync::Arc;
//!
//! /// y = s x, with a trained factor s for each input.
//! #[derive(Debug)]
//! struct Stretch;
//!
//! impl Layer for Stretch {
//!     fn kind(&self) -> &'static str {
//!         "stretch"
//!     }
//!     fn build(&self, build: &mut Build, x: Value) -> schuss::Result<Value> {
//!         let inputs = build.graph.shape(x).sample();
//!         let factor = build.parameter("factor", &inputs, &(Arc::new(Ones) as _))?;
//!         build.graph.multiply(x, factor)
//!     }
//! }
//!
//! let model = Sequential::new(&[784]).add(Stretch).add(Dense::new(10).activation("softmax"));
//! let built = model.build(true)?;
//! assert_eq!(built.parameters[0].name, "stretch/factor");
//! assert_eq!(built.graph.shape(built.output).to_string(), "[batch, 10]");
//! # Ok::<(), schuss::Error>(())
//! ```

use crate::build::Build;
use crate::error::Result;
use crate::graph::Value;
use crate::registry::{Registry, Settings};
use std::fmt::Debug;
use std::sync::Arc;

mod activation;
mod batch_normalization;
mod dense;
mod dropout;
mod flatten;
mod reshape;

pub use activation::Activation;
pub use batch_normalization::BatchNormalization;
pub use dense::Dense;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use reshape::Reshape;

/// The table of layers. Adding one: a file, its two lines above, and its line here.
pub fn registry() -> Registry<AnyLayer> {
    let entries =
        [activation::ENTRY, batch_normalization::ENTRY, dense::ENTRY, dropout::ENTRY, flatten::ENTRY, reshape::ENTRY];
    Registry::new("layer", entries)
}

/// A layer: its configuration, and how it is written into a graph.
pub trait Layer: Debug + Send + Sync {
    /// The name in the table.
    fn kind(&self) -> &'static str;
    /// The configuration, such that the table's `make` builds the same layer from it.
    fn settings(&self) -> Settings {
        Settings::default()
    }
    /// Writes the layer into `build`'s graph. `x` is `[batch, …]`.
    fn build(&self, build: &mut Build, x: Value) -> Result<Value>;
}

/// A shared layer.
pub type AnyLayer = Arc<dyn Layer>;
