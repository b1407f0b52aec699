//! One file per operation: shape rule, f64 reference, derivative, documentation, and the method of [`Graph`] that
//! applies it.

use super::{Graph, Moment, Tensor, Value};
use crate::error::Result;
use crate::shape::Shape;
use schuss_kernels::tape;
use std::any::Any;
use std::fmt::Debug;

pub mod absolute;
pub mod add;
pub mod argmax_last;
pub mod bfloat16;
pub mod broadcast_to;
pub mod concatenate;
pub mod constant;
pub mod convolution;
pub mod convolution_input;
pub mod convolution_kernel;
pub mod divide;
mod elementwise;
pub mod equal;
mod example;
pub mod exp;
pub mod gelu;
pub mod gelu_slope;
pub mod greater;
pub mod greater_equal;
pub mod in_top_k;
pub mod input;
pub mod log;
pub mod log_softmax;
pub mod matmul;
pub mod max_last;
pub mod max_pool;
pub mod maximum;
pub mod minimum;
pub mod multiply;
pub mod negative;
pub mod one_hot;
pub mod pad;
pub mod pool_scatter;
pub mod pool_select;
pub mod random_uniform;
pub mod reciprocal;
pub mod relu;
pub mod reshape;
mod rows;
pub mod select;
pub mod sigmoid;
pub mod sign;
pub mod slice;
pub mod softmax;
pub mod softmax_cross_entropy;
pub mod softmax_cross_entropy_gradient;
pub mod softplus;
pub mod sqrt;
pub mod square;
pub mod squared_deviations;
pub mod subtract;
pub mod sum_to;
pub mod symmetric;
pub mod tanh;
pub mod window;
pub mod window_spread;
pub mod window_sum;

pub use elementwise::ElementwiseOperation;
pub use example::{Apply, Example};
pub use window::Window;

/// A derivative for each input, or nothing where it is zero everywhere or not wanted.
pub type Derivatives = Vec<Option<Value>>;

/// What an operation is. Everything that is particular to one lives in its file.
pub trait Operation: Debug + Any + Send + Sync {
    /// The name in the table, in listings and errors.
    fn name(&self) -> &'static str;
    /// The shape of the output, or why the inputs don't fit.
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape>;
    /// The meaning: the output of `sizes`, from the inputs.
    fn evaluate(&self, moment: &Moment, inputs: &[&Tensor], sizes: &[usize]) -> Tensor;
    /// The product of `d` (the loss's gradient with respect to `output`) with the operation's Jacobian, for each input
    /// that is `wanted`; nothing where the derivative is zero everywhere. Each part has its input's shape.
    fn vjp(&self, g: &mut Graph, inputs: &[Value], output: Value, d: Value, wanted: &[bool]) -> Result<Derivatives>;
    /// If each output element depends on the elements at its place alone: the instruction that computes it.
    fn element(&self) -> Option<tape::Element> {
        None
    }
}

/// A line of the table: from it come the derivative tests and the documentation.
pub struct Line {
    /// The operation's name.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Places where the derivative is checked: a graph in, the output of the operation on fresh inputs out.
    pub examples: fn() -> Vec<Example>,
}

/// Every operation that computes. Adding one: a file, its `pub mod` above, and its line here.
pub const TABLE: &[Line] = &[
    absolute::LINE,
    add::LINE,
    argmax_last::LINE,
    bfloat16::LINE,
    broadcast_to::LINE,
    concatenate::LINE,
    convolution::LINE,
    convolution_input::LINE,
    convolution_kernel::LINE,
    divide::LINE,
    equal::LINE,
    exp::LINE,
    gelu::LINE,
    gelu_slope::LINE,
    greater::LINE,
    greater_equal::LINE,
    in_top_k::LINE,
    log::LINE,
    log_softmax::LINE,
    matmul::LINE,
    max_last::LINE,
    max_pool::LINE,
    maximum::LINE,
    minimum::LINE,
    multiply::LINE,
    negative::LINE,
    one_hot::LINE,
    pad::LINE,
    pool_scatter::LINE,
    pool_select::LINE,
    random_uniform::LINE,
    reciprocal::LINE,
    relu::LINE,
    reshape::LINE,
    select::LINE,
    sigmoid::LINE,
    sign::LINE,
    slice::LINE,
    softmax::LINE,
    softmax_cross_entropy::LINE,
    softmax_cross_entropy_gradient::LINE,
    softplus::LINE,
    sqrt::LINE,
    square::LINE,
    squared_deviations::LINE,
    subtract::LINE,
    sum_to::LINE,
    tanh::LINE,
    window_spread::LINE,
    window_sum::LINE,
];
