//! A quadratic with the spectrum of a deep network's loss.

use super::{AnyBlueprint, Blueprint};
use crate::error::Result;
use crate::layers::QuadraticDeep;
use crate::model::Network;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "quadratic_deep",
    page: Page {
        summary: "a quadratic in 100 dimensions that is curved like a deep network's loss; for the data of that name",
        equation: "y = ½ (θ − x)ᵀ Q (θ − x)",
        source: "Schneider, Balles and Hennig 2019, DeepOBS, https://arxiv.org/abs/1903.05499",
        differs: "With the loss mean_absolute_error, as the data's targets are 0 and y is never below.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Quadratic)),
};

#[derive(Debug)]
struct Quadratic;

impl Blueprint for Quadratic {
    fn network(&self, input: &[usize], _: usize, _: &str) -> Result<Network> {
        Ok(Network::new(input).add(QuadraticDeep))
    }
}
