//! Dense layers, each of which sees all of the one before.

use super::{AnyBlueprint, Blueprint, flat};
use crate::error::Result;
use crate::layers::{Dense, Dropout};
use crate::model::Network;
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::sync::Arc;

pub const ENTRY: Entry<AnyBlueprint> = Entry {
    name: "mlp",
    page: Page {
        summary: "hidden dense layers, then the outputs: the multilayer perceptron",
        equation: "h₀ = x, hᵢ = f(hᵢ₋₁ · Wᵢ + bᵢ), y = g(hₙ · W + b)",
        source: "Rumelhart, Hinton and Williams 1986, https://doi.org/10.1038/323533a0",
        differs: "",
    },
    settings: &[
        Setting {
            name: "units",
            default: Default::Ints(&[512, 512]),
            allowed: Allowed::Ints(1, i32::MAX as i64),
            doc: "the units of each hidden layer",
        },
        Setting { name: "activation", default: Default::Text("relu"), allowed: Allowed::Text, doc: "the function f" },
        Setting {
            name: "dropout",
            default: Default::Float(0.0),
            allowed: Allowed::Fraction,
            doc: "the share of each hidden layer that is dropped at each step of training",
        },
    ],
    make: |s| {
        let (units, activation, dropout) = (s.ints("units"), s.text("activation").into(), s.f64("dropout"));
        Ok(Arc::new(Mlp { units, activation, dropout }))
    },
};

#[derive(Debug)]
struct Mlp {
    units: Vec<usize>,
    activation: String,
    dropout: f64,
}

impl Blueprint for Mlp {
    fn network(&self, input: &[usize], outputs: usize, activation: &str) -> Result<Network> {
        let mut model = flat(input);
        for &units in &self.units {
            model = model.add(Dense::new(units).activation(self.activation.as_str()));
            if self.dropout > 0.0 {
                model = model.add(Dropout::new(self.dropout));
            }
        }
        Ok(model.add(Dense::new(outputs).activation(activation)))
    }
}
