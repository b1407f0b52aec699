//! Models: layers and how they are connected, their parameters, and the store that holds their numbers.

mod network;
mod objective;
mod variables;

pub use network::{INPUT, NamedLayer, Network, Sequential};
pub use objective::Objective;
pub use variables::{Role, Variable, Variables};
