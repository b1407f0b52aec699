//! Products against sums in `f64`, and their bits under every cut of the work.

use schuss_kernels::product::{Array, Beside, Factors, Matrix, grain, product, product_into, scratch_len};
use schuss_kernels::random::fill_uniform;
use schuss_kernels::{Buffer, Isa};
use std::ops::Range;

/// A matrix of random numbers in [−0.5, 0.5) with its memory.
struct Factor {
    memory: Vec<f32>,
    row_stride: usize,
    col_stride: usize,
}

impl Factor {
    /// With `gap` unused numbers, NaN, after each number (`gap.0`) and after each row or column (`gap.1`).
    fn new(stream: u64, rows: usize, cols: usize, transposed: bool, gap: (usize, usize)) -> Factor {
        let (short, long) = if transposed { (rows, cols) } else { (cols, rows) };
        let (inner, outer) = (1 + gap.0, short * (1 + gap.0) + gap.1);
        let mut random = vec![0.0; short * long];
        fill_uniform(Isa::Portable, [1, 2], stream, 0, &mut random);
        // Exactly as long as needed, so that the elements end where readable memory does.
        let len = if short * long == 0 { 0 } else { (long - 1) * outer + (short - 1) * inner + 1 };
        let mut memory = vec![f32::NAN; len];
        for i in 0..long {
            for j in 0..short {
                memory[i * outer + j * inner] = random[i * short + j] - 0.5;
            }
        }
        let (row_stride, col_stride) = if transposed { (inner, outer) } else { (outer, inner) };
        Factor { memory, row_stride, col_stride }
    }

    /// With zeros, at random, in the place of all but such a share of its numbers.
    fn sparse(mut self, share: f32) -> Factor {
        let mut random = vec![0.0; self.memory.len()];
        fill_uniform(Isa::Portable, [3, 4], 5, 0, &mut random);
        let left_out = |x: &f32, random: f32| !x.is_nan() && random >= share;
        self.memory.iter_mut().zip(random).filter(|(x, r)| left_out(x, *r)).for_each(|(x, _)| *x = 0.0);
        self
    }

    fn set(&mut self, row: usize, col: usize, x: f32) {
        self.memory[row * self.row_stride + col * self.col_stride] = x;
    }

    fn get(&self, row: usize, col: usize) -> f32 {
        self.memory[row * self.row_stride + col * self.col_stride]
    }

    fn matrix(&self) -> Matrix {
        Matrix { ptr: self.memory.as_ptr(), row_stride: self.row_stride, col_stride: self.col_stride }
    }
}

/// The whole of C, 7.0 where nothing was computed.
fn tiles(
    isa: Isa,
    factors: Factors,
    m: usize,
    n: usize,
    k: usize,
    parts: &[(Range<usize>, Range<usize>)],
    f: [&Factor; 2],
) -> Vec<f32> {
    let mut c = vec![7.0; m * n];
    let mut scratch = Buffer::zeros(scratch_len(isa, factors, m, k) + 1);
    // Arrays beside C change nothing.
    let others = [vec![0.0; m * n], vec![0.0; m * n]];
    let arrays = others.each_ref().map(|x| Array { ptr: x.as_ptr(), stride: n });
    for (i, (rows, cols)) in parts.iter().enumerate() {
        let beside = Beside(&arrays[..i % 3]);
        let epilogue = &mut |tile: schuss_kernels::product::Tile| {
            assert_eq!(tile.ptr.addr() % 64, 0);
            assert_eq!(tile.stride % 16, 0);
            assert!(tile.rows > 0 && tile.cols > 0 && tile.cols <= tile.stride);
            assert!(rows.start <= tile.row && tile.row + tile.rows <= rows.end);
            assert!(cols.start <= tile.col && tile.col + tile.cols <= cols.end);
            for i in 0..tile.rows {
                for j in 0..tile.cols {
                    let to = &mut c[(tile.row + i) * n + tile.col + j];
                    assert_eq!(*to, 7.0, "computed twice");
                    // SAFETY: within the tile.
                    *to = unsafe { *tile.ptr.add(i * tile.stride + j) };
                }
            }
        };
        let (a, b) = (f[0].matrix(), f[1].matrix());
        // An odd start, because scratch memory may begin anywhere.
        // SAFETY: the factors are m × k and k × n, `isa` is available.
        unsafe { product(isa, factors, rows.clone(), cols.clone(), k, a, b, &mut scratch[1..], beside, epilogue) }
    }
    c
}

