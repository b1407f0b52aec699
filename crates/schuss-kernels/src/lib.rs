//! Machine code under schuss.
//!
//! One file per family, one function per instruction set, chosen once ([`Isa`]). This crate knows arrays and
//! arithmetic only: what a number is for (a weight, a pixel, a moment) is the business of the crate above.
//! All `unsafe` of schuss lives here; what the crate above can reach is safe, because a [`program::Program`]
//! checks every region it will touch before it runs for the first time.

pub mod allocations;
pub mod codec;
pub mod convolution;
pub mod copies;
pub mod isa;
pub mod lane;
pub mod limits;
pub mod math;
pub mod memory;
pub mod moments;
pub mod pool;
pub mod product;
pub mod program;
pub mod random;
pub mod recording;
pub mod rows;
pub mod signals;
pub mod sweep;
pub mod symmetric;
pub mod tape;
pub mod windows;

pub use codec::Codec;
pub use isa::Isa;
pub use lane::Lane;
pub use memory::Buffer;
pub use pool::Pool;
pub use sweep::{Elementwise, Sweep};
