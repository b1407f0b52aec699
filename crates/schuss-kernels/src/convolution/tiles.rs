//! Convolutions in tiles of bfloat16 (`product/amx.rs`).
//!
//! An image is copied as numbers of 16 bits, padding and all. Rows of a tile are windows: those of a line; or, where lines are
//! short, all places of the copy from the first window to the last, of which some are no windows and are left out when sums are
//! handed on. For the derivative by the kernel a channel's numbers are copied together, so that what a place of the window sees
//! is a stretch of them.
//!
//! What a stretch lacks to a whole step of tiles is 0 in the kernel or the derivatives: the numbers of the image there are
//! another place's, so that one that is not finite may be found by its neighbours too.

use super::{Geometry, Kernels, LINE, Scratch, Segment, Target, Walk, product, taken, turn, walk};
use crate::lane::{Avx512, Register};
use crate::product::amx::{self, Dots, Operands, PAIRS, ROWS, STEP, Sums, TILES, halved, pack_block};
use crate::product::bf16::WIDTH;
use crate::product::{Matrix, Tile};
use crate::tape::BLOCK;
use std::ops::Range;

/// The time that all products take in tiles, as a share of what they take in f32: measured with
/// `examples/convolution_rates.rs`.
pub const SHARE: f64 = 0.25;

/// Are tiles taken? What costs little is not worth the copies.
pub fn possible(g: &Geometry) -> bool {
    g.groups == 1 && g.kernel_rows() >= STEP
}

/// Lines of no more windows than a tile has rows are multiplied two at a time, or, where they are short, with all places
/// between them.
const SHORT: usize = 14;
/// Places whose sums wait until those of windows are handed on.
const PLACES: usize = 320;

/// How windows are cut.
struct Cut {
    /// Are rows all places of the copy?
    places: bool,
    /// Stretches of inner steps, their length, and tiles' steps of each.
    stretches: usize,
    length: usize,
    steps: usize,
}

impl Cut {
    fn new(walk: &Walk) -> Self {
        let (stretches, length) = (walk.stretches(0).count(), walk.stretch());
        let places = walk.to[2] <= SHORT && walk.strides == [1; 3] && walk.pitch[2] <= PLACES / 2;
        Cut { places, stretches, length, steps: length.div_ceil(STEP) }
    }
    /// Words of a panel of the kernel.
    fn panel(&self) -> usize {
        self.stretches * self.steps * TILES
    }
}

fn outputs(g: &Geometry, turned: bool) -> usize {
    if turned { g.channels } else { g.outputs }
}

/// Numbers of scratch memory for [`convolve`].
pub fn scratch_len(kernels: &Kernels, g: &Geometry, turned: bool) -> usize {
    let walk = walk(kernels, g, turned);
    let cut = Cut::new(&walk);
    let plain = cut.stretches * cut.length * WIDTH;
    let panels = outputs(g, turned).div_ceil(WIDTH) * cut.panel();
    let segments = super::segments_len(cut.stretches);
    kernels.copy_len(&walk) + plain + panels + PLACES.max(BLOCK / 16) * WIDTH + segments + 7 * LINE
}

/// As `super::convolve`.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
pub unsafe fn convolve<D: Dots>(
    kernels: &Kernels,
    g: &Geometry,
    turned: bool,
    images: Range<usize>,
    x: *const f32,
    w: *const f32,
    mut scratch: Scratch,
    target: &mut Target,
) {
    let walk = walk(kernels, g, turned);
    let (cut, own) = (Cut::new(&walk), outputs(g, turned));
    let copy = taken(&mut scratch, kernels.copy_len(&walk));
    let plain = scratch.take(cut.stretches * cut.length * WIDTH);
    let panels = scratch.take(own.div_ceil(WIDTH) * cut.panel());
    let sums = scratch.take(PLACES.max(BLOCK / 16) * WIDTH);
    let segments = scratch.segments(cut.stretches);
    for (i, (s, a)) in segments.iter_mut().zip(walk.stretches(0)).enumerate() {
        *s = Segment { a, b: i * cut.steps * TILES };
    }
    for (i, col) in (0..own).step_by(WIDTH).enumerate() {
        // SAFETY: columns of the kernel; there is room for all panels.
        unsafe { panel(kernels, g, turned, &cut, col, WIDTH.min(own - col), w, plain, panels.add(i * cut.panel())) };
    }
    for image in images {
        // SAFETY: the image is one of those that can be read; windows lie within its copy.
        unsafe {
            walk.fill(kernels, x.wrapping_add(image * walk.image_len()), copy);
            for (i, col) in (0..own).step_by(WIDTH).enumerate() {
                let panel = Panel {
                    segments,
                    pairs: cut.steps * PAIRS,
                    b: panels.add(i * cut.panel()).cast(),
                    col,
                    cols: WIDTH.min(own - col),
                    first: image * product(walk.to),
                };
                if cut.places {
                    places::<D>(&panel, &walk, copy.cast(), sums, target);
                } else {
                    lines::<D>(&panel, &walk, copy.cast(), sums, target);
                }
            }
        }
    }
}

