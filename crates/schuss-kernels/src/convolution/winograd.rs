//! Convolutions with windows of 3 × 3 by a quarter of the products.
//!
//! Four by four outputs are made at once of the six by six inputs they see. Inputs and kernel are evaluated as polynomials
//! at six points along either axis; there the convolution is one product for each of 36 pairs of points; outputs are
//! interpolated. With channels, that is 36 products of matrices: tiles × channels times channels × outputs. The derivative
//! by the kernel is the same with the sides changed: 3 × 3 numbers from six by six inputs and four by four derivatives.
//!
//! Along an axis that fours do not cover evenly the last tiles are of three outputs. They do without one of the points, so
//! that the kernel is the same for both, and tiles of all sorts go through one product at each point.
//!
//! Source: Lavin and Gray 2015, <https://arxiv.org/abs/1509.09308>, F(4 × 4, 3 × 3). The points differ: theirs, 0, ±1, ±2
//! and ∞, lose a decimal digit in f32; 0, ±2/3, ±3/2 and ∞ lose about one bit against the plain sum, and as the product of
//! the two is 1 they need no more operations. (Barabasz, Anderson, Soodhalter and Gregg 2018,
//! <https://arxiv.org/abs/1803.10986>, say why the points matter.)
//!
//! An output's number depends on its own image only, a kernel's on fixed groups of images ([`together`]).

use super::{Geometry, Kernels, Scratch, Segment, Target, product, turn};
use crate::product::{Matrix, Tile};
use crate::tape::BLOCK;
use std::ops::Range;

mod cover;
mod transforms;

use cover::{Cover, LONG, OUTS, Order, SHORT, whole_tiles};
use transforms::Lines;
#[cfg(target_arch = "aarch64")]
pub(super) use transforms::NEON;
#[cfg(target_arch = "x86_64")]
pub(super) use transforms::{AVX2, AVX512};
pub(super) use transforms::{PORTABLE, Winograd};

