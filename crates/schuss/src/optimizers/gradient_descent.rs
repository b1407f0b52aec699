//! Gradient descent: `sgd` on all samples at once.

use super::{Optimizer, sgd};
use crate::registry::{Entry, Page};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "gradient_descent",
    page: Page {
        summary: "against the gradient of all samples: one update an epoch",
        equation: "θ ← θ − α g, g the gradient over the whole training set",
        source: "Cauchy 1847, Méthode générale pour la résolution des systèmes d'équations simultanées",
        differs: "A preset of sgd whose batch is the training set unless a batch size is given; the settings and \
                  defaults are those of sgd.",
    },
    settings: &sgd::settings(0.0, false),
    make: |settings| Ok(Optimizer { full_batch: true, ..sgd::make("gradient_descent", settings)? }),
}];
