//! Images times a kernel that moves over them, and the two derivatives of that.
//!
//! An image's numbers lie places first, channels last, so along the last spatial axis what a window sees is one stretch
//! of memory: a product over a few stretches (`Segment`), whose rows are windows. Padding is made real in a copy of one
//! image at a time. The derivative by the image is the same walk over the outputs, spread out by the strides, with the
//! kernel turned; the derivative by the kernel is a product whose inner steps are windows.
//!
//! Every element is one chain of multiply-adds in a fixed order, whatever tile or thread it falls to.

use crate::Isa;
pub use crate::product::Target;
#[cfg(target_arch = "x86_64")]
use crate::product::amx;
use crate::product::{Factors, Matrix, Segment, Tile};
use crate::tape::BLOCK;
use std::ops::Range;

mod geometry;
mod method;
mod pairs;
mod registers;
mod sparse;
mod strided;
#[cfg(target_arch = "x86_64")]
mod tiles;
mod walk;
mod winograd;

pub use geometry::Geometry;
pub use method::{Method, kernel_method, method};
use pairs::{paired, paired_len};
use registers::{Kernels, kernels};
use strided::by_residues;
use walk::{Residue, Walk, product};
pub use winograd::{enough, together};

/// Numbers of scratch memory for [`convolve`].
pub fn scratch_len(isa: Isa, factors: Factors, g: &Geometry, turned: bool, method: Method) -> usize {
    #[cfg(target_arch = "x86_64")]
    if in_tiles(isa, factors, g, method) {
        return tiles::scratch_len(pairs::copies(), g, turned);
    }
    scratch_len_with(kernels_for(isa, factors, g, method), g, turned, method)
}

/// Are the products made in tiles of bfloat16?
#[cfg(target_arch = "x86_64")]
fn in_tiles(isa: Isa, factors: Factors, g: &Geometry, method: Method) -> bool {
    let all = matches!(method, Method::Plain | Method::Look);
    factors == Factors::Bf16 && all && tiles::possible(g) && crate::product::tiles(isa)
}

fn scratch_len_with(kernels: &Kernels, g: &Geometry, turned: bool, method: Method) -> usize {
    if method == Method::Winograd {
        return winograd::scratch_len(kernels, g, turned);
    }
    let (walk, width) = (walk(kernels, g, turned), kernels.width());
    let k = product(walk.size) * walk.channels / walk.groups;
    let (copy, image) = match turned && g.strided() {
        true => (residue_copy_len(kernels, g), g.input_places() * width),
        false => (kernels.copy_len(&walk), 0),
    };
    let panels = k * width + paired_len(kernels, product(walk.size), k);
    let own = if g.depthwise() { kernels.rounded_len(g.kernel_rows() * g.outputs) } else { 0 };
    let dense = 7 * LINE + copy + image + panels + own + BLOCK + segments_len(product(walk.size));
    if turned { dense.max(sparse::scratch_len(kernels, g, &walk)) } else { dense }
}

/// The time that all products take with a unit for bfloat16 that would be used, as a share of what they take in f32.
fn unit_share(isa: Isa, factors: Factors, g: &Geometry, columns: usize) -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    if in_tiles(isa, factors, g, Method::Plain) {
        return Some(tiles::SHARE);
    }
    pairs::share(isa, factors, g, columns)
}

/// The kernels: those of the machine's unit for bfloat16, where it has one and these can be taken.
fn kernels_for(isa: Isa, factors: Factors, g: &Geometry, method: Method) -> &'static Kernels {
    let all = matches!(method, Method::Plain | Method::Look) && !g.depthwise();
    pairs::unit(isa, factors).filter(|_| all).unwrap_or(kernels(isa, factors))
}

fn walk(kernels: &Kernels, g: &Geometry, turned: bool) -> Walk {
    if turned { Walk::turned(kernels, g) } else { Walk::forward(kernels, g) }
}

fn residue_copy_len(kernels: &Kernels, g: &Geometry) -> usize {
    let len = |r| kernels.copy_len(&Walk::residue(kernels, g, &Residue::new(g, r)));
    g.residues().map(len).max().unwrap_or(0)
}

