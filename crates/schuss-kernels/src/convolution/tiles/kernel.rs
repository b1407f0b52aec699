//! The derivative by the kernel: a product whose inner steps are windows, in pieces of images.

use super::{Geometry, LINE, Panel, Scratch, Segment, product, taken};
use crate::product::amx::{self, Dots, PAIRS, STEP, TILES};
use crate::product::bf16::WIDTH;
use std::ops::Range;

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
