//! Tiles and kernels to points and back, in registers.

use super::{IN, LACKS};
use crate::lane::Register;

const P: f64 = 2.0 / 3.0;
const Q: f64 = 1.5;
const PP: f64 = P * P;
const QQ: f64 = Q * Q;
/// What a polynomial's value at ±p and ±q is divided by: the product of the distances to the other points.
const AT_P: f64 = 1.0 / (2.0 * PP * (PP - QQ));
const AT_Q: f64 = 1.0 / (2.0 * QQ * (QQ - PP));
/// The same at 0, p, −p and q where −q is none of the points.
const SHORT_AT: [f64; 4] =
    [1.0 / (PP * Q), 1.0 / (2.0 * PP * (P - Q)), -1.0 / (2.0 * PP * (P + Q)), 1.0 / (Q * (QQ - PP))];

/// N numbers to M, in each place of a register.
trait Transform<V, const N: usize, const M: usize> {
    fn along(x: [V; N]) -> [V; M];
}

/// Inputs at the points. (Of five, without −q: p · q = 1 saves some factors.)
struct Inputs;

impl<V: Register> Transform<V, IN, IN> for Inputs {
    #[inline(always)]
    fn along(d: [V; IN]) -> [V; IN] {
        let by = |x: V, factor: f64, y: V| x.times_plus(V::splat(factor), y);
        let (even_p, odd_p) = (by(d[2], -QQ, d[4]), by(d[1], -QQ, d[3]));
        let (even_q, odd_q) = (by(d[2], -PP, d[4]), by(d[1], -PP, d[3]));
        [
            by(d[2], -PP - QQ, d[0] + d[4]),
            by(odd_p, P, even_p),
            by(odd_p, -P, even_p),
            by(odd_q, Q, even_q),
            by(odd_q, -Q, even_q),
            by(d[3], -PP - QQ, d[1] + d[5]),
        ]
    }
}

impl<V: Register> Transform<V, 5, 5> for Inputs {
    #[inline(always)]
    fn along(d: [V; 5]) -> [V; 5] {
        let by = |x: V, factor: f64, y: V| x.times_plus(V::splat(factor), y);
        let (at_q, even, odd) = (by(d[1], -PP, d[3]), by(d[2], -Q, d[3]), by(d[2], -P, d[1]));
        [by(d[0], P, by(d[2], -Q, at_q)), even - odd, even + odd, at_q, by(d[1], P, by(d[2], -PP, by(d[3], -Q, d[4])))]
    }
}

/// Three numbers of the kernel at the points, divided as six points ask for.
struct OfKernel;

impl<V: Register> Transform<V, 3, IN> for OfKernel {
    #[inline(always)]
    fn along(w: [V; 3]) -> [V; IN] {
        let at = |p: f64, over: f64| {
            let even = w[2].times_plus(V::splat(p * p * over), w[0] * V::splat(over));
            (even, w[1] * V::splat(p * over))
        };
        let ((even_p, odd_p), (even_q, odd_q)) = (at(P, AT_P), at(Q, AT_Q));
        [w[0], even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, w[2]]
    }
}

/// Derivatives by outputs at the points.
struct Derivatives;

impl<V: Register> Transform<V, 4, IN> for Derivatives {
    #[inline(always)]
    fn along(d: [V; 4]) -> [V; IN] {
        let at = |p: f64, over: f64| {
            let even = d[2].times_plus(V::splat(p * p * over), d[0] * V::splat(over));
            let odd = d[3].times_plus(V::splat(p * p * p * over), d[1] * V::splat(p * over));
            (even, odd)
        };
        let ((even_p, odd_p), (even_q, odd_q)) = (at(P, AT_P), at(Q, AT_Q));
        [d[0], even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, d[3]]
    }
}

impl<V: Register> Transform<V, 3, 5> for Derivatives {
    #[inline(always)]
    fn along(d: [V; 3]) -> [V; 5] {
        let [zero, p, minus_p, q] = SHORT_AT;
        let by = |x: V, factor: f64, y: V| x.times_plus(V::splat(factor), y);
        let (even, odd) = (by(d[2], PP, d[0]), d[1] * V::splat(P));
        let at_q = by(d[2], QQ, by(d[1], Q, d[0]));
        let times = |x: V, factor: f64| x * V::splat(factor);
        [times(d[0], zero), times(even + odd, p), times(even - odd, minus_p), times(at_q, q), d[2]]
    }
}

/// Sums and differences at ±p and ±q.
#[inline(always)]
fn pairs<V: Register>(m: [V; IN]) -> [V; 4] {
    [m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]]
}

/// Outputs from the points.
struct ToOutputs;

