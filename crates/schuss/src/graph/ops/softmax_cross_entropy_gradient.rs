//! The derivative of the cross-entropy of logits, in one go.

use super::rows::{greatest_and_sum, same_rows};
use super::{Derivatives, Example, Line, Operation};
use crate::error::{Error, Result};
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::shape::Shape;

/// G = (p · Σⱼ yⱼ − y) · d with p = softmax(z) over the last axis: what
/// [`softmax_cross_entropy`](super::softmax_cross_entropy) passes back to its logits z, from the target y and d, the
/// loss's derivative with respect to each cross-entropy.
///
/// With e for the derivative with respect to G: dz = d · Σy · p · (e − Σⱼ eⱼ pⱼ), dy = d · (Σⱼ eⱼ pⱼ − e) and
/// dd = Σⱼ eⱼ (pⱼ Σy − yⱼ).
///
/// `z: […, classes]`, `y: […, classes]`, `d: […]`, `G: […, classes]`. Errors: `no-rows`, `shapes-differ`.
#[derive(Clone, Debug)]
pub struct SoftmaxCrossEntropyGradient;

/// The line of the table.
pub const LINE: Line = Line {
    name: "softmax_cross_entropy_gradient",
    summary: "(softmax(z) · Σ y − y) · d over the row of logits z and target y",
    examples: || {
        let case = |sizes: &[usize]| {
            let rows = &sizes[..sizes.len() - 1];
            let op = |g: &mut Graph, x: &[Value]| g.softmax_cross_entropy_gradient(x[0], x[1], x[2]);
            Example::within(&[sizes, sizes, rows], (-2.0, 2.0), op).range(1, (0.0, 1.0))
        };
        vec![case(&[17]), case(&[3, 31]), case(&[5, 1]), case(&[2, 3, 5])]
    },
};

impl Operation for SoftmaxCrossEntropyGradient {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, x: &[&Shape]) -> Result<Shape> {
        same_rows(&x[..2])?;
        if *x[2] != x[0].without_last(1) {
            let message = format!("shape {} is not one number for each row of {}", x[2], x[0]);
            return Err(Error::shape("shapes-differ", message));
        }
        Ok(x[0].clone())
    }
    fn evaluate(&self, _: &Moment, x: &[&Tensor], sizes: &[usize]) -> Tensor {
        let (rows, n) = x[0].rows();
        let mut data = Vec::with_capacity(rows * n);
        for (i, d) in x[2].data.iter().enumerate() {
            let [logits, target] = [0, 1].map(|k| &x[k].data[i * n..(i + 1) * n]);
            let ((greatest, sum), total) = (greatest_and_sum(logits), target.iter().sum::<f64>());
            data.extend(logits.iter().zip(target).map(|(z, y)| ((z - greatest).exp() / sum * total - y) * d));
        }
        Tensor::new(sizes, data)
    }
    fn vjp(&self, g: &mut Graph, x: &[Value], _: Value, e: Value, wanted: &[bool]) -> Result<Derivatives> {
        let (logits, target) = (x[0], x[1]);
        let p = g.softmax(logits)?;
        let weighted = g.multiply(e, p)?;
        let mean = g.sum_last(weighted)?;
        let mut parts = vec![None, None, None];
        if wanted[0] {
            let (d, total, rest) = (g.append_last(x[2])?, g.sum_last(target)?, g.subtract(e, mean)?);
            let (scale, through_softmax) = (g.multiply(d, total)?, g.multiply(p, rest)?);
            parts[0] = Some(g.multiply(scale, through_softmax)?);
        }
        if wanted[1] {
            let (d, rest) = (g.append_last(x[2])?, g.subtract(mean, e)?);
            parts[1] = Some(g.multiply(d, rest)?);
        }
        if wanted[2] {
            let (total, of_target) = (g.sum_last(target)?, g.multiply(e, target)?);
            let (of_softmax, of_target) = (g.multiply(mean, total)?, g.sum_last(of_target)?);
            let column = g.subtract(of_softmax, of_target)?;
            parts[2] = Some(g.drop_last(column)?);
        }
        Ok(parts)
    }
}

impl Graph {
    /// (softmax(logits) · Σ target − target) · d over the last axis.
    pub fn softmax_cross_entropy_gradient(&mut self, logits: Value, target: Value, d: Value) -> Result<Value> {
        self.apply(SoftmaxCrossEntropyGradient, &[logits, target, d])
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
        let d = Tensor::new(&[3], vec![1.0, 2.0, 4.0]);
        let gradient = SoftmaxCrossEntropyGradient.evaluate(&Moment::default(), &[&logits, &target, &d], &[3, 2]);
        assert_eq!(gradient.data, [0.0, 0.0, 2.0, -2.0, 1.0, -1.0]);
    }

    #[test]
    fn one_d_for_each_row() {
        let mut g = Graph::new();
        let logits = g.input(Source::Data, "logits", Shape::batch(&[3]));
        for shape in [Shape::batch(&[1]), Shape::scalar()] {
            let d = g.input(Source::Data, "d", shape);
            let error = g.softmax_cross_entropy_gradient(logits, logits, d).unwrap_err();
            assert_eq!(error.code(), "shapes-differ");
        }
    }
}
