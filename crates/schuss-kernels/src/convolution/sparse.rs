//! Derivatives by outputs most of which have none, as behind a max-pooling and a rectifier: products with 0 are left out.
//!
//! What is left of each element's chain of multiply-adds is in the same order, and a product with 0 adds nothing, so the
//! bits are those of the whole chain (but for the sign of a 0 that a denormal was flushed to). A number that is not
//! finite is not found where it would only meet zeros.

use super::{BLOCK, Factors, Geometry, Isa, Kernels, Method, Scratch, Target, Walk, kernels, product, turn};
pub(super) use crate::lane::Entry;
use crate::product::Tile;
use std::ops::Range;

mod outer;
mod registers;

#[cfg(target_arch = "aarch64")]
pub(super) use registers::NEON;
pub(super) use registers::PORTABLE;
#[cfg(target_arch = "x86_64")]
pub(super) use registers::{AVX2, AVX512};

/// Numbers of scratch memory that an entry takes.
const ENTRY: usize = size_of::<Entry>() / size_of::<f32>();
/// Registers of sums at most.
const SUMS: usize = 12;
/// The most registers of a window's numbers.
const WIDEST: usize = 8;
/// Bytes of inputs that stay in the first level of the cache while all outputs are walked over.
const NEAR: usize = 20 << 10;

/// `count(x, n)`: how many are not 0.
type Count = unsafe fn(*const f32, usize) -> usize;
/// `gather(y, n, at, counts, capacity, lists)`: appends those of n numbers that are not 0 to the list of each.
type Gather = unsafe fn(*const f32, usize, u32, *mut u32, usize, *mut Entry);
/// `row(y, n, at, step, entries)`: appends those of n numbers that are not 0, and says how many.
type Row = unsafe fn(*const f32, usize, u32, u32, *mut Entry) -> usize;
/// `add(entries, n, x, line, last, w, w_line)`
type Add = unsafe fn(*const Entry, usize, *const f32, usize, usize, *mut f32, usize);
/// `turn(from, step, [rows, columns], to, step)`: rows become columns.
type Turn = unsafe fn(*const f32, usize, [usize; 2], *mut f32, usize);
/// `windows(lines, starts, entries, which, size, panel, steps, to, step, last)`
type Windows =
    unsafe fn(&[usize], *const u32, *const Entry, Range<usize>, usize, *const f32, [usize; 3], *mut f32, usize, usize);

impl Sparse {
    /// `turn(from, step, [rows, columns], to, step)`: rows become columns.
    pub(super) unsafe fn turn(&self, from: *const f32, from_step: usize, size: [usize; 2], to: *mut f32, step: usize) {
        // SAFETY: the caller's promise.
        unsafe { (self.turn)(from, from_step, size, to, step) }
    }
}

/// What an instruction set brings.
pub(super) struct Sparse {
    count: Count,
    gather: Gather,
    row: Row,
    turn: Turn,
    /// By lines and registers of each: see [`lines_of`].
    add: fn(usize, usize) -> Add,
    /// By the same.
    outer: fn(usize, usize) -> outer::Outer,
    /// By registers, less one.
    windows: [Windows; WIDEST],
}

/// Numbers of a kernel that are copied to another order at most: greater ones would come from far away anyway.
const MOST: usize = 1 << 21;

/// The time that the inputs take, as a share of what the plain sums take, where such a share of the outputs is not 0:
/// measured with `examples/convolution_rates.rs`, as the next.
pub(super) fn share(nonzero: f64) -> f64 {
    2.0 * nonzero
}

/// The same for the derivative by the kernel. A large one comes from far away, again and again.
pub(super) fn kernel_share(g: &Geometry, nonzero: f64) -> f64 {
    let far = if g.kernel_rows() * g.outputs > LARGE { 12.0 / product(g.output) as f64 } else { 0.0 };
    share(nonzero) + far
}

/// Numbers of a kernel that stay in the second level of the cache.
const LARGE: usize = 1 << 17;