/// Numbers of scratch memory for [`kernel_of`].
pub fn kernel_scratch_len(isa: Isa, factors: Factors, g: &Geometry, method: Method) -> usize {
    #[cfg(target_arch = "x86_64")]
    if in_tiles(isa, factors, g, method) {
        return tiles::kernel_scratch_len(g);
    }
    kernel_scratch_len_with(kernels_for(isa, factors, g, method), g, method)
}

fn kernel_scratch_len_with(kernels: &Kernels, g: &Geometry, method: Method) -> usize {
    if method == Method::Winograd {
        return winograd::kernel_scratch_len(kernels, g);
    }
    let walk = Walk::forward(kernels, g);
    let y = kernels.rounded_len(g.output_len());
    let sparse = sparse::kernel_scratch_len(kernels, g, &walk);
    let more = segments_len(walk.row_count()).max(sparse) + pairs::scratch_len(kernels, g, &walk);
    5 * LINE + kernels.copy_len(&walk) + y + more
}

fn segments_len(count: usize) -> usize {
    count * size_of::<Segment>() / size_of::<f32>()
}

/// Scratch memory of zeros.
fn taken(scratch: &mut Scratch, len: usize) -> *mut f32 {
    let copy = scratch.take(len);
    // SAFETY: just taken.
    unsafe { std::slice::from_raw_parts_mut(copy, len).fill(0.0) };
    copy
}

/// Numbers in a cache line.
const LINE: usize = 16;
/// Inner steps from which on memory is asked for.
const ASKS: usize = 64;
/// Windows that are computed before they are handed on.
const ROWS: usize = 56;

/// Cuts aligned pieces off scratch memory.
struct Scratch<'a>(&'a mut [f32]);

impl<'a> Scratch<'a> {
    fn take(&mut self, len: usize) -> *mut f32 {
        let skip = self.0.as_ptr().align_offset(LINE * size_of::<f32>());
        let (piece, rest) = std::mem::take(&mut self.0)[skip..].split_at_mut(len);
        self.0 = rest;
        piece.as_mut_ptr()
    }
    fn segments(&mut self, count: usize) -> &'a mut [Segment] {
        let at = self.take(segments_len(count)).cast::<Segment>();
        // SAFETY: aligned to a line, as long as so many segments, and any bits are numbers.
        unsafe { std::slice::from_raw_parts_mut(at, count) }
    }
}

/// Panels of a kernel at its points, and numbers of each: what [`convolve`] takes for the kernel by [`Method::Winograd`].
pub fn points(isa: Isa, factors: Factors, g: &Geometry, turned: bool) -> [usize; 2] {
    winograd::points(kernels(isa, factors), g, turned)
}

/// Numbers of scratch memory for [`to_points`].
pub fn points_scratch_len(isa: Isa, factors: Factors, g: &Geometry, turned: bool) -> usize {
    winograd::points_scratch_len(kernels(isa, factors), g, turned)
}

/// Some panels of the kernel `[size…, channels, outputs]` at its points; `to` is where the first of all panels begins.
///
/// # Safety
/// This machine has `isa`; the kernel can be read and these panels can be written; they do not overlap. The geometry and
/// [`Method::Winograd`] pass their checks.
///
/// # Panics
/// If `scratch` is shorter than [`points_scratch_len`].
pub unsafe fn to_points(
    isa: Isa,
    factors: Factors,
    g: &Geometry,
    turned: bool,
    panels: Range<usize>,
    w: *const f32,
    to: *mut f32,
    scratch: &mut [f32],
) {
    // SAFETY: the caller's promise.
    unsafe { winograd::to_points(kernels(isa, factors), g, turned, panels, w, to, Scratch(scratch)) }
}

/// The outputs of these images: y = x ∗ w; if `turned`, x from y. `x` is the first number of image 0 of what is walked
/// over, `w` the kernel `[size…, channels / groups, outputs]`, or by [`Method::Winograd`] what [`to_points`] made of it.
/// Rows of the result are places of images, image after image. Products with zeros are left out of the inputs only.
///
/// # Safety
/// This machine has `isa`; the images and the kernel can be read; where results are stored can be written and overlaps
/// neither. The geometry passes its `check`.
///
/// # Panics
/// If `scratch` is shorter than [`scratch_len`].
pub unsafe fn convolve(
    isa: Isa,
    factors: Factors,
    g: &Geometry,
    turned: bool,
    images: Range<usize>,
    x: *const f32,
    w: *const f32,
    method: Method,
    scratch: &mut [f32],
    target: &mut Target,
) {
    #[cfg(target_arch = "x86_64")]
    if in_tiles(isa, factors, g, method) {
        let kernels = pairs::copies();
        // SAFETY: the caller's promise; the machine has tiles.
        unsafe { tiles::convolve::<amx::Tiles>(kernels, g, turned, images, x, w, Scratch(scratch), target) };
        return amx::release_tiles();
    }
    let kernels = kernels_for(isa, factors, g, method);
    // SAFETY: the caller's promise.
    unsafe { convolve_with(kernels, g, turned, images, x, w, method, scratch, target) }
}