/// Inputs that a tile of four outputs sees along each axis, and points.
const IN: usize = 6;
/// The point that tiles of three outputs do without: −3/2.
const LACKS: usize = 4;
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
const GROUP: Group = Group { numbers: 12 << 10, least: 14 };
/// For the derivative by the kernel: see [`kernel_group`].
const KERNEL_GROUP: Group = Group { numbers: 96 << 10, least: 32 };
/// Numbers of a kernel's derivative at its points that stay near while they are summed and brought back.
const SUMS: usize = 300 << 10;
/// Images that are summed together at most.
const TOGETHER: usize = 32;

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
    tiles: [Cover; 2],
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
        // No more than one register of columns stays one: with room for a second, half of the cache would lie idle.
        let width = if outs > kernels.count { kernels.width() } else { kernels.count };
        let tiles = to.map(Cover::of);
        let (ins, columns) = (channels.next_multiple_of(kernels.count), outs.next_multiple_of(width));
        Layout { from, channels, before, to, outs, tiles, ins, columns, width }
    }
    /// Lines of tiles that are taken together, where a tile takes so many numbers at each point.
    fn bands(&self, group: Group, numbers: usize) -> usize {
        (group.numbers / (POINTS * numbers)).max(group.least).div_ceil(self.tiles[1].tiles())
    }
    /// The most tiles in so many lines of them.
    fn most(&self, bands: usize) -> usize {
        bands * self.tiles[1].tiles()
    }
    /// Tiles from a line of tiles on, of images that follow one another.
    fn order(&self, first: usize, bands: usize) -> Order {
        let long = (first..first + bands).filter(|band| band % self.tiles[0].tiles() < self.tiles[0].long).count();
        Order::new(Cover { long, short: bands - long }, self.tiles[1])
    }
    /// The first place of a line of tiles.
    fn place(&self, band: usize) -> usize {
        let (image, line) = (band / self.tiles[0].tiles(), band % self.tiles[0].tiles());
        (image * self.to[0] + self.tiles[0].tile(line).1) * self.to[1]
    }
    /// Lines and places of the copy with zeros.
    fn copied(&self) -> [usize; 2] {
        self.tiles.map(|cover| cover.outputs() + 2)
    }
    fn copy_len(&self) -> usize {
        product([1, self.copied()[0], self.copied()[1]]) * self.channels
    }
    /// Lines and places of the copy that an image fills.
    fn filled(&self) -> [Range<usize>; 2] {
        let (copied, before) = (self.copied(), self.before);
        [0, 1].map(|i| before[i]..copied[i].min(before[i] + self.from[i]))
    }
    /// Writes the zeros around the images that will be copied, and behind them.
    unsafe fn zeros(&self, copy: *mut f32, len: usize) {
        let ([lines, places], [_, width], c) = (self.filled(), self.copied(), self.channels);
        let zeros = |from: usize, to: usize| {
            // SAFETY: the caller's promise: places of the copy.
            unsafe { std::slice::from_raw_parts_mut(copy.add(from), to - from).fill(0.0) };
        };
        // From where one line's numbers end to where the next one's begin.
        let mut from = 0;
        for line in lines {
            zeros(from, (line * width + places.start) * c);
            from = (line * width + places.end) * c;
        }
        zeros(from, len);
    }
    /// Copies an image to where its zeros are already.
    unsafe fn fill(&self, kernels: &Kernels, image: *const f32, copy: *mut f32) {
        let ([lines, places], [_, width], c) = (self.filled(), self.copied(), self.channels);
        for (i, line) in lines.enumerate() {
            // SAFETY: places of the image and of the copy.
            unsafe {
                let to = copy.add((line * width + places.start) * c);
                (kernels.copy)(image.add(i * self.from[1] * c), to, places.len() * c);
            }
        }
    }
    /// The same for an image's derivatives.
    unsafe fn fill_derivatives(&self, kernels: &Kernels, image: *const f32, copy: *mut f32) {
        let len = self.to[1] * self.outs;
        for line in 0..self.to[0] {
            // SAFETY: lines of the image and of the copy.
            unsafe { (kernels.copy)(image.add(line * len), copy.add(line * self.tiles[1].outputs() * self.outs), len) };
        }
    }
}

/// From one point to the next, for so many numbers at each: an odd number of cache lines, or all points would fall
/// to the same few places of the cache.
fn point_step(numbers: usize) -> usize {
    numbers.div_ceil(super::LINE) / 2 * 2 * super::LINE + super::LINE
}

/// Can this convolution be computed so?
pub(super) fn possible(g: &Geometry) -> bool {
    let flat = g.input[0] == 1 && g.output[0] == 1 && g.size == [1, 3, 3];
    flat && g.strides == [1; 3] && g.dilation == [1; 3] && g.groups == 1
}

/// Operations of registers for each of the tiles, from so many channels to so many, and those of the plain sums at a place.
fn operations(ins: usize, outs: usize, to_or_from_outs: usize) -> (usize, usize) {
    let registers = outs.div_ceil(REGISTER);
    let tile = 220 * ins.div_ceil(REGISTER) + to_or_from_outs * registers + POINTS * ins * registers * 5 / 4;
    (tile, 9 * ins * registers)
}

fn covers(places: [usize; 3]) -> [Cover; 2] {
    [places[1], places[2]].map(Cover::of)
}

/// The time it takes, as a share of what the plain sums take: for the outputs or, if turned, the inputs. Nothing where it
/// cannot be done, or not sooner.
pub(super) fn share(g: &Geometry, turned: bool) -> Option<f64> {
    let (places, ins, outs) = match turned {
        false => (g.output, g.channels, g.outputs),
        true => (g.input, g.outputs, g.channels),
    };
    let (tile, place) = operations(ins, outs, 200);
    let share = whole_tiles(covers(places)) * tile as f64 / (product(places) * place) as f64;
    (possible(g) && g.channels.min(g.outputs) >= 8 && share < WORTH).then_some(share)
}

