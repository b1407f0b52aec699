//! Models: layers in order, their parameters, and the store that holds their numbers.

mod objective;
mod sequential;
mod variables;

pub use objective::Objective;
pub use sequential::{NamedLayer, Sequential};
pub use variables::{Role, Variable, Variables};
