//! What normalisation layers have in common: means over axes, and trained numbers that stand beside others.

use super::weights::{self, Weight};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::initializers::{Ones, Zeros};
use crate::registry::{Allowed, Argument, Default, Setting, Settings};
use crate::shape::{Dim, Shape};

pub(super) const AXIS: Setting = Setting {
    name: "axis",
    default: Default::Int(-1),
    allowed: Allowed::IntOrInts(-8, 8, &[]),
    doc: "the axes that are normalised together, from 1 (behind the batch), or from -1 (the last) backwards",
};
pub(super) const CENTER: Setting =
    Setting { name: "center", default: Default::Bool(true), allowed: Allowed::Bool, doc: "is β added?" };
pub(super) const SCALE: Setting =
    Setting { name: "scale", default: Default::Bool(true), allowed: Allowed::Bool, doc: "is it multiplied by γ?" };
pub(super) const BETA_INITIALIZER: Setting = weights::words("beta_initializer", "zeros", "how β starts");
pub(super) const GAMMA_INITIALIZER: Setting = weights::words("gamma_initializer", "ones", "how γ starts");
pub(super) const BETA_REGULARIZER: Setting =
    weights::regularizer("beta_regularizer", "what β adds to the loss: none, or a regularizer");
pub(super) const GAMMA_REGULARIZER: Setting =
    weights::regularizer("gamma_regularizer", "what γ adds to the loss: none, or a regularizer");

pub(super) const fn epsilon(default: f64) -> Setting {
    Setting {
        name: "epsilon",
        default: Default::Float(default),
        allowed: Allowed::NotNegative,
        doc: "ε, added to the variance",
    }
}

/// γ and β behind a normalisation.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    pub center: bool,
    pub scale: bool,
    pub beta: Weight,
    pub gamma: Weight,
}

impl Affine {
    pub fn new() -> Self {
        Affine { center: true, scale: true, beta: Weight::new(Zeros), gamma: Weight::new(Ones) }
    }
    pub fn read(s: &Settings) -> Self {
        let beta = Weight::read(s, "beta_initializer", "beta_regularizer");
        let gamma = Weight::read(s, "gamma_initializer", "gamma_regularizer");
        Affine { center: s.bool("center"), scale: s.bool("scale"), beta, gamma }
    }
    pub fn check(&self) -> Result<()> {
        self.beta.check()?;
        self.gamma.check()
    }
    /// Its settings, in the tables' order.
    pub fn settings(&self) -> [(&'static str, Argument); 6] {
        [
            ("center", Argument::Bool(self.center)),
            ("scale", Argument::Bool(self.scale)),
            ("beta_initializer", self.beta.initializer()),
            ("gamma_initializer", self.gamma.initializer()),
            ("beta_regularizer", self.beta.regularizer()),
            ("gamma_regularizer", self.gamma.regularizer()),
        ]
    }
    /// γ x + β, with a γ and a β for each place of these axes of x.
    pub fn build(&self, build: &mut Build, mut x: Value, axes: &[usize]) -> Result<Value> {
        if self.scale {
            let gamma = beside(build, x, axes, "gamma", &self.gamma)?;
            x = build.graph.multiply(x, gamma)?;
        }
        if self.center {
            let beta = beside(build, x, axes, "beta", &self.beta)?;
            x = build.graph.add(x, beta)?;
        }
        Ok(x)
    }
}

/// A parameter with a number for each place of these axes of x, under axes that broadcast to x.
pub(super) fn beside(build: &mut Build, x: Value, axes: &[usize], name: &str, weight: &Weight) -> Result<Value> {
    let dims = build.graph.shape(x).dims().to_vec();
    let size = |i: &usize| if let Dim::Fixed(n) = dims[*i] { n } else { 1 };
    let sizes: Vec<usize> = axes.iter().map(size).collect();
    let parameter = weight.build(build, name, &sizes)?;
    let from = axes[0];
    let wide: Vec<usize> = (from..dims.len()).map(|i| if axes.contains(&i) { size(&i) } else { 1 }).collect();
    build.graph.reshape(parameter, &Shape::fixed(&wide))
}

/// The axes that are meant, in order, counted from 0 at the batch.
pub(super) fn axes(shape: &Shape, given: &[i64]) -> Result<Vec<usize>> {
    let rank = shape.rank() as i64;
    let mut all = Vec::new();
    for &axis in given {
        let place = if axis < 0 { rank + axis } else { axis };
        if !(1..rank).contains(&place) || all.contains(&(place as usize)) {
            let message = format!("`axis` is {given:?}; allowed are different axes of {shape} behind the batch");
            return Err(Error::value("axis", message));
        }
        all.push(place as usize);
    }
    if all.is_empty() {
        return Err(Error::value("axis", "`axis` is empty; at least one axis is allowed"));
    }
    all.sort_unstable();
    Ok(all)
}

/// How axes are written as a setting.
pub(super) fn argument(axes: &[i64]) -> Argument {
    match axes {
        [one] => Argument::Int(*one),
        several => Argument::List(several.iter().map(|&i| Argument::Int(i)).collect()),
    }
}

/// The mean of x over these axes, which stay with size 1.
pub(super) fn mean(g: &mut Graph, x: Value, axes: &[usize]) -> Result<Value> {
    let mut dims = g.shape(x).dims().to_vec();
    let mut count = 1;
    for &axis in axes {
        if let Dim::Fixed(n) = dims[axis] {
            count *= n;
        }
        dims[axis] = Dim::Fixed(1);
    }
    let sum = g.sum_to(x, &Shape::new(dims))?;
    g.scale(sum, 1.0 / count as f64)
}

/// (x − mean) / √(variance + ε) over these axes.
pub(super) fn standardized(g: &mut Graph, x: Value, axes: &[usize], epsilon: f64) -> Result<Value> {
    let middle = mean(g, x, axes)?;
    let centered = g.subtract(x, middle)?;
    over_root_mean_square(g, centered, axes, epsilon)
}

/// x / √(mean x² + ε) over these axes.
pub(super) fn over_root_mean_square(g: &mut Graph, x: Value, axes: &[usize], epsilon: f64) -> Result<Value> {
    let squares = g.square(x)?;
    let variance = mean(g, squares, axes)?;
    let epsilon = g.constant(epsilon)?;
    let variance = g.add(variance, epsilon)?;
    let deviation = g.sqrt(variance)?;
    let factor = g.reciprocal(deviation)?;
    g.multiply(x, factor)
}