/// The same for the derivative by the kernel, over so many images at once.
pub(super) fn kernel_share(g: &Geometry, images: usize) -> Option<f64> {
    let images = images.min(together(g));
    let (tile, place) = operations(g.channels, g.outputs, 150);
    let tiles = whole_tiles(covers(g.output)) * (images * tile) as f64;
    let back = 200 * g.channels * g.outputs.div_ceil(REGISTER);
    let share = (tiles + back as f64) / (product(g.output) * images * place) as f64;
    (self::share(g, false).is_some() && share < WORTH).then_some(share)
}

/// The share of the time from which on it is not worth it.
const WORTH: f64 = 0.8;

/// How many images, from a multiple of that number on, [`Method::Winograd`](super::Method) sums together for the
/// derivative by the kernel: a power of 2.
pub fn together(g: &Geometry) -> usize {
    kernel_group(g).least.div_ceil(tiles(g.output)).next_power_of_two().min(TOGETHER)
}

/// Tiles that are taken together for the derivative by the kernel. Wide kernels' sums leave the cache: they are read and
/// written once for each such group, and the tiles once for all of the sums. Both cost the same at about this many.
fn kernel_group(g: &Geometry) -> Group {
    let balance = g.channels * g.outputs / (g.channels + g.outputs);
    Group { least: KERNEL_GROUP.least.max(balance.next_power_of_two()), ..KERNEL_GROUP }
}

/// So many images at least fill a group of tiles: each group goes through the whole kernel.
pub fn enough(g: &Geometry, turned: bool) -> usize {
    GROUP.least.div_ceil(tiles(if turned { g.input } else { g.output }))
}

/// The tiles of an image of so many places.
fn tiles(places: [usize; 3]) -> usize {
    covers(places).iter().map(Cover::tiles).product()
}

/// Panels of a kernel at its points, and numbers of each.
pub(super) fn points(kernels: &Kernels, g: &Geometry, turned: bool) -> [usize; 2] {
    let l = Layout::new(kernels, g, turned);
    [l.columns / l.width, POINTS * point_step(l.channels * l.width)]
}

/// Numbers of scratch memory that [`to_points`] needs.
pub(super) fn points_scratch_len(kernels: &Kernels, g: &Geometry, turned: bool) -> usize {
    let l = Layout::new(kernels, g, turned);
    9 * l.channels * kernels.width() + super::LINE
}

/// As `super::to_points`.
pub(super) unsafe fn to_points(
    kernels: &Kernels,
    g: &Geometry,
    turned: bool,
    panels: Range<usize>,
    w: *const f32,
    to: *mut f32,
    mut scratch: Scratch,
) {
    let l = Layout::new(kernels, g, turned);
    let w_step = point_step(l.channels * l.width);
    let panel = scratch.take(9 * l.channels * kernels.width());
    for i in panels {
        let col = i * l.width;
        let cols = l.width.min(l.outs - col);
        // SAFETY: the columns are within the kernel, and there is room for all its panels.
        unsafe {
            if turned {
                turn(kernels, g, 0, col, cols, w, panel);
            } else {
                let b = Matrix { ptr: w.add(col), row_stride: g.outputs, col_stride: 1 };
                (kernels.pack)(9 * l.channels, cols, b, panel);
            }
            (kernels.winograd.kernel)(panel, l.channels, cols, to.add(i * POINTS * w_step), [l.width, w_step]);
        }
    }
}

/// Numbers of scratch memory that [`convolve`] needs.
pub(super) fn scratch_len(kernels: &Kernels, g: &Geometry, turned: bool) -> usize {
    let l = Layout::new(kernels, g, turned);
    let tiles = l.most(l.bands(GROUP, l.ins + l.width));
    let at_points = POINTS * (point_step(tiles * l.ins) + point_step(tiles * l.width));
    l.copy_len() + kernels.count + at_points + OUTS[LONG] * l.to[1] * l.width + 4 * super::LINE
}

