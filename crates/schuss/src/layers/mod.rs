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
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::registry::{Registry, Settings};
use std::fmt::Debug;
use std::sync::Arc;

mod activation;
mod add;
mod average;
mod average_pooling1d;
mod average_pooling2d;
mod average_pooling3d;
mod batch_normalization;
mod concatenate;
mod conv1d;
mod conv2d;
mod conv2d_transpose;
mod conv3d;
mod convolution;
mod cropping2d;
mod dense;
mod depthwise_conv2d;
mod dropout;
mod elu;
mod flatten;
mod global_average_pooling1d;
mod global_average_pooling2d;
mod global_average_pooling3d;
mod global_max_pooling1d;
mod global_max_pooling2d;
mod global_max_pooling3d;
mod group_normalization;
mod images;
mod layer_normalization;
mod leaky_relu;
mod max_pooling1d;
mod max_pooling2d;
mod max_pooling3d;
mod maximum;
mod merge;
mod minimum;
mod multiply;
mod normalization;
mod pooling;
mod prelu;
mod quadratic_deep;
mod relu;
mod rescaling;
mod reshape;
mod rms_normalization;
mod separable_conv2d;
mod softmax;
mod spatial_dropout2d;
mod stochastic_depth;
mod subtract;
mod take;
mod up_sampling2d;
mod weights;
mod whitening_conv2d;
mod zero_padding2d;

pub use activation::Activation;
pub use add::Add;
pub use average::Average;
pub use average_pooling1d::AveragePooling1D;
pub use average_pooling2d::AveragePooling2D;
pub use average_pooling3d::AveragePooling3D;
pub use batch_normalization::BatchNormalization;
pub use concatenate::Concatenate;
pub use conv1d::Conv1D;
pub use conv2d::Conv2D;
pub use conv2d_transpose::Conv2DTranspose;
pub use conv3d::Conv3D;
pub use convolution::Convolution;
pub use cropping2d::Cropping2D;
pub use dense::Dense;
pub use depthwise_conv2d::DepthwiseConv2D;
pub use dropout::Dropout;
pub use elu::ELU;
pub use flatten::Flatten;
pub use global_average_pooling1d::GlobalAveragePooling1D;
pub use global_average_pooling2d::GlobalAveragePooling2D;
pub use global_average_pooling3d::GlobalAveragePooling3D;
pub use global_max_pooling1d::GlobalMaxPooling1D;
pub use global_max_pooling2d::GlobalMaxPooling2D;
pub use global_max_pooling3d::GlobalMaxPooling3D;
pub use group_normalization::GroupNormalization;
pub use layer_normalization::LayerNormalization;
pub use leaky_relu::LeakyReLU;
pub use max_pooling1d::MaxPooling1D;
pub use max_pooling2d::MaxPooling2D;
pub use max_pooling3d::MaxPooling3D;
pub use maximum::Maximum;
pub use minimum::Minimum;
pub use multiply::Multiply;
pub use pooling::{GlobalPooling, Pooling, Reduce};
pub use prelu::PReLU;
pub use quadratic_deep::QuadraticDeep;
pub use relu::ReLU;
pub use rescaling::Rescaling;
pub use reshape::Reshape;
pub use rms_normalization::RMSNormalization;
pub use separable_conv2d::SeparableConv2D;
pub use softmax::Softmax;
pub use spatial_dropout2d::SpatialDropout2D;
pub use stochastic_depth::StochasticDepth;
pub use subtract::Subtract;
pub use take::Take;
pub use up_sampling2d::UpSampling2D;
pub use whitening_conv2d::WhiteningConv2D;
pub use zero_padding2d::ZeroPadding2D;

/// The table of layers. Adding one: a file, its two lines above, and its line here.
pub fn registry() -> Registry<AnyLayer> {
    let entries = [
        activation::ENTRY,
        add::ENTRY,
        average::ENTRY,
        average_pooling1d::ENTRY,
        average_pooling2d::ENTRY,
        average_pooling3d::ENTRY,
        batch_normalization::ENTRY,
        concatenate::ENTRY,
        conv1d::ENTRY,
        conv2d::ENTRY,
        conv2d_transpose::ENTRY,
        conv3d::ENTRY,
        cropping2d::ENTRY,
        dense::ENTRY,
        depthwise_conv2d::ENTRY,
        dropout::ENTRY,
        elu::ENTRY,
        flatten::ENTRY,
        global_average_pooling1d::ENTRY,
        global_average_pooling2d::ENTRY,
        global_average_pooling3d::ENTRY,
        global_max_pooling1d::ENTRY,
        global_max_pooling2d::ENTRY,
        global_max_pooling3d::ENTRY,
        group_normalization::ENTRY,
        layer_normalization::ENTRY,
        leaky_relu::ENTRY,
        max_pooling1d::ENTRY,
        max_pooling2d::ENTRY,
        max_pooling3d::ENTRY,
        maximum::ENTRY,
        minimum::ENTRY,
        multiply::ENTRY,
        prelu::ENTRY,
        quadratic_deep::ENTRY,
        relu::ENTRY,
        rescaling::ENTRY,
        reshape::ENTRY,
        rms_normalization::ENTRY,
        separable_conv2d::ENTRY,
        softmax::ENTRY,
        spatial_dropout2d::ENTRY,
        stochastic_depth::ENTRY,
        subtract::ENTRY,
        take::ENTRY,
        up_sampling2d::ENTRY,
        whitening_conv2d::ENTRY,
        zero_padding2d::ENTRY,
    ];
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
    /// How many samples to train on it looks at before the first step, at most; none, unless it says otherwise.
    fn adapts(&self) -> Option<usize> {
        None
    }
    /// What its buffers start as, by name, from such samples, each of these sizes, row-major.
    fn adapt(&self, _sample: &[usize], _samples: &[f32]) -> Result<Vec<(&'static str, Vec<f32>)>> {
        Ok(Vec::new())
    }
    /// Writes the layer with all that it takes. Unless it says otherwise, that is one input.
    fn build_all(&self, build: &mut Build, inputs: &[Value]) -> Result<Value> {
        match inputs {
            [x] => self.build(build, *x),
            _ => {
                let message = format!("{} takes one input and is given {}", self.kind(), inputs.len());
                Err(Error::value("layer-inputs", message))
            }
        }
    }
}

/// A shared layer.
pub type AnyLayer = Arc<dyn Layer>;
