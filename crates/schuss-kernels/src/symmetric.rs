//! Symmetric matrices: their powers, and bases of their eigenvectors. In f64 whatever the arrays hold: a root of what is
//! nearly singular keeps few digits. One thread; about 10 n³ operations.

/// What is made of a symmetric matrix of n × n numbers, and of what was made of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Symmetric {
    /// Q max(Λ, least)^exponent Qᵀ, where X = Q Λ Qᵀ.
    Power {
        /// The power.
        exponent: f64,
        /// Eigenvalues below it count as it.
        least: f64,
    },
    /// Q with an eigenvector a column: made anew where `now` is 1; where it is 2 the old Q, turned by one step of
    /// orthogonal iteration, the columns of greater eigenvalues first.
    Basis,
}

impl Symmetric {
    /// How many numbers it works with.
    pub fn work(self, n: usize) -> usize {
        4 * n * n + 4 * n
    }

    /// Writes n × n numbers, row by row: the old ones where `now` is 0.
    ///
    /// # Panics
    /// If `work` is shorter than [`Symmetric::work`].
    pub fn run(
        self,
        n: usize,
        x: impl Fn(usize) -> f64,
        old: impl Fn(usize) -> f64,
        now: f64,
        mut out: impl FnMut(usize, f64),
        work: &mut [f64],
    ) {
        if now == 0.0 {
            (0..n * n).for_each(|i| out(i, old(i)));
            return;
        }
        let (a, work) = work.split_at_mut(n * n);
        let (v, work) = work.split_at_mut(n * n);
        let (more, work) = work.split_at_mut(2 * n * n);
        let (d, work) = work.split_at_mut(n);
        let (e, work) = work.split_at_mut(n);
        let (u, order) = work.split_at_mut(n);
        a.iter_mut().enumerate().for_each(|(i, a)| *a = x(i));
        match self {
            Symmetric::Power { exponent, least } => {
                eigen(n, a, v, d, e, u);
                a.fill(0.0);
                for (&lambda, row) in d.iter().zip(v.chunks_exact(n.max(1))) {
                    let factor = lambda.max(least).powf(exponent);
                    a.chunks_exact_mut(n).zip(row).for_each(|(to, &x)| add(to, factor * x, row));
                }
                a.iter().enumerate().for_each(|(i, &y)| out(i, y));
            }
            Symmetric::Basis if now == 2.0 => {
                // Rows are columns of the old basis, and the matrix times them.
                for (i, v) in v.iter_mut().enumerate() {
                    *v = old(i % n * n + i / n);
                }
                let product = &mut more[..n * n];
                iterate(n, a, v, product, d, &mut order[..n]);
                product.iter().enumerate().for_each(|(i, &y)| out(i % n * n + i / n, y));
            }
            Symmetric::Basis => {
                eigen(n, a, v, d, e, u);
                settle(n, a, v, more, d, e, u);
                sort(d, &mut order[..n]);
                for (column, &k) in order[..n].iter().enumerate() {
                    (0..n).for_each(|i| out(i * n + column, v[k as usize * n + i]));
                }
            }
        }
    }
}

/// y + a x.
fn add(y: &mut [f64], a: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y += a * x);
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (p, q) = (x.chunks_exact(8), y.chunks_exact(8));
    let rest: f64 = p.remainder().iter().zip(q.remainder()).map(|(x, y)| x * y).sum();
    for (p, q) in p.zip(q) {
        sums.iter_mut().zip(p.iter().zip(q)).for_each(|(s, (x, y))| *s += x * y);
    }
    sums.iter().sum::<f64>() + rest
}

/// Places of the numbers, the greatest first, of equal ones the first.
fn sort(numbers: &[f64], order: &mut [f64]) {
    for i in 0..numbers.len() {
        let mut place = i;
        while place > 0 && numbers[order[place - 1] as usize] < numbers[i] {
            order[place] = order[place - 1];
            place -= 1;
        }
        order[place] = i as f64;
    }
}

/// Eigenvalues, and eigenvectors as rows of `v`. NaN if a number of `a`, which is used up, is not finite.
fn eigen(n: usize, a: &mut [f64], v: &mut [f64], d: &mut [f64], e: &mut [f64], u: &mut [f64]) {
    if !a.iter().all(|x| x.is_finite()) {
        d.fill(f64::NAN);
        v.fill(f64::NAN);
        return;
    }
    tridiagonal(n, a, v, d, e, u);
    for i in 0..n {
        for j in 0..i {
            v.swap(i * n + j, j * n + i);
        }
    }
    for l in 0..n {
        for _ in 0..60 {
            // Where the matrix falls apart.
            let apart = |m: &usize| e[*m].abs() <= f64::EPSILON * (d[*m].abs() + d[m + 1].abs());
            let m = (l..n - 1).find(apart).unwrap_or(n - 1);
            if m == l {
                break;
            }
            shifted(n, l, m, v, d, e);
        }
    }
}

