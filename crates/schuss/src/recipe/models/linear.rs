//! No hidden layer: linear or logistic regression.

use super::{AnyBlueprint, Blueprint, flat};
use crate::error::Result;
use crate::layers::Dense;
use crate::model::Network;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "linear",
    page: Page {
        summary: "one dense layer from the inputs to the outputs: linear or logistic regression",
        equation: "y = f(x · W + b)",
        source: "Cox 1958, https://doi.org/10.1111/j.2517-6161.1958.tb00292.x",
        differs: "",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Linear)),
};

#[derive(Debug)]
struct Linear;

impl Blueprint for Linear {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        Ok(flat(input).add(Dense::new(outputs).activation(activation)))
    }
}
