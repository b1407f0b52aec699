//! The first filters hand their channel on.

use super::{AnyInitializer, Initializer};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyInitializer> = Entry {
    name: "dirac",
    page: Page {
        summary: "each of the first filters hands one channel on as it is; the others are uniform",
        equation: "filter j of as many as there are channels: 1 at the middle of the window and channel j, 0 elsewhere; \
                   further ones uniform between ∓1 / √inputs, the inputs of a filter counted over its window",
        source: "PyTorch, torch.nn.init.dirac_ on the first filters of a Conv2d, as in K. Jordan 2024, \
                 https://arxiv.org/abs/2404.00498, section 3.2",
        differs: "PyTorch's dirac_ alone sets the further filters to 0.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Dirac)),
};

/// Kernels `[window…, channels, filters]` of which the first filters hand a channel on.
#[derive(Clone, Copy, Debug)]
pub struct Dirac;

impl Initializer for Dirac {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn fill(&self, shape: &[usize], stream: Stream, out: &mut [f32]) {
        let [window @ .., channels, filters] = shape else {
            return out.fill(1.0);
        };
        let inputs = window.iter().product::<usize>() * channels;
        let limit = 1.0 / (inputs.max(1) as f64).sqrt();
        let middle = window.iter().fold(0, |place, n| place * n + n / 2);
        for (i, x) in out.iter_mut().enumerate() {
            let (place, channel, filter) = (i / filters / channels, i / filters % channels, i % filters);
            *x = match filter < *channels {
                true => f32::from(u8::from(place == middle && channel == filter)),
                false => ((2.0 * stream.uniform(i as u64) - 1.0) * limit) as f32,
            };
        }
    }
}
