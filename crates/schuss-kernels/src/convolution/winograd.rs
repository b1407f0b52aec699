//! Convolutions with windows of 3 × 3 by a quarter of the products.
//!
//! Four by four outputs are made at once of the six by six inputs they see. Inputs and kernel are evaluated as polynomials
//! at six points along either axis; there the convolution is one product for each of 36 pairs of points; outputs are
//! interpolated. With channels, that is 36 products of matrices: tiles × channels times channels × outputs. The derivative
//! by the kernel is the same with the sides changed: 3 × 3 numbers from six by six inputs and four by four derivatives.
//!
//! Source: Lavin and Gray 2015, <https://arxiv.org/abs/1509.09308>, F(4 × 4, 3 × 3). The points differ: theirs, 0, ±1, ±2
//! and ∞, lose a decimal digit in f32; 0, ±2/3, ±3/2 and ∞ lose about one bit against the plain sum, and as the product of
//! the two is 1 they need no more operations. (Barabasz, Anderson, Soodhalter and Gregg 2018,
//! <https://arxiv.org/abs/1803.10986>, say why the points matter.)
//!
//! An output's number depends on its own image only, a kernel's on fixed groups of images ([`together`]).

use super::{Geometry, Kernels, Scratch, Segment, Target, product, turn};
use crate::lane::Register;
use crate::product::{Matrix, Tile};
use crate::tape::BLOCK;
use std::ops::Range;

/// Outputs of a tile along each axis.
const OUT: usize = 4;
/// Inputs that a tile sees along each axis, and points.
const IN: usize = 6;
/// Pairs of points.
const POINTS: usize = IN * IN;
/// Numbers of a register, for what an instruction set does not decide.
const REGISTER: usize = 16;
/// Tiles that are taken together: as many as take so many numbers at their points, so that these stay in the second level
/// of the cache beside the kernel; but so many at least, as a wide kernel is fetched anew for each group.
#[derive(Clone, Copy)]
struct Group {
    numbers: usize,
    least: usize,
}

/// For outputs and inputs; measured with `examples/convolution_rates.rs`.
const GROUP: Group = Group { numbers: 24 << 10, least: 14 };
/// For the derivative by the kernel, whose sums are read and written for each group.
const KERNEL_GROUP: Group = Group { numbers: 96 << 10, least: 32 };
/// Images that are summed together at most.
const TOGETHER: usize = 8;

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

