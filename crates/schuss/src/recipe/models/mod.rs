//! Models known by name. One file each.

use crate::error::{Error, Result};
use crate::layers::{Flatten, Reshape};
use crate::model::Network;
use crate::registry::Registry;
use std::fmt::Debug;
use std::sync::Arc;

mod _2c2d;
mod _3c3d;
mod airbench;
mod convnet;
mod lenet5;
mod linear;
mod mlp;
mod mobilenet;
mod quadratic_deep;
mod resnet;
mod resnet20;
mod resnet32;
mod vgg;
mod wideresnet16_4;

/// The table of models. Adding one: a file, its `mod` above, and its line here.
pub fn registry() -> Registry<AnyBlueprint> {
    let entries = [
        _2c2d::ENTRY,
        _3c3d::ENTRY,
        airbench::ENTRY,
        convnet::ENTRY,
        lenet5::ENTRY,
        linear::ENTRY,
        mlp::ENTRY,
        mobilenet::ENTRY,
        quadratic_deep::ENTRY,
        resnet20::ENTRY,
        resnet32::ENTRY,
        vgg::ENTRY,
        wideresnet16_4::ENTRY,
    ];
    Registry::new("model", entries)
}

/// A family of models: layers for any input and output.
pub trait Blueprint: Debug + Send + Sync {
    /// The model for samples of these sizes, with this many outputs of this activation. The error is about samples that
    /// it can't take.
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network>;
}

/// A shared blueprint.
pub type AnyBlueprint = Arc<dyn Blueprint>;

/// What makes a row of numbers of a sample that is none.
fn flat(input: &[usize]) -> Network {
    let model = Network::new(input);
    if input.len() == 1 { model } else { model.add(Flatten) }
}

/// The regularizer of l2 · ½‖w‖².
fn decay(l2: f64) -> String {
    format!("l2({:?})", 0.5 * l2)
}

/// A model of pictures: `[height, width]` gets an axis of one channel.
fn pictures(input: &[usize]) -> Result<Network> {
    match *input {
        [height, width] => Ok(Network::new(input).add(Reshape::new(&[height, width, 1]))),
        [_, _, _] => Ok(Network::new(input)),
        _ => {
            let message = format!(
                "samples have shape {input:?}; it takes pictures, [height, width] or [height, width, channels]"
            );
            Err(Error::shape("model-input", message))
        }
    }
}