impl<V: Register> Transform<V, IN, 4> for ToOutputs {
    #[inline(always)]
    fn along(m: [V; IN]) -> [V; 4] {
        let [even_p, odd_p, even_q, odd_q] = pairs(m);
        let by = |x: V, factor: f64, y: V| x.times_plus(V::splat(factor), y);
        [
            m[0] + (even_p + even_q),
            by(odd_p, P, odd_q * V::splat(Q)),
            by(even_p, PP, even_q * V::splat(QQ)),
            by(odd_p, PP * P, by(odd_q, QQ * Q, m[5])),
        ]
    }
}

impl<V: Register> Transform<V, 5, 3> for ToOutputs {
    #[inline(always)]
    fn along(m: [V; 5]) -> [V; 3] {
        // The kernel was divided as for six points.
        let [zero, p, minus_p, q] = SHORT_AT;
        let [p, minus_p, q] = [p / AT_P, minus_p / AT_P, q / AT_Q];
        let by = |x: V, factor: f64, y: V| x.times_plus(V::splat(factor), y);
        let (at_p, at_q) = (m[1] * V::splat(p), m[3] * V::splat(q));
        let (even, odd) = (by(m[2], minus_p, at_p), by(m[2], -minus_p, at_p));
        [by(m[0], zero, even + at_q), by(odd, P, at_q * V::splat(Q)), by(even, PP, by(at_q, QQ, m[4]))]
    }
}

/// Three numbers of the kernel's derivative from the points.
struct ToKernel;

impl<V: Register> Transform<V, IN, 3> for ToKernel {
    #[inline(always)]
    fn along(m: [V; IN]) -> [V; 3] {
        let [even_p, odd_p, even_q, odd_q] = pairs(m);
        let by = |x: V, factor: f64, y: V| x.times_plus(V::splat(factor), y);
        [m[0] + (even_p + even_q), by(odd_p, P, odd_q * V::splat(Q)), by(even_p, PP, by(even_q, QQ, m[5]))]
    }
}

/// A transform along columns and another along rows. (Loops, as functions of the standard library are not always compiled
/// for the caller's instruction set.)
#[inline(always)]
fn both<V, R, C, const N: usize, const K: usize, const M: usize, const L: usize>(x: [[V; K]; N]) -> [[V; L]; M]
where
    V: Register,
    R: Transform<V, N, M>,
    C: Transform<V, K, L>,
{
    rows::<V, R, C, N, K, M, L, 0, M>(|i, j| x[i][j])
}

/// Rows FROM to TO of the same, others being 0. (With iterators in place of the places, numbers leave the registers.)
#[inline(always)]
#[expect(clippy::needless_range_loop)]
fn rows<V, R, C, const N: usize, const K: usize, const M: usize, const L: usize, const FROM: usize, const TO: usize>(
    x: impl Fn(usize, usize) -> V,
) -> [[V; L]; M]
where
    V: Register,
    R: Transform<V, N, M>,
    C: Transform<V, K, L>,
{
    let (mut half, mut whole) = ([[V::splat(0.0); K]; M], [[V::splat(0.0); L]; M]);
    for j in 0..K {
        let mut column = [V::splat(0.0); N];
        for (i, number) in column.iter_mut().enumerate() {
            *number = x(i, j);
        }
        let column = R::along(column);
        for i in FROM..TO {
            half[i][j] = column[i];
        }
    }
    for i in FROM..TO {
        whole[i] = C::along(half[i]);
    }
    whole
}

/// The place among all points of the i-th of so many.
#[inline(always)]
const fn point<const COUNT: usize>(i: usize) -> usize {
    if COUNT < IN && i >= LACKS { i + 1 } else { i }
}

/// N × K registers: those of the first line at `from`.
#[inline(always)]
unsafe fn rectangle<V: Register, const N: usize, const K: usize>(from: *const f32, lines: Lines) -> [[V; K]; N] {
    let mut x = [[V::splat(0.0); K]; N];
    for (i, row) in x.iter_mut().enumerate() {
        for (j, x) in row.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *x = unsafe { V::load(from.add(lines.at(i, j))) };
        }
    }
    x
}

/// The registers of a tile's points, of all points' first at `from`.
#[inline(always)]
unsafe fn at_points<V: Register, const M: usize, const L: usize>(from: *const f32, points: Lines) -> [[V; L]; M] {
    let mut x = [[V::splat(0.0); L]; M];
    for (i, row) in x.iter_mut().enumerate() {
        for (j, x) in row.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *x = unsafe { V::load(from.add(points.at(point::<M>(i), point::<L>(j)))) };
        }
    }
    x
}

/// Where the numbers of an array with lines and places lie.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// From one line to the next.
    pub line: usize,
    /// From one place of a line to the next.
    pub place: usize,
}