/// Some columns of the kernel in pairs.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
unsafe fn panel(
    kernels: &Kernels,
    g: &Geometry,
    turned: bool,
    cut: &Cut,
    col: usize,
    cols: usize,
    w: *const f32,
    plain: *mut f32,
    to: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let (from, stride) = if turned {
            turn(kernels, g, 0, col, cols, w, plain);
            (plain.cast_const(), WIDTH)
        } else {
            (w.add(col), g.outputs)
        };
        for i in 0..cut.stretches {
            let ptr = from.add(i * cut.length * stride);
            let from = Matrix { ptr, row_stride: stride, col_stride: 1 };
            pack_block::<1>(cut.length, cut.steps, cols, from, to.add(i * cut.steps * TILES));
        }
    }
}

/// Some columns of the kernel, and where their sums go.
struct Panel<'a> {
    segments: &'a [Segment],
    pairs: usize,
    b: *const u32,
    col: usize,
    cols: usize,
    /// The first window of the image.
    first: usize,
}

impl Panel<'_> {
    fn wide(&self) -> bool {
        self.cols > 16
    }
    /// Columns in whole registers.
    fn whole(&self) -> usize {
        self.cols.next_multiple_of(16)
    }
    /// Some rows, the lower ones elsewhere, or what is added to them.
    #[inline(always)]
    unsafe fn dots<D: Dots>(
        &self,
        rows: [usize; 2],
        a: [*const u16; 2],
        a_row: usize,
        c: [*mut f32; 2],
        c_row: usize,
        cols: usize,
        add: bool,
    ) {
        // The lower rows of A may lie before the upper ones.
        let a_lower = (a[1].addr().wrapping_sub(a[0].addr()).cast_signed() / 2).cast_unsigned();
        let c_lower = (c[1].addr() - c[0].addr()) / size_of::<f32>();
        let (segments, pairs) = (self.segments, self.pairs);
        let factors = Operands { segments, pairs, a: a[0], a_row, a_step: STEP, a_lower, b: self.b, b_row: WIDTH };
        // SAFETY: the caller's promise.
        unsafe { amx::dots::<D>(rows, self.wide(), factors, Sums { c: c[0], c_row, c_lower, add }, cols) }
    }
    /// Hands rows on that lie together.
    unsafe fn done(&self, place: usize, rows: usize, at: *mut f32, target: &mut Target) {
        let (whole, col, cols) = (self.whole(), self.col, self.cols);
        match target {
            Target::Tiles(done) => {
                let most = BLOCK / whole;
                for row in (0..rows).step_by(most) {
                    let (height, ptr) = (most.min(rows - row), at.wrapping_add(row * whole));
                    done(Tile { row: self.first + place + row, col, rows: height, cols, ptr, stride: whole });
                }
            }
            Target::Store { to, stride } => {
                for row in 0..rows {
                    // SAFETY: the caller's promise.
                    unsafe {
                        let to = to.wrapping_add((self.first + place + row) * *stride + col);
                        to.copy_from_nonoverlapping(at.add(row * whole), cols);
                    }
                }
            }
        }
    }
}

