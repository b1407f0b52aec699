//! Numbers from the places of the greatest: the derivative of [`super::pool_scatter`].

use super::max_pool::{cases, each_place, pooled, winner};
use super::pool_scatter::PoolScatter;
use super::window::Window;
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y = v at the first place of each window's greatest x.
///
/// `x`, `v: [batch, spatial…, channels]`, `y: [batch, windows…, channels]`. The derivative with respect to x is 0 almost
/// everywhere. Errors: those of [`super::max_pool`], `shapes-differ`.
#[derive(Clone, Debug)]
pub struct PoolSelect {
    /// Where the windows lie.
    pub window: Window,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "pool_select",
    summary: "numbers from the place of each window's greatest",
    examples: || {
        let case = |(x, window): (Vec<usize>, Window)| {
            Example::new(&[&x, &x], move |g, v| g.apply(PoolSelect { window: window.clone() }, v))
        };
        cases().into_iter().map(case).collect()
    },
};

impl Operation for PoolSelect {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, v: &[&Shape]) -> Result<Shape> {
        if v[0] != v[1] {
            return Err(Error::shape("shapes-differ", format!("shapes {} and {} differ", v[0], v[1])));
        }
        pooled(&self.window, v[0])
    }
    fn evaluate(&self, _: &Moment, v: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut y = Tensor::full(sizes, 0.0);
        each_place(&self.window, &v[0].sizes, |p, places| y.data[p] = v[1].data[winner(&v[0].data, places)]);
        y
    }
    fn vjp(&self, g: &mut Graph, v: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let scatter = PoolScatter { window: self.window.clone() };
        Ok(vec![None, wanted[1].then(|| g.apply(scatter, &[v[0], d])).transpose()?])
    }
}