/// Householder's reflections: the diagonal d and what is beside it, e; Q with A = Q T Qᵀ in `v`.
fn tridiagonal(n: usize, a: &mut [f64], v: &mut [f64], d: &mut [f64], e: &mut [f64], u: &mut [f64]) {
    for k in 0..n.saturating_sub(2) {
        let (above, below) = a.split_at_mut((k + 1) * n);
        let x = &mut above[k * n + k + 1..];
        let rest: f64 = dot(&x[1..], &x[1..]);
        if rest == 0.0 {
            e[k] = x[0];
            x[0] = 0.0;
            continue;
        }
        let length = (x[0] * x[0] + rest).sqrt();
        let alpha = if x[0] > 0.0 { -length } else { length };
        x[0] -= alpha;
        e[k] = alpha;
        let beta = 2.0 / (x[0] * x[0] + rest);
        let w = &mut u[k + 1..];
        w.fill(0.0);
        for (row, &x) in below.chunks_exact(n).zip(&*x) {
            add(w, beta * x, &row[k + 1..]);
        }
        let half = beta / 2.0 * dot(x, w);
        add(w, -half, x);
        for (i, row) in below.chunks_exact_mut(n).enumerate() {
            let row = &mut row[k + 1..];
            add(row, -x[i], w);
            add(row, -w[i], x);
        }
    }
    for i in 0..n {
        d[i] = a[i * n + i];
    }
    if n >= 2 {
        e[n - 2] = a[(n - 1) * n - 1];
    }
    v.fill(0.0);
    (0..n).for_each(|i| v[i * n + i] = 1.0);
    for k in (0..n.saturating_sub(2)).rev() {
        let x = &a[k * n + k + 1..(k + 1) * n];
        let square = dot(x, x);
        if square == 0.0 {
            continue;
        }
        let (w, rows) = (&mut u[k + 1..], &mut v[(k + 1) * n..]);
        w.fill(0.0);
        for (row, &x) in rows.chunks_exact(n).zip(x) {
            add(w, x, &row[k + 1..]);
        }
        for (row, &x) in rows.chunks_exact_mut(n).zip(x) {
            add(&mut row[k + 1..], -2.0 / square * x, w);
        }
    }
}

