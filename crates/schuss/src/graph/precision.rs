//! What products are computed in: a transformation of a graph that is differentiated already.

use super::ops::convolution::Convolution;
use super::ops::convolution_input::ConvolutionInput;
use super::ops::convolution_kernel::ConvolutionKernel;
use super::ops::matmul::MatMul;
use super::ops::window::Window;
use super::{Graph, Value};
use crate::error::{Error, Result};

/// What the factors of matrix products and convolutions are. Their sums, all else that is computed, parameters and what
/// an optimizer keeps are f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// f32.
    #[default]
    F32,
    /// Rounded to bfloat16, 8 bits of mantissa (Kalamkar et al. 2019, arXiv 1905.12322).
    Bf16,
    /// Cut into two numbers of bfloat16, 16 bits of mantissa together, of whose four products the three greater ones are
    /// added (Henry, Tang and Heinecke 2019, arXiv 1904.06376). Convolutions that f32 computes sooner stay f32, on every machine:
    /// those with windows of 3 × 3 without strides, which take a quarter of the products there, and of few or grouped channels.
    F32x3,
    /// The fastest of those that were shown to learn as well as f32 (`benchmarks/README.md`), for a model and a machine: see
    /// [`Precision::chosen`].
    Auto,
}

impl Precision {
    /// All names.
    pub const NAMES: &[&str] = &["f32", "bf16", "f32x3", "auto"];
    const ALL: [Precision; 4] = [Precision::F32, Precision::Bf16, Precision::F32x3, Precision::Auto];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// By name. Error: `unknown-precision`.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name).ok_or_else(|| {
            let message = format!("no precision `{name}`; allowed: {}", Self::NAMES.join(", "));
            Error::name("unknown-precision", message)
        })
    }

    /// What `Auto` is for this graph, on a machine that has a unit for tiles of bfloat16 or not; else itself. With such a unit
    /// three products of matrices take less time than one in f32; those of convolutions may take more, so a graph stays f32 with
    /// any that `F32x3` would cut. On another machine the same run may so have other last digits.
    pub fn chosen(self, graph: &Graph, tiles: bool) -> Self {
        let products = || graph.values().filter(|v| is_product(graph, *v));
        let shown = |v: Value| graph.operation::<MatMul>(v).is_some() || !gains_from_tiles(graph, v);
        match self {
            Precision::Auto if tiles && products().all(shown) => Precision::F32x3,
            Precision::Auto => Precision::F32,
            precision => precision,
        }
    }

    /// The graph with products in this precision, and where each value of the old one is in it.
    pub fn of(self, old: &Graph) -> Result<(Graph, Vec<Value>)> {
        let (mut g, mut map) = (Graph::new(), Vec::<Value>::with_capacity(old.nodes().len()));
        for v in old.values() {
            let node = old.node(v);
            let inputs: Vec<Value> = node.inputs.iter().map(|x| map[x.index()]).collect();
            map.push(match self {
                Precision::Bf16 if is_product(old, v) => {
                    let [x, y] = [g.bfloat16(inputs[0])?, g.bfloat16(inputs[1])?];
                    g.apply_shared(&node.op, &[x, y])?
                }
                Precision::F32x3 if is_product(old, v) && gains_from_tiles(old, v) => {
                    let [(x, small_x), (y, small_y)] = [halves(&mut g, inputs[0])?, halves(&mut g, inputs[1])?];
                    // The small products first: their sum loses less.
                    let [first, second] = [[small_x, y], [x, small_y]].map(|xy| g.apply_shared(&node.op, &xy));
                    let small = g.add(first?, second?)?;
                    let great = g.apply_shared(&node.op, &[x, y])?;
                    g.add(small, great)?
                }
                _ => g.apply_shared(&node.op, &inputs)?,
            });
        }
        Ok((g, map))
    }
}

/// A number of bfloat16 and another that is what it lacks.
fn halves(g: &mut Graph, x: Value) -> Result<(Value, Value)> {
    let great = g.bfloat16(x)?;
    let rest = g.subtract(x, great)?;
    Ok((great, g.bfloat16(rest)?))
}

fn is_product(g: &Graph, v: Value) -> bool {
    g.operation::<MatMul>(v).is_some() || convolution(g, v).is_some()
}

/// Numbers of a window that a tile takes at a time.
const TILE: usize = 32;

/// Can three products in tiles take less time than one in f32?
fn gains_from_tiles(g: &Graph, v: Value) -> bool {
    convolution(g, v).is_none_or(|(window, groups, channels)| {
        let dense = window.strides.iter().chain(&window.dilation).all(|n| *n == 1) && groups == 1;
        let quarter = dense && window.size == [3, 3];
        groups == 1 && !quarter && window.places() * channels >= TILE
    })
}