/// Rows that are windows of a line, or of two.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
unsafe fn lines<D: Dots>(panel: &Panel, walk: &Walk, copy: *const u16, sums: *mut f32, target: &mut Target) {
    let (whole, most) = (panel.whole(), BLOCK / panel.whole());
    let (a_row, length, count) = (walk.strides[2] * walk.channels, walk.to[2], walk.row_count());
    let line = |i: usize| copy.wrapping_add(walk.row(i));
    let (mut filled, mut begin) = (0, 0);
    let mut strip = |place: usize, rows: [usize; 2], a: [*const u16; 2], target: &mut Target| {
        let count = rows[0] + rows[1];
        if filled + count > most {
            // SAFETY: sums of windows.
            unsafe { panel.done(begin, filled, sums, target) };
            (filled, begin) = (0, place);
        }
        let (c, c_row, cols) = match *target {
            Target::Tiles(_) => (sums.wrapping_add(filled * whole), whole, whole),
            Target::Store { to, stride } => {
                (to.wrapping_add((panel.first + place) * stride + panel.col), stride, panel.cols)
            }
        };
        // SAFETY: windows of the image; the block has room, and so has memory.
        unsafe { panel.dots::<D>(rows, a, a_row, [c, c.wrapping_add(rows[0] * c_row)], c_row, cols, false) };
        if matches!(target, Target::Tiles(_)) {
            filled += count;
        }
    };
    if length <= PAIRS {
        for i in (0..count).step_by(2) {
            let two = i + 1 < count;
            let (lower, rows) = if two { (line(i + 1), [length; 2]) } else { (line(i), [length, 0]) };
            strip(i * length, rows, [line(i), lower], target);
        }
    } else {
        let strips = length.div_ceil(ROWS);
        for (i, n) in (0..count).flat_map(|i| (0..strips).map(move |n| (i, n))) {
            let (from, to) = (n * length / strips, (n + 1) * length / strips);
            let at = line(i).wrapping_add(from * a_row);
            strip(i * length + from, halved(to - from), [at, at.wrapping_add(PAIRS * a_row)], target);
        }
    }
    if filled > 0 {
        // SAFETY: as above.
        unsafe { panel.done(begin, filled, sums, target) };
    }
}

/// Rows that are places of the copy, from some lines' first window to their last one.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
unsafe fn places<D: Dots>(panel: &Panel, walk: &Walk, copy: *const u16, sums: *mut f32, target: &mut Target) {
    let (whole, a_row, length) = (panel.whole(), walk.channels, walk.to[2]);
    let place = |line: usize| walk.row(line) / walk.channels;
    let (mut line, lines) = (0, walk.row_count());
    while line < lines {
        let mut end = line + 1;
        while end < lines && place(end) - place(line) + length <= PLACES {
            end += 1;
        }
        let count = place(end - 1) - place(line) + length;
        let strips = count.div_ceil(ROWS);
        for n in 0..strips {
            let (from, to) = (n * count / strips, (n + 1) * count / strips);
            let (a, c) = (copy.wrapping_add((place(line) + from) * a_row), sums.wrapping_add(from * whole));
            let lower = (a.wrapping_add(PAIRS * a_row), c.wrapping_add(PAIRS * whole));
            // SAFETY: places of the copy; there is room for their sums.
            unsafe { panel.dots::<D>(halved(to - from), [a, lower.0], a_row, [c, lower.1], whole, whole, false) };
        }
        match target {
            Target::Tiles(_) => {
                for i in line + 1..end {
                    let from = sums.wrapping_add((place(i) - place(line)) * whole);
                    // SAFETY: sums move towards the first.
                    unsafe { sums.add((i - line) * length * whole).copy_from(from, length * whole) };
                }
                // SAFETY: sums of windows.
                unsafe { panel.done(line * length, (end - line) * length, sums, target) };
            }
            Target::Store { .. } => {
                for i in line..end {
                    let from = sums.wrapping_add((place(i) - place(line)) * whole);
                    // SAFETY: as above.
                    unsafe { panel.done(i * length, length, from, target) };
                }
            }
        }
        line = end;
    }
}

/// Places of a piece of an image, about.
const PIECE: usize = 1280;
/// Steps that a block of the kernel's derivative takes at least, if there are enough images.
const ENOUGH: usize = 16;
/// Pieces that are copied at a time at most.
const MOST: usize = 8;

/// How the derivative by the kernel is cut: into pieces of lines of windows of one plane. What windows see some steps apart is
/// copied apart, and so are planes.
struct Pieces {
    /// Pieces of a plane.
    per_plane: usize,
    /// Lines and columns of a copy.
    copied: [usize; 2],
    /// Steps of tiles.
    steps: usize,
    /// Numbers of 16 bits of a channel, and of a row of the kernel where those are copied too.
    channel: usize,
    row: usize,
    /// Copies of a channel: planes of the window, and places within the strides.
    phases: [usize; 3],
    /// Pieces at a time.
    group: usize,
}

