//! **schuss** trains neural networks by gradient descent at the speed of the hardware, and shows that it took the best
//! way down.
//!
//! The way through the library: a [`model`] of layers builds a [`graph`] of operations, back-propagation adds the
//! gradients to it, a [`plan`] compiles it into a flat list of kernel calls, [`train`] runs steps of the plan over
//! batches of [`data`].

pub mod activations;
pub mod build;
pub mod choice;
pub mod data;
pub mod error;
pub mod graph;
pub mod initializers;
pub mod lab;
pub mod layers;
pub mod length;
pub mod losses;
pub mod metrics;
pub mod model;
pub mod optimizers;
pub mod plan;
pub mod random;
pub mod recipe;
pub mod registry;
pub mod regularizers;
pub mod schedules;
pub mod shape;
pub mod store;
pub mod target;
pub mod train;

pub use data::Dataset;
pub use error::{Error, Kind, Result};
pub use model::{Network, Sequential};
pub use recipe::Model;
pub use train::FitOptions;