/// As `super::convolve`, `kernel` at its points.
pub(super) unsafe fn convolve(
    kernels: &Kernels,
    g: &Geometry,
    turned: bool,
    images: Range<usize>,
    x: *const f32,
    kernel: *const f32,
    mut scratch: Scratch,
    target: &mut Target,
) {
    let (l, own) = (Layout::new(kernels, g, turned), kernels.winograd);
    let (copy_len, w_step) = (l.copy_len() + kernels.count, point_step(l.channels * l.width));
    let most = l.bands(GROUP, l.ins + l.width);
    let copy = scratch.take(copy_len);
    let seen = scratch.take(POINTS * point_step(l.most(most) * l.ins));
    let sums = scratch.take(POINTS * point_step(l.most(most) * l.width));
    let lines = scratch.take(OUTS[LONG] * l.to[1] * l.width);
    // SAFETY: the copy was just taken.
    unsafe { l.zeros(copy, copy_len) };
    let image_len = l.from[0] * l.from[1] * l.channels;
    let bands = images.len() * l.tiles[0].tiles();
    let mut copied = None;
    for first in (0..bands).step_by(most) {
        let all = first..bands.min(first + most);
        let order = l.order(first, all.len());
        let first_place = images.start * l.to[0] * l.to[1] + l.place(all.start);
        let places = l.place(all.end) - l.place(all.start);
        let (in_steps, out_steps) = ([l.ins, order.step(l.ins)], [l.width, order.step(l.width)]);
        for Band { image, line, length, n } in walk(&l, all.clone()) {
            // SAFETY: the image is one of those that can be read; its tiles lie within the copy, which ends with room for
            // a register.
            unsafe {
                if copied != Some(image) {
                    l.fill(kernels, x.wrapping_add((images.start + image) * image_len), copy);
                    copied = Some(image);
                }
                let lines = Lines { line: l.copied()[1] * l.channels, place: l.channels };
                for (column, tiles, place) in pieces(&l) {
                    let from = copy.add(line * lines.line + place * lines.place);
                    let to = seen.add(order.start(length, n, column) * l.ins);
                    (own.inputs[length][column])(from, lines, [tiles, l.channels], to, in_steps);
                }
            }
        }
        for (i, col) in (0..l.outs).step_by(l.width).enumerate() {
            let cols = l.width.min(l.outs - col);
            let rounded = cols.next_multiple_of(kernels.count);
            // SAFETY: all within what was taken; the lines of a band are within the result or what was taken for them.
            unsafe {
                let near = |point: usize| {
                    let place = |point: usize| first_place + places * point / POINTS;
                    target.bring(place(point)..place(point + 1), col..col + cols);
                };
                products(kernels, &l, &order, cols, seen, kernel.add(i * POINTS * w_step), sums, &near);
                for Band { image, line, length, n } in walk(&l, all.clone()) {
                    let height = OUTS[length].min(l.to[0] - line);
                    let place = ((images.start + image) * l.to[0] + line) * l.to[1];
                    let (to, stride) = match *target {
                        Target::Tiles(..) => (lines, rounded),
                        Target::Store { to, stride } => (to.wrapping_add(place * stride + col), stride),
                    };
                    let places = Lines { line: l.to[1] * stride, place: stride };
                    for (column, tiles, place) in pieces(&l) {
                        let from = sums.add(order.start(length, n, column) * l.width);
                        let (to, there) = (to.wrapping_add(place * stride), [height, l.to[1] - place]);
                        (own.outputs[length][column])(from, out_steps, [tiles, cols], to, places, there);
                    }
                    if let Target::Tiles(done, _) = target {
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

/// A line of tiles.
struct Band {
    /// Which image, and its first line there.
    image: usize,
    line: usize,
    /// Long or short, and how many of that length came before.
    length: usize,
    n: usize,
}

fn walk(l: &Layout, bands: Range<usize>) -> impl Iterator<Item = Band> {
    let lines = l.tiles[0];
    let mut before = [0; 2];
    bands.map(move |band| {
        let image = band / lines.tiles();
        let (length, line) = lines.tile(band - image * lines.tiles());
        let n = before[length];
        before[length] += 1;
        Band { image, line, length, n }
    })
}

/// The tiles of a line: of what length, how many and from which output on.
fn pieces(l: &Layout) -> impl Iterator<Item = (usize, usize, usize)> {
    let Cover { long, short } = l.tiles[1];
    [(LONG, long, 0), (SHORT, short, OUTS[LONG] * long)].into_iter().filter(|(_, tiles, _)| *tiles > 0)
}

/// The product of tiles and a panel of the kernel at each pair of points; meanwhile the memory is asked for what comes next,
/// a share for each.
unsafe fn products(
    kernels: &Kernels,
    l: &Layout,
    order: &Order,
    cols: usize,
    seen: *const f32,
    kernel: *const f32,
    sums: *mut f32,
    near: &dyn Fn(usize),
) {
    let wide = cols > kernels.count;
    let stored = if wide { l.width } else { kernels.count };
    let (a_step, b_step, c_step) = (order.step(l.ins), point_step(l.channels * l.width), order.step(l.width));
    for point in 0..POINTS {
        near(point);
        let there = order.at(point);
        let (mut at, strips) = (there.start, there.len().div_ceil(kernels.rows));
        for strip in 0..strips {
            let rows = (there.len() + strip) / strips;
            // SAFETY: the caller's promise.
            unsafe {
                let (a, b) = (seen.add(point * a_step + at * l.ins), kernel.add(point * b_step));
                let c = sums.add(point * c_step + at * l.width);
                let product = kernels.kernels[rows - 1][usize::from(wide)];
                product(&WHOLE, l.channels, cols, a, l.ins, 1, b, l.width, c, l.width, stored, false);
            }
            at += rows;
        }
    }
}

/// One stretch of inner steps.
const WHOLE: [Segment; 1] = [Segment { a: 0, b: 0 }];

/// Numbers of a copy of an image's derivatives, where tiles or registers would leave them or kernels round.
fn derivatives_len(kernels: &Kernels, l: &Layout) -> usize {
    let covered = l.tiles.map(|cover| cover.outputs());
    let copied = kernels.rounds || l.to != covered || !l.outs.is_multiple_of(kernels.count);
    if copied { covered[0] * covered[1] * l.outs + kernels.count } else { 0 }
}

/// Panels of the kernel's derivative whose sums are made and brought back before the next ones': so many as stay near, if the
/// tiles of all images that are summed together are there at once.
fn panels_at_once(l: &Layout, g: &Geometry) -> usize {
    let all = l.columns / l.width;
    let whole = together(g) * l.tiles[0].tiles() <= l.bands(kernel_group(g), l.ins + l.columns);
    if whole { (SUMS / (POINTS * l.channels * l.width)).clamp(1, all) } else { all }
}

/// Numbers of scratch memory that [`kernel_of`] needs.
pub(super) fn kernel_scratch_len(kernels: &Kernels, g: &Geometry) -> usize {
    let l = Layout::new(kernels, g, false);
    let tiles = l.most(l.bands(kernel_group(g), l.ins + l.columns));
    let at_points = POINTS * (point_step(tiles * l.ins) + point_step(tiles * l.width) * l.columns / l.width);
    let sums = POINTS * point_step(l.channels * l.width) * panels_at_once(&l, g);
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
    let (most, w_step) = (l.bands(kernel_group(g), l.ins + l.columns), point_step(l.channels * l.width));
    let copy = scratch.take(copy_len);
    let y_copy = scratch.take(y_len);
    let seen = scratch.take(POINTS * point_step(l.most(most) * l.ins));
    let asked = scratch.take(POINTS * point_step(l.most(most) * l.width) * l.columns / l.width);
    let (panels, at_once) = (l.columns / l.width, panels_at_once(&l, g));
    let sums = scratch.take(POINTS * w_step * at_once);
    // SAFETY: just taken.
    unsafe {
        l.zeros(copy, copy_len);
        std::slice::from_raw_parts_mut(y_copy, y_len).fill(0.0);
    }
    let together = together(g);
    let (mut start, mut add) = (images.start, add);
    while start < images.end {
        let end = images.end.min((start / together + 1) * together);
        let bands = (end - start) * l.tiles[0].tiles();
        let mut copied = None;
        for first in (0..bands).step_by(most) {
            let all = first..bands.min(first + most);
            let order = l.order(first, all.len());
            let (in_steps, out_steps) = ([l.ins, order.step(l.ins)], [l.width, order.step(l.width)]);
            for Band { image, line, length, n } in walk(&l, all) {
                // SAFETY: as in `convolve`.
                unsafe {
                    let y = y.wrapping_add((start + image) * g.output_len());
                    if copied != Some(image) {
                        l.fill(kernels, x.wrapping_add((start + image) * g.input_len()), copy);
                        if y_len > 0 {
                            l.fill_derivatives(kernels, y, y_copy);
                        }
                        copied = Some(image);
                    }
                    let inputs = Lines { line: l.copied()[1] * l.channels, place: l.channels };
                    let y = if y_len > 0 { y_copy.cast_const() } else { y };
                    let outputs = Lines { line: l.tiles[1].outputs() * l.outs, place: l.outs };
                    for (column, tiles, place) in pieces(&l) {
                        let at = order.start(length, n, column);
                        let from = copy.add(line * inputs.line + place * inputs.place);
                        let to = seen.add(at * l.ins);
                        (own.inputs[length][column])(from, inputs, [tiles, l.channels], to, in_steps);
                        let from = y.add(line * outputs.line + place * outputs.place);
                        for (i, col) in (0..l.outs).step_by(l.width).enumerate() {
                            let to = asked.add(i * POINTS * out_steps[1] + at * l.width);
                            let counts = [tiles, l.width.min(l.outs - col)];
                            (own.derivatives[length][column])(from.add(col), outputs, counts, to, out_steps);
                        }
                    }
                }
            }
            for some in (0..panels).step_by(at_once).map(|i| i..panels.min(i + at_once)) {
                for point in 0..POINTS {
                    let there = order.at(point);
                    for (n, i) in some.clone().enumerate() {
                        let cols = l.width.min(l.outs - i * l.width);
                        // SAFETY: as above.
                        unsafe {
                            let seen = seen.add(point * in_steps[1] + there.start * l.ins);
                            let asked = asked.add((i * POINTS + point) * out_steps[1] + there.start * l.width);
                            let sums = sums.add((n * POINTS + point) * w_step);
                            kernel_product(kernels, &l, there.len(), cols, seen, asked, sums, first > 0);
                        }
                    }
                }
                if first + most >= bands {
                    for (n, i) in some.enumerate() {
                        let cols = l.width.min(l.outs - i * l.width);
                        // SAFETY: as above; the kernel can be written.
                        unsafe {
                            let (steps, w_steps) = ([l.width, w_step], [l.outs, l.channels * l.outs]);
                            let (sums, w) = (sums.add(n * POINTS * w_step), w.add(i * l.width));
                            (own.kernel_back)(sums, steps, [l.channels, cols], w, w_steps, add);
                        }
                    }
                }
            }
        }
        (start, add) = (end, true);
    }
}

/// The product of tiles seen and a panel of derivatives at a pair of points, summed over the tiles.
unsafe fn kernel_product(
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
    let mut at = 0;
    for strip in 0..strips {
        let rows = (l.channels + strip) / strips;
        // SAFETY: the caller's promise.
        unsafe {
            let (a, c) = (seen.add(at), sums.add(at * l.width));
            let product = kernels.kernels[rows - 1][usize::from(wide)];
            product(&WHOLE, tiles, cols, a, 1, l.ins, asked, l.width, c, l.width, stored, add);
        }
        at += rows;
    }
}
