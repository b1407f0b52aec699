//! Initializers: how parameters start. One file each.

use crate::choice::Choice;
use crate::error::Result;
use crate::random::Stream;
use crate::registry::{Registry, Settings};
use std::fmt::Debug;
use std::sync::Arc;

mod constant;
mod dirac;
mod glorot_normal;
mod glorot_uniform;
mod he_normal;
mod he_uniform;
mod lecun_normal;
mod lecun_uniform;
mod ones;
mod orthogonal;
mod random_normal;
mod random_uniform;
mod scaled;
mod truncated_normal;
mod variance_scaling;
mod zeros;

pub use constant::Constant;
pub use dirac::Dirac;
pub use glorot_normal::GlorotNormal;
pub use glorot_uniform::GlorotUniform;
pub use he_normal::HeNormal;
pub use he_uniform::HeUniform;
pub use lecun_normal::LecunNormal;
pub use lecun_uniform::LecunUniform;
pub use ones::Ones;
pub use orthogonal::Orthogonal;
pub use random_normal::RandomNormal;
pub use random_uniform::RandomUniform;
pub use truncated_normal::TruncatedNormal;
pub use variance_scaling::{Distribution, Mode, VarianceScaling};
pub use zeros::Zeros;

/// The table of initializers. Adding one: a file, its two lines above, and its line here.
pub fn registry() -> Registry<AnyInitializer> {
    let entries = [
        constant::ENTRY,
        dirac::ENTRY,
        glorot_normal::ENTRY,
        glorot_uniform::ENTRY,
        he_normal::ENTRY,
        he_uniform::ENTRY,
        lecun_normal::ENTRY,
        lecun_uniform::ENTRY,
        ones::ENTRY,
        orthogonal::ENTRY,
        random_normal::ENTRY,
        random_uniform::ENTRY,
        truncated_normal::ENTRY,
        variance_scaling::ENTRY,
        zeros::ENTRY,
    ];
    Registry::new("initializer", entries)
}

/// A distribution of first values.
pub trait Initializer: Debug + Send + Sync {
    /// The name in the table.
    fn kind(&self) -> &'static str;
    /// The configuration, such that the table's `make` builds the same initializer from it.
    fn settings(&self) -> Settings {
        Settings::default()
    }
    /// Why it can't fill an array of this shape, if it can't.
    fn check(&self, _: &[usize]) -> Result<()> {
        Ok(())
    }
    /// Fills an array of this shape; number i depends on the shape, the stream and i alone.
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]);
}

/// A shared initializer.
pub type AnyInitializer = Arc<dyn Initializer>;

impl From<&str> for Choice<AnyInitializer> {
    fn from(words: &str) -> Self {
        Choice::from_words(&registry(), words)
    }
}

impl<I: Initializer + 'static> From<I> for Choice<AnyInitializer> {
    fn from(i: I) -> Self {
        Choice::new(i.kind(), &i.settings(), Arc::new(i))
    }
}