unsafe fn convolve_with(
    kernels: &Kernels,
    g: &Geometry,
    turned: bool,
    images: Range<usize>,
    x: *const f32,
    w: *const f32,
    method: Method,
    scratch: &mut [f32],
    target: &mut Target,
) {
    if method == Method::Winograd {
        // SAFETY: the caller's promise.
        return unsafe { winograd::convolve(kernels, g, turned, images, x, w, Scratch(scratch), target) };
    }
    if turned && g.strided() {
        // SAFETY: the caller's promise.
        return unsafe { by_residues(kernels, g, images, x, w, Scratch(scratch), target) };
    }
    let (walk, mut scratch) = (walk(kernels, g, turned), Scratch(scratch));
    if turned && sparse::pays_for_inputs(kernels, method, g, &walk, &images, x) {
        // SAFETY: the caller's promise.
        return unsafe { sparse::turned(kernels, g, &walk, images, x, w, &mut scratch, target) };
    }
    let copy = taken(&mut scratch, kernels.copy_len(&walk));
    let k = product(walk.size) * walk.channels / walk.groups;
    let panel = scratch.take(k * kernels.width());
    let pairs = scratch.take(paired_len(kernels, product(walk.size), k));
    let block = scratch.take(BLOCK);
    let own = if turned { g.channels / g.groups } else { g.outputs / g.groups };
    if g.depthwise() {
        let len = g.kernel_rows() * g.outputs;
        let own = scratch.take(kernels.rounded_len(len));
        // SAFETY: the caller's promise.
        unsafe {
            let w = kernels.rounded(w, own, len);
            depthwise(kernels, &walk, turned, g.outputs, images, x, w, copy, block, target);
        }
        return;
    }
    let segments = scratch.segments(walk.stretches(0).count());
    for group in 0..g.groups {
        for (i, (s, a)) in segments.iter_mut().zip(walk.stretches(group)).enumerate() {
            *s = Segment { a, b: i * kernels.steps(walk.stretch()) * kernels.width() };
        }
        for col in (0..own).step_by(kernels.width()) {
            let cols = kernels.width().min(own - col);
            let first = group * own + col;
            // SAFETY: the columns are within the kernel; the panels have room for k rows.
            let panel = unsafe {
                if turned {
                    turn(kernels, g, group, col, cols, w, panel);
                } else {
                    let b = Matrix { ptr: w.add(first), row_stride: g.outputs, col_stride: 1 };
                    (kernels.pack)(k, cols, b, panel);
                }
                paired(kernels, segments.len(), walk.stretch(), cols, panel, pairs)
            };
            for image in images.clone() {
                // SAFETY: the image is one of those that can be read; windows lie within it or its copy.
                unsafe {
                    let from = x.wrapping_add(image * walk.image_len());
                    let from = if walk.copy {
                        walk.fill(kernels, from, copy);
                        copy.cast_const()
                    } else {
                        from
                    };
                    one_image(kernels, &walk, segments, image, first, cols, from, panel, block, target);
                }
            }
        }
    }
}

