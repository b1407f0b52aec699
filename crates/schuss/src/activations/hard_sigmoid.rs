//! A sigmoid of three straight pieces.

use super::{Activation, AnyActivation, Relu6};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "hard_sigmoid",
    page: Page {
        summary: "presses x between 0 and 1, by straight lines",
        equation: "y = min(max(x / 6 + 1/2, 0), 1)",
        source: "Courbariaux, Bengio and David 2015, section 2.3, https://arxiv.org/abs/1511.00363",
        differs: "As in Keras 3 and PyTorch; Keras 2 and the paper have other slopes.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(HardSigmoid)),
};

/// y = min(max(x / 6 + ½, 0), 1).
#[derive(Clone, Copy, Debug)]
pub struct HardSigmoid;

impl Activation for HardSigmoid {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let three = g.constant(3.0)?;
        let shifted = g.add(x, three)?;
        let cut = Relu6.build(g, shifted)?;
        g.scale(cut, 1.0 / 6.0)
    }
}
