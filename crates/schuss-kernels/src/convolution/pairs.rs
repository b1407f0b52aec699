//! Convolutions with the machine's unit for bfloat16, which adds several products to a sum at a time.
//!
//! An image is copied as numbers of 16 bits, so that two inner steps which follow each other are one word; of the kernel, two
//! rows go beside each other. For the derivative by the kernel, whose inner steps are windows, a second copy has each number
//! beside that of the next window. What a stretch lacks to a whole step of the unit is 0 in the kernel or the derivatives: the
//! numbers of the image there are another place's, so that one that is not finite may be found by its neighbours too.

use super::registers::{Kernels, Pairing};
use super::{Factors, Geometry, Isa, LINE, Scratch, Segment, Walk, taken};
use crate::product::Matrix;

/// The unit's kernels, if this machine has one that is faster than f32.
pub fn unit(isa: Isa, factors: Factors) -> Option<&'static Kernels> {
    match (isa, factors) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, Factors::Bf16) => x86::kernels(),
        _ => None,
    }
}

/// The time that all products take with the unit, for so many columns of a group, as a share of what they take in f32, where
/// it would be used: measured with `examples/convolution_rates.rs`, but for tiles, which no machine at hand has.
pub fn share(isa: Isa, factors: Factors, g: &Geometry, columns: usize) -> Option<f64> {
    let unit = unit(isa, factors).filter(|_| !g.depthwise())?;
    Some(match unit.pair {
        Some(pair) if pair.turned => 0.3,
        // With few columns the kernels wait for numbers of the images rather than multiply.
        _ if columns <= unit.count => 0.7,
        _ => 0.55,
    })
}

/// Numbers of scratch memory for panels of so many rows in pairs, in so many stretches.
pub fn paired_len(kernels: &Kernels, stretches: usize, rows: usize) -> usize {
    kernels.pair.map_or(0, |pair| (rows + stretches * pair.unit) * kernels.width())
}

/// Some columns of a panel, whose stretches are of `length` rows, as the kernels take them: in pairs at `to`, or where it is.
pub unsafe fn paired(
    kernels: &Kernels,
    stretches: usize,
    length: usize,
    cols: usize,
    panel: *const f32,
    to: *mut f32,
) -> *const f32 {
    let (Some(pair), width) = (kernels.pair, kernels.width()) else { return panel };
    for i in 0..stretches {
        // SAFETY: the caller's promise.
        unsafe {
            let from = Matrix { ptr: panel.add(i * length * width), row_stride: width, col_stride: 1 };
            (pair.pack)(length, cols, from, to.add(i * kernels.steps(length) * width));
        }
    }
    to
}

/// What the derivative by the kernel takes besides.
pub enum Pairs {
    /// Rows are numbers of a stretch, columns outputs.
    Straight {
        /** Each number of the copy beside that of the next window. */
        beside: *mut f32,
        /** Derivatives, in panels of pairs of windows. */
        panels: *mut f32,
    },
    /// For kernels whose A must have its inner steps together. Rows are outputs, columns numbers of a stretch.
    Turned {
        /** As above. */
        beside: *mut f32,
        /** Derivatives, of which an output's lie together. */
        derivatives: *mut f32,
        /** Some of them, between here and there. */
        panel: *mut f32,
        /** The kernel's derivative, of which an output's lie together. */
        sums: *mut f32,
    },
}

/// Where windows' derivatives lie once an output's are together.
struct Lines {
    /// Windows, of which some may be there for the order's sake only.
    len: usize,
    /// Steps of a stretch of them.
    steps: usize,
    /// Are all windows of an image one stretch, with 0 for those between two lines that there are not?
    flat: bool,
}

impl Lines {
    fn new(kernels: &Kernels, walk: &Walk) -> Self {
        let flat = walk.strides == [1; 3];
        let last = walk.row(walk.row_count().saturating_sub(1)) / walk.channels;
        let steps = kernels.steps(if flat { last + walk.to[2] } else { walk.to[2] });
        Lines { len: 2 * steps * if flat { 1 } else { walk.row_count() }, steps, flat }
    }
    /// Where a line of windows begins.
    fn line(&self, walk: &Walk, i: usize) -> usize {
        if self.flat { walk.row(i) / walk.channels } else { 2 * i * self.steps }
    }
}

/// Numbers of the derivatives of an image in panels.
fn panels_len(kernels: &Kernels, g: &Geometry, walk: &Walk) -> usize {
    let outs = (g.outputs / g.groups).next_multiple_of(kernels.width());
    walk.row_count() * kernels.steps(walk.to[2]) * outs * g.groups
}

/// Numbers that are beside others, and behind them as many as steps and columns reach that no window takes.
fn beside_len(pair: Pairing, walk: &Walk) -> usize {
    let reach = if pair.turned { 2 * pair.unit * walk.strides[2] * walk.channels + 2 * LINE } else { 0 };
    (walk.copied() + reach).next_multiple_of(LINE)
}

