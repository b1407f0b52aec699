//! The derivative by the inputs of a convolution with strides.

use super::pairs::{paired, paired_len};
use super::residue_copy_len;
use super::{Geometry, Kernels, Residue, Scratch, Segment, Target, Walk, product};
use crate::product::{Matrix, Tile};
use crate::tape::BLOCK;
use std::ops::Range;

/// The derivative by inputs where windows lie some steps apart: the inputs of each residue see places of the window of
/// their own, without zeros between the outputs.
pub(super) unsafe fn by_residues(
    kernels: &Kernels,
    g: &Geometry,
    images: Range<usize>,
    y: *const f32,
    w: *const f32,
    mut scratch: Scratch,
    target: &mut Target,
) {
    let (ins, outs, width) = (g.channels / g.groups, g.outputs / g.groups, kernels.width());
    let copy_len = residue_copy_len(kernels, g);
    let copy = scratch.take(copy_len);
    let panels = scratch.take(product(g.size) * outs * width);
    let beside = scratch.take(paired_len(kernels, product(g.size), product(g.size) * outs));
    let image_of = scratch.take(g.input_places() * width);
    let segments = scratch.segments(product(g.size));
    for group in 0..g.groups {
        for col in (0..ins).step_by(width) {
            let (cols, first) = (width.min(ins - col), group * ins + col);
            let stride = if cols > kernels.count { width } else { kernels.count };
            let (mut panel, mut pairs) = (panels, beside);
            for r in g.residues().map(|r| Residue::new(g, r)) {
                let first = panel;
                for i in 0..product(r.size) {
                    let at = [i / r.size[2] / r.size[1], i / r.size[2] % r.size[1], i % r.size[2]];
                    let tap: [usize; 3] = std::array::from_fn(|i| r.first[i] + g.strides[i] * (r.size[i] - 1 - at[i]));
                    let tap = (tap[0] * g.size[1] + tap[1]) * g.size[2] + tap[2];
                    // SAFETY: within the kernel and the panels, which have room for every place of the window once.
                    unsafe {
                        let from = w.add((tap * ins + col) * g.outputs + group * outs);
                        let b = Matrix { ptr: from, row_stride: 1, col_stride: g.outputs };
                        (kernels.pack)(outs, cols, b, panel);
                        panel = panel.add(outs * width);
                    }
                }
                let walk = Walk::residue(kernels, g, &r);
                let count = walk.stretches(group).count();
                // SAFETY: as above.
                unsafe {
                    paired(kernels, count, walk.stretch(), cols, first, pairs);
                    pairs = pairs.add(count * kernels.steps(walk.stretch()) * width);
                }
            }
            for image in images.clone() {
                let mut panel = if kernels.pair.is_some() { beside } else { panels }.cast_const();
                let (to, step) = match *target {
                    Target::Tiles(..) => (image_of, stride),
                    Target::Store { to, stride } => {
                        (to.wrapping_add(image * g.input_places() * stride + first), stride)
                    }
                };
                let stored = if matches!(target, Target::Tiles(..)) { stride } else { cols };
                for place in g.residues() {
                    let r = Residue::new(g, place);
                    let walk = Walk::residue(kernels, g, &r);
                    // SAFETY: the image is one of those that can be read; windows lie within it or its copy.
                    unsafe {
                        let mut from = y.wrapping_add(image * g.output_len());
                        if walk.copy {
                            std::slice::from_raw_parts_mut(copy, kernels.copy_len(&walk)).fill(0.0);
                            walk.fill(kernels, from, copy);
                            from = copy;
                        }
                        let count = walk.stretches(group).count();
                        let seen = &mut segments[..count];
                        for (i, (s, a)) in seen.iter_mut().zip(walk.stretches(group)).enumerate() {
                            *s = Segment { a, b: i * kernels.steps(walk.stretch()) * width };
                        }
                        residue(kernels, g, &walk, place, seen, cols, from, panel, to, step, stored);
                        panel = panel.add(count * kernels.steps(walk.stretch()) * width);
                    }
                }
                if let Target::Tiles(done, _) = target {
                    let (rows, places) = (BLOCK / stride, g.input_places());
                    for row in (0..places).step_by(rows) {
                        let (rows, begin) = (rows.min(places - row), image * places + row);
                        // SAFETY: within the image.
                        let ptr = unsafe { image_of.add(row * stride) };
                        done(Tile { row: begin, col: first, rows, cols, ptr, stride });
                    }
                }
            }
        }
    }
}

/// The inputs of a residue of one image, each at its own place.
pub(super) unsafe fn residue(
    kernels: &Kernels,
    g: &Geometry,
    walk: &Walk,
    place: [usize; 3],
    segments: &[Segment],
    cols: usize,
    from: *const f32,
    panel: *const f32,
    to: *mut f32,
    step: usize,
    stored: usize,
) {
    for row in 0..walk.row_count() {
        let at = [row / walk.to[1] * g.strides[0] + place[0], row % walk.to[1] * g.strides[1] + place[1]];
        let line = (at[0] * g.input[1] + at[1]) * g.input[2] + place[2];
        let strips = walk.to[2].div_ceil(kernels.rows);
        let mut done = 0;
        for strip in 0..strips {
            let rows = (walk.to[2] + strip) / strips;
            let kernel = kernels.kernels[rows - 1][usize::from(cols > kernels.count)];
            // SAFETY: the windows are within the image, the inputs within the result.
            unsafe {
                let a = kernels.place(from, walk.row(row) + done * walk.channels);
                let to = to.add((line + done * g.strides[2]) * step);
                let (a_row, length, width) = (walk.channels, kernels.steps(walk.stretch()), kernels.width());
                let (a_step, steps) = (kernels.step(), g.strides[2] * step);
                kernel(segments, length, cols, a, a_row, a_step, panel, width, to, steps, stored, false);
            }
            done += rows;
        }
    }
}