/// The windows, groups and channels of a convolution or of one of its derivatives.
fn convolution(g: &Graph, v: Value) -> Option<(&Window, usize, usize)> {
    let channels = |x: Value| g.shape(x).last().unwrap_or(1);
    if let Some(op) = g.operation::<Convolution>(v) {
        Some((&op.window, op.groups, channels(g.node(v).inputs[0])))
    } else if let Some(op) = g.operation::<ConvolutionKernel>(v) {
        Some((&op.window, op.groups, channels(g.node(v).inputs[0])))
    } else {
        g.operation::<ConvolutionInput>(v).map(|op| (&op.window, op.groups, channels(v)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::bfloat16::Bfloat16;
    use crate::graph::ops::input::Source;
    use crate::graph::{Reference, Tensor};
    use crate::shape::Shape;

    /// The greatest relative error of a product of matrices of 1s and a bit.
    fn error(precision: Precision) -> f64 {
        let mut g = Graph::new();
        let x = g.input(Source::Parameter, "x", Shape::fixed(&[5, 9]));
        let w = g.input(Source::Parameter, "w", Shape::fixed(&[9, 4]));
        let y = g.matmul(x, w).unwrap();
        let (g, map) = precision.of(&g).unwrap();
        let mut reference = Reference::new(&g, 1);
        let number = |i: usize| 1.0 + (i as f64 * 0.7).sin() / 2.0;
        let (x, w) = (Tensor::from_fn(&[5, 9], number), Tensor::from_fn(&[9, 4], |i| number(i + 50)));
        reference.set(Source::Parameter, "x", x.clone());
        reference.set(Source::Parameter, "w", w.clone());
        let y = &reference.run(&[map[y.index()]])[0];
        let exact = |i: usize| (0..9).map(|k| x.data[i / 4 * 9 + k] * w.data[k * 4 + i % 4]).sum::<f64>();
        y.data.iter().enumerate().map(|(i, y)| (y / exact(i) - 1.0).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn errors_are_those_of_8_and_16_bits() {
        let [full, bf16, three] = [Precision::F32, Precision::Bf16, Precision::F32x3].map(error);
        assert!(full < 1e-15, "{full}");
        assert!((1e-4..2f64.powi(-8)).contains(&bf16), "{bf16}");
        assert!((1e-8..2f64.powi(-15)).contains(&three), "{three}");
    }

    #[test]
    fn auto_is_three_products_where_only_matrices_are_cut_and_the_machine_has_tiles() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[6, 6, 2]));
        let w = g.input(Source::Parameter, "w", Shape::fixed(&[72, 4]));
        let flat = g.reshape(x, &Shape::batch(&[72])).unwrap();
        g.matmul(flat, w).unwrap();
        assert_eq!(Precision::Auto.chosen(&g, true), Precision::F32x3);
        assert_eq!(Precision::Auto.chosen(&g, false), Precision::F32);
        assert_eq!(Precision::Bf16.chosen(&g, true), Precision::Bf16);
        for (size, chosen) in [(3, Precision::F32x3), (5, Precision::F32)] {
            let kernel = g.input(Source::Parameter, "k", Shape::fixed(&[size, size, 2, 4]));
            let window = Window::valid(&[size; 2], &[1, 1], &[1, 1]);
            g.apply(Convolution { window, groups: 1 }, &[x, kernel]).unwrap();
            assert_eq!(Precision::Auto.chosen(&g, true), chosen, "{size}");
        }
    }

    #[test]
    fn only_convolutions_that_gain_are_cut_in_two() {
        // The convolution, and its derivatives by the input and by the kernel.
        let cut = |channels: usize, size: usize, stride: usize, groups: usize| {
            let window = Window::valid(&[size; 2], &[stride; 2], &[1, 1]);
            let places = (9 - size) / stride + 1;
            [0, 1, 2].map(|which| {
                let mut g = Graph::new();
                let x = g.input(Source::Data, "x", Shape::batch(&[9, 9, channels]));
                let y = g.input(Source::Data, "y", Shape::batch(&[places, places, 8]));
                let w = g.input(Source::Parameter, "w", Shape::fixed(&[size, size, channels / groups, 8]));
                let window = window.clone();
                let made = match which {
                    0 => g.apply(Convolution { window, groups }, &[x, w]),
                    1 => g.apply(ConvolutionInput { window, groups, input: vec![9, 9] }, &[y, w]),
                    _ => g.apply(ConvolutionKernel { window, groups }, &[x, y]),
                };
                made.unwrap();
                let g = Precision::F32x3.of(&g).unwrap().0;
                g.values().any(|v| g.operation::<Bfloat16>(v).is_some())
            })
        };
        assert_eq!(cut(16, 5, 1, 1), [true; 3]);
        assert_eq!(cut(16, 3, 2, 1), [true; 3], "by steps no quarter of the products is enough");
        assert_eq!(cut(32, 1, 1, 1), [true; 3]);
        assert_eq!(cut(16, 3, 1, 1), [false; 3], "a quarter of the products");
        assert_eq!(cut(31, 1, 1, 1), [false; 3], "less than a tile");
        assert_eq!(cut(16, 5, 1, 2), [false; 3], "groups");
    }

    #[test]
    fn names_lead_there_and_back() {
        assert_eq!(Precision::ALL.map(Precision::name), Precision::NAMES);
        assert!(Precision::ALL.iter().all(|p| Precision::from_name(p.name()).unwrap() == *p));
        assert_eq!(Precision::from_name("fp16").unwrap_err().code(), "unknown-precision");
    }
}