impl Pieces {
    fn new(g: &Geometry) -> Self {
        let reach = |i: usize| (g.size[i] - 1) * g.dilation[i] / g.strides[i];
        let width = g.output[2] + reach(2);
        let per_plane = (g.output[1] * width).div_ceil(PIECE).min(g.output[1]);
        let lines = g.output[1].div_ceil(per_plane);
        let copied = [lines + reach(1), width];
        let steps = ((lines - 1) * width + g.output[2]).div_ceil(STEP);
        // A row of the kernel sees so many numbers from the first one on that it sees; rows lie an odd number of lines apart.
        let odd = |n: usize| (n.div_ceil(STEP) | 1) * STEP;
        let channel = odd((reach(1) * width + reach(2) + steps * STEP).max(copied[0] * width + STEP));
        let phases = [g.size[0], g.strides[1].min(g.size[1]), g.strides[2].min(g.size[2])];
        let phases = if g.dilation == [1; 3] { phases } else { [g.size[0], g.strides[1], g.strides[2]] };
        Pieces {
            per_plane,
            copied,
            steps,
            channel,
            row: odd(steps * STEP),
            phases,
            group: ENOUGH.div_ceil(steps).min(MOST),
        }
    }
    /// Are rows of the kernel copied, because there are few channels?
    fn rows(g: &Geometry) -> bool {
        g.channels < PAIRS
    }
    /// Words of a piece: of channels, of rows, of derivatives.
    fn lens(&self, g: &Geometry) -> [usize; 3] {
        let channels = product(self.phases) * g.channels * self.channel / 2;
        let rows = if Self::rows(g) { g.kernel_rows() * self.row / 2 } else { 0 };
        [channels, rows, g.outputs.div_ceil(WIDTH) * self.steps * TILES]
    }
    /// Where a place of the window begins in a channel's copies: the copy, and the number.
    fn tap(&self, g: &Geometry, tap: [usize; 3]) -> (usize, usize) {
        let at = |i: usize| tap[i] * g.dilation[i];
        let (phase, skip) = (|i: usize| at(i) % g.strides[i], |i: usize| at(i) / g.strides[i]);
        ((tap[0] * self.phases[1] + phase(1)) * self.phases[2] + phase(2), skip(1) * self.copied[1] + skip(2))
    }
}

/// Numbers of scratch memory for [`kernel_of`].
pub fn kernel_scratch_len(g: &Geometry) -> usize {
    let pieces = Pieces::new(g);
    let zeros = g.channels.max(g.outputs) + WIDTH;
    pieces.group * pieces.lens(g).iter().sum::<usize>() + zeros + 5 * LINE
}

/// A tile of rows of the kernel: its first one, how many, and where they begin in a piece.
#[derive(Clone, Copy)]
struct KernelRows {
    first: usize,
    count: usize,
    at: usize,
}