impl Lines {
    fn at(&self, i: usize, j: usize) -> usize {
        i * self.line + j * self.place
    }
}

/// `tiles(from, lines, [tiles, channels], to, [tile, point])`: a line of tiles, transformed.
pub type Tiles = unsafe fn(*const f32, Lines, [usize; 2], *mut f32, [usize; 2]);
/// `outputs(m, [tile, point], [tiles, channels], to, lines, [height, width])`: a line of tiles, transformed back; of its
/// outputs those are stored that there are.
pub type Outputs = unsafe fn(*const f32, [usize; 2], [usize; 2], *mut f32, Lines, [usize; 2]);
/// `kernel(panel, rows, columns, to, [row, point])`: the rows of a panel for each place of the window, transformed.
pub type Kernel = unsafe fn(*const f32, usize, usize, *mut f32, [usize; 2]);
/// `kernel_back(m, [row, point], [rows, columns], w, [row, tap], add)`
pub type KernelBack = unsafe fn(*const f32, [usize; 2], [usize; 2], *mut f32, [usize; 2], bool);

/// What an instruction set brings; what there is for tiles, by their length along lines' axis and along columns'.
pub struct Winograd {
    pub inputs: [[Tiles; 2]; 2],
    pub derivatives: [[Tiles; 2]; 2],
    pub outputs: [[Outputs; 2]; 2],
    pub kernel: Kernel,
    pub kernel_back: KernelBack,
}

/// A line of tiles of N × K numbers at their M × L points.
#[inline(always)]
unsafe fn tiles_of<V, T, const N: usize, const K: usize, const M: usize, const L: usize>(
    from: *const f32,
    lines: Lines,
    [tiles, channels]: [usize; 2],
    to: *mut f32,
    [tile, step]: [usize; 2],
) where
    V: Register,
    T: Transform<V, N, M> + Transform<V, K, L>,
{
    let outs = L - 2;
    for t in 0..tiles {
        for c in (0..channels).step_by(V::COUNT) {
            // SAFETY: the caller's promise.
            unsafe {
                let (from, to) = (from.add(t * outs * lines.place + c), to.add(t * tile + c));
                // Half of the points at a time: the numbers in between then fit the registers.
                some_points::<V, T, N, K, M, L, 0, 3>(from, lines, to, step);
                some_points::<V, T, N, K, M, L, 3, M>(from, lines, to, step);
            }
        }
    }
}

/// Lines FROM to TO of a tile's points.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
unsafe fn some_points<
    V,
    T,
    const N: usize,
    const K: usize,
    const M: usize,
    const L: usize,
    const FROM: usize,
    const TO: usize,
>(
    from: *const f32,
    lines: Lines,
    to: *mut f32,
    step: usize,
) where
    V: Register,
    T: Transform<V, N, M> + Transform<V, K, L>,
{
    let points = Lines { line: IN * step, place: step };
    // SAFETY: the caller's promise.
    unsafe {
        let x = rows::<V, T, T, N, K, M, L, FROM, TO>(|i, j| V::load(from.add(lines.at(i, j))));
        for i in FROM..TO {
            for j in 0..L {
                x[i][j].store(to.add(points.at(point::<M>(i), point::<L>(j))));
            }
        }
    }
}

