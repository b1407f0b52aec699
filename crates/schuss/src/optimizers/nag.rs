//! Nesterov's accelerated gradient: `sgd` with a look-ahead.

use super::{Optimizer, sgd};
use crate::registry::{Entry, Page};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "nag",
    page: Page {
        summary: "Nesterov's accelerated gradient: momentum, with the gradient taken where it leads",
        equation: "v ← μ v − α g\nθ ← θ + μ v − α g",
        source: "Nesterov 1983; Sutskever, Martens, Dahl and Hinton 2013, section 2; in this form Bengio, \
                 Boulanger-Lewandowski and Pascanu 2013, section 3.5, arXiv 1212.0901",
        differs: "A preset of sgd with momentum = 0.9 and nesterov = true. θ is the point looked ahead to, where \
                  Sutskever's θ is the one before; scikit-learn's MLP has this as its sgd.",
    },
    settings: &sgd::settings(0.9, true),
    make: |settings| sgd::make("nag", settings),
}];
