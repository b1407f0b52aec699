//! Tiles and kernels to points and back, in registers.

use super::{IN, OUT};
use crate::lane::Register;

const P: f64 = 2.0 / 3.0;
const Q: f64 = 1.5;
const PP: f64 = P * P;
const QQ: f64 = Q * Q;
/// What a polynomial's value at ±p and ±q is divided by: the product of the distances to the other points.
const AT_P: f64 = 1.0 / (2.0 * PP * (PP - QQ));
const AT_Q: f64 = 1.0 / (2.0 * QQ * (QQ - PP));

/// N numbers to M, in each place of a register.
trait Transform<V, const N: usize, const M: usize> {
    fn along(x: [V; N]) -> [V; M];
}

/// Six inputs at the points.
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

/// Three numbers of the kernel at the points.
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

/// Four derivatives by outputs at the points.
struct Derivatives;

impl<V: Register> Transform<V, OUT, IN> for Derivatives {
    #[inline(always)]
    fn along(d: [V; OUT]) -> [V; IN] {
        let at = |p: f64, over: f64| {
            let even = d[2].times_plus(V::splat(p * p * over), d[0] * V::splat(over));
            let odd = d[3].times_plus(V::splat(p * p * p * over), d[1] * V::splat(p * over));
            (even, odd)
        };
        let ((even_p, odd_p), (even_q, odd_q)) = (at(P, AT_P), at(Q, AT_Q));
        [d[0], even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, d[3]]
    }
}

/// Sums and differences at ±p and ±q.
#[inline(always)]
fn pairs<V: Register>(m: [V; IN]) -> [V; 4] {
    [m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]]
}

/// Four outputs from the points.
struct ToOutputs;

impl<V: Register> Transform<V, IN, OUT> for ToOutputs {
    #[inline(always)]
    fn along(m: [V; IN]) -> [V; OUT] {
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

/// A transform along columns and then along rows. (Loops, as functions of the standard library are not always compiled for
/// the caller's instruction set.)
#[inline(always)]
fn both<V: Register, T: Transform<V, N, M>, const N: usize, const M: usize>(x: [[V; N]; N]) -> [[V; M]; M] {
    let (mut half, mut whole) = ([[V::splat(0.0); N]; M], [[V::splat(0.0); M]; M]);
    for j in 0..N {
        let mut column = [V::splat(0.0); N];
        for (i, row) in x.iter().enumerate() {
            column[i] = row[j];
        }
        let column = T::along(column);
        for (i, row) in half.iter_mut().enumerate() {
            row[j] = column[i];
        }
    }
    for (row, x) in whole.iter_mut().zip(half) {
        *row = T::along(x);
    }
    whole
}

/// N × N registers: those of the first line at `from`.
#[inline(always)]
unsafe fn square<V: Register, const N: usize>(from: *const f32, lines: Lines) -> [[V; N]; N] {
    let mut x = [[V::splat(0.0); N]; N];
    for (i, row) in x.iter_mut().enumerate() {
        for (j, x) in row.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *x = unsafe { V::load(from.add(lines.at(i, j))) };
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
/// `kernel(panel, rows, columns, to, point)`: the rows of a panel for each place of the window, transformed.
pub type Kernel = unsafe fn(*const f32, usize, usize, *mut f32, usize);
/// `kernel_back(m, [row, point], [rows, columns], w, [row, tap], add)`
pub type KernelBack = unsafe fn(*const f32, [usize; 2], [usize; 2], *mut f32, [usize; 2], bool);

/// What an instruction set brings.
pub struct Winograd {
    pub inputs: Tiles,
    pub derivatives: Tiles,
    pub outputs: Outputs,
    pub kernel: Kernel,
    pub kernel_back: KernelBack,
}

/// A line of tiles at the points.
#[inline(always)]
unsafe fn tiles_of<V: Register, T: Transform<V, N, IN>, const N: usize>(
    from: *const f32,
    lines: Lines,
    [tiles, channels]: [usize; 2],
    to: *mut f32,
    [tile, point]: [usize; 2],
) {
    let points = Lines { line: IN * point, place: point };
    for t in 0..tiles {
        for c in (0..channels).step_by(V::COUNT) {
            // SAFETY: the caller's promise.
            unsafe {
                let x = both::<V, T, N, IN>(square(from.add(t * OUT * lines.place + c), lines));
                for (i, row) in x.into_iter().enumerate() {
                    for (j, x) in row.into_iter().enumerate() {
                        x.store(to.add(t * tile + c + points.at(i, j)));
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn outputs_of<V: Register>(
    m: *const f32,
    [tile, point]: [usize; 2],
    [tiles, channels]: [usize; 2],
    to: *mut f32,
    lines: Lines,
    [height, width]: [usize; 2],
) {
    let points = Lines { line: IN * point, place: point };
    for t in 0..tiles {
        let columns = OUT.min(width - t * OUT);
        for c in (0..channels).step_by(V::COUNT) {
            let part = V::part(channels - c);
            // SAFETY: the caller's promise.
            unsafe {
                let y = both::<V, ToOutputs, IN, OUT>(square(m.add(t * tile + c), points));
                let to = to.add(t * OUT * lines.place + c);
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
unsafe fn kernel_of_panel<V: Register>(panel: *const f32, rows: usize, columns: usize, to: *mut f32, point: usize) {
    let width = 2 * V::COUNT;
    let taps = Lines { line: 3 * rows * width, place: rows * width };
    let points = Lines { line: IN * point, place: point };
    for row in 0..rows {
        for c in (0..columns).step_by(V::COUNT) {
            let at = row * width + c;
            // SAFETY: the caller's promise.
            unsafe {
                let u = both::<V, OfKernel, 3, IN>(square(panel.add(at), taps));
                for (i, row) in u.into_iter().enumerate() {
                    for (j, u) in row.into_iter().enumerate() {
                        u.store(to.add(at + points.at(i, j)));
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
                let d = both::<V, ToKernel, IN, 3>(square(m.add(r * row + c), points));
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
            unsafe fn inputs(from: *const f32, lines: Lines, counts: [usize; 2], to: *mut f32, steps: [usize; 2]) {
                // SAFETY: the caller's promise, as in all of these.
                unsafe { tiles_of::<$register, Inputs, IN>(from, lines, counts, to, steps) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn derivatives(from: *const f32, lines: Lines, counts: [usize; 2], to: *mut f32, steps: [usize; 2]) {
                // SAFETY: see above.
                unsafe { tiles_of::<$register, Derivatives, OUT>(from, lines, counts, to, steps) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn outputs(
                m: *const f32,
                steps: [usize; 2],
                counts: [usize; 2],
                to: *mut f32,
                lines: Lines,
                there: [usize; 2],
            ) {
                // SAFETY: see above.
                unsafe { outputs_of::<$register>(m, steps, counts, to, lines, there) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn kernel(panel: *const f32, rows: usize, columns: usize, to: *mut f32, point: usize) {
                // SAFETY: see above.
                unsafe { kernel_of_panel::<$register>(panel, rows, columns, to, point) }
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
            Winograd { inputs, derivatives, outputs, kernel, kernel_back }
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