fn stored(
    isa: Isa,
    factors: Factors,
    m: usize,
    n: usize,
    k: usize,
    parts: &[(Range<usize>, Range<usize>)],
    f: [&Factor; 2],
) -> Vec<f32> {
    let mut c = vec![7.0; m * n];
    let mut scratch = Buffer::zeros(scratch_len(isa, factors, m, k));
    for (rows, cols) in parts {
        let (a, b) = (f[0].matrix(), f[1].matrix());
        // SAFETY: the factors are m × k and k × n, C is m × n, `isa` is available.
        unsafe { product_into(isa, factors, rows.clone(), cols.clone(), k, a, b, &mut scratch, c.as_mut_ptr(), n) }
    }
    c
}

/// To eight bits.
fn rounded(x: f32) -> f32 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let unit = 2f64.powi(f64::from(x).abs().log2().floor() as i32 - 7);
    ((f64::from(x) / unit).round_ties_even() * unit) as f32
}

/// The one chain that every element is, and its value in `f64`.
fn expected(isa: Isa, factors: Factors, m: usize, n: usize, k: usize, f: [&Factor; 2]) -> (Vec<f32>, Vec<f64>) {
    let (mut chain, mut exact) = (vec![0.0f32; m * n], vec![0.0; m * n]);
    // Both factors' parts that are multiplied, one after another.
    let part = |x: f32, lacking: bool| match factors {
        Factors::F32 => x,
        _ if lacking => rounded(x - rounded(x)),
        _ => rounded(x),
    };
    let parts = [(true, false), (false, true), (false, false)];
    for (first, second) in parts.into_iter().skip(if factors == Factors::Cut { 0 } else { 2 }) {
        let x: Vec<f32> = (0..m * k).map(|i| part(f[0].get(i / k, i % k), first)).collect();
        let y: Vec<f32> = (0..k * n).map(|i| part(f[1].get(i / n, i % n), second)).collect();
        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
            for p in 0..k {
                let (x, y, sum) = (x[i * k + p], y[p * n + j], &mut chain[i * n + j]);
                *sum = if isa == Isa::Portable { x * y + *sum } else { x.mul_add(y, *sum) };
                exact[i * n + j] += f64::from(x) * f64::from(y);
            }
        }
    }
    (chain, exact)
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

const ALL: [Factors; 3] = [Factors::F32, Factors::Bf16, Factors::Cut];

fn check(isa: Isa, m: usize, n: usize, k: usize, f: [&Factor; 2]) {
    for factors in ALL {
        let strides = f.map(|f| (f.row_stride, f.col_stride));
        let what = format!("{} {factors:?} {m}x{n}x{k} strides {strides:?}", isa.name());
        let whole = [(0..m, 0..n)];
        let (chain, exact) = expected(isa, factors, m, n, k, f);
        let c = tiles(isa, factors, m, n, k, &whole, f);
        // Rounded factors may go through a unit that adds two products at a time.
        if factors == Factors::F32 || isa != Isa::detect() {
            assert_eq!(bits(&c), bits(&chain), "{what}");
        }
        for (c, exact) in c.iter().zip(exact) {
            // k roundings of sums that stay below k / 4, each at most half a unit of 2^-23; of small ones besides.
            let more = if factors == Factors::Cut { 1.02 } else { 1.0 };
            let tolerance = more * (k * k) as f64 / 4.0 * 0.5f64.powi(23);
            assert!((f64::from(*c) - exact).abs() <= tolerance, "{what}: {c} for {exact}");
        }
        assert_eq!(bits(&stored(isa, factors, m, n, k, &whole, f)), bits(&c), "{what}, stored");
    }
}