/// Whether products can be left out of such a walk at all.
fn possible(kernels: &Kernels, walk: &Walk, g: &Geometry) -> bool {
    let (width, lines) = (kernels.width(), g.size[0] * g.size[1]);
    let by_stretch = lines * (g.size[2] * g.channels).next_multiple_of(width) * g.outputs;
    let by_channel = product(g.size) * g.channels.next_multiple_of(width) * g.outputs;
    kernels.pair.is_none() && walk.joined() && !g.depthwise() && by_stretch.max(by_channel) <= MOST
}

/// The time that the inputs take, as a share of what the plain sums take, where such a share of the outputs is not 0 and the
/// choice is made without looking at them. Nothing where products cannot be left out.
pub(super) fn share_unseen(isa: Isa, g: &Geometry, nonzero: f64) -> Option<f64> {
    let kernels = kernels(isa, Factors::F32);
    let walk = Walk::turned(kernels, g);
    let (sparse, dense) = input_costs(kernels, g, &walk);
    inputs_possible(kernels, &walk, g).then_some(share(nonzero).max(nonzero * sparse / dense))
}

/// The same for the derivative by the kernel.
pub(super) fn kernel_share_unseen(isa: Isa, g: &Geometry, nonzero: f64) -> Option<f64> {
    let kernels = kernels(isa, Factors::F32);
    let walk = Walk::forward(kernels, g);
    let (sparse, dense) = kernel_costs(kernels, g, &walk);
    possible(kernels, &walk, g).then_some(kernel_share(g, nonzero).max((nonzero * sparse + 0.5) / dense))
}

fn inputs_possible(kernels: &Kernels, walk: &Walk, g: &Geometry) -> bool {
    let fits = walk.pitch[2] * g.outputs * kernels.width() < u32::MAX as usize;
    possible(kernels, walk, g) && g.strides == [1; 3] && fits
}

/// Is less than this share of the outputs of these images not 0?
fn few(kernels: &Kernels, g: &Geometry, images: &Range<usize>, y: *const f32, most: f64) -> bool {
    // SAFETY: the caller's images.
    let from = y.wrapping_add(images.start * g.output_len());
    let below = |n: usize| {
        // SAFETY: as above.
        let found = unsafe { (kernels.sparse.count)(from, n) };
        (found as f64) < most * n as f64
    };
    // A first look says no where most numbers are something.
    below(g.output_len().min(1024)) && below(images.len() * g.output_len())
}

/// How the derivative by the kernel is cut.
struct Cut {
    /// Numbers of a stretch, also as whole registers, and how many there are.
    stretch: usize,
    padded: usize,
    stretches: usize,
    /// Rows of windows that are taken together, and windows in them.
    rows: usize,
    capacity: usize,
}

impl Cut {
    fn new(kernels: &Kernels, walk: &Walk) -> Self {
        let line = walk.pitch[2] * walk.channels * size_of::<f32>();
        let near = (NEAR / line.max(1)).saturating_sub(walk.size[1]) / walk.strides[1].max(1);
        let rows = near.min(128 / walk.to[2].max(1)).clamp(1, walk.row_count().max(1));
        Cut {
            stretch: walk.stretch(),
            padded: walk.stretch().next_multiple_of(kernels.count),
            stretches: walk.size[0] * walk.size[1],
            rows,
            capacity: rows * walk.to[2],
        }
    }
}

/// Numbers of scratch memory that [`kernel_of`] needs.
pub(super) fn kernel_scratch_len(kernels: &Kernels, g: &Geometry, walk: &Walk) -> usize {
    if !possible(kernels, walk, g) {
        return 0;
    }
    let cut = Cut::new(kernels, walk);
    let turned = cut.stretches * cut.padded * g.outputs;
    let lists = turned + g.outputs * (1 + cut.capacity * ENTRY) + 3 * super::LINE;
    lists.max(outer::scratch_len(kernels, g, walk))
}