/// Numbers of scratch memory that [`Pairs`] take.
pub fn scratch_len(kernels: &Kernels, g: &Geometry, walk: &Walk) -> usize {
    let Some(pair) = kernels.pair else { return 0 };
    let more = match pair.turned {
        false => panels_len(kernels, g, walk),
        true => {
            let derivatives = g.outputs * Lines::new(kernels, walk).len.div_ceil(2);
            derivatives + g.outputs * (kernels.width() + g.kernel_rows())
        }
    };
    beside_len(pair, walk) + more + 4 * LINE
}

impl Pairs {
    /// Takes scratch memory. Sums begin with 0, or with what is in `w`.
    pub unsafe fn new(
        kernels: &Kernels,
        pair: Pairing,
        g: &Geometry,
        walk: &Walk,
        w: Option<*const f32>,
        scratch: &mut Scratch,
    ) -> Self {
        let beside = taken(scratch, beside_len(pair, walk));
        if !pair.turned {
            return Pairs::Straight { beside, panels: scratch.take(panels_len(kernels, g, walk)) };
        }
        let (rows, outs) = (g.kernel_rows(), g.outputs);
        let derivatives = taken(scratch, outs * Lines::new(kernels, walk).len.div_ceil(2));
        let (panel, sums) = (scratch.take(outs * kernels.width()), taken(scratch, outs * rows));
        if let Some(w) = w {
            // SAFETY: the caller's kernel.
            unsafe { kernels.sparse.turn(w, outs, [rows, outs], sums, rows) };
        }
        Pairs::Turned { beside, derivatives, panel, sums }
    }

    /// Adds what one image gives.
    pub unsafe fn image(
        &self,
        kernels: &Kernels,
        pair: Pairing,
        walk: &Walk,
        segments: &mut [Segment],
        g: &Geometry,
        copy: *const f32,
        y: *const f32,
        w: *mut f32,
    ) {
        let step = walk.strides[2] * walk.channels;
        let (Pairs::Straight { beside, .. } | Pairs::Turned { beside, .. }) = *self;
        // SAFETY: the copy has a step of zeros behind it; all that was taken has room for one image.
        unsafe {
            (pair.beside)(copy.cast(), step, walk.copied(), beside.cast());
            match *self {
                Pairs::Straight { panels, .. } => straight(kernels, pair, walk, segments, g, beside, panels, y, w),
                Pairs::Turned { derivatives, panel, sums, .. } => {
                    let arrays = [beside, derivatives, panel, sums];
                    turned(kernels, walk, segments, g, arrays, y);
                }
            }
        }
    }

    /// Writes the sums to `w`, where they are not there yet.
    pub unsafe fn finish(&self, kernels: &Kernels, g: &Geometry, w: *mut f32) {
        if let Pairs::Turned { sums, .. } = *self {
            let rows = g.kernel_rows();
            // SAFETY: the caller's kernel.
            unsafe { kernels.sparse.turn(sums, rows, [g.outputs, rows], w, g.outputs) };
        }
    }
}

unsafe fn straight(
    kernels: &Kernels,
    pair: Pairing,
    walk: &Walk,
    segments: &mut [Segment],
    g: &Geometry,
    beside: *const f32,
    panels: *mut f32,
    y: *const f32,
    w: *mut f32,
) {
    let (stretch, outs, width) = (walk.stretch(), g.outputs / g.groups, kernels.width());
    let (steps, step) = (kernels.steps(walk.to[2]), walk.strides[2] * walk.channels);
    for (i, s) in segments.iter_mut().enumerate() {
        *s = Segment { a: 2 * walk.row(i), b: i * steps * width };
    }
    for group in 0..g.groups {
        for col in (0..outs).step_by(width) {
            let (cols, col) = (width.min(outs - col), group * outs + col);
            for line in 0..walk.row_count() {
                // SAFETY: windows of the image; there is room for all of them.
                unsafe {
                    let ptr = y.add(line * walk.to[2] * g.outputs + col);
                    let from = Matrix { ptr, row_stride: g.outputs, col_stride: 1 };
                    (pair.pack)(walk.to[2], cols, from, panels.add(line * steps * width));
                }
            }
            for (number, start) in walk.stretches(group).enumerate() {
                let strips = stretch.div_ceil(kernels.rows);
                let mut at = 0;
                for strip in 0..strips {
                    let rows = (stretch + strip) / strips;
                    let kernel = kernels.kernels[rows - 1][usize::from(cols > kernels.count)];
                    // SAFETY: rows and columns of the kernel; the windows are within the image.
                    unsafe {
                        let to = w.add((number * stretch + at) * g.outputs + col);
                        let a = beside.add(start + at);
                        kernel(segments, steps, cols, a, 2, 4 * step, panels, width, to, g.outputs, cols, true);
                    }
                    at += rows;
                }
            }
        }
    }
}

