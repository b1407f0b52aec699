//! Momentum: `sgd` that keeps 0.9 of its last move.

use super::{Optimizer, sgd};
use crate::registry::{Entry, Page};

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "momentum",
    page: Page {
        summary: "a heavy ball: most of the last move goes on, the gradient bends it",
        equation: "v ← μ v − α g\nθ ← θ + v",
        source: "Polyak 1964, https://doi.org/10.1016/0041-5553(64)90137-5",
        differs: "A preset of sgd with momentum = 0.9. In the long run a step is 1 / (1 − μ) times sgd's. PyTorch has α \
                  outside v, Burn also a dampening of 0.1.",
    },
    settings: &sgd::settings(0.9, false),
    make: |settings| sgd::make("momentum", settings),
}];
