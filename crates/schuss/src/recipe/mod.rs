//! A run written down, and a model rebuilt from the text in its file: where names become things.
//!
//! A [`Recipe`] is TOML, and leaves out what is as usual:
//!
//! ```
//! use schuss::recipe::{Recipe, Tables};
//!
//! let mut recipe = Recipe::from_toml("data = 'digits'\n[optimizer]\nname = 'adam'\nlearning_rate = 0.01")?;
//! recipe.assign("optimizer.beta_1=0.95")?;
//! recipe.assign("model.units=[256, 128]")?;
//! let text = recipe.resolve(&Tables::default())?.to_toml();
//! assert!(text.contains("beta_1 = 0.95") && text.contains("epsilon = 0.0000001") && text.contains("units = [256, 128]"));
//! # Ok::<(), schuss::Error>(())
//! ```

mod averaged;
mod choices;
mod description;
mod model;
pub mod models;
mod preview;
mod resolved;
mod settings;
mod setup;
mod tables;
mod text;
mod training;
mod transfer;

pub use model::Model;
pub use preview::Preview;
pub use resolved::{Architecture, Resolved};
pub use setup::{LayerSummary, Setup};
pub use tables::{Listed, Tables};
pub use text::Recipe;
pub use training::{Report, Training};
pub use transfer::Transfer;