/// One step of the implicitly shifted QL iteration on rows l to m of a tridiagonal matrix.
fn shifted(n: usize, l: usize, m: usize, v: &mut [f64], d: &mut [f64], e: &mut [f64]) {
    let slope = (d[l + 1] - d[l]) / (2.0 * e[l]);
    let root = slope.hypot(1.0);
    let mut g = d[m] - d[l] + e[l] / (slope + if slope < 0.0 { -root } else { root });
    let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
    for i in (l..m).rev() {
        let (f, b) = (s * e[i], c * e[i]);
        let r = f.hypot(g);
        e[i + 1] = r;
        if r == 0.0 {
            d[i + 1] -= p;
            e[m] = 0.0;
            return;
        }
        (s, c) = (f / r, g / r);
        g = d[i + 1] - p;
        let t = (d[i] - g) * s + 2.0 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
        let (x, y) = v[i * n..(i + 2) * n].split_at_mut(n);
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0.0;
}

/// Eigenvectors of eigenvalues that are 0 up to rounding in 32 bits may be any basis of their space: the one is taken
/// that makes diag(1 … n) diagonal in it, so that rounding does not choose.
fn settle(n: usize, a: &mut [f64], v: &mut [f64], more: &mut [f64], d: &mut [f64], e: &mut [f64], u: &mut [f64]) {
    let greatest = d.iter().fold(0.0, |x: f64, y| x.max(y.abs()));
    let none = |x: f64| x.abs() <= n as f64 * 1e-7 * greatest;
    let count = d.iter().filter(|x| none(**x)).count();
    if count < 2 {
        return;
    }
    // The space's rows are put behind the others, where they stay.
    let mut end = n;
    for k in (0..n).rev() {
        if none(d[k]) {
            end -= 1;
            d.swap(k, end);
            for i in 0..n {
                v.swap(k * n + i, end * n + i);
            }
        }
    }
    let space = &mut v[end * n..];
    for (i, x) in space.chunks_exact(n).enumerate() {
        for (j, y) in space.chunks_exact(n).enumerate() {
            a[i * count + j] = (0..n).map(|k| (k + 1) as f64 * x[k] * y[k]).sum();
        }
    }
    let (turn, turned) = more.split_at_mut(n * n);
    let turn = &mut turn[..count * count];
    eigen(count, &mut a[..count * count], turn, &mut u[..count], &mut e[..count], &mut d[end..]);
    let turned = &mut turned[..count * n];
    turned.fill(0.0);
    for (to, by) in turned.chunks_exact_mut(n).zip(turn.chunks_exact(count)) {
        space.chunks_exact(n).zip(by).for_each(|(row, &x)| add(to, x, row));
    }
    space.copy_from_slice(turned);
    // As good as 0, in the order of what chose.
    d[end..].iter_mut().zip(&*u).for_each(|(d, u)| *d = u * f64::MIN_POSITIVE);
}

/// Rows of `product` become an orthonormal basis of the matrix times the rows of `v`, those of greater eigenvalues
/// first; each keeps its place.
fn iterate(n: usize, a: &[f64], v: &[f64], product: &mut [f64], d: &mut [f64], order: &mut [f64]) {
    product.fill(0.0);
    for (to, row) in product.chunks_exact_mut(n).zip(v.chunks_exact(n)) {
        a.chunks_exact(n).zip(row).for_each(|(a, &x)| add(to, x, a));
    }
    for (d, (x, y)) in d.iter_mut().zip(v.chunks_exact(n).zip(product.chunks_exact(n))) {
        *d = dot(x, y);
    }
    sort(d, order);
    for place in 0..n {
        let k = order[place] as usize;
        // What vanishes is replaced: by the old row, then by axes.
        for attempt in 0..n + 2 {
            let row = &mut product[k * n..(k + 1) * n];
            match attempt {
                0 => {}
                1 => row.copy_from_slice(&v[k * n..(k + 1) * n]),
                axis => {
                    row.fill(0.0);
                    row[axis - 2] = 1.0;
                }
            }
            let before = dot(row, row).sqrt();
            // Twice is enough.
            for _ in 0..2 {
                for &other in &order[..place] {
                    let other = other as usize;
                    let (x, y) = rows(product, n, other, k);
                    let share = dot(x, y);
                    add(y, -share, x);
                }
            }
            let row = &mut product[k * n..(k + 1) * n];
            let length = dot(row, row).sqrt();
            if length > 1e-13 * before || !length.is_finite() {
                row.iter_mut().for_each(|x| *x /= length);
                break;
            }
        }
    }
}

/// Two rows, the second to be changed.
fn rows(matrix: &mut [f64], n: usize, i: usize, k: usize) -> (&[f64], &mut [f64]) {
    if i < k {
        let (x, y) = matrix.split_at_mut(k * n);
        (&x[i * n..(i + 1) * n], &mut y[..n])
    } else {
        let (y, x) = matrix.split_at_mut(i * n);
        (&x[..n], &mut y[k * n..(k + 1) * n])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{philox, uniform};

    fn run(f: Symmetric, n: usize, x: &[f64], old: &[f64], now: f64) -> Vec<f64> {
        let (mut y, mut work) = (vec![0.0; n * n], vec![f64::NAN; f.work(n)]);
        f.run(n, |i| x[i], |i| old[i], now, |i, value| y[i] = value, &mut work);
        y
    }
    fn product(n: usize, a: &[f64], b: &[f64]) -> Vec<f64> {
        let element = |i: usize| (0..n).map(|k| a[i / n * n + k] * b[k * n + i % n]).sum();
        (0..n * n).map(element).collect()
    }
    fn turned(n: usize, a: &[f64]) -> Vec<f64> {
        (0..n * n).map(|i| a[i % n * n + i / n]).collect()
    }
    fn unit(n: usize) -> Vec<f64> {
        (0..n * n).map(|i| f64::from(u8::from(i / n == i % n))).collect()
    }
    /// B Bᵀ of a random B of some columns.
    fn square(n: usize, columns: usize) -> Vec<f64> {
        let b: Vec<f64> =
            (0..(n * columns) as u32).map(|i| f64::from(uniform(philox([5, 0], [i, 0, 0, 0])[0])) - 0.5).collect();
        let element = |i: usize| (0..columns).map(|k| b[i / n * columns + k] * b[i % n * columns + k]).sum();
        (0..n * n).map(element).collect()
    }
    fn near(got: &[f64], want: &[f64], bound: f64) {
        let most = got.iter().zip(want).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(most <= bound, "{most}: {got:?} is not {want:?}");
    }

    #[test]
    fn powers_multiply_to_the_matrix() {
        for n in [1, 2, 3, 4, 17, 40] {
            let x = square(n, 2 * n);
            let power = |exponent: f64| run(Symmetric::Power { exponent, least: 0.0 }, n, &x, &x, 1.0);
            near(&power(1.0), &x, 1e-13 * n as f64);
            near(&product(n, &power(0.5), &power(0.5)), &x, 1e-12 * n as f64);
            near(&product(n, &product(n, &power(-0.25), &power(-0.75)), &x), &unit(n), 1e-7);
        }
    }

    #[test]
    fn small_eigenvalues_count_as_the_least() {
        // A matrix of rank 1 and length 25: its other eigenvalues are 0.
        let x = [9.0, 12.0, 12.0, 16.0];
        let y = run(Symmetric::Power { exponent: -0.5, least: 0.01 }, 2, &x, &x, 1.0);
        near(
            &y,
            &[0.36 * 0.2 + 0.64 * 10.0, 0.48 * (0.2 - 10.0), 0.48 * (0.2 - 10.0), 0.64 * 0.2 + 0.36 * 10.0],
            1e-12,
        );
    }

    #[test]
    fn a_basis_makes_the_matrix_diagonal() {
        for (n, columns) in [(1, 1), (2, 2), (3, 3), (7, 4), (40, 33), (40, 80), (5, 0)] {
            let x = square(n, columns);
            let q = run(Symmetric::Basis, n, &x, &x, 1.0);
            near(&product(n, &turned(n, &q), &q), &unit(n), 1e-13 * n as f64);
            let inner = product(n, &turned(n, &q), &product(n, &x, &q));
            let diagonal: Vec<f64> = (0..n * n).map(|i| if i / n == i % n { inner[i] } else { 0.0 }).collect();
            near(&inner, &diagonal, 1e-12);
            let values: Vec<f64> = (0..n).map(|i| inner[i * n + i]).collect();
            assert!(values.windows(2).all(|w| w[0] >= w[1] - 1e-12), "{values:?}");
            // What has no eigenvalue is the same up to its sign when the matrix is rounded to 32 bits.
            let rounded: Vec<f64> = x.iter().map(|&x| f64::from(x as f32)).collect();
            let other = run(Symmetric::Basis, n, &rounded, &rounded, 1.0);
            let size = |q: &[f64]| q.iter().map(|x| x.abs()).collect::<Vec<_>>();
            near(&size(&other), &size(&q), 1e-4);
        }
    }

    #[test]
    fn a_step_of_iteration_keeps_eigenvectors_and_places() {
        let n = 6;
        let x = square(n, 9);
        let q = run(Symmetric::Basis, n, &x, &x, 1.0);
        near(&run(Symmetric::Basis, n, &x, &q, 2.0), &q, 1e-12);
        let start = unit(n);
        let once = run(Symmetric::Basis, n, &x, &start, 2.0);
        near(&product(n, &turned(n, &once), &once), &unit(n), 1e-13);
        // The column of the greatest element of the diagonal goes first: it is the matrix' own column.
        let first = (0..n).max_by(|&i, &j| x[i * n + i].total_cmp(&x[j * n + j])).unwrap();
        let length = (0..n).map(|i| x[i * n + first].powi(2)).sum::<f64>().sqrt();
        let column: Vec<f64> = (0..n).map(|i| once[i * n + first] * length).collect();
        near(&column, &(0..n).map(|i| x[i * n + first]).collect::<Vec<_>>(), 1e-12);
    }

    #[test]
    fn the_old_one_stays_when_it_is_not_time() {
        let (x, old) = (square(3, 3), unit(3));
        assert_eq!(run(Symmetric::Basis, 3, &x, &old, 0.0), old);
        assert_eq!(run(Symmetric::Power { exponent: -0.25, least: 1e-6 }, 3, &x, &old, 0.0), old);
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        let x = [1.0, f64::INFINITY, f64::INFINITY, 2.0];
        assert!(run(Symmetric::Power { exponent: 1.0, least: 0.0 }, 2, &x, &x, 1.0).iter().all(|y| y.is_nan()));
    }
}
