//! A convolution whose kernel is taken from the data: its outputs are uncorrelated.

use super::{AnyLayer, Layer};
use crate::build::Build;
use crate::error::{Error, Result};
use crate::graph::Value;
use crate::graph::ops::window::Window;
use crate::initializers::{AnyInitializer, GlorotUniform, Zeros};
use crate::registry::{Allowed, Argument, Default, Entry, Page, Setting, Settings};
use std::sync::Arc;

pub const ENTRY: Entry<AnyLayer> = Entry {
    name: "whitening_conv2d",
    page: Page {
        summary: "a convolution whose filters are the directions in which small windows of the training pictures vary, \
                  each brought to variance 1, and their opposites",
        equation: "y = x ∗ [V, −V] + b, V = (vᵢ / √(λᵢ + ε))ᵢ; λᵢ, vᵢ eigenvalues and eigenvectors of the mean of w wᵀ over \
                   windows w of samples to train on",
        source: "K. Jordan 2024, https://arxiv.org/abs/2404.00498, section 3.2, after T. Page 2019, \
                 https://myrtle.ai/learn/how-to-train-your-resnet",
        differs: "As in airbench: the kernel is a buffer, which no step moves; ε 0.0005; b starts at 0. b is trained to the \
                  end; there it stays after three epochs. The first 2,000 samples are looked at; there 5,000. The layer \
                  stands at the input; where nothing is known of the data, its kernel is random.",
    },
    settings: &[
        Setting {
            name: "kernel_size",
            default: Default::Int(2),
            allowed: Allowed::Int(1, 8),
            doc: "rows and columns of the window",
        },
        Setting {
            name: "epsilon",
            default: Default::Float(0.0005),
            allowed: Allowed::Positive,
            doc: "ε: what is added to each λ",
        },
    ],
    make: |s| Ok(Arc::new(WhiteningConv2D::new(s.usize("kernel_size"), s.f64("epsilon")))),
};

/// y = x ∗ [V, −V] + b.
///
/// `x: [batch, height, width, channels]`, `y: [batch, …, …, 2 · size² · channels]`, no padding; parameter `bias` b, buffer
/// `kernel`. Errors: `whitening-input`, `window`.
#[derive(Clone, Copy, Debug)]
pub struct WhiteningConv2D {
    size: usize,
    epsilon: f64,
}

/// Samples that are looked at, at most.
const SAMPLES: usize = 2000;

impl WhiteningConv2D {
    /// With windows of this many rows and columns, and this ε.
    pub fn new(size: usize, epsilon: f64) -> Self {
        WhiteningConv2D { size, epsilon }
    }
    /// Numbers in a window.
    fn width(&self, channels: usize) -> usize {
        self.size * self.size * channels
    }
}

impl Layer for WhiteningConv2D {
    fn kind(&self) -> &'static str {
        ENTRY.name
    }
    fn settings(&self) -> Settings {
        let size = ("kernel_size", Argument::Int(self.size as i64));
        Settings::from_pairs([size, ("epsilon", Argument::Float(self.epsilon))])
    }
    fn build(&self, build: &mut Build, x: Value) -> Result<Value> {
        let shape = build.graph.shape(x).clone();
        let &[height, width, channels] = shape.sample().as_slice() else {
            let message = format!("the input is {shape} and must be [batch, height, width, channels]");
            return Err(Error::shape("whitening-input", message));
        };
        let window = Window::valid(&[self.size; 2], &[1, 1], &[1, 1]);
        window.outputs(&[height, width])?;
        let filters = 2 * self.width(channels);
        let (any, zeros): (AnyInitializer, AnyInitializer) = (Arc::new(GlorotUniform), Arc::new(Zeros));
        let kernel = build.buffer("kernel", &[self.size, self.size, channels, filters], &any)?;
        let bias = build.parameter("bias", &[filters], &zeros)?;
        let y = build.graph.convolution(x, kernel, &window, 1)?;
        build.graph.add(y, bias)
    }
    fn adapts(&self) -> Option<usize> {
        Some(SAMPLES)
    }
    fn adapt(&self, sample: &[usize], x: &[f32]) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let &[height, width, channels] = sample else { unreachable!("the layer was built on it") };
        let n = self.width(channels);
        let mut moments = vec![0.0; n * n];
        let mut window = vec![0.0; n];
        let mut count = 0.0;
        for picture in x.chunks_exact(height * width * channels) {
            for (i, j) in (0..=height - self.size).flat_map(|i| (0..=width - self.size).map(move |j| (i, j))) {
                for (row, to) in window.chunks_exact_mut(self.size * channels).enumerate() {
                    let from = &picture[((i + row) * width + j) * channels..];
                    to.iter_mut().zip(from).for_each(|(to, &x)| *to = f64::from(x));
                }
                for (a, row) in window.iter().zip(moments.chunks_exact_mut(n)) {
                    row.iter_mut().zip(&window).for_each(|(m, b)| *m += a * b);
                }
                count += 1.0;
            }
        }
        moments.iter_mut().for_each(|m| *m /= count);
        let (values, vectors) = eigen(moments, n);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let mut kernel = vec![0.0; n * 2 * n];
        for (filter, &k) in order.iter().enumerate() {
            // Its sign is free: the greatest element is positive.
            let vector = || (0..n).map(|i| vectors[i * n + k]);
            let greatest = vector().fold(0.0, |m: f64, x| if x.abs() > m.abs() { x } else { m });
            let scale = greatest.signum() / (values[k].max(0.0) + self.epsilon).sqrt();
            for (i, v) in vector().enumerate() {
                kernel[i * 2 * n + filter] = (v * scale) as f32;
                kernel[i * 2 * n + n + filter] = (-v * scale) as f32;
            }
        }
        Ok(vec![("kernel", kernel)])
    }
}