/// A line of tiles of N × K outputs from their M × L points.
#[inline(always)]
unsafe fn outputs_of<V, const M: usize, const L: usize, const N: usize, const K: usize>(
    m: *const f32,
    [tile, step]: [usize; 2],
    [tiles, channels]: [usize; 2],
    to: *mut f32,
    lines: Lines,
    [height, width]: [usize; 2],
) where
    V: Register,
    ToOutputs: Transform<V, M, N> + Transform<V, L, K>,
{
    let points = Lines { line: IN * step, place: step };
    for t in 0..tiles {
        let columns = K.min(width - t * K);
        for c in (0..channels).step_by(V::COUNT) {
            let part = V::part(channels - c);
            // SAFETY: the caller's promise.
            unsafe {
                let y = both::<V, ToOutputs, ToOutputs, M, L, N, K>(at_points(m.add(t * tile + c), points));
                let to = to.add(t * K * lines.place + c);
                for (i, row) in y.into_iter().enumerate() {
                    for (j, y) in row.into_iter().enumerate() {
                        if i < height && j < columns {
                            y.store_part(to.add(lines.at(i, j)), part);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn kernel_of_panel<V: Register>(
    panel: *const f32,
    rows: usize,
    columns: usize,
    to: *mut f32,
    [pitch, point]: [usize; 2],
) {
    let width = 2 * V::COUNT;
    let taps = Lines { line: 3 * rows * width, place: rows * width };
    let points = Lines { line: IN * point, place: point };
    for row in 0..rows {
        for c in (0..columns).step_by(V::COUNT) {
            // SAFETY: the caller's promise.
            unsafe {
                let u = both::<V, OfKernel, OfKernel, 3, 3, IN, IN>(rectangle(panel.add(row * width + c), taps));
                let to = to.add(row * pitch + c);
                for (i, line) in u.into_iter().enumerate() {
                    for (j, u) in line.into_iter().enumerate() {
                        u.store(to.add(points.at(i, j)));
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn kernel_back_of<V: Register>(
    m: *const f32,
    [row, point]: [usize; 2],
    [rows, columns]: [usize; 2],
    w: *mut f32,
    [w_row, tap]: [usize; 2],
    add: bool,
) {
    let (points, taps) = (Lines { line: IN * point, place: point }, Lines { line: 3 * tap, place: tap });
    for r in 0..rows {
        for c in (0..columns).step_by(V::COUNT) {
            let part = V::part(columns - c);
            // SAFETY: the caller's promise.
            unsafe {
                let d = both::<V, ToKernel, ToKernel, IN, IN, 3, 3>(rectangle(m.add(r * row + c), points));
                for (i, numbers) in d.into_iter().enumerate() {
                    for (j, d) in numbers.into_iter().enumerate() {
                        let to = w.add(r * w_row + c + taps.at(i, j));
                        let d = if add { d + V::load_part(to, part) } else { d };
                        d.store_part(to, part);
                    }
                }
            }
        }
    }
}

/// The functions of an instruction set.
macro_rules! winograd {
    ($all:ident, $register:ty $(, $feature:literal)?) => {
        pub static $all: Winograd = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn inputs<const N: usize, const K: usize>(
                from: *const f32,
                lines: Lines,
                counts: [usize; 2],
                to: *mut f32,
                steps: [usize; 2],
            )
            where
                Inputs: Transform<$register, N, N> + Transform<$register, K, K>,
            {
                // SAFETY: the caller's promise, as in all of these.
                unsafe { tiles_of::<$register, Inputs, N, K, N, K>(from, lines, counts, to, steps) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn derivatives<const N: usize, const K: usize, const M: usize, const L: usize>(
                from: *const f32,
                lines: Lines,
                counts: [usize; 2],
                to: *mut f32,
                steps: [usize; 2],
            )
            where
                Derivatives: Transform<$register, N, M> + Transform<$register, K, L>,
            {
                // SAFETY: see above.
                unsafe { tiles_of::<$register, Derivatives, N, K, M, L>(from, lines, counts, to, steps) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn outputs<const M: usize, const L: usize, const N: usize, const K: usize>(
                m: *const f32,
                steps: [usize; 2],
                counts: [usize; 2],
                to: *mut f32,
                lines: Lines,
                there: [usize; 2],
            )
            where
                ToOutputs: Transform<$register, M, N> + Transform<$register, L, K>,
            {
                // SAFETY: see above.
                unsafe { outputs_of::<$register, M, L, N, K>(m, steps, counts, to, lines, there) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn kernel(panel: *const f32, rows: usize, columns: usize, to: *mut f32, steps: [usize; 2]) {
                // SAFETY: see above.
                unsafe { kernel_of_panel::<$register>(panel, rows, columns, to, steps) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn kernel_back(
                m: *const f32,
                steps: [usize; 2],
                counts: [usize; 2],
                w: *mut f32,
                w_steps: [usize; 2],
                add: bool,
            ) {
                // SAFETY: see above.
                unsafe { kernel_back_of::<$register>(m, steps, counts, w, w_steps, add) }
            }
            Winograd {
                inputs: [[inputs::<6, 6>, inputs::<6, 5>], [inputs::<5, 6>, inputs::<5, 5>]],
                derivatives: [
                    [derivatives::<4, 4, 6, 6>, derivatives::<4, 3, 6, 5>],
                    [derivatives::<3, 4, 5, 6>, derivatives::<3, 3, 5, 5>],
                ],
                outputs: [
                    [outputs::<6, 6, 4, 4>, outputs::<6, 5, 4, 3>],
                    [outputs::<5, 6, 3, 4>, outputs::<5, 5, 3, 3>],
                ],
                kernel,
                kernel_back,
            }
        };
    };
}
winograd!(PORTABLE, crate::lane::Wide);
#[cfg(target_arch = "aarch64")]
winograd!(NEON, crate::lane::Neon);
#[cfg(target_arch = "x86_64")]
winograd!(AVX2, crate::lane::Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
winograd!(AVX512, crate::lane::Avx512, "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma");