/// As `super::kernel_of`.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
pub unsafe fn kernel_of<D: Dots>(
    g: &Geometry,
    images: Range<usize>,
    x: *const f32,
    y: *const f32,
    w: *mut f32,
    add: bool,
    mut scratch: Scratch,
) {
    let pieces = Pieces::new(g);
    let [channels_len, rows_len, derivatives_len] = pieces.lens(g);
    let channels = taken(&mut scratch, pieces.group * channels_len);
    let rows = scratch.take(pieces.group * rows_len);
    let derivatives = scratch.take(pieces.group * derivatives_len);
    let zeros = taken(&mut scratch, g.channels.max(g.outputs) + WIDTH);
    let per_image = g.output[0] * pieces.per_plane;
    let all = images.start * per_image..images.end * per_image;
    if all.is_empty() && !add {
        // SAFETY: the caller's kernel.
        unsafe { std::slice::from_raw_parts_mut(w, g.kernel_rows() * g.outputs).fill(0.0) };
    }
    let mut add = add;
    for first in all.clone().step_by(pieces.group) {
        let count = pieces.group.min(all.end - first);
        for i in 0..count {
            let (image, plane, part) =
                ((first + i) / per_image, (first + i) / pieces.per_plane % g.output[0], (first + i) % pieces.per_plane);
            let lines = part * g.output[1] / pieces.per_plane..(part + 1) * g.output[1] / pieces.per_plane;
            // SAFETY: the image is one of those that can be read; there is room for so many pieces.
            unsafe {
                let (x, y) = (x.wrapping_add(image * g.input_len()), y.wrapping_add(image * g.output_len()));
                let channels = channels.add(i * channels_len);
                together(g, &pieces, plane, &lines, x, zeros, channels);
                if Pieces::rows(g) {
                    kernel_rows(g, &pieces, channels.cast(), rows.add(i * rows_len).cast());
                }
                paired(g, &pieces, plane, &lines, y, zeros, derivatives.add(i * derivatives_len));
            }
        }
        let (a, piece) = if Pieces::rows(g) { (rows, rows_len) } else { (channels, channels_len) };
        let mut segments = [Segment { a: 0, b: 0 }; MOST];
        for (i, s) in segments.iter_mut().enumerate() {
            *s = Segment { a: 2 * i * piece, b: i * derivatives_len };
        }
        for (panel, col) in (0..g.outputs).step_by(WIDTH).enumerate() {
            let cols = WIDTH.min(g.outputs - col);
            let panel = Panel {
                segments: &segments[..count],
                pairs: pieces.steps * PAIRS,
                b: derivatives.wrapping_add(panel * pieces.steps * TILES).cast(),
                col,
                cols,
                first: 0,
            };
            let mut tiles = tiles(g, &pieces);
            while let Some(upper) = tiles.next() {
                let lower = tiles.next().unwrap_or(KernelRows { count: 0, ..upper });
                let a_row = if Pieces::rows(g) { pieces.row } else { pieces.channel };
                // SAFETY: rows of the kernel, and numbers of the pieces.
                unsafe {
                    let at = |rows: KernelRows| a.cast::<u16>().cast_const().wrapping_add(rows.at);
                    let to = |rows: KernelRows| w.wrapping_add(rows.first * g.outputs + col);
                    let (a, c) = ([at(upper), at(lower)], [to(upper), to(lower)]);
                    panel.dots::<D>([upper.count, lower.count], a, a_row, c, g.outputs, cols, add);
                }
            }
        }
        add = true;
    }
}

/// The kernel's rows in tiles.
fn tiles<'a>(g: &'a Geometry, pieces: &'a Pieces) -> impl Iterator<Item = KernelRows> + 'a {
    let (rows, channels) = (g.kernel_rows(), g.channels);
    let cut = |n: usize| {
        let count = n.div_ceil(PAIRS);
        (0..count).map(move |i| i * n / count..(i + 1) * n / count)
    };
    let copied = Pieces::rows(g).then(|| {
        cut(rows).map(|part| KernelRows { first: part.start, count: part.len(), at: part.start * pieces.row })
    });
    let apart = (!Pieces::rows(g)).then(|| {
        (0..product(g.size)).flat_map(move |tap| {
            let place = [tap / g.size[2] / g.size[1], tap / g.size[2] % g.size[1], tap % g.size[2]];
            let (phase, skip) = pieces.tap(g, place);
            cut(channels).map(move |part| KernelRows {
                first: tap * channels + part.start,
                count: part.len(),
                at: (phase * channels + part.start) * pieces.channel + skip,
            })
        })
    });
    copied.into_iter().flatten().chain(apart.into_iter().flatten())
}

/// Copies a channel's numbers together: those that lines of windows of a plane see.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
unsafe fn together(
    g: &Geometry,
    pieces: &Pieces,
    plane: usize,
    lines: &Range<usize>,
    x: *const f32,
    zeros: *const f32,
    to: *mut f32,
) {
    let [height, width] = pieces.copied;
    let within = |i: usize, place: usize| place.checked_sub(g.before[i]).filter(|place| *place < g.input[i]);
    for phase in 0..product(pieces.phases) {
        let [depth, p1, p2] = [
            phase / pieces.phases[2] / pieces.phases[1],
            phase / pieces.phases[2] % pieces.phases[1],
            phase % pieces.phases[2],
        ];
        let d = within(0, plane * g.strides[0] + depth * g.dilation[0]);
        let (mut line, mut column) = (0, 0);
        for at in (0..height * width).step_by(STEP) {
            let mut rows = [zeros; STEP];
            for row in rows.iter_mut().take(height * width - at) {
                let h = within(1, (lines.start + line) * g.strides[1] + p1);
                if let (Some(d), Some(h), Some(w)) = (d, h, within(2, column * g.strides[2] + p2)) {
                    *row = x.wrapping_add(((d * g.input[1] + h) * g.input[2] + w) * g.channels);
                }
                column += 1;
                if column == width {
                    (line, column) = (line + 1, 0);
                }
            }
            for channel in (0..g.channels).step_by(16) {
                let count = (g.channels - channel).min(16);
                let to = to.wrapping_add(((phase * g.channels + channel) * pieces.channel + at) / 2);
                // SAFETY: numbers of the image, or zeros; there is room for whole steps.
                unsafe { amx::turned_rows(&rows, channel, count, to, pieces.channel / 2) };
            }
        }
    }
}