/// A transform along columns and then along rows.
#[inline(always)]
fn both<V: Register, T: Transform<V, N, M>, const N: usize, const M: usize>(x: [[V; N]; N]) -> [[V; M]; M] {
    let (mut half, mut whole) = ([[V::splat(0.0); N]; M], [[V::splat(0.0); M]; M]);
    for j in 0..N {
        let column = T::along(x.map(|row| row[j]));
        for (row, x) in half.iter_mut().zip(column) {
            row[j] = x;
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
pub(super) struct Lines {
    /// From one line to the next.
    line: usize,
    /// From one place of a line to the next.
    place: usize,
}

impl Lines {
    fn at(&self, i: usize, j: usize) -> usize {
        i * self.line + j * self.place
    }
}

/// `tiles(from, lines, [tiles, channels], to, [tile, point])`: a line of tiles, transformed.
type Tiles = unsafe fn(*const f32, Lines, [usize; 2], *mut f32, [usize; 2]);
/// `outputs(m, [tile, point], [tiles, channels], to, lines, [height, width])`: a line of tiles, transformed back; of its
/// outputs those are stored that there are.
type Outputs = unsafe fn(*const f32, [usize; 2], [usize; 2], *mut f32, Lines, [usize; 2]);
/// `kernel(panel, rows, columns, to, point)`: the rows of a panel for each place of the window, transformed.
type Kernel = unsafe fn(*const f32, usize, usize, *mut f32, usize);
/// `kernel_back(m, [row, point], [rows, columns], w, [row, tap], add)`
type KernelBack = unsafe fn(*const f32, [usize; 2], [usize; 2], *mut f32, [usize; 2], bool);

/// What an instruction set brings.
pub(super) struct Winograd {
    inputs: Tiles,
    derivatives: Tiles,
    outputs: Outputs,
    kernel: Kernel,
    kernel_back: KernelBack,
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

/// The images and tiles of a walk, and what it takes.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Lines and places of the images that are walked over, and their channels.
    from: [usize; 2],
    channels: usize,
    /// Zeros in front.
    before: [usize; 2],
    /// Lines and places of what comes out, and its channels.
    to: [usize; 2],
    outs: usize,
    /// Tiles along each axis.
    tiles: [usize; 2],
    /// Channels rounded up to whole registers, outputs to whole panels.
    ins: usize,
    columns: usize,
    /// Columns of a panel.
    width: usize,
}

impl Layout {
    fn new(kernels: &Kernels, g: &Geometry, turned: bool) -> Self {
        let flat = |sizes: [usize; 3]| [sizes[1], sizes[2]];
        let before = flat(g.before);
        let (from, channels, before, to, outs) = match turned {
            false => (flat(g.input), g.channels, before, flat(g.output), g.outputs),
            true => (flat(g.output), g.outputs, before.map(|n| 2 - n), flat(g.input), g.channels),
        };
        let (tiles, width) = (to.map(|n| n.div_ceil(OUT)), kernels.width());
        let (ins, columns) = (channels.next_multiple_of(kernels.count), outs.next_multiple_of(width));
        Layout { from, channels, before, to, outs, tiles, ins, columns, width }
    }
    /// Lines of tiles that are taken together, where a tile takes so many numbers at each point.
    fn bands(&self, group: Group, numbers: usize) -> usize {
        (group.numbers / (POINTS * numbers)).max(group.least).div_ceil(self.tiles[1])
    }
    /// Places of a line of the copy with zeros.
    fn pitch(&self) -> usize {
        self.tiles[1] * OUT + IN - OUT
    }
    fn copy_len(&self) -> usize {
        (self.tiles[0] * OUT + IN - OUT) * self.pitch() * self.channels
    }
    /// Copies an image to where its zeros are already.
    unsafe fn fill(&self, image: *const f32, copy: *mut f32) {
        let (height, width) = (self.tiles[0] * OUT + IN - OUT, self.pitch());
        let columns = self.from[1].min(width - self.before[1]);
        for line in 0..self.from[0].min(height - self.before[0]) {
            let to = (line + self.before[0]) * width + self.before[1];
            // SAFETY: places of the image and of the copy.
            unsafe {
                let from = image.add(line * self.from[1] * self.channels);
                from.copy_to_nonoverlapping(copy.add(to * self.channels), columns * self.channels);
            }
        }
    }
}

/// From one point to the next, for so many numbers at each: an odd number of cache lines, or all points would fall
/// to the same few places of the cache.
fn point_step(numbers: usize) -> usize {
    numbers.div_ceil(super::LINE) / 2 * 2 * super::LINE + super::LINE
}

/// Operations of registers for an image, by tiles and in plain sums: for the outputs or, if turned, the inputs.
fn costs(g: &Geometry, turned: bool) -> (f64, f64) {
    let (places, ins, outs) = match turned {
        false => (g.output, g.channels, g.outputs),
        true => (g.input, g.outputs, g.channels),
    };
    let (tiles, registers) = (places[1].div_ceil(OUT) * places[2].div_ceil(OUT), outs.div_ceil(REGISTER));
    let tile = 220 * ins.div_ceil(REGISTER) + 200 * registers + POINTS * ins * registers * 5 / 4;
    ((tiles * tile) as f64, (product(places) * 9 * ins * registers) as f64)
}

/// Can this convolution be computed so, and is it worth it?
pub(super) fn suits(g: &Geometry, turned: bool) -> bool {
    let flat = g.input[0] == 1 && g.output[0] == 1 && g.size == [1, 3, 3];
    let plain = g.strides == [1; 3] && g.dilation == [1; 3] && g.groups == 1;
    let (tiles, sums) = costs(g, turned);
    flat && plain && g.channels.min(g.outputs) >= 8 && tiles < 0.8 * sums
}

/// The same for the derivative by the kernel, over so many images at once.
pub(super) fn suits_kernel(g: &Geometry, images: usize) -> bool {
    let tiles = g.output[1].div_ceil(OUT) * g.output[2].div_ceil(OUT) * images.min(together(g));
    let (ins, registers) = (g.channels, g.outputs.div_ceil(REGISTER));
    let tile = 220 * ins.div_ceil(REGISTER) + 150 * registers + POINTS * ins * registers * 5 / 4;
    let (all, back) = (tiles * tile, 200 * ins * registers);
    let sums = product(g.output) * 9 * ins * registers * images.min(together(g));
    suits(g, false) && ((all + back) as f64) < 0.8 * sums as f64
}

/// How many images, from a multiple of that number on, [`Method::Winograd`](super::Method) sums together for the
/// derivative by the kernel: a power of 2.
pub fn together(g: &Geometry) -> usize {
    let tiles = g.output[1].div_ceil(OUT) * g.output[2].div_ceil(OUT);
    KERNEL_GROUP.least.div_ceil(tiles).next_power_of_two().min(TOGETHER)
}

/// Numbers of scratch memory that [`convolve`] needs.
pub(super) fn scratch_len(kernels: &Kernels, g: &Geometry, turned: bool) -> usize {
    let l = Layout::new(kernels, g, turned);
    let kernel = POINTS * point_step(l.channels * l.width) * l.columns / l.width + 9 * l.channels * l.width;
    let tiles = l.bands(GROUP, l.ins + l.width) * l.tiles[1];
    let at_points = POINTS * (point_step(tiles * l.ins) + point_step(tiles * l.width));
    l.copy_len() + kernels.count + kernel + at_points + OUT * l.to[1] * l.width + 6 * super::LINE
}

/// As `super::convolve`.
pub(super) unsafe fn convolve(
    kernels: &Kernels,
    g: &Geometry,
    turned: bool,
    images: Range<usize>,
    x: *const f32,
    w: *const f32,
    mut scratch: Scratch,
    target: &mut Target,
) {
    let (l, own) = (Layout::new(kernels, g, turned), kernels.winograd);
    let (copy_len, w_step) = (l.copy_len() + kernels.count, point_step(l.channels * l.width));
    let most = l.bands(GROUP, l.ins + l.width);
    let copy = scratch.take(copy_len);
    let panel = scratch.take(9 * l.channels * l.width);
    let kernel = scratch.take(POINTS * w_step * l.columns / l.width);
    let seen = scratch.take(POINTS * point_step(most * l.tiles[1] * l.ins));
    let sums = scratch.take(POINTS * point_step(most * l.tiles[1] * l.width));
    let lines = scratch.take(OUT * l.to[1] * l.width);
    // SAFETY: the copy was just taken; the columns are within the kernel, and there is room for all its panels.
    unsafe {
        std::slice::from_raw_parts_mut(copy, copy_len).fill(0.0);
        for (i, col) in (0..l.outs).step_by(l.width).enumerate() {
            let cols = l.width.min(l.outs - col);
            if turned {
                turn(kernels, g, 0, col, cols, w, panel);
            } else {
                let b = Matrix { ptr: w.add(col), row_stride: g.outputs, col_stride: 1 };
                (kernels.pack)(9 * l.channels, cols, b, panel);
            }
            (own.kernel)(panel, l.channels, cols, kernel.add(i * POINTS * w_step), w_step);
        }
    }
    let (image_len, bands) = (l.from[0] * l.from[1] * l.channels, images.len() * l.tiles[0]);
    let mut copied = None;
    for first in (0..bands).step_by(most) {
        let some = most.min(bands - first);
        let tiles = some * l.tiles[1];
        let place = |band: usize| ((first + band) / l.tiles[0], (first + band) % l.tiles[0] * OUT);
        for band in 0..some {
            let (image, line) = place(band);
            // SAFETY: the image is one of those that can be read; its tiles lie within the copy, which ends with room for
            // a register.
            unsafe {
                if copied != Some(image) {
                    l.fill(x.add((images.start + image) * image_len), copy);
                    copied = Some(image);
                }
                let lines = Lines { line: l.pitch() * l.channels, place: l.channels };
                let (from, to) = (copy.add(line * lines.line), seen.add(band * l.tiles[1] * l.ins));
                (own.inputs)(from, lines, [l.tiles[1], l.channels], to, [l.ins, point_step(tiles * l.ins)]);
            }
        }
        for (i, col) in (0..l.outs).step_by(l.width).enumerate() {
            let cols = l.width.min(l.outs - col);
            let (step, rounded) = (point_step(tiles * l.width), cols.next_multiple_of(kernels.count));
            // SAFETY: all within what was taken; the lines of a band are within the result or what was taken for them.
            unsafe {
                products(kernels, &l, tiles, cols, seen, kernel.add(i * POINTS * w_step), sums);
                for band in 0..some {
                    let (image, line) = place(band);
                    let height = OUT.min(l.to[0] - line);
                    let place = ((images.start + image) * l.to[0] + line) * l.to[1];
                    let (to, stride) = match *target {
                        Target::Tiles(_) => (lines, rounded),
                        Target::Store { to, stride } => (to.add(place * stride + col), stride),
                    };
                    let places = Lines { line: l.to[1] * stride, place: stride };
                    let from = sums.add(band * l.tiles[1] * l.width);
                    (own.outputs)(from, [l.width, step], [l.tiles[1], cols], to, places, [height, l.to[1]]);
                    if let Target::Tiles(done) = target {
                        let all = height * l.to[1];
                        for row in (0..all).step_by(BLOCK / stride) {
                            let (rows, ptr) = ((BLOCK / stride).min(all - row), lines.add(row * stride));
                            done(Tile { row: place + row, col, rows, cols, ptr, stride });
                        }
                    }
                }
            }
        }
    }
}

/// The product of tiles and a panel of the kernel at each pair of points.
unsafe fn products(
    kernels: &Kernels,
    l: &Layout,
    tiles: usize,
    cols: usize,
    seen: *const f32,
    kernel: *const f32,
    sums: *mut f32,
) {
    let (wide, strips) = (cols > kernels.count, tiles.div_ceil(kernels.rows));
    let stored = if wide { l.width } else { kernels.count };
    for point in 0..POINTS {
        let mut at = 0;
        for strip in 0..strips {
            let rows = (tiles + strip) / strips;
            // SAFETY: the caller's promise.
            unsafe {
                let a = seen.add(point * point_step(tiles * l.ins) + at * l.ins);
                let b = kernel.add(point * point_step(l.channels * l.width));
                let c = sums.add(point * point_step(tiles * l.width) + at * l.width);
                let product = kernels.kernels[rows - 1][usize::from(wide)];
                product(&WHOLE, l.channels, cols, a, l.ins, 1, b, l.width, c, l.width, stored, false);
            }
            at += rows;
        }
    }
}

/// One stretch of inner steps.
const WHOLE: [Segment; 1] = [Segment { a: 0, b: 0 }];

/// Numbers of a copy of the derivatives, where tiles or registers would leave them.
fn derivatives_len(kernels: &Kernels, l: &Layout) -> usize {
    let copied = l.to.iter().any(|n| !n.is_multiple_of(OUT)) || !l.outs.is_multiple_of(kernels.count);
    if copied { l.tiles[0] * l.tiles[1] * OUT * OUT * l.outs + kernels.count } else { 0 }
}

/// Numbers of scratch memory that [`kernel_of`] needs.
pub(super) fn kernel_scratch_len(kernels: &Kernels, g: &Geometry) -> usize {
    let l = Layout::new(kernels, g, false);
    let tiles = l.bands(KERNEL_GROUP, l.ins + l.columns) * l.tiles[1];
    let at_points = POINTS * (point_step(tiles * l.ins) + point_step(tiles * l.columns));
    let sums = POINTS * point_step(l.channels * l.width) * l.columns / l.width;
    l.copy_len() + kernels.count + derivatives_len(kernels, &l) + at_points + sums + 5 * super::LINE
}

/// The derivative by the kernel, as `super::kernel_of`.
pub(super) unsafe fn kernel_of(
    kernels: &Kernels,
    g: &Geometry,
    images: Range<usize>,
    x: *const f32,
    y: *const f32,
    w: *mut f32,
    add: bool,
    mut scratch: Scratch,
) {
    let (l, own) = (Layout::new(kernels, g, false), kernels.winograd);
    let (copy_len, y_len) = (l.copy_len() + kernels.count, derivatives_len(kernels, &l));
    let (most, w_step) = (l.bands(KERNEL_GROUP, l.ins + l.columns), point_step(l.channels * l.width));
    let copy = scratch.take(copy_len);
    let y_copy = scratch.take(y_len);
    let seen = scratch.take(POINTS * point_step(most * l.tiles[1] * l.ins));
    let asked = scratch.take(POINTS * point_step(most * l.tiles[1] * l.columns));
    let sums = scratch.take(POINTS * w_step * l.columns / l.width);
    // SAFETY: just taken.
    unsafe {
        std::slice::from_raw_parts_mut(copy, copy_len).fill(0.0);
        std::slice::from_raw_parts_mut(y_copy, y_len).fill(0.0);
    }
    let together = together(g);
    let (mut start, mut add) = (images.start, add);
    while start < images.end {
        let end = images.end.min((start / together + 1) * together);
        let bands = (end - start) * l.tiles[0];
        let mut copied = None;
        for first in (0..bands).step_by(most) {
            let some = most.min(bands - first);
            let tiles = some * l.tiles[1];
            for band in 0..some {
                let (image, line) = (start + (first + band) / l.tiles[0], (first + band) % l.tiles[0] * OUT);
                // SAFETY: as in `convolve`.
                unsafe {
                    let y = y.add(image * g.output_len());
                    if copied != Some(image) {
                        l.fill(x.add(image * g.input_len()), copy);
                        if y_len > 0 {
                            for line in 0..l.to[0] {
                                let from = y.add(line * l.to[1] * l.outs);
                                let to = y_copy.add(line * l.tiles[1] * OUT * l.outs);
                                from.copy_to_nonoverlapping(to, l.to[1] * l.outs);
                            }
                        }
                        copied = Some(image);
                    }
                    let lines = Lines { line: l.pitch() * l.channels, place: l.channels };
                    let (from, to) = (copy.add(line * lines.line), seen.add(band * l.tiles[1] * l.ins));
                    (own.inputs)(from, lines, [l.tiles[1], l.channels], to, [l.ins, point_step(tiles * l.ins)]);
                    let from = if y_len > 0 { y_copy.cast_const() } else { y };
                    let lines = Lines { line: l.tiles[1] * OUT * l.outs, place: l.outs };
                    let (from, to) = (from.add(line * lines.line), asked.add(band * l.tiles[1] * l.columns));
                    let steps = [l.columns, point_step(tiles * l.columns)];
                    (own.derivatives)(from, lines, [l.tiles[1], l.outs], to, steps);
                }
            }
            for (i, col) in (0..l.outs).step_by(l.width).enumerate() {
                let cols = l.width.min(l.outs - col);
                // SAFETY: as above; the kernel can be written.
                unsafe {
                    let sums = sums.add(i * POINTS * w_step);
                    kernel_products(kernels, &l, tiles, cols, seen, asked.add(col), sums, first > 0);
                    if first + some == bands {
                        let (steps, w_steps) = ([l.width, w_step], [l.outs, l.channels * l.outs]);
                        (own.kernel_back)(sums, steps, [l.channels, cols], w.add(col), w_steps, add);
                    }
                }
            }
        }
        (start, add) = (end, true);
    }
}

/// The product of tiles seen and a panel of derivatives at each pair of points, summed over the tiles.
unsafe fn kernel_products(
    kernels: &Kernels,
    l: &Layout,
    tiles: usize,
    cols: usize,
    seen: *const f32,
    asked: *const f32,
    sums: *mut f32,
    add: bool,
) {
    let (wide, strips) = (cols > kernels.count, l.channels.div_ceil(kernels.rows));
    let stored = if wide { l.width } else { kernels.count };
    for point in 0..POINTS {
        let mut at = 0;
        for strip in 0..strips {
            let rows = (l.channels + strip) / strips;
            // SAFETY: the caller's promise.
            unsafe {
                let a = seen.add(point * point_step(tiles * l.ins) + at);
                let b = asked.add(point * point_step(tiles * l.columns));
                let c = sums.add(point * point_step(l.channels * l.width) + at * l.width);
                let product = kernels.kernels[rows - 1][usize::from(wide)];
                product(&WHOLE, tiles, cols, a, 1, l.ins, b, l.columns, c, l.width, stored, add);
            }
            at += rows;
        }
    }
}

/// The functions of an instruction set.
macro_rules! winograd {
    ($all:ident, $register:ty $(, $feature:literal)?) => {
        pub(super) static $all: Winograd = {
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
#[cfg(target_arch = "x86_64")]
winograd!(AVX2, crate::lane::Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
winograd!(AVX512, crate::lane::Avx512, "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma");
