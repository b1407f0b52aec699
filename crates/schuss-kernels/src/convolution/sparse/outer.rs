//! The derivative by a kernel so small that all its sums stay in the first level of the cache: place by place, what a window
//! sees is read once, and goes, times each derivative there, to the sums of that output.

use super::super::{Geometry, Kernels, LINE, Scratch, Walk};
use super::{SUMS, lines_of};
use crate::lane::Register;
use std::ops::Range;

/// Bytes of sums at most.
const MOST: usize = 24 << 10;

/// `outer(y, outs, x, line, last, w, steps)`: see [`outer_of`].
pub type Outer = unsafe fn(*const f32, usize, *const f32, usize, usize, *mut f32, [usize; 2]);

/// Registers of a stretch, if the sums are few enough.
pub fn registers(kernels: &Kernels, g: &Geometry, walk: &Walk) -> Option<usize> {
    let registers = walk.stretch().div_ceil(kernels.count);
    let sums = walk.size[0] * walk.size[1] * registers * kernels.count * g.outputs;
    let whole = walk.size[1] * registers <= SUMS && lines_of(registers, walk.size[1]) == walk.size[1];
    (whole && sums * size_of::<f32>() <= MOST).then_some(registers)
}

/// What a derivative that is not 0 takes, in multiply-adds of registers.
pub fn cost(walk: &Walk, registers: usize) -> f64 {
    (walk.size[0] * (2 * walk.size[1] * registers + 4)) as f64
}

/// Numbers of scratch memory that [`kernel_of`] needs.
pub fn scratch_len(kernels: &Kernels, g: &Geometry, walk: &Walk) -> usize {
    let sums = |registers| walk.size[0] * walk.size[1] * registers * kernels.count * g.outputs + LINE;
    registers(kernels, g, walk).map_or(0, sums)
}

/// As `super::kernel_of`, where [`registers`] says how many.
pub unsafe fn kernel_of(
    kernels: &Kernels,
    g: &Geometry,
    walk: &Walk,
    registers: usize,
    images: Range<usize>,
    x: *const f32,
    y: *const f32,
    w: *mut f32,
    add: bool,
    [copy, y_copy]: [*mut f32; 2],
    scratch: &mut Scratch,
) {
    let (outs, stretch, width) = (g.outputs, walk.stretch(), registers * kernels.count);
    let stretches = walk.size[0] * walk.size[1];
    let len = stretches * outs * width;
    let sums = scratch.take(len);
    // Of stretch n, number t, output o: in the kernel, and among the sums, where those of an output are together.
    let places = |n: usize, t: usize, o: usize| ((n * stretch + t) * outs + o, (o * stretches + n) * width + t);
    let each = || (0..stretches).flat_map(|n| (0..stretch).flat_map(move |t| (0..outs).map(move |o| (n, t, o))));
    // SAFETY: within the kernel and scratch memory.
    unsafe {
        std::slice::from_raw_parts_mut(sums, len).fill(0.0);
        if add {
            for (from, to) in each().map(|(n, t, o)| places(n, t, o)) {
                *sums.add(to) = *w.add(from);
            }
        }
    }
    let last = stretch - (registers - 1) * kernels.count;
    let (line, deep) = (
        walk.dilation[1] * walk.pitch[2] * walk.channels,
        walk.dilation[0] * walk.pitch[1] * walk.pitch[2] * walk.channels,
    );
    let outer = (kernels.sparse.outer)(walk.size[1], registers);
    for image in images {
        // SAFETY: the image is one of those that can be read; windows lie within it or its copy.
        unsafe {
            let (y, mut from) = (y.wrapping_add(image * g.output_len()), x.wrapping_add(image * walk.image_len()));
            let mut y = kernels.rounded(y, y_copy, g.output_len());
            if walk.copy {
                walk.fill(kernels, from, copy);
                from = copy;
            }
            for row in 0..walk.row_count() {
                for i in 0..walk.to[2] {
                    let from = from.add(walk.row(row) + i * walk.strides[2] * walk.channels);
                    for depth in 0..walk.size[0] {
                        let sums = sums.add(depth * walk.size[1] * width);
                        outer(y, outs, from.add(depth * deep), line, last, sums, [width, stretches * width]);
                    }
                    y = y.add(outs);
                }
            }
        }
    }
    for (to, from) in each().map(|(n, t, o)| places(n, t, o)) {
        // SAFETY: as above.
        unsafe { *w.add(to) = *sums.add(from) };
    }
}

/// Adds LINES stretches of N registers, times each of the derivatives that is not 0, to the sums of that output.
#[inline(always)]
pub unsafe fn outer_of<V: Register, const LINES: usize, const N: usize>(
    y: *const f32,
    outs: usize,
    x: *const f32,
    line: usize,
    last: usize,
    w: *mut f32,
    [w_line, w_out]: [usize; 2],
) {
    let part = V::part(last);
    let mut seen = [[V::splat(0.0); N]; LINES];
    // SAFETY: the caller's promise.
    unsafe {
        for (i, seen) in seen.iter_mut().enumerate() {
            for (j, seen) in seen.iter_mut().enumerate() {
                let x = x.add(i * line + j * V::COUNT);
                *seen = if j + 1 < N { V::load(x) } else { V::load_part(x, part) };
            }
        }
        for o in (0..outs).step_by(V::COUNT) {
            let mut some = V::load_part(y.add(o), V::part(outs - o)).nonzero();
            while some != 0 {
                let own = o + some.trailing_zeros() as usize;
                let value = V::splat(f64::from(*y.add(own)));
                let w = w.add(own * w_out);
                for (i, seen) in seen.iter().enumerate() {
                    for (j, seen) in seen.iter().enumerate() {
                        let w = w.add(i * w_line + j * V::COUNT);
                        seen.times_plus(value, V::load(w)).store(w);
                    }
                }
                some &= some - 1;
            }
        }
    }
}
