//! A quadratic of the distance to a point: DeepOBS' test problem.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::initializers::{AnyInitializer, Initializer, Ones};
use crate::random::Stream;
use crate::registry::{Entry, Page};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "quadratic_deep",
    page: Page {
        summary: "a quadratic of the distance from 100 trained numbers to the input, curved like a deep network's loss",
        equation: "y = ½ (θ − x)ᵀ Q (θ − x), θ = 1 at first; Q has 90 eigenvalues in (0, 1) and 10 in (30, 60)",
        source: "Schneider, Balles and Hennig 2019, DeepOBS, https://arxiv.org/abs/1903.05499, problem quadratic_deep; \
                 its spectrum after Chaudhari et al. 2016, https://arxiv.org/abs/1611.01838",
        differs: "Q is DeepOBS' own, in f32. As y is never below 0, its mean absolute error from 0 is its mean.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(QuadraticDeep)),
};

/// Q, row-major, as `xtask/oracle/quadratic_deep.py` writes it.
const MATRIX: &[u8] = include_bytes!("../../data/quadratic_deep_matrix.f32");
/// Rows and columns of it.
const SIZE: usize = 100;

/// y = ½ (θ − x)ᵀ Q (θ − x).
///
/// `x: [batch, 100]`, `y: [batch, 1]`; parameter `theta` θ `[100]`, buffer `matrix` Q `[100, 100]`, which stays. Errors:
/// `quadratic-input`.
#[derive(Clone, Copy, Debug)]
pub struct QuadraticDeep;

/// Q as it is.
#[derive(Debug)]
struct Matrix;

impl Initializer for Matrix {
    fn kind(&self) -> &'static str {
        "quadratic_deep"
    }
    fn fill(&self, _: &[usize], _: Stream, out: &mut [f32]) {
        out.iter_mut().zip(MATRIX.as_chunks().0).for_each(|(x, bytes)| *x = f32::from_le_bytes(*bytes));
    }
}

impl Layer for QuadraticDeep {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let shape = build.graph.shape(x);
        if shape.sample() != [SIZE] {
            let message = format!("the input is {shape} and must be [batch, {SIZE}]");
            return Err(Error::shape("quadratic-input", message));
        }
        let ones: AnyInitializer = Arc::new(Ones);
        let matrix: AnyInitializer = Arc::new(Matrix);
        let theta = build.parameter("theta", &[SIZE], &ones)?;
        let matrix = build.buffer("matrix", &[SIZE, SIZE], &matrix)?;
        let g = &mut build.graph;
        let off = g.subtract(theta, x)?;
        let turned = g.matmul(off, matrix)?;
        let each = g.multiply(off, turned)?;
        let sum = g.sum_last(each)?;
        g.scale(sum, 0.5)
    }
}
