//! Sums, squared distances from means and products against f64.

use schuss_kernels::Isa;
use schuss_kernels::moments::{Moments, moments};
use schuss_kernels::rows::Rows;

/// Numbers around `mean`, each row different.
fn numbers(n: usize, seed: usize, mean: f32) -> Vec<f32> {
    (0..n).map(|i| mean + ((i * 7 + seed) * 37 % 101) as f32 / 101.0 - 0.5).collect()
}

/// Rows and columns below, at and above registers, what is added side by side and what is near.
const ROWS: [usize; 10] = [1, 2, 3, 5, 15, 16, 17, 64, 65, 300];
const COLS: [usize; 10] = [1, 3, 8, 15, 16, 17, 32, 33, 64, 150];

#[test]
fn sums_and_what_goes_with_them() {
    for isa in Isa::all_available() {
        for (rows, cols) in ROWS.into_iter().flat_map(|rows| COLS.map(|cols| (rows, cols))) {
            // Rows may be parts of longer ones.
            let stride = cols + 5;
            for mean in [0.0f32, 300.0] {
                let (x, u) = (numbers(rows * stride, 1, mean), numbers(rows * stride, 9, 0.0));
                let m = numbers(cols, 5, 0.2);
                for with in [false, true] {
                    let mut found = vec![f32::NAN; 2 * cols];
                    let of = |v: &[f32]| Rows { ptr: v.as_ptr(), stride };
                    let with = with.then(|| (of(&u), m.as_ptr()));
                    // SAFETY: this machine has `isa`; the arrays have so many rows and columns.
                    unsafe { moments(isa, Moments { x: of(&x), with, rows, cols, to: found.as_mut_ptr() }) };
                    for c in 0..cols {
                        let column =
                            |v: &[f32]| -> Vec<f64> { (0..rows).map(|row| f64::from(v[row * stride + c])).collect() };
                        let (own, others) = (column(&x), column(&u));
                        let sum: f64 = own.iter().sum();
                        let apart = |x: &f64| x - sum / rows as f64;
                        let (latter, size): (Vec<f64>, f64) = match with {
                            Some(_) => {
                                let times = |(x, u): (&f64, &f64)| x * (u - f64::from(m[c]));
                                (own.iter().zip(&others).map(times).collect(), f64::from(mean) + 1.0)
                            }
                            // Distances know the digits that x − mean has.
                            None => (own.iter().map(|x| apart(x).powi(2)).collect(), 1.0 + f64::from(mean) / 30.0),
                        };
                        let near = |what: &str, found: f32, wanted: f64, size: f64| {
                            let bound = 2e-6 * (size * rows as f64).max(1.0);
                            let off = (f64::from(found) - wanted).abs();
                            assert!(off <= bound, "{isa:?} {rows} × {cols} {what} {c}: {found} is not {wanted}");
                        };
                        near("sum", found[c], sum, f64::from(mean) + 1.0);
                        near("latter", found[cols + c], latter.iter().sum(), size);
                    }
                }
            }
        }
    }
}
