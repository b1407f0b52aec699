//! How products are made, and which way is likely to be the soonest.

use super::{Factors, Geometry, Isa, sparse, winograd};

/// How the products of a convolution are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// All of them.
    Plain,
    /// Those with zeros are left out wherever that can be done.
    Sparse,
    /// Those with zeros are left out where there are enough of them. The bits are those of `Plain`.
    Look,
    /// A quarter of them, of numbers at points (`winograd`).
    Winograd,
}

impl Method {
    /// Panics if such a convolution cannot be computed so: then it would leave its arrays.
    pub fn check(self, g: &Geometry) {
        assert!(self != Method::Winograd || winograd::possible(g), "no plain windows of 3 × 3: {g:?}");
    }
}

/// By which method the outputs or, if turned, the inputs are likely to be computed soonest, where such a share of the numbers
/// that they are computed from is not 0.
pub fn method(isa: Isa, factors: Factors, g: &Geometry, turned: bool, nonzero: f64) -> Method {
    let sparse = if turned { sparse::share(nonzero) } else { 1.0 };
    let unseen = if turned { sparse::share_unseen(isa, g, nonzero) } else { None };
    let plain = super::unit_share(isa, factors, g, if turned { g.channels } else { g.outputs } / g.groups);
    soonest(plain, winograd::share(g, turned), sparse, unseen)
}

/// The same for the derivative by the kernel, over so many images at once.
pub fn kernel_method(isa: Isa, factors: Factors, g: &Geometry, images: usize, nonzero: f64) -> Method {
    let (sparse, unseen) = (sparse::kernel_share(g, nonzero), sparse::kernel_share_unseen(isa, g, nonzero));
    let plain = super::unit_share(isa, factors, g, g.outputs / g.groups);
    soonest(plain, winograd::kernel_share(g, images), sparse, unseen)
}

/// Times as shares of what the plain sums take in f32, `plain` those with a unit for bfloat16. Leaving out products with zeros
/// changes the last digits of that one's sums, so that there looking at the numbers is no choice.
fn soonest(plain: Option<f64>, winograd: Option<f64>, sparse: f64, unseen: Option<f64>) -> Method {
    let Some(plain) = plain else {
        return if winograd.is_some_and(|share| share < sparse) { Method::Winograd } else { Method::Look };
    };
    let all = [(Some(plain), Method::Plain), (winograd, Method::Winograd), (unseen, Method::Sparse)];
    let there = all.into_iter().filter_map(|(share, method)| Some((share?, method)));
    there.min_by(|x, y| x.0.total_cmp(&y.0)).map_or(Method::Plain, |(_, method)| method)
}
