//! No hidden layer: linear or logistic regression.

use super::{AnyBlueprint, Blueprint, flat};
use crate::layers::{AnyLayer, Dense};
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
    fn layers(&self, input: &[usize], outputs: usize, activation: &str) -> Vec<AnyLayer> {
        let mut layers = flat(input);
        layers.push(Arc::new(Dense::new(outputs).activation(activation)));
        layers
    }
}
