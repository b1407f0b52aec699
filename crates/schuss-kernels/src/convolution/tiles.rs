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

mod kernel;

pub use kernel::{kernel_of, kernel_scratch_len};

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
    /// Asks for the memory that some windows' results go to or by. (Gains with other instructions; not timed with tiles.)
    fn bring(&self, place: usize, count: usize, target: &Target) {
        let first = self.first + place;
        target.bring(first..first + count, self.col..self.col + self.cols);
    }
    /// Hands rows on that lie together.
    unsafe fn done(&self, place: usize, rows: usize, at: *mut f32, target: &mut Target) {
        let (whole, col, cols) = (self.whole(), self.col, self.cols);
        match target {
            Target::Tiles(done, _) => {
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
            Target::Tiles(..) => (sums.wrapping_add(filled * whole), whole, whole),
            Target::Store { to, stride } => {
                (to.wrapping_add((panel.first + place) * stride + panel.col), stride, panel.cols)
            }
        };
        panel.bring(place + count, count, target);
        // SAFETY: windows of the image; the block has room, and so has memory.
        unsafe { panel.dots::<D>(rows, a, a_row, [c, c.wrapping_add(rows[0] * c_row)], c_row, cols, false) };
        if matches!(target, Target::Tiles(..)) {
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
        let made = (end - line) * length;
        for n in 0..strips {
            let (from, to) = (n * count / strips, (n + 1) * count / strips);
            panel.bring(line * length + n * made / strips, made.div_ceil(strips), target);
            let (a, c) = (copy.wrapping_add((place(line) + from) * a_row), sums.wrapping_add(from * whole));
            let lower = (a.wrapping_add(PAIRS * a_row), c.wrapping_add(PAIRS * whole));
            // SAFETY: places of the copy; there is room for their sums.
            unsafe { panel.dots::<D>(halved(to - from), [a, lower.0], a_row, [c, lower.1], whole, whole, false) };
        }
        match target {
            Target::Tiles(..) => {
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

const _: () = assert!(WIDTH == 2 * Avx512::COUNT);

#[cfg(test)]
mod tests {
    use super::super::{
        Factors, Method, convolve_with, kernel_of_with, kernel_scratch_len_with, kernels, pairs, scratch_len_with,
    };
    use super::*;
    use crate::product::Beside;
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
            // More places than wait at a time.
            g([1, 50, 8], 20, 20, [1, 3, 3], true),
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
                    f(&mut if stored {
                        Target::Store { to, stride: cols }
                    } else {
                        Target::Tiles(&mut done, Beside::default())
                    });
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