unsafe fn turned(
    kernels: &Kernels,
    walk: &Walk,
    segments: &mut [Segment],
    g: &Geometry,
    [beside, derivatives, panel, sums]: [*mut f32; 4],
    y: *const f32,
) {
    let (lines, width) = (Lines::new(kernels, walk), kernels.width());
    let (stretch, outs, rows) = (walk.stretch(), g.outputs / g.groups, g.kernel_rows());
    for line in 0..walk.row_count() {
        for x in (0..walk.to[2]).step_by(width) {
            let cols = width.min(walk.to[2] - x);
            // SAFETY: windows of the image, seen as columns; places among the derivatives.
            unsafe {
                let ptr = y.add((line * walk.to[2] + x) * g.outputs);
                let from = Matrix { ptr, row_stride: 1, col_stride: g.outputs };
                (kernels.pack)(g.outputs, cols, from, panel);
                for out in 0..g.outputs {
                    let to = kernels.place(derivatives, out * lines.len + lines.line(walk, line) + x);
                    (kernels.copy)(panel.add(out * width), to, cols);
                }
            }
        }
    }
    let segments = if lines.flat { &mut segments[..1] } else { segments };
    for (i, s) in segments.iter_mut().enumerate() {
        *s = Segment { a: lines.line(walk, i), b: walk.row(i) };
    }
    let b_step = 2 * walk.strides[2] * walk.channels;
    for group in 0..g.groups {
        for (number, start) in walk.stretches(group).enumerate() {
            for col in (0..stretch).step_by(width) {
                let cols = width.min(stretch - col);
                let strips = outs.div_ceil(kernels.rows);
                let mut out = group * outs;
                for strip in 0..strips {
                    let height = (outs + strip) / strips;
                    let kernel = kernels.kernels[height - 1][usize::from(cols > kernels.count)];
                    // SAFETY: outputs and rows of the kernel; the windows are within the image, and behind it is room for
                    // what no window takes.
                    unsafe {
                        let to = sums.add(out * rows + number * stretch + col);
                        let (a, b) = (kernels.place(derivatives, out * lines.len), beside.add(start + col));
                        kernel(segments, lines.steps, cols, a, lines.len, 2, b, b_step, to, rows, cols, true);
                    }
                    out += height;
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::super::{
        Method, Target, convolve_with, kernel_of_with, kernel_scratch_len_with, kernels, scratch_len_with,
    };
    use super::*;
    use crate::Buffer;
    use crate::product::amx;

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
            Geometry { groups: 2, ..g([1, 5, 6], 6, 34, [1, 3, 3], true) },
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
            assert!((x - y).abs() < 2e-5, "{what}: number {i} is {x} instead of {y}");
        }
    }

    /// All that is around the instructions for tiles, with a loop in their place.
    #[test]
    fn convolutions_around_tiles_are_right() {
        if !is_x86_feature_detected!("avx512bf16") || !Isa::Avx512.available() {
            return;
        }
        let (tiles, plain) = (x86::in_tiles::<amx::Loop>(), kernels(Isa::Avx512, Factors::Bf16));
        for g in cases() {
            g.check();
            let (x, y, w) = (
                numbers(3 * g.input_len(), 1),
                numbers(3 * g.output_len(), 5),
                numbers(g.kernel_rows() * g.outputs, 9),
            );
            for turned in [false, true] {
                let (from, len, stride) =
                    if turned { (&y, 3 * g.input_len(), g.channels) } else { (&x, 3 * g.output_len(), g.outputs) };
                let made = |kernels: &Kernels| {
                    let mut scratch = nothing(scratch_len_with(kernels, &g, turned, Method::Plain));
                    let mut made = Buffer::zeros(len);
                    let mut target = Target::Store { to: made.as_mut_ptr(), stride };
                    let (from, w) = (from.as_ptr(), w.as_ptr());
                    // SAFETY: the buffers hold three images; the loop needs no instructions for tiles.
                    unsafe {
                        convolve_with(kernels, &g, turned, 1..3, from, w, Method::Plain, &mut scratch, &mut target);
                    }
                    made
                };
                close(&format!("{g:?} turned {turned}"), &made(&tiles), &made(plain));
            }
            let kernel = |kernels: &Kernels, borders: &[usize]| {
                let mut scratch = nothing(kernel_scratch_len_with(kernels, &g, Method::Plain));
                let mut made = numbers(w.len(), 7);
                for (i, part) in borders.windows(2).enumerate() {
                    let (x, y, w) = (x.as_ptr(), y.as_ptr(), made.as_mut_ptr());
                    // SAFETY: as above.
                    unsafe {
                        kernel_of_with(kernels, &g, part[0]..part[1], x, y, w, i > 0, Method::Plain, &mut scratch);
                    }
                }
                made
            };
            let whole = kernel(&tiles, &[1, 3]);
            close(&format!("{g:?} kernel"), &whole, &kernel(plain, &[1, 3]));
            assert!(whole[..] == kernel(&tiles, &[1, 2, 3])[..], "{g:?}: the kernel in parts is another");
        }
    }
}
