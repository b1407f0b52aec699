//! Scaled exponential linear unit.

use super::elu::exponential_linear;
use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "selu",
    page: Page {
        summary: "an elu that keeps mean 0 and variance 1 from layer to layer",
        equation: "y = λ x where x > 0, else λ α (eˣ − 1)\nα = 1.6732632423543772, λ = 1.0507009873554805",
        source: "Klambauer, Unterthiner, Mayr and Hochreiter 2017, equation 2, https://arxiv.org/abs/1706.02515",
        differs: "As in Keras and PyTorch. It wants the initializer lecun_normal.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Selu)),
};

/// y = λ x where x > 0, else λ α (eˣ − 1), with α = 1.6732632423543772 and λ = 1.0507009873554805.
#[derive(Clone, Copy, Debug)]
pub struct Selu;

impl Activation for Selu {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let y = exponential_linear(g, x, 1.673_263_242_354_377_2)?;
        g.scale(y, 1.050_700_987_355_480_5)
    }
}
