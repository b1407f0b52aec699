//! Activations: functions between layers, as operations. One file each.

use crate::choice::Choice;
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Registry, Settings};
use std::fmt::Debug;
use std::sync::Arc;

mod elu;
mod exponential;
mod gelu;
mod hard_sigmoid;
mod leaky_relu;
mod linear;
mod mish;
mod relu;
mod relu6;
mod selu;
mod sigmoid;
mod silu;
mod softmax;
mod softplus;
mod softsign;
mod tanh;

pub use elu::Elu;
pub use exponential::Exponential;
pub use gelu::Gelu;
pub use hard_sigmoid::HardSigmoid;
pub use leaky_relu::LeakyRelu;
pub use linear::Linear;
pub use mish::Mish;
pub use relu::Relu;
pub use relu6::Relu6;
pub use selu::Selu;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use softmax::Softmax;
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use tanh::Tanh;

/// The table of activations. Adding one: a file, its two lines above, and its line here.
pub fn registry() -> Registry<AnyActivation> {
    let entries = [
        elu::ENTRY,
        exponential::ENTRY,
        gelu::ENTRY,
        hard_sigmoid::ENTRY,
        leaky_relu::ENTRY,
        linear::ENTRY,
        mish::ENTRY,
        relu::ENTRY,
        relu6::ENTRY,
        selu::ENTRY,
        sigmoid::ENTRY,
        silu::ENTRY,
        softmax::ENTRY,
        softplus::ENTRY,
        softsign::ENTRY,
        tanh::ENTRY,
    ];
    Registry::new("activation", entries).with_aliases(&[("swish", "silu")])
}

/// An activation.
pub trait Activation: Debug + Send + Sync {
    /// The name in the table.
    fn kind(&self) -> &'static str;
    /// The configuration, such that the table's `make` builds the same activation from it.
    fn settings(&self) -> Settings {
        Settings::default()
    }
    /// The function of `x`, of the same shape.
    fn build(&self, graph: &mut Graph, x: Value) -> Result<Value>;
}

/// A shared activation.
pub type AnyActivation = Arc<dyn Activation>;

impl From<&str> for Choice<AnyActivation> {
    fn from(words: &str) -> Self {
        Choice::from_words(&registry(), words)
    }
}

impl<A: Activation + 'static> From<A> for Choice<AnyActivation> {
    fn from(a: A) -> Self {
        Choice::new(a.kind(), &a.settings(), Arc::new(a))
    }
}