/// All windows of an image, for some columns.
unsafe fn one_image(
    kernels: &Kernels,
    walk: &Walk,
    segments: &[Segment],
    image: usize,
    col: usize,
    cols: usize,
    from: *const f32,
    panel: *const f32,
    block: *mut f32,
    target: &mut Target,
) {
    let stride = if cols > kernels.count { kernels.width() } else { kernels.count };
    let capacity = BLOCK / stride;
    let a_row = walk.strides[2] * walk.channels;
    let first = image * product(walk.to);
    // Windows in the block that were not handed on yet, and the row of the first.
    let (mut filled, mut begin) = (0, first);
    for row in 0..walk.row_count() {
        for piece in (0..walk.to[2]).step_by(ROWS) {
            let height = ROWS.min(walk.to[2] - piece);
            let place = first + row * walk.to[2] + piece;
            if let Target::Tiles(done, _) = target
                && filled + height > capacity
            {
                done(Tile { row: begin, col, rows: filled, cols, ptr: block, stride });
                (filled, begin) = (0, place);
            }
            let strips = height.div_ceil(kernels.rows);
            let mut at = 0;
            for strip in 0..strips {
                // Strips of equal height, but for one row.
                let rows = (height + strip) / strips;
                // What the next strip's results go to or by; for few inner steps it would take longer than they.
                if segments.len() * kernels.steps(walk.stretch()) >= ASKS {
                    target.bring(place + at + rows..place + at + 2 * rows, col..col + cols);
                }
                // SAFETY: the windows are within the image; the block has room, and so has memory.
                unsafe {
                    let a = kernels.place(from, walk.row(row) + (piece + at) * a_row);
                    let (to, step, stored) = match *target {
                        Target::Tiles(..) => (block.add((filled + at) * stride), stride, stride),
                        Target::Store { to, stride } => (to.wrapping_add((place + at) * stride + col), stride, cols),
                    };
                    let kernel = kernels.kernels[rows - 1][usize::from(cols > kernels.count)];
                    kernel(
                        segments,
                        kernels.steps(walk.stretch()),
                        cols,
                        a,
                        a_row,
                        kernels.step(),
                        panel,
                        kernels.width(),
                        to,
                        step,
                        stored,
                        false,
                    );
                }
                at += rows;
            }
            filled += height;
        }
    }
    if let Target::Tiles(done, _) = target {
        done(Tile { row: begin, col, rows: filled, cols, ptr: block, stride });
    }
}

/// Copies some columns of the turned kernel together: rows are places of the window from the last to the first, and the
/// outputs of the group; columns are channels of the group.
unsafe fn turn(kernels: &Kernels, g: &Geometry, group: usize, col: usize, cols: usize, w: *const f32, panel: *mut f32) {
    let (ins, outs, taps) = (g.channels / g.groups, g.outputs / g.groups, product(g.size));
    for tap in 0..taps {
        // SAFETY: within the kernel and the panel.
        unsafe {
            let from = w.add(((taps - 1 - tap) * ins + col) * g.outputs + group * outs);
            let b = Matrix { ptr: from, row_stride: 1, col_stride: g.outputs };
            (kernels.pack)(outs, cols, b, panel.add(tap * outs * kernels.width()));
        }
    }
}

/// The derivative by the kernel, summed over these images: w from x and y, written to `w`, or added to what is there.
///
/// # Safety
/// As for [`convolve`]; `w` can be written.
///
/// # Panics
/// If `scratch` is shorter than [`kernel_scratch_len`].
pub unsafe fn kernel_of(
    isa: Isa,
    factors: Factors,
    g: &Geometry,
    images: Range<usize>,
    x: *const f32,
    y: *const f32,
    w: *mut f32,
    add: bool,
    method: Method,
    scratch: &mut [f32],
) {
    #[cfg(target_arch = "x86_64")]
    if in_tiles(isa, factors, g, method) {
        // SAFETY: the caller's promise; the machine has tiles.
        unsafe { tiles::kernel_of::<amx::Tiles>(g, images, x, y, w, add, Scratch(scratch)) };
        return amx::release_tiles();
    }
    // SAFETY: the caller's promise.
    unsafe { kernel_of_with(kernels_for(isa, factors, g, method), g, images, x, y, w, add, method, scratch) }
}

