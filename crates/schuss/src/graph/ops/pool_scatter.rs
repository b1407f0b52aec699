//! Numbers to the places of the greatest: the derivative of [`super::max_pool`].

use super::max_pool::{cases, each_place, pooled, winner};
use super::pool_select::PoolSelect;
use super::window::Window;
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// y = 0, plus d of every window at the first place of the window's greatest x, added where windows share that place.
///
/// `x: [batch, spatial…, channels]`, `d: [batch, windows…, channels]`, `y` of x's shape. The derivative with respect to x
/// is 0 almost everywhere. Errors: those of [`super::max_pool`], `shapes-differ`.
#[derive(Clone, Debug)]
pub struct PoolScatter {
    /// Where the windows lie.
    pub window: Window,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "pool_scatter",
    summary: "a number for each window to the place of its greatest",
    examples: || {
        let case = |(x, window): (Vec<usize>, Window)| {
            let d = pooled(&window, &Shape::fixed(&x)).expect("the case fits").sizes(1);
            Example::new(&[&x, &d], move |g, v| g.apply(PoolScatter { window: window.clone() }, v))
        };
        cases().into_iter().map(case).collect()
    },
};

impl Operation for PoolScatter {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, v: &[&Shape]) -> Result<Shape> {
        let wanted = pooled(&self.window, v[0])?;
        if wanted != *v[1] {
            return Err(Error::shape(
                "shapes-differ",
                format!("d is {}; for windows of {} it is {wanted}", v[1], v[0]),
            ));
        }
        Ok(v[0].clone())
    }
    fn evaluate(&self, _: &Moment, v: &[&Tensor], sizes: &[usize]) -> Tensor {
        let mut y = Tensor::full(sizes, 0.0);
        each_place(&self.window, sizes, |p, places| y.data[winner(&v[0].data, places)] += v[1].data[p]);
        y
    }
    fn vjp(&self, g: &mut Graph, v: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let select = PoolSelect { window: self.window.clone() };
        Ok(vec![None, wanted[1].then(|| g.apply(select, &[v[0], d])).transpose()?])
    }
}
