//! Prints the rates of products, GFLOP/s on one thread, for shapes that training small networks meets.
//! `cargo run --release -p schuss-kernels --example product_rates [word]`: only shapes whose line has the word.

use schuss_kernels::product::{Beside, Factors, Matrix, product, product_into, scratch_len};
use schuss_kernels::random::fill_uniform;
use schuss_kernels::{Buffer, Isa};
use std::ops::Range;
use std::time::Instant;

/// Which of the factors lies transposed in memory.
#[derive(Clone, Copy, PartialEq)]
enum Lies {
    Plain,
    FirstTransposed,
    SecondTransposed,
}
use Lies::*;

/// Rates, by the definition, where so many numbers of A are not 0.
const SHARES: &str = "    60 %    50 %    40 %    20 %    10 %";

/// m, n, k; the columns one thread takes; which factor is transposed.
const SHAPES: &[(&str, usize, usize, usize, usize, Lies)] = &[
    ("forward 784-512", 128, 512, 784, 256, Plain),
    ("forward 512-512", 128, 512, 512, 256, Plain),
    ("back to inputs 512", 128, 512, 512, 256, SecondTransposed),
    ("second factor 784x512", 784, 512, 128, 256, FirstTransposed),
    ("second factor 512x512", 512, 512, 128, 256, FirstTransposed),
    ("forward 512-10", 128, 10, 512, 10, Plain),
    ("back to inputs 10-512", 128, 512, 10, 512, SecondTransposed),
    ("second factor 512x10", 512, 10, 128, 10, FirstTransposed),
    ("forward 784-10", 32, 10, 784, 10, Plain),
    ("second factor 784x10", 784, 10, 32, 10, FirstTransposed),
    ("tiny forward 64-32", 16, 32, 64, 32, Plain),
    ("tiny forward 32-10", 16, 10, 32, 10, Plain),
    ("tiny back 10-32", 16, 32, 10, 32, SecondTransposed),
    ("tiny second factor 64x32", 64, 32, 16, 32, FirstTransposed),
    ("tiny second factor 32x10", 32, 10, 16, 10, FirstTransposed),
    ("wide forward 784-2048", 256, 2048, 784, 1024, Plain),
    ("wide forward 2048-2048", 256, 2048, 2048, 1024, Plain),
    ("wide back 2048", 256, 2048, 2048, 1024, SecondTransposed),
    ("wide second factor 2048x2048", 2048, 2048, 256, 1024, FirstTransposed),
    ("one row 784-512", 1, 512, 784, 512, Plain),
];

fn matrix(from: &Buffer, rows: usize, cols: usize, transposed: bool) -> Matrix {
    let (row_stride, col_stride) = if transposed { (1, rows) } else { (cols, 1) };
    Matrix { ptr: from.as_ptr(), row_stride, col_stride }
}

/// The least time of a call, in seconds.
fn least(mut f: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    let mut calls = 1;
    let begin = Instant::now();
    while begin.elapsed().as_millis() < 300 {
        let start = Instant::now();
        for _ in 0..calls {
            f();
        }
        let each = start.elapsed().as_secs_f64() / f64::from(calls);
        best = best.min(each);
        calls = (20e-6 / each).ceil().max(1.0) as u32;
    }
    best
}

fn main() {
    let word = std::env::args().nth(1).unwrap_or_default();
    println!("{:30}{:>10}{:>8}{:>14}{:>14}{:>12}{SHARES}", "", "isa", "factors", "tiles", "stored", "stored µs");
    for &(name, m, n, k, cols, lies) in SHAPES {
        let both = |isa| [(isa, Factors::F32), (isa, Factors::Bf16)];
        for (isa, factors) in Isa::all_available().flat_map(both) {
            if !format!("{name} {} {factors:?}", isa.name()).contains(&word) {
                continue;
            }
            let (mut first, mut b, mut c) = (Buffer::zeros(m * k), Buffer::zeros(k * n), Buffer::zeros(m * n));
            for (i, x) in first.iter_mut().chain(b.iter_mut()).enumerate() {
                *x = (i % 17) as f32 / 17.0 - 0.4;
            }
            let mut scratch = Buffer::zeros(scratch_len(isa, factors, m, k));
            let a = matrix(&first, m, k, lies == FirstTransposed);
            let b = matrix(&b, k, n, lies == SecondTransposed);
            let (rows, cols): (Range<usize>, Range<usize>) = (0..m, 0..cols);
            let flop = (2 * m * cols.len() * k) as f64;
            let to = c.as_mut_ptr();
            let tiles = least(|| {
                // SAFETY: the arrays have these sizes, and the tiles are those of C.
                unsafe {
                    product(
                        isa,
                        factors,
                        rows.clone(),
                        cols.clone(),
                        k,
                        a,
                        b,
                        &mut scratch,
                        Beside::default(),
                        &mut |tile| {
                            for row in 0..tile.rows {
                                let to = to.add((tile.row + row) * n + tile.col);
                                std::ptr::copy_nonoverlapping(tile.ptr.add(row * tile.stride), to, tile.cols);
                            }
                        },
                    );
                }
            });
            let stored = least(|| {
                // SAFETY: the arrays have these sizes.
                unsafe { product_into(isa, factors, rows.clone(), cols.clone(), k, a, b, &mut scratch, to, n) }
            });
            let (tiles, rate) = (flop / tiles / 1e9, flop / stored / 1e9);
            print!("{name:30}{:>10}{factors:>8?}{tiles:>14.1}{rate:>14.1}{:>12.2}", isa.name(), stored * 1e6);
            let mut random = vec![0.0; m * k];
            fill_uniform(isa, [1, 2], 3, 0, &mut random);
            for share in [0.6, 0.5, 0.4, 0.2, 0.1] {
                first.iter_mut().zip(&random).for_each(|(x, &r)| *x = if r < share { r } else { 0.0 });
                let time = least(|| {
                    // SAFETY: the arrays have these sizes.
                    unsafe { product_into(isa, factors, rows.clone(), cols.clone(), k, a, b, &mut scratch, to, n) }
                });
                print!("{:>8.0}", flop / time / 1e9);
            }
            println!();
        }
    }
}