/// Copies what rows of the kernel see.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn kernel_rows(g: &Geometry, pieces: &Pieces, channels: *const u16, to: *mut u16) {
    use std::arch::x86_64::*;
    for tap in 0..product(g.size) {
        let place = [tap / g.size[2] / g.size[1], tap / g.size[2] % g.size[1], tap % g.size[2]];
        let (phase, skip) = pieces.tap(g, place);
        for channel in 0..g.channels {
            let from = channels.wrapping_add((phase * g.channels + channel) * pieces.channel + skip);
            let to = to.wrapping_add((tap * g.channels + channel) * pieces.row);
            for i in 0..pieces.steps {
                // SAFETY: a channel is longer than what is seen of it.
                unsafe { _mm512_storeu_si512(to.add(i * STEP).cast(), _mm512_loadu_si512(from.add(i * STEP).cast())) };
            }
        }
    }
}

/// Copies the derivatives of lines of windows together in pairs, with 0 for places that are no windows.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
unsafe fn paired(
    g: &Geometry,
    pieces: &Pieces,
    plane: usize,
    lines: &Range<usize>,
    y: *const f32,
    zeros: *const f32,
    to: *mut f32,
) {
    let (mut line, mut column) = (lines.start, 0);
    for step in 0..pieces.steps {
        let mut rows = [zeros; STEP];
        for row in &mut rows {
            if column < g.output[2] && line < lines.end {
                *row = y.wrapping_add(((plane * g.output[1] + line) * g.output[2] + column) * g.outputs);
            }
            column += 1;
            if column == pieces.copied[1] {
                (line, column) = (line + 1, 0);
            }
        }
        for (panel, col) in (0..g.outputs).step_by(WIDTH).enumerate() {
            let to = to.wrapping_add((panel * pieces.steps + step) * TILES);
            // SAFETY: derivatives, or zeros; there is room for all steps.
            unsafe { amx::paired_rows(&rows, col, WIDTH.min(g.outputs - col), to) };
        }
    }
}

const _: () = assert!(WIDTH == 2 * Avx512::COUNT);

#[cfg(test)]
mod tests {
    use super::super::{
        Factors, Method, convolve_with, kernel_of_with, kernel_scratch_len_with, kernels, pairs, scratch_len_with,
    };
    use super::*;
    use crate::product::amx::Loop;
    use crate::{Buffer, Isa};

    fn geometry(input: [usize; 3], channels: usize, outputs: usize, size: [usize; 3], padded: bool) -> Geometry {
        let before = if padded { size.map(|n| (n - 1) / 2) } else { [0; 3] };
        Geometry {
            input,
            channels,
            output: if padded { input } else { std::array::from_fn(|i| input[i] + 1 - size[i]) },
            outputs,
            size,
            strides: [1; 3],
            dilation: [1; 3],
            before,
            groups: 1,
        }
    }

    /// Rows, columns and inner steps on both sides of tiles; steps, dilation, groups, places alone, three axes.
    fn cases() -> Vec<Geometry> {
        let g = geometry;
        vec![
            g([1, 5, 70], 3, 5, [1, 5, 5], false),
            g([1, 9, 8], 16, 16, [1, 3, 3], true),
            g([1, 6, 7], 33, 40, [1, 3, 3], true),
            g([1, 4, 20], 1, 70, [1, 2, 3], false),
            g([3, 4, 5], 7, 9, [2, 2, 2], false),
            g([1, 5, 6], 20, 37, [1, 1, 1], false),
            Geometry { strides: [1, 2, 2], output: [1, 4, 5], ..g([1, 8, 9], 6, 18, [1, 3, 3], true) },
            Geometry { strides: [1, 3, 2], output: [1, 2, 3], ..g([1, 6, 7], 3, 4, [1, 2, 3], false) },
            Geometry { dilation: [1, 2, 3], output: [1, 4, 3], ..g([1, 8, 9], 4, 6, [1, 3, 3], false) },
            g([1, 70, 30], 2, 5, [1, 3, 3], true),
            g([1, 12, 13], 17, 20, [1, 3, 3], false),
        ]
    }