/// Does leaving products out pay for the derivative by the kernel?
pub(super) fn pays_for_kernel(
    kernels: &Kernels,
    method: Method,
    g: &Geometry,
    walk: &Walk,
    images: &Range<usize>,
    y: *const f32,
) -> bool {
    if method == Method::Plain || !possible(kernels, walk, g) || images.is_empty() {
        return false;
    }
    if method == Method::Sparse {
        return true;
    }
    let (sparse, dense) = kernel_costs(kernels, g, walk);
    few(kernels, g, images, y, (dense - 0.5) / sparse)
}

/// What a number of the outputs takes for the derivative by the kernel, in multiply-adds of registers: if it is not 0 and
/// others are left out, and if none is.
fn kernel_costs(kernels: &Kernels, g: &Geometry, walk: &Walk) -> (f64, f64) {
    let registers = walk.stretch().div_ceil(kernels.count);
    let lines = lines_of(registers, walk.size[1]);
    let passes = walk.size[0] * walk.size[1].div_ceil(lines) * registers.div_ceil(SUMS);
    let lists = (walk.size[0] * walk.size[1] * registers) as f64 * 1.3 + 3.0 * passes as f64 + 6.0;
    let sparse = outer::registers(kernels, g, walk).map_or(lists, |registers| outer::cost(walk, registers));
    (sparse, walk.stretch() as f64 * (walk.size[0] * walk.size[1]) as f64 / kernels.count as f64)
}

/// The derivative by the kernel, as `super::kernel_of`.
pub(super) unsafe fn kernel_of(
    kernels: &Kernels,
    g: &Geometry,
    walk: &Walk,
    images: Range<usize>,
    x: *const f32,
    y: *const f32,
    w: *mut f32,
    add: bool,
    [copy, y_copy]: [*mut f32; 2],
    scratch: &mut Scratch,
) {
    if let Some(registers) = outer::registers(kernels, g, walk) {
        let copies = [copy, y_copy];
        // SAFETY: the caller's promise.
        return unsafe { outer::kernel_of(kernels, g, walk, registers, images, x, y, w, add, copies, scratch) };
    }
    let (cut, outs) = (Cut::new(kernels, walk), g.outputs);
    // The kernel with a row for each output. Were its registers an output's row apart, that would often be a power of 2, and
    // they would crowd into the same few places of the cache.
    let (len, row) = (cut.stretches * cut.padded * outs, cut.stretches * cut.padded);
    let turned = scratch.take(len);
    let counts = scratch.take(outs).cast::<u32>();
    let lists = scratch.take(outs * cut.capacity * ENTRY).cast::<Entry>();
    // SAFETY: within the kernel and scratch memory.
    unsafe {
        if add {
            for n in 0..cut.stretches {
                let (from, to) = (w.add(n * cut.stretch * outs), turned.add(n * cut.padded));
                kernels.sparse.turn(from, outs, [cut.stretch, outs], to, row);
            }
        } else {
            std::slice::from_raw_parts_mut(turned, len).fill(0.0);
        }
    }
    let registers = cut.stretch.div_ceil(kernels.count);
    let most = lines_of(registers, walk.size[1]);
    for image in images {
        // SAFETY: the image is one of those that can be read; windows lie within it or its copy; lists have room for
        // all windows of some rows.
        unsafe {
            let (y, mut from) = (y.wrapping_add(image * g.output_len()), x.wrapping_add(image * walk.image_len()));
            let y = kernels.rounded(y, y_copy, g.output_len());
            if walk.copy {
                walk.fill(kernels, from, copy);
                from = copy;
            }
            for first in (0..walk.row_count()).step_by(cut.rows) {
                std::slice::from_raw_parts_mut(counts, outs).fill(0);
                for row in first..(first + cut.rows).min(walk.row_count()) {
                    for i in 0..walk.to[2] {
                        let at = walk.row(row) + i * walk.strides[2] * walk.channels;
                        let y = y.add((row * walk.to[2] + i) * outs);
                        (kernels.sparse.gather)(y, outs, at as u32, counts, cut.capacity, lists);
                    }
                }
                for out in 0..outs {
                    let (list, n) = (lists.add(out * cut.capacity), *counts.add(out) as usize);
                    if n == 0 {
                        continue;
                    }
                    for depth in 0..walk.size[0] {
                        let mut first = 0;
                        while first < walk.size[1] {
                            let lines = lines_of(registers, walk.size[1] - first).min(most);
                            let number = depth * walk.size[1] + first;
                            let line = walk.dilation[1] * walk.pitch[2] * walk.channels;
                            let place = depth * walk.dilation[0] * walk.pitch[1] * walk.pitch[2] * walk.channels;
                            let start = place + first * line;
                            for register in (0..registers).step_by(SUMS) {
                                let own = SUMS.min(registers - register);
                                let last = (cut.stretch - (register + own - 1) * kernels.count).min(kernels.count);
                                let at = register * kernels.count;
                                let to = turned.add(out * row + number * cut.padded + at);
                                let from = from.add(start + at);
                                (kernels.sparse.add)(lines, own)(list, n, from, line, last, to, cut.padded);
                            }
                            first += lines;
                        }
                    }
                }
            }
        }
    }
    for n in 0..cut.stretches {
        // SAFETY: as above.
        unsafe {
            let (from, to) = (turned.add(n * cut.padded), w.add(n * cut.stretch * outs));
            kernels.sparse.turn(from, row, [outs, cut.stretch], to, outs);
        }
    }
}