/// Eigenvalues, and eigenvectors as columns, of a symmetric n × n matrix: Jacobi's rotations.
fn eigen(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    const SWEEPS: usize = 50;
    let mut v: Vec<f64> = (0..n * n).map(|i| f64::from(u8::from(i / n == i % n))).collect();
    for _ in 0..SWEEPS {
        let off: f64 = (0..n * n).filter(|i| i / n != i % n).map(|i| a[i] * a[i]).sum();
        let all: f64 = a.iter().map(|x| x * x).sum();
        if off <= all * 1e-28 {
            break;
        }
        for (p, q) in (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))) {
            if a[p * n + q] == 0.0 {
                continue;
            }
            let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
            let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
            let c = 1.0 / (t * t + 1.0).sqrt();
            let s = t * c;
            let turn = |x: &mut [f64], i: usize, j: usize| {
                let (xi, xj) = (x[i], x[j]);
                (x[i], x[j]) = (c * xi - s * xj, s * xi + c * xj);
            };
            for k in 0..n {
                turn(&mut a, k * n + p, k * n + q);
            }
            for k in 0..n {
                turn(&mut a, p * n + k, q * n + k);
                turn(&mut v, k * n + p, k * n + q);
            }
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_take_a_matrix_apart() {
        let n = 7;
        let stream = crate::random::Stream::named(1, "matrix");
        let b: Vec<f64> = (0..n * n).map(|i| stream.uniform(i as u64) - 0.5).collect();
        let a: Vec<f64> = (0..n * n).map(|i| (0..n).map(|k| b[i / n * n + k] * b[i % n * n + k]).sum()).collect();
        let (values, vectors) = eigen(a.clone(), n);
        for (i, a) in a.iter().enumerate() {
            let again: f64 = (0..n).map(|k| vectors[i / n * n + k] * values[k] * vectors[i % n * n + k]).sum();
            let unit: f64 = (0..n).map(|k| vectors[i / n * n + k] * vectors[i % n * n + k]).sum();
            // Some rounding of numbers of order 1.
            assert!((again - a).abs() < 1e-13 && (unit - f64::from(u8::from(i / n == i % n))).abs() < 1e-13);
        }
    }

    #[test]
    fn what_comes_out_is_uncorrelated() {
        // Pictures whose neighbours are alike, and whose channels are.
        let (size, channels, count) = (9, 2, 40);
        let stream = crate::random::Stream::named(2, "pictures");
        let mut x: Vec<f32> =
            (0..count * size * size * channels).map(|i| stream.uniform(i as u64) as f32 - 0.5).collect();
        for i in channels..x.len() {
            x[i] += 0.6 * x[i - channels] + 0.3 * x[i - 1];
        }
        let layer = WhiteningConv2D::new(2, 1e-9);
        let (n, filters) = (layer.width(channels), 2 * layer.width(channels));
        let (_, kernel) = layer.adapt(&[size, size, channels], &x).unwrap().remove(0);
        let mut moments = vec![0.0; filters * filters];
        let mut windows = 0.0;
        for picture in x.chunks(size * size * channels) {
            for (i, j) in (0..size - 1).flat_map(|i| (0..size - 1).map(move |j| (i, j))) {
                let at = |k: usize| {
                    let (row, column, channel) = (i + k / (2 * channels), j + k / channels % 2, k % channels);
                    f64::from(picture[(row * size + column) * channels + channel])
                };
                let y: Vec<f64> =
                    (0..filters).map(|f| (0..n).map(|k| at(k) * f64::from(kernel[k * filters + f])).sum()).collect();
                moments.iter_mut().enumerate().for_each(|(m, sum)| *sum += y[m / filters] * y[m % filters]);
                windows += 1.0;
            }
        }
        for (m, sum) in moments.iter().enumerate() {
            let (a, b) = (m / filters, m % filters);
            let expected = if a == b {
                1.0
            } else if a % n == b % n {
                -1.0
            } else {
                0.0
            };
            // The kernel's rounding to f32, times numbers of some hundred.
            assert!((sum / windows - expected).abs() < 1e-4, "{a}, {b}: {}", sum / windows);
        }
    }
}
