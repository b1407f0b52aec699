//! Cross-entropy of logits against a distribution over classes.

use super::rows::{greatest_and_sum, same_rows};
use super::{Derivatives, Example, Line, Operation};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// L = Σⱼ yⱼ (ln Σₖ e^zₖ − zⱼ) of logits z and target y over the last axis: −Σ y · log_softmax(z), without a softmax
/// that could run into 0. dz = (softmax(z) · Σy − y) · d is
/// [an operation of its own](super::softmax_cross_entropy_gradient), dy = −log_softmax(z) · d.
///
/// `z: […, classes]`, `y: […, classes]`, `L: […]`. Errors: `no-rows`, `shapes-differ` (there is no broadcasting).
#[derive(Clone, Debug)]
pub struct SoftmaxCrossEntropy;

/// The line of the table.
pub const LINE: Line = Line {
    name: "softmax_cross_entropy",
    summary: "Σ y · (ln Σ e^z − z) over the row of logits z and target y",
    examples: || {
        let case = |sizes: &[usize]| {
            Example::within(&[sizes, sizes], (-2.0, 2.0), |g, x| g.softmax_cross_entropy(x[0], x[1]))
                .range(1, (0.0, 1.0))
        };
        vec![case(&[17]), case(&[3, 31]), case(&[5, 1]), case(&[2, 3, 5])]
    },
};

impl Operation for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        same_rows(x).map(|_| x[0].without_last(1))
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let (_, n) = x[0].rows();
        Tensor::from_fn(sizes, |i| {
            let [logits, target] = [0, 1].map(|k| &x[k].data[i * n..(i + 1) * n]);
            let (greatest, sum) = greatest_and_sum(logits);
            logits.iter().zip(target).map(|(z, y)| y * (sum.ln() - (z - greatest))).sum()
        })
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, d: Value, wanted: &[bool]) -> Result<Derivatives> {
        let (logits, target) = (x[0], x[1]);
        let mut parts = vec![None, None];
        if wanted[0] {
            parts[0] = Some(g.softmax_cross_entropy_gradient(logits, target, d)?);
        }
        if wanted[1] {
            let (log_softmax, column) = (g.log_softmax(logits)?, g.append_last(d)?);
            let part = g.multiply(log_softmax, column)?;
            parts[1] = Some(g.negative(part)?);
        }
        Ok(parts)
    }
}

impl Graph {
    /// −Σ target · log_softmax(logits) over the last axis, which goes.
    pub fn softmax_cross_entropy(&mut self, logits: Value, target: Value) -> Result<Value> {
        self.apply(SoftmaxCrossEntropy, &[logits, target])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops::input::Source;

    #[test]
    fn certain_logits() {
        let logits = Tensor::new(&[3, 2], vec![1e4, -1e4, 1e4, -1e4, 0.0, 0.0]);
        let target = Tensor::new(&[3, 2], vec![1.0, 0.0, 0.0, 1.0, 0.25, 0.75]);
        let loss = SoftmaxCrossEntropy.evaluate(&Moment::default(), &[&logits, &target], &[3]);
        assert_eq!(loss.data, [0.0, 2e4, std::f64::consts::LN_2]);
    }

    #[test]
    fn logits_and_target_have_one_shape() {
        let mut g = Graph::new();
        let logits = g.input(Source::Data, "logits", Shape::batch(&[3]));
        for shape in [Shape::batch(&[1]), Shape::fixed(&[3]), Shape::batch(&[])] {
            let target = g.input(Source::Data, "target", shape);
            assert_eq!(g.softmax_cross_entropy(logits, target).unwrap_err().code(), "shapes-differ");
        }
    }
}
