//! A tanh with longer arms.

use super::{Activation, AnyActivation};
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyActivation> = Entry {
    name: "softsign",
    page: Page {
        summary: "presses x between −1 and 1, slowly",
        equation: "y = x / (1 + |x|)",
        source: "Bergstra, Desjardins, Lamblin and Bengio 2009, Quadratic polynomials learn better image features",
        differs: "As in Keras and PyTorch.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Softsign)),
};

/// y = x / (1 + |x|).
#[derive(Clone, Copy, Debug)]
pub struct Softsign;

impl Activation for Softsign {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, g: &mut Graph, x: Value) -> Result<Value> {
        let (size, one) = (g.absolute(x)?, g.constant(1.0)?);
        let whole = g.add(size, one)?;
        g.divide(x, whole)
    }
}
