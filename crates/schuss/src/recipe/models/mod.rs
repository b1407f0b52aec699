//! Models known by name. One file each.

use crate::layers::{AnyLayer, Flatten};
use crate::registry::Registry;
use std::fmt::Debug;
use std::sync::Arc;

mod linear;
mod mlp;

/// The table of models. Adding one: a file, its `mod` above, and its line here.
pub fn registry() -> Registry<AnyBlueprint> {
    Registry::new("model", [linear::ENTRY, mlp::ENTRY])
}

/// A family of models: layers for any input and output.
pub trait Blueprint: Debug + Send + Sync {
    /// The layers for samples of these sizes, with this many outputs of this activation.
    fn layers(&self, input: &[usize], outputs: usize, activation: &str) -> Vec<AnyLayer>;
}

/// A shared blueprint.
pub type AnyBlueprint = Arc<dyn Blueprint>;

/// What makes a row of numbers of a sample that is none.
fn flat(input: &[usize]) -> Vec<AnyLayer> {
    if input.len() == 1 { Vec::new() } else { vec![Arc::new(Flatten)] }
}