unsafe fn kernel_of_with(
    kernels: &Kernels,
    g: &Geometry,
    images: Range<usize>,
    x: *const f32,
    y: *const f32,
    w: *mut f32,
    add: bool,
    method: Method,
    scratch: &mut [f32],
) {
    let (walk, mut scratch) = (Walk::forward(kernels, g), Scratch(scratch));
    if method == Method::Winograd {
        // SAFETY: the caller's promise.
        return unsafe { winograd::kernel_of(kernels, g, images, x, y, w, add, scratch) };
    }
    let copy = taken(&mut scratch, kernels.copy_len(&walk));
    let y_copy = scratch.take(kernels.rounded_len(g.output_len()));
    if sparse::pays_for_kernel(kernels, method, g, &walk, &images, y) {
        // SAFETY: the caller's promise.
        return unsafe { sparse::kernel_of(kernels, g, &walk, images, x, y, w, add, [copy, y_copy], &mut scratch) };
    }
    let segments = scratch.segments(walk.row_count());
    let pairs = kernels.pair.map(|pair| (pair, pairs::Pairs::new(kernels, g, &walk, &mut scratch)));
    // SAFETY: the kernel can be written.
    unsafe {
        if !add {
            std::slice::from_raw_parts_mut(w, g.kernel_rows() * g.outputs).fill(0.0);
        }
    }
    for image in images {
        // SAFETY: the image is one of those that can be read; windows lie within it or its copy.
        unsafe {
            let y = y.wrapping_add(image * g.output_len());
            let from = x.wrapping_add(image * walk.image_len());
            let from = if walk.copy {
                walk.fill(kernels, from, copy);
                copy.cast_const()
            } else {
                from
            };
            if let Some((pair, pairs)) = &pairs {
                pairs.image(kernels, *pair, &walk, segments, g, from, y, w);
                continue;
            }
            let y = kernels.rounded(y, y_copy, g.output_len());
            if g.depthwise() {
                (kernels.depthwise_kernel)(&walk, from, y, w);
            } else {
                kernel_of_image(kernels, &walk, segments, g, from, y, w);
            }
        }
    }
}

/// Adds what one image gives.
unsafe fn kernel_of_image(
    kernels: &Kernels,
    walk: &Walk,
    segments: &mut [Segment],
    g: &Geometry,
    from: *const f32,
    y: *const f32,
    w: *mut f32,
) {
    let (stretch, outs) = (walk.stretch(), g.outputs / g.groups);
    for (i, s) in segments.iter_mut().enumerate() {
        *s = Segment { a: walk.row(i), b: i * walk.to[2] * g.outputs };
    }
    let a_step = walk.strides[2] * walk.channels;
    for group in 0..g.groups {
        for (number, start) in walk.stretches(group).enumerate() {
            let strips = stretch.div_ceil(kernels.rows);
            for col in (0..outs).step_by(kernels.width()) {
                let (cols, col) = (kernels.width().min(outs - col), group * outs + col);
                let mut at = 0;
                for strip in 0..strips {
                    let rows = (stretch + strip) / strips;
                    let kernel = kernels.kernels[rows - 1][usize::from(cols > kernels.count)];
                    // SAFETY: rows and columns of the kernel; the windows are within the image.
                    unsafe {
                        let to = w.add((number * stretch + at) * g.outputs + col);
                        let (a, b) = (from.add(start + at), y.add(col));
                        kernel(segments, walk.to[2], cols, a, 1, a_step, b, g.outputs, to, g.outputs, cols, true);
                    }
                    at += rows;
                }
            }
        }
    }
}

/// Every channel through its own kernel.
unsafe fn depthwise(
    kernels: &Kernels,
    walk: &Walk,
    turned: bool,
    channels: usize,
    images: Range<usize>,
    x: *const f32,
    w: *const f32,
    copy: *mut f32,
    block: *mut f32,
    target: &mut Target,
) {
    let width = kernels.width();
    let capacity = BLOCK / width;
    for image in images {
        // SAFETY: the image is one of those that can be read; windows lie within it or its copy.
        unsafe {
            let from = x.wrapping_add(image * walk.image_len());
            let from = if walk.copy {
                walk.fill(kernels, from, copy);
                copy.cast_const()
            } else {
                from
            };
            for row in 0..walk.row_count() {
                for piece in (0..walk.to[2]).step_by(capacity) {
                    let rows = capacity.min(walk.to[2] - piece);
                    let place = image * product(walk.to) + row * walk.to[2] + piece;
                    let at = from.add(walk.row(row) + piece * walk.strides[2] * walk.channels);
                    for col in (0..channels).step_by(width) {
                        let cols = width.min(channels - col);
                        let (to, stride, stored) = match *target {
                            Target::Tiles(..) => (block, width, width),
                            Target::Store { to, stride } => (to.wrapping_add(place * stride + col), stride, cols),
                        };
                        (kernels.depthwise)(walk, turned, rows, cols, at.add(col), w.add(col), to, stride, stored);
                        if let Target::Tiles(done, _) = target {
                            done(Tile { row: place, col, rows, cols, ptr: block, stride: width });
                        }
                    }
                }
            }
        }
    }
}