/// Lines of a window whose sums are kept in registers together, where a line takes so many.
fn lines_of(registers: usize, lines: usize) -> usize {
    [5, 3, 2].into_iter().find(|&n| n <= lines && n * registers <= SUMS).unwrap_or(1)
}

/// Numbers of scratch memory that [`turned`] needs.
pub(super) fn scratch_len(kernels: &Kernels, g: &Geometry, walk: &Walk) -> usize {
    if !possible(kernels, walk, g) || g.strides != [1; 3] {
        return 0;
    }
    let rows = walk.pitch[0] * walk.pitch[1];
    let panels = g.channels.div_ceil(kernels.width());
    let panel = panels * product(walk.size) * g.outputs * kernels.width();
    let lines = walk.size[0] * walk.size[1] * size_of::<usize>() / size_of::<f32>();
    let own = kernels.rounded_len(walk.image_len());
    own + panel + walk.image_len() * ENTRY + rows * (walk.pitch[2] + 1) + lines + BLOCK + 7 * super::LINE
}

/// Does leaving products out pay for the derivative by the inputs?
pub(super) fn pays_for_inputs(
    kernels: &Kernels,
    method: Method,
    g: &Geometry,
    walk: &Walk,
    images: &Range<usize>,
    y: *const f32,
) -> bool {
    if method == Method::Plain || !inputs_possible(kernels, walk, g) || images.is_empty() {
        return false;
    }
    if method == Method::Sparse {
        return true;
    }
    let (sparse, dense) = input_costs(kernels, g, walk);
    few(kernels, g, images, y, dense / sparse)
}

/// What the inputs take for each output and place of the window: if all outputs are something and are gone through one by
/// one, and if none is left out.
fn input_costs(kernels: &Kernels, g: &Geometry, walk: &Walk) -> (f64, f64) {
    let registers = g.channels.div_ceil(kernels.count);
    // A sum waits for the one before: fewer than four of them take as long as four.
    let sparse = product(walk.from) as f64 * (1.4 * registers.max(4) as f64 + 1.0);
    (sparse, (product(walk.to) * registers) as f64)
}

