//! Row kernels against f64 on every instruction set, at widths around sixteen.

use schuss_kernels::rows::{CrossEntropy, RowFold, RowMap, Rows, RowsMut, Target, cross_entropy, fold, in_top_k, map};
use schuss_kernels::{Isa, tape::Operand};

const ROWS: usize = 5;

fn logits(cols: usize, size: f32) -> Vec<f32> {
    (0..ROWS * cols).map(|i| ((i * 7919 % 1000) as f32 / 500.0 - 1.0) * size).collect()
}
fn softmax(z: &[f32]) -> (Vec<f64>, f64) {
    let max = z.iter().fold(f64::MIN, |a, &b| a.max(f64::from(b)));
    let sum: f64 = z.iter().map(|&x| (f64::from(x) - max).exp()).sum();
    (z.iter().map(|&x| (f64::from(x) - max).exp() / sum).collect(), max + sum.ln())
}
/// Sums of some dozen terms in f32.
fn near(found: f32, want: f64, scale: f64) {
    assert!((f64::from(found) - want).abs() <= 2e-6 * want.abs().max(scale), "{found} instead of {want}");
}

#[test]
fn softmax_and_cross_entropy() {
    for isa in Isa::all_available() {
        for cols in [1, 2, 10, 15, 16, 17, 33, 1000] {
            for size in [1.0, 10.0, 1e4] {
                let z = logits(cols, size);
                let labels: Vec<f32> = (0..ROWS).map(|i| (i * 3 % (cols + 1)) as f32).collect();
                let dense: Vec<f32> = (0..ROWS * cols).map(|i| (i % 3) as f32 * 0.5).collect();
                let d = [0.5f32, 2.0, -1.0, 0.0, 3.0];
                for indexed in [true, false] {
                    let (mut entropy, mut top, mut gradient) =
                        ([0.0f32; ROWS], [0.0f32; ROWS], vec![0.0f32; ROWS * cols]);
                    let mut scratch = vec![0.0f32; cols + 16];
                    let (x, y) = (Rows { ptr: z.as_ptr(), stride: cols }, Rows { ptr: dense.as_ptr(), stride: cols });
                    let index = Rows { ptr: labels.as_ptr(), stride: 1 };
                    let column = |p: &mut [f32]| RowsMut { ptr: p.as_mut_ptr(), stride: 1 };
                    let what = CrossEntropy {
                        logits: x,
                        target: if indexed { Target::Index(index) } else { Target::Dense(y) },
                        entropy: Some(column(&mut entropy)),
                        gradient: Some((
                            Operand { ptr: d.as_ptr(), row_stride: 1, col_stride: 0 },
                            RowsMut { ptr: gradient.as_mut_ptr(), stride: cols },
                        )),
                        in_top: indexed.then(|| (2, column(&mut top))),
                    };
                    // SAFETY: this machine has `isa`; all arrays have ROWS rows.
                    unsafe { cross_entropy(isa, &what, 0, ROWS, cols, scratch.as_mut_ptr()) };
                    for row in 0..ROWS {
                        let z = &z[row * cols..][..cols];
                        let (p, log_sum) = softmax(z);
                        let y = |j: usize| match indexed {
                            true => f64::from(u8::from(labels[row] == j as f32)),
                            false => f64::from(dense[row * cols + j]),
                        };
                        let total: f64 = (0..cols).map(y).sum();
                        let want: f64 = (0..cols).map(|j| y(j) * (log_sum - f64::from(z[j]))).sum();
                        near(entropy[row], want, f64::from(size) * total.max(1.0));
                        for j in 0..cols {
                            // e^(z − max) of an argument that was rounded to 2⁻²⁴ of some ten thousand.
                            let scale = 1.0 + f64::from(size) * total;
                            near(gradient[row * cols + j], (p[j] * total - y(j)) * f64::from(d[row]), scale);
                        }
                        if indexed {
                            let label = labels[row] as usize;
                            let inside = label < cols && z.iter().filter(|x| **x > z[label]).count() < 2;
                            assert_eq!(top[row], f32::from(u8::from(inside)));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn maps_and_folds() {
    for isa in Isa::all_available() {
        for cols in [1, 10, 16, 17, 31, 2500] {
            let z = logits(cols, 3.0);
            let x = Rows { ptr: z.as_ptr(), stride: cols };
            let (mut y, mut one) = (vec![0.0f32; ROWS * cols], [0.0f32; ROWS]);
            let mut scratch = vec![0.0f32; cols + 16];
            for f in [RowMap::Softmax, RowMap::LogSoftmax] {
                let to = RowsMut { ptr: y.as_mut_ptr(), stride: cols };
                // SAFETY: this machine has `isa`; both arrays have ROWS rows.
                unsafe { map(isa, f, x, to, 0, ROWS, cols, scratch.as_mut_ptr()) };
                for row in 0..ROWS {
                    let z = &z[row * cols..][..cols];
                    let (p, log_sum) = softmax(z);
                    for j in 0..cols {
                        let want = if f == RowMap::Softmax { p[j] } else { f64::from(z[j]) - log_sum };
                        near(y[row * cols + j], want, if f == RowMap::Softmax { 0.0 } else { 1.0 });
                    }
                }
            }
            for f in [RowFold::Max, RowFold::Argmax, RowFold::Sum] {
                // SAFETY: as above.
                unsafe { fold(isa, f, x, RowsMut { ptr: one.as_mut_ptr(), stride: 1 }, 0, ROWS, cols) };
                for row in 0..ROWS {
                    let z = &z[row * cols..][..cols];
                    let max = z.iter().fold(f32::MIN, |a, &b| a.max(b));
                    let want = match f {
                        RowFold::Max => f64::from(max),
                        RowFold::Argmax => z.iter().position(|x| *x == max).unwrap() as f64,
                        RowFold::Sum => z.iter().map(|&x| f64::from(x)).sum(),
                    };
                    near(one[row], want, z.iter().map(|x| f64::from(x.abs())).sum());
                }
            }
        }
    }
}

#[test]
fn a_label_that_is_no_column_or_not_a_number_is_never_among_the_best() {
    let z = [1.0f32, f32::NAN, 3.0];
    for (label, want) in [(0.0f32, 1.0), (1.0, 0.0), (3.0, 0.0), (-1.0, 0.0), (0.5, 0.0), (f32::NAN, 0.0)] {
        let mut y = [9.0f32];
        let (x, l) = (Rows { ptr: z.as_ptr(), stride: 3 }, Rows { ptr: &label, stride: 1 });
        // SAFETY: one row each.
        unsafe { in_top_k(2, x, l, RowsMut { ptr: y.as_mut_ptr(), stride: 1 }, 0, 1, 3) };
        assert_eq!(y[0], want, "label {label}");
    }
}