#[test]
fn every_shape_is_one_chain() {
    const SIZES: [usize; 15] = [1, 2, 3, 7, 8, 13, 14, 15, 16, 17, 31, 32, 33, 48, 100];
    const DEPTHS: [usize; 9] = [0, 1, 2, 15, 16, 17, 33, 128, 129];
    for isa in Isa::all_available() {
        for m in SIZES {
            for n in SIZES {
                // Every depth meets every size, not every pair.
                let k = DEPTHS[(m + 3 * n) % DEPTHS.len()];
                for (first, second) in [(false, false), (true, false), (false, true), (true, true)] {
                    let a = Factor::new(0, m, k, first, (0, 0));
                    let b = Factor::new(1, k, n, second, (0, 0));
                    check(isa, m, n, k, [&a, &b]);
                }
            }
        }
        for k in DEPTHS {
            for (m, n) in [(5, 37), (47, 80), (28, 10), (1, 1)] {
                let (a, b) = (Factor::new(0, m, k, false, (0, 0)), Factor::new(1, k, n, true, (0, 0)));
                check(isa, m, n, k, [&a, &b]);
            }
        }
    }
}

/// Sizes around the least with which zeros are looked for, those of blocks, strips and tiles, and more of each.
const WITH_ZEROS: [(usize, usize, usize); 8] = [
    (8, 48, 16),
    (7, 47, 15),
    (9, 49, 17),
    (50, 130, 57),
    (17, 65, 230),
    (33, 129, 113),
    (259, 50, 19),
    (100, 300, 20),
];

#[test]
fn products_with_zeros_are_left_out_and_change_nothing() {
    for isa in Isa::all_available() {
        for (m, n, k) in WITH_ZEROS {
            for (first, second) in [(false, false), (true, false), (false, true), (true, true)] {
                for (i, (of_a, of_b)) in [(0.3, 1.0), (1.0, 0.3), (0.2, 0.5), (0.0, 1.0)].into_iter().enumerate() {
                    let gap = (0, 3 * (i % 2));
                    let a = Factor::new(0, m, k, first, gap).sparse(of_a);
                    let b = Factor::new(1, k, n, second, gap).sparse(of_b);
                    check(isa, m, n, k, [&a, &b]);
                }
            }
        }
    }
}

/// Of few rows none are left out, and no cut changes a bit: so that shows it of units that add two products at a time, too.
#[test]
fn sums_of_rounded_factors_do_not_tell_what_was_left_out() {
    const FEW: usize = 7;
    for isa in Isa::all_available() {
        for (m, n, k) in WITH_ZEROS {
            for (first, second) in [(false, false), (true, false), (false, true), (true, true)] {
                for (i, (of_a, of_b)) in [(0.3, 1.0), (1.0, 0.3), (0.2, 0.3), (0.0, 1.0)].into_iter().enumerate() {
                    let gap = (0, 3 * (i % 2));
                    let a = Factor::new(0, m, k, first, gap).sparse(of_a);
                    let b = Factor::new(1, k, n, second, gap).sparse(of_b);
                    let some = |row| (row..m.min(row + FEW), 0..n);
                    let rows: Vec<_> = (0..m).step_by(FEW).map(some).collect();
                    for found in [tiles, stored] {
                        let [whole, apart] = [&[(0..m, 0..n)], &rows[..]]
                            .map(|parts| found(isa, Factors::Bf16, m, n, k, parts, [&a, &b]));
                        let same = bits(&whole) == bits(&apart);
                        assert!(same, "{} {m}x{n}x{k} {first} {second} {of_a} {of_b}", isa.name());
                    }
                }
            }
        }
    }
}

/// That shows which products were left out, and that it is done for some columns only, too.
#[test]
fn what_only_meets_zeros_is_not_looked_at() {
    let (m, n, k, p) = (50, 70, 30, 11);
    for isa in Isa::all_available() {
        for (first, second, of_b) in
            [(false, false, false), (true, false, false), (false, true, false), (true, false, true)]
        {
            let shares = if of_b { (1.0, 0.4) } else { (0.4, 1.0) };
            let mut a = Factor::new(0, m, k, first, (0, 0)).sparse(shares.0);
            let mut b = Factor::new(1, k, n, second, (0, 0)).sparse(shares.1);
            let (nothing, infinite) = if of_b { (0.0, f32::INFINITY) } else { (f32::INFINITY, 0.0) };
            (0..n).for_each(|j| b.set(p, j, nothing));
            (0..m).for_each(|i| a.set(i, p, infinite));
            for found in [tiles, stored] {
                let c = found(isa, Factors::F32, m, n, k, &[(0..m, 0..60)], [&a, &b]);
                let finite = c.chunks(n).all(|row| row[..60].iter().all(|x| x.is_finite()) && row[60..] == [7.0; 10]);
                assert!(finite, "{} {first} {second}", isa.name());
            }
            // Of a few rows no zeros are looked for.
            let c = stored(isa, Factors::F32, m, n, k, &[(0..5, 0..n)], [&a, &b]);
            assert!(c[..5 * n].iter().all(|x| x.is_nan()), "{}", isa.name());
        }
    }
}