/// The derivative by the inputs, as `super::convolve` if turned.
pub(super) unsafe fn turned(
    kernels: &Kernels,
    g: &Geometry,
    walk: &Walk,
    images: Range<usize>,
    y: *const f32,
    w: *const f32,
    scratch: &mut Scratch,
    target: &mut Target,
) {
    let (width, outs, ins) = (kernels.width(), g.outputs, g.channels);
    let k = product(walk.size) * outs;
    let panels = scratch.take(ins.div_ceil(width) * k * width);
    let entries = scratch.take(walk.image_len() * ENTRY).cast::<Entry>();
    let pitch = walk.pitch[2] + 1;
    let starts = scratch.take(walk.pitch[0] * walk.pitch[1] * pitch).cast::<u32>();
    let taps = walk.size[0] * walk.size[1];
    let lines = scratch.take(taps * size_of::<usize>() / size_of::<f32>()).cast::<usize>();
    let block = scratch.take(BLOCK);
    let own = scratch.take(kernels.rounded_len(walk.image_len()));
    for (i, col) in (0..ins).step_by(width).enumerate() {
        // SAFETY: the columns are within the kernel; a panel has room for k rows.
        unsafe { turn(kernels, g, 0, col, width.min(ins - col), w, panels.add(i * k * width)) };
    }
    let most = WIDEST * kernels.count;
    for image in images {
        // SAFETY: the image is one of those that can be read; there is room for all its numbers.
        unsafe {
            let y = kernels.rounded(y.wrapping_add(image * walk.image_len()), own, walk.image_len());
            list(kernels, walk, outs, y, entries, starts);
        }
        for col in (0..ins).step_by(most) {
            let cols = most.min(ins - col);
            let registers = cols.div_ceil(kernels.count);
            let last = cols - (registers - 1) * kernels.count;
            let stride = (registers * kernels.count).next_multiple_of(super::LINE);
            let capacity = BLOCK / stride;
            for row in 0..walk.row_count() {
                // SAFETY: as long as there are taps; windows, lists and panels are those of this walk.
                unsafe {
                    let lines = std::slice::from_raw_parts_mut(lines, taps);
                    for (i, line) in lines.iter_mut().enumerate() {
                        let depth = row / walk.to[1] + i / walk.size[1] * walk.dilation[0];
                        let height = row % walk.to[1] + i % walk.size[1] * walk.dilation[1];
                        *line = (depth * walk.pitch[1] + height) * pitch;
                    }
                    for first in (0..walk.to[2]).step_by(capacity) {
                        let rows = capacity.min(walk.to[2] - first);
                        let place = image * product(walk.to) + row * walk.to[2] + first;
                        let (to, step) = match *target {
                            Target::Tiles(..) => (block, stride),
                            Target::Store { to, stride } => (to.wrapping_add(place * stride + col), stride),
                        };
                        (kernels.sparse.windows[registers - 1])(
                            lines,
                            starts,
                            entries,
                            first..first + rows,
                            walk.size[2],
                            panels.add(col / width * k * width),
                            [k * width, walk.stretch() * width, outs * width],
                            to,
                            step,
                            last,
                        );
                        if let Target::Tiles(done, _) = target {
                            done(Tile { row: place, col, rows, cols, ptr: block, stride });
                        }
                    }
                }
            }
        }
    }
}

/// Lists the numbers of an image that are not 0, padded row by padded row, and where each place's begin.
unsafe fn list(kernels: &Kernels, walk: &Walk, outs: usize, y: *const f32, entries: *mut Entry, starts: *mut u32) {
    let within = |i: usize, place: usize| {
        let place = place as isize - walk.before[i];
        (0..walk.from[i] as isize).contains(&place).then_some(place as usize)
    };
    let step = kernels.width() as u32;
    let (mut n, mut at) = (0, 0);
    for row in 0..walk.pitch[0] * walk.pitch[1] {
        let line = within(0, row / walk.pitch[1]).zip(within(1, row % walk.pitch[1]));
        for place in 0..=walk.pitch[2] {
            // SAFETY: places of the image; there is room for all its numbers, and for a start of each place.
            unsafe {
                *starts.add(at) = n as u32;
                at += 1;
                if place == walk.pitch[2] {
                    continue;
                }
                if let (Some((d, h)), Some(own)) = (line, within(2, place)) {
                    let from = y.add(((d * walk.from[1] + h) * walk.from[2] + own) * outs);
                    let first = (place * outs) as u32 * step;
                    n += (kernels.sparse.row)(from, outs, first, step, entries.add(n));
                }
            }
        }
    }
}