    fn numbers(n: usize, first: usize) -> Buffer {
        let mut all = Buffer::zeros(n);
        all.iter_mut().enumerate().for_each(|(i, x)| *x = ((i + first) * 37 % 101) as f32 / 101.0 - 0.5);
        all
    }

    /// What a sum that is read before it is written would show.
    fn nothing(n: usize) -> Buffer {
        let mut all = Buffer::zeros(n);
        all.fill(f32::NAN);
        all
    }

    fn close(what: &str, found: &[f32], wanted: &[f32]) {
        for (i, (x, y)) in found.iter().zip(wanted).enumerate() {
            assert!((x - y).abs() < 5e-5 * (1.0 + y.abs()), "{what}: number {i} is {x} instead of {y}");
        }
    }

    /// All that is around the instructions for tiles, with a loop in their place.
    #[test]
    fn convolutions_around_tiles_are_right() {
        if !is_x86_feature_detected!("avx512bf16") || !Isa::Avx512.available() {
            return;
        }
        let (copies, plain) = (pairs::copies(), kernels(Isa::Avx512, Factors::Bf16));
        for g in cases() {
            g.check();
            let (x, y, w) = (
                numbers(12 * g.input_len(), 1),
                numbers(12 * g.output_len(), 5),
                numbers(g.kernel_rows() * g.outputs, 9),
            );
            for (turned, stored) in [(false, false), (false, true), (true, false), (true, true)] {
                let (from, len, cols) =
                    if turned { (&y, 3 * g.input_len(), g.channels) } else { (&x, 3 * g.output_len(), g.outputs) };
                let (from, w) = (from.as_ptr(), w.as_ptr());
                let made = |f: &mut dyn FnMut(&mut Target)| {
                    let mut made = Buffer::zeros(len);
                    let to = made.as_mut_ptr();
                    let mut done = |tile: Tile| {
                        assert!(tile.rows * tile.stride <= BLOCK && tile.ptr.addr().is_multiple_of(64));
                        for row in 0..tile.rows {
                            // SAFETY: a tile of what is made.
                            unsafe {
                                let to = to.add((tile.row + row) * cols + tile.col);
                                to.copy_from(tile.ptr.add(row * tile.stride), tile.cols);
                            }
                        }
                    };
                    f(&mut if stored { Target::Store { to, stride: cols } } else { Target::Tiles(&mut done) });
                    made
                };
                let found = made(&mut |target| {
                    let mut scratch = nothing(scratch_len(copies, &g, turned));
                    // SAFETY: the buffers hold three images; the loop needs no instructions for tiles.
                    unsafe { convolve::<Loop>(copies, &g, turned, 1..3, from, w, Scratch(&mut scratch), target) };
                });
                let wanted = made(&mut |target| {
                    let mut scratch = nothing(scratch_len_with(plain, &g, turned, Method::Plain));
                    // SAFETY: as above.
                    unsafe { convolve_with(plain, &g, turned, 1..3, from, w, Method::Plain, &mut scratch, target) };
                });
                close(&format!("{g:?} turned {turned}"), &found, &wanted);
            }
            let kernel = |borders: &[usize]| {
                let mut scratch = nothing(kernel_scratch_len(&g));
                let mut made = numbers(w.len(), 7);
                for (i, part) in borders.windows(2).enumerate() {
                    let (x, y, w) = (x.as_ptr(), y.as_ptr(), made.as_mut_ptr());
                    // SAFETY: as above.
                    unsafe { kernel_of::<Loop>(&g, part[0]..part[1], x, y, w, i > 0, Scratch(&mut scratch)) };
                }
                made
            };
            let mut wanted = numbers(w.len(), 7);
            let mut scratch = nothing(kernel_scratch_len_with(plain, &g, Method::Plain));
            let to = wanted.as_mut_ptr();
            // SAFETY: as above.
            unsafe {
                kernel_of_with(plain, &g, 1..12, x.as_ptr(), y.as_ptr(), to, false, Method::Plain, &mut scratch);
            }
            let whole = kernel(&[1, 12]);
            close(&format!("{g:?} kernel"), &whole, &wanted);
            assert!(whole[..] == kernel(&[1, 4, 12])[..], "{g:?}: the kernel in parts is another");
        }
    }
}