#[test]
fn strides_may_be_anything() {
    for isa in Isa::all_available() {
        for (m, n, k) in [(1, 1, 1), (15, 33, 17), (48, 48, 16), (60, 7, 9)] {
            for gap in [(0, 1), (0, 13), (1, 0), (2, 5), (0, 100)] {
                for (first, second) in [(false, false), (true, false), (false, true), (true, true)] {
                    let (a, b) = (Factor::new(0, m, k, first, gap), Factor::new(1, k, n, second, gap));
                    check(isa, m, n, k, [&a, &b]);
                }
            }
        }
    }
}

/// Where the columns of A are pages apart.
#[test]
fn copies_of_rows_change_nothing() {
    for isa in Isa::all_available() {
        for (m, n, k) in [(150, 150, 17), (2, 160, 3), (20, 130, 1)] {
            let a = Factor::new(0, m, k, true, (0, 1024 - m));
            for second in [false, true] {
                let b = Factor::new(1, k, n, second, (0, 0));
                check(isa, m, n, k, [&a, &b]);
            }
        }
    }
}

#[test]
fn no_cut_changes_a_bit() {
    for isa in Isa::all_available() {
        let (rows, cols) = grain(isa);
        assert!(rows > 0 && cols.is_multiple_of(8));
        let (m, n, k) = (61, 77, 45);
        let ways = [(false, false), (true, false), (false, true), (true, true)];
        for ((first, second), factors) in ways.into_iter().flat_map(|way| ALL.map(|f| (way, f))) {
            let (a, b) = (Factor::new(0, m, k, first, (0, 0)), Factor::new(1, k, n, second, (0, 0)));
            let whole = bits(&tiles(isa, factors, m, n, k, &[(0..m, 0..n)], [&a, &b]));
            for row_cuts in [vec![0, m], vec![0, 1, m], vec![0, 14, 15, 43, m], vec![0, 0, 30, m]] {
                for col_cuts in [vec![0, n], vec![0, 1, n], vec![0, 32, 64, n], vec![0, 7, 40, 41, n]] {
                    let cut = |at: &[usize]| at.windows(2).map(|w| w[0]..w[1]).collect::<Vec<_>>();
                    let parts: Vec<_> = cut(&row_cuts)
                        .iter()
                        .flat_map(|rows| cut(&col_cuts).into_iter().map(|cols| (rows.clone(), cols)))
                        .collect();
                    assert_eq!(
                        bits(&tiles(isa, factors, m, n, k, &parts, [&a, &b])),
                        whole,
                        "{} {parts:?}",
                        isa.name()
                    );
                    assert_eq!(
                        bits(&stored(isa, factors, m, n, k, &parts, [&a, &b])),
                        whole,
                        "{} {parts:?}",
                        isa.name()
                    );
                }
            }
        }
    }
}

#[test]
fn only_the_range_is_written() {
    for isa in Isa::all_available() {
        let (m, n, k) = (20, 50, 3);
        let (a, b) = (Factor::new(0, m, k, false, (0, 0)), Factor::new(1, k, n, false, (0, 0)));
        let c = stored(isa, Factors::F32, m, n, k, &[(3..18, 5..42)], [&a, &b]);
        for (i, c) in c.iter().enumerate() {
            let within = (3..18).contains(&(i / n)) && (5..42).contains(&(i % n));
            assert_eq!(*c != 7.0, within, "{} {i}", isa.name());
        }
    }
}
