//! Images times a kernel that moves over them, and the two derivatives of that.
//!
//! An image's numbers lie places first, channels last, so along the last spatial axis what a window sees is one stretch
//! of memory: a product over a few stretches (`Segment`), whose rows are windows. Padding is made real in a copy of one
//! image at a time. The derivative by the image is the same walk over the outputs, spread out by the strides, with the
//! kernel turned; the derivative by the kernel is a product whose inner steps are windows.
//!
//! Every element is one chain of multiply-adds in a fixed order, whatever tile or thread it falls to.

use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512};
use crate::lane::{Register, Wide, for_rows};
use crate::product::{Matrix, Tile, pack};
#[cfg(target_arch = "x86_64")]
use crate::product::{pack_avx2, pack_avx512};
use crate::tape::BLOCK;
use std::hint::black_box;
use std::ops::Range;

mod sparse;
mod winograd;

use sparse::Sparse;
use winograd::Winograd;
pub use winograd::together;

/// How the products of a convolution are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// All of them.
    Plain,
    /// Those with zeros are left out wherever that can be done.
    Sparse,
    /// Those with zeros are left out where there are enough of them. The bits are those of `Plain`.
    Look,
    /// A quarter of them, of numbers at points (`winograd`).
    Winograd,
}

/// Can the outputs or, if turned, the inputs be computed by [`Method::Winograd`], and are they likely to be sooner?
pub fn suits_winograd(g: &Geometry, turned: bool) -> bool {
    winograd::suits(g, turned)
}

/// The same for the derivative by the kernel, over so many images at once.
pub fn suits_winograd_kernel(g: &Geometry, images: usize) -> bool {
    winograd::suits_kernel(g, images)
}

/// A convolution of images `[spatial…, channels]` with 1 to 3 spatial axes, the missing ones in front of size 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Spatial sizes of the input.
    pub input: [usize; 3],
    /// Numbers at each of its places.
    pub channels: usize,
    /// Spatial sizes of the output.
    pub output: [usize; 3],
    /// Numbers at each of its places.
    pub outputs: usize,
    /// Sizes of the window.
    pub size: [usize; 3],
    /// From one window to the next.
    pub strides: [usize; 3],
    /// From one place of the window to the next.
    pub dilation: [usize; 3],
    /// Places of padding in front.
    pub before: [usize; 3],
    /// Parts that channels and outputs are cut into.
    pub groups: usize,
}

impl Geometry {
    /// Numbers of an input image.
    pub fn input_len(&self) -> usize {
        product(self.input) * self.channels
    }
    /// Places of an input image.
    pub fn input_places(&self) -> usize {
        product(self.input)
    }
    /// Places of an output image.
    pub fn output_places(&self) -> usize {
        product(self.output)
    }
    /// Numbers of an output image.
    pub fn output_len(&self) -> usize {
        product(self.output) * self.outputs
    }
    /// Rows of the kernel: places of the window times channels of a group.
    pub fn kernel_rows(&self) -> usize {
        product(self.size) * self.channels / self.groups
    }
    /// Panics if the parts don't fit together: then a walk would leave its image.
    pub fn check(&self) {
        let divides = |n: usize| self.groups > 0 && n.is_multiple_of(self.groups);
        let groups = divides(self.channels) && divides(self.outputs);
        assert!(groups && self.channels > 0 && self.outputs > 0, "groups must divide channels and outputs: {self:?}");
        for i in 0..3 {
            let least = self.size[i].min(self.strides[i]).min(self.dilation[i]).min(self.input[i]).min(self.output[i]);
            assert!(least > 0, "a convolution without a place: {self:?}");
            let span = (self.output[i] - 1) * self.strides[i] + self.reach(i);
            let fits = self.before[i] < self.reach(i) && span < self.before[i] + self.input[i] + self.reach(i);
            assert!(fits, "windows leave the padded input: {self:?}");
        }
    }
    fn reach(&self, axis: usize) -> usize {
        (self.size[axis] - 1) * self.dilation[axis] + 1
    }
    /// Does every channel go through a kernel of its own?
    fn depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.channels && self.channels == self.outputs
    }
    /// Do inputs some steps apart see different places of the window?
    fn strided(&self) -> bool {
        self.strides != [1; 3] && self.dilation == [1; 3] && !self.depthwise()
    }
    /// Every place within the strides.
    fn residues(&self) -> impl Iterator<Item = [usize; 3]> + use<> {
        let s = self.strides;
        (0..product(s)).map(move |i| [i / s[1] / s[2], i / s[2] % s[1], i % s[2]])
    }
    /// Is each output a product of one place alone, so that images are but rows?
    fn pointwise(&self) -> bool {
        self.size == [1; 3] && self.strides == [1; 3] && self.input == self.output
    }
}

fn product(sizes: [usize; 3]) -> usize {
    sizes.iter().product()
}

/// What a walk over an image computes at each of its windows.
#[derive(Clone, Copy, Debug)]
struct Walk {
    /// The image's sizes and numbers a place.
    from: [usize; 3],
    channels: usize,
    /// How far its places are apart once zeros are between them.
    spread: [usize; 3],
    /// Zeros in front; below 0, places that no window sees.
    before: [isize; 3],
    /// Sizes of what windows move over: the image, or the copy with zeros.
    pitch: [usize; 3],
    /// Is there a copy?
    copy: bool,
    /// Windows.
    to: [usize; 3],
    strides: [usize; 3],
    size: [usize; 3],
    dilation: [usize; 3],
    groups: usize,
}

/// A derivative by inputs that lie some steps apart, which see only some places of the window: how many places, the
/// first of them, and how many inputs there are.
#[derive(Clone, Copy, Debug)]
struct Residue {
    size: [usize; 3],
    first: [usize; 3],
    to: [usize; 3],
    /// Zeros in front, or, below 0, outputs that are seen by none.
    before: [isize; 3],
}

impl Residue {
    /// For inputs `r`, `r` + strides and so on.
    fn new(g: &Geometry, r: [usize; 3]) -> Self {
        let first: [usize; 3] = std::array::from_fn(|i| (r[i] + g.before[i]) % g.strides[i]);
        let size: [usize; 3] = std::array::from_fn(|i| g.size[i].saturating_sub(first[i]).div_ceil(g.strides[i]));
        let to = std::array::from_fn(|i| g.input[i].saturating_sub(r[i]).div_ceil(g.strides[i]));
        // Input r sees output (r + before − first) / stride with its first place, and the ones before with the others.
        let before = std::array::from_fn(|i| {
            let output = (r[i] + g.before[i] - first[i]) / g.strides[i];
            size[i] as isize - 1 - output as isize
        });
        Residue { size, first, to, before }
    }
}

impl Walk {
    /// Over inputs.
    fn forward(g: &Geometry) -> Self {
        if g.pointwise() {
            return Self::rows(g, g.channels);
        }
        let padded: [usize; 3] = std::array::from_fn(|i| (g.output[i] - 1) * g.strides[i] + g.reach(i));
        let copy = (0..3).any(|i| g.before[i] > 0 || padded[i] > g.input[i]);
        Walk {
            from: g.input,
            channels: g.channels,
            spread: [1; 3],
            before: g.before.map(|n| n as isize),
            pitch: if copy { padded } else { g.input },
            copy,
            to: g.output,
            strides: g.strides,
            size: g.size,
            dilation: g.dilation,
            groups: g.groups,
        }
    }
    /// Over outputs, to inputs.
    fn turned(g: &Geometry) -> Self {
        if g.pointwise() {
            return Self::rows(g, g.outputs);
        }
        let before: [isize; 3] = std::array::from_fn(|i| (g.reach(i) - 1 - g.before[i]) as isize);
        let pitch: [usize; 3] = std::array::from_fn(|i| g.input[i] + g.reach(i) - 1);
        Walk {
            from: g.output,
            channels: g.outputs,
            spread: g.strides,
            before,
            pitch,
            copy: pitch != g.output || g.strides != [1; 3],
            to: g.input,
            strides: [1; 3],
            size: g.size,
            dilation: g.dilation,
            groups: g.groups,
        }
    }
    /// Over outputs, to the inputs of a residue.
    fn residue(g: &Geometry, r: &Residue) -> Self {
        let pitch = std::array::from_fn(|i| (r.to[i] + r.size[i]).saturating_sub(1));
        Walk {
            from: g.output,
            channels: g.outputs,
            spread: [1; 3],
            before: r.before,
            pitch,
            copy: pitch != g.output || r.before != [0; 3],
            to: r.to,
            strides: [1; 3],
            size: r.size,
            dilation: [1; 3],
            groups: g.groups,
        }
    }
    /// An image as one row of places.
    fn rows(g: &Geometry, channels: usize) -> Self {
        let row = [1, 1, product(g.input)];
        let ones = [1; 3];
        Walk {
            from: row,
            channels,
            spread: ones,
            before: [0; 3],
            pitch: row,
            copy: false,
            to: row,
            strides: ones,
            size: ones,
            dilation: ones,
            groups: g.groups,
        }
    }
    fn image_len(&self) -> usize {
        product(self.from) * self.channels
    }
    fn copy_len(&self) -> usize {
        if self.copy { product(self.pitch) * self.channels } else { 0 }
    }
    /// Does one stretch hold what a window sees along the last axis?
    fn joined(&self) -> bool {
        self.dilation[2] == 1 && self.groups == 1
    }
    /// Numbers of a stretch.
    fn stretch(&self) -> usize {
        if self.joined() { self.size[2] * self.channels } else { self.channels / self.groups }
    }
    /// Where the stretches of a window begin, from its first place on, in the order of the kernel's rows.
    fn stretches(&self, group: usize) -> impl Iterator<Item = usize> + use<> {
        let w = *self;
        let last = if w.joined() { 1 } else { w.size[2] };
        (0..w.size[0] * w.size[1] * last).map(move |i| {
            let at = [i / last / w.size[1], i / last % w.size[1], i % last];
            let place =
                (at[0] * w.dilation[0] * w.pitch[1] + at[1] * w.dilation[1]) * w.pitch[2] + at[2] * w.dilation[2];
            place * w.channels + group * (w.channels / w.groups)
        })
    }
    /// Where the windows of the i-th row of windows begin.
    fn row(&self, i: usize) -> usize {
        let at = [i / self.to[1] * self.strides[0], i % self.to[1] * self.strides[1]];
        (at[0] * self.pitch[1] + at[1]) * self.pitch[2] * self.channels
    }
    /// Rows of windows.
    fn row_count(&self) -> usize {
        self.to[0] * self.to[1]
    }
    /// Copies an image to where its zeros are already.
    unsafe fn fill(&self, from: *const f32, to: *mut f32) {
        let c = self.channels;
        // Where a place of the image is in the copy, if windows see it there.
        let at = |i: usize, place: usize| self.before[i] + (place * self.spread[i]) as isize;
        let within = |i: usize| {
            let seen = move |place: &usize| (0..self.pitch[i] as isize).contains(&at(i, *place));
            (0..self.from[i]).filter(seen)
        };
        let (Some(left), width) = (within(2).next(), within(2).count()) else { return };
        for d in within(0) {
            for h in within(1) {
                let source = ((d * self.from[1] + h) * self.from[2] + left) * c;
                let row = at(0, d) as usize * self.pitch[1] + at(1, h) as usize;
                let target = (row * self.pitch[2] + at(2, left) as usize) * c;
                // SAFETY: places of the image and of the copy.
                unsafe {
                    let (from, to) = (from.add(source), to.add(target));
                    if self.spread[2] == 1 {
                        from.copy_to_nonoverlapping(to, width * c);
                    } else {
                        for i in 0..width {
                            from.add(i * c).copy_to_nonoverlapping(to.add(i * self.spread[2] * c), c);
                        }
                    }
                }
            }
        }
    }
}

/// Where finished numbers go.
pub enum Target<'a> {
    /// To a function, in tiles that it may change.
    Tiles(&'a mut dyn FnMut(Tile)),
    /// To memory: row i begins at `to + i · stride`.
    Store {
        /** Row 0. */
        to: *mut f32,
        /** From one row to the next. */
        stride: usize,
    },
}

/// A stretch of inner steps: where it begins in A and in B.
#[derive(Clone, Copy, Debug)]
struct Segment {
    a: usize,
    b: usize,
}

/// Numbers of scratch memory for [`convolve`].
pub fn scratch_len(isa: Isa, g: &Geometry, turned: bool, method: Method) -> usize {
    if method == Method::Winograd {
        return winograd::scratch_len(kernels(isa), g, turned);
    }
    let (walk, width) = (if turned { Walk::turned(g) } else { Walk::forward(g) }, kernels(isa).width());
    let k = product(walk.size) * walk.channels / walk.groups;
    let (copy, image) = match turned && g.strided() {
        true => (residue_copy_len(g), g.input_places() * width),
        false => (walk.copy_len(), 0),
    };
    let dense = 5 * LINE + copy + image + k * width + BLOCK + segments_len(product(walk.size));
    if turned { dense.max(sparse::scratch_len(kernels(isa), g, &walk)) } else { dense }
}

fn residue_copy_len(g: &Geometry) -> usize {
    g.residues().map(|r| Walk::residue(g, &Residue::new(g, r)).copy_len()).max().unwrap_or(0)
}

/// Numbers of scratch memory for [`kernel_of`].
pub fn kernel_scratch_len(isa: Isa, g: &Geometry, method: Method) -> usize {
    if method == Method::Winograd {
        return winograd::kernel_scratch_len(kernels(isa), g);
    }
    let walk = Walk::forward(g);
    let sparse = sparse::kernel_scratch_len(kernels(isa), g, &walk);
    4 * LINE + walk.copy_len() + segments_len(walk.row_count()).max(sparse)
}

fn segments_len(count: usize) -> usize {
    count * size_of::<Segment>() / size_of::<f32>()
}

/// Numbers in a cache line.
const LINE: usize = 16;
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

/// The outputs of these images: y = x ∗ w; if `turned`, x from y. `x` is the first number of image 0 of what is walked
/// over, `w` the kernel `[size…, channels / groups, outputs]`. Rows of the result are places of images, image after image.
/// Products with zeros are left out of the inputs only.
///
/// # Safety
/// This machine has `isa`; the images and the kernel can be read; where results are stored can be written and overlaps
/// neither. The geometry passes its `check`.
///
/// # Panics
/// If `scratch` is shorter than [`scratch_len`].
pub unsafe fn convolve(
    isa: Isa,
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
        return unsafe { winograd::convolve(kernels(isa), g, turned, images, x, w, Scratch(scratch), target) };
    }
    if turned && g.strided() {
        // SAFETY: the caller's promise.
        return unsafe { by_residues(kernels(isa), g, images, x, w, Scratch(scratch), target) };
    }
    let walk = if turned { Walk::turned(g) } else { Walk::forward(g) };
    let kernels = kernels(isa);
    let mut scratch = Scratch(scratch);
    if turned && sparse::pays_for_inputs(kernels, method, g, &walk, &images, x) {
        // SAFETY: the caller's promise.
        return unsafe { sparse::turned(kernels, g, &walk, images, x, w, &mut scratch, target) };
    }
    let copy = scratch.take(walk.copy_len());
    // SAFETY: the copy was just taken.
    unsafe { std::slice::from_raw_parts_mut(copy, walk.copy_len()).fill(0.0) };
    let k = product(walk.size) * walk.channels / walk.groups;
    let panel = scratch.take(k * kernels.width());
    let block = scratch.take(BLOCK);
    let own = if turned { g.channels / g.groups } else { g.outputs / g.groups };
    if g.depthwise() {
        // SAFETY: the caller's promise.
        unsafe { depthwise(kernels, &walk, turned, g.outputs, images, x, w, copy, block, target) };
        return;
    }
    let segments = scratch.segments(walk.stretches(0).count());
    for group in 0..g.groups {
        for (i, (s, a)) in segments.iter_mut().zip(walk.stretches(group)).enumerate() {
            *s = Segment { a, b: i * walk.stretch() * kernels.width() };
        }
        for col in (0..own).step_by(kernels.width()) {
            let cols = kernels.width().min(own - col);
            let first = group * own + col;
            // SAFETY: the columns are within the kernel; the panel has room for k rows.
            unsafe {
                if turned {
                    turn(kernels, g, group, col, cols, w, panel);
                } else {
                    let b = Matrix { ptr: w.add(first), row_stride: g.outputs, col_stride: 1 };
                    (kernels.pack)(k, cols, b, panel);
                }
            }
            for image in images.clone() {
                // SAFETY: the image is one of those that can be read; windows lie within it or its copy.
                unsafe {
                    let from = x.add(image * walk.image_len());
                    let from = if walk.copy {
                        walk.fill(from, copy);
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

/// The derivative by inputs where windows lie some steps apart: the inputs of each residue see places of the window of
/// their own, without zeros between the outputs.
unsafe fn by_residues(
    kernels: &Kernels,
    g: &Geometry,
    images: Range<usize>,
    y: *const f32,
    w: *const f32,
    mut scratch: Scratch,
    target: &mut Target,
) {
    let (ins, outs, width) = (g.channels / g.groups, g.outputs / g.groups, kernels.width());
    let copy = scratch.take(residue_copy_len(g));
    let panels = scratch.take(product(g.size) * outs * width);
    let image_of = scratch.take(g.input_places() * width);
    let segments = scratch.segments(product(g.size));
    for group in 0..g.groups {
        for col in (0..ins).step_by(width) {
            let (cols, first) = (width.min(ins - col), group * ins + col);
            let stride = if cols > kernels.count { width } else { kernels.count };
            let mut panel = panels;
            for r in g.residues().map(|r| Residue::new(g, r)) {
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
            }
            for image in images.clone() {
                let mut panel = panels.cast_const();
                let (to, step) = match *target {
                    Target::Tiles(_) => (image_of, stride),
                    // SAFETY: within the memory that results are stored in.
                    Target::Store { to, stride } => unsafe {
                        (to.add(image * g.input_places() * stride + first), stride)
                    },
                };
                let stored = if matches!(target, Target::Tiles(_)) { stride } else { cols };
                for place in g.residues() {
                    let r = Residue::new(g, place);
                    let walk = Walk::residue(g, &r);
                    // SAFETY: the image is one of those that can be read; windows lie within it or its copy.
                    unsafe {
                        let mut from = y.add(image * g.output_len());
                        if walk.copy {
                            std::slice::from_raw_parts_mut(copy, walk.copy_len()).fill(0.0);
                            walk.fill(from, copy);
                            from = copy;
                        }
                        let count = walk.stretches(group).count();
                        let seen = &mut segments[..count];
                        for (i, (s, a)) in seen.iter_mut().zip(walk.stretches(group)).enumerate() {
                            *s = Segment { a, b: i * walk.stretch() * width };
                        }
                        residue(kernels, g, &walk, place, seen, cols, from, panel, to, step, stored);
                        panel = panel.add(product(r.size) * outs * width);
                    }
                }
                if let Target::Tiles(done) = target {
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
unsafe fn residue(
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
                let a = from.add(walk.row(row) + done * walk.channels);
                let to = to.add((line + done * g.strides[2]) * step);
                let (a_row, length, width) = (walk.channels, walk.stretch(), kernels.width());
                let steps = g.strides[2] * step;
                kernel(segments, length, cols, a, a_row, 1, panel, width, to, steps, stored, false);
            }
            done += rows;
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
            if let Target::Tiles(done) = target
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
                // SAFETY: the windows are within the image; the block has room, and so has memory.
                unsafe {
                    let a = from.add(walk.row(row) + (piece + at) * a_row);
                    let (to, step, stored) = match *target {
                        Target::Tiles(_) => (block.add((filled + at) * stride), stride, stride),
                        Target::Store { to, stride } => (to.add((place + at) * stride + col), stride, cols),
                    };
                    let kernel = kernels.kernels[rows - 1][usize::from(cols > kernels.count)];
                    kernel(
                        segments,
                        walk.stretch(),
                        cols,
                        a,
                        a_row,
                        1,
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
    if let Target::Tiles(done) = target {
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
    g: &Geometry,
    images: Range<usize>,
    x: *const f32,
    y: *const f32,
    w: *mut f32,
    add: bool,
    method: Method,
    scratch: &mut [f32],
) {
    let (walk, kernels, mut scratch) = (Walk::forward(g), kernels(isa), Scratch(scratch));
    if method == Method::Winograd {
        // SAFETY: the caller's promise.
        return unsafe { winograd::kernel_of(kernels, g, images, x, y, w, add, scratch) };
    }
    let copy = scratch.take(walk.copy_len());
    // SAFETY: the copy was just taken.
    unsafe { std::slice::from_raw_parts_mut(copy, walk.copy_len()).fill(0.0) };
    if sparse::pays_for_kernel(kernels, method, g, &walk, &images, y) {
        // SAFETY: the caller's promise.
        return unsafe { sparse::kernel_of(kernels, g, &walk, images, x, y, w, add, copy, &mut scratch) };
    }
    let segments = scratch.segments(walk.row_count());
    // SAFETY: the kernel can be written.
    unsafe {
        if !add {
            std::slice::from_raw_parts_mut(w, g.kernel_rows() * g.outputs).fill(0.0);
        }
    }
    for image in images {
        // SAFETY: the image is one of those that can be read; windows lie within it or its copy.
        unsafe {
            let y = y.add(image * g.output_len());
            let from = x.add(image * walk.image_len());
            let from = if walk.copy {
                walk.fill(from, copy);
                copy.cast_const()
            } else {
                from
            };
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
            let from = x.add(image * walk.image_len());
            let from = if walk.copy {
                walk.fill(from, copy);
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
                            Target::Tiles(_) => (block, width, width),
                            Target::Store { to, stride } => (to.add(place * stride + col), stride, cols),
                        };
                        (kernels.depthwise)(walk, turned, rows, cols, at.add(col), w.add(col), to, stride, stored);
                        if let Target::Tiles(done) = target {
                            done(Tile { row: place, col, rows, cols, ptr: block, stride: width });
                        }
                    }
                }
            }
        }
    }
}

/// `kernel(segments, length, cols, a, a_row, a_step, b, b_step, c, c_stride, c_cols, add)`
type Kernel =
    unsafe fn(&[Segment], usize, usize, *const f32, usize, usize, *const f32, usize, *mut f32, usize, usize, bool);
/// `depthwise(walk, turned, rows, cols, from, w, to, stride, stored)`
type Depthwise = unsafe fn(&Walk, bool, usize, usize, *const f32, *const f32, *mut f32, usize, usize);
/// `depthwise_kernel(walk, from, y, w)`
type DepthwiseKernel = unsafe fn(&Walk, *const f32, *const f32, *mut f32);

/// What an instruction set brings.
struct Kernels {
    /// Numbers in a register.
    count: usize,
    /// The most rows of a strip.
    rows: usize,
    /// By rows − 1, and whether the columns need a second register.
    kernels: &'static [[Kernel; 2]],
    pack: unsafe fn(usize, usize, Matrix, *mut f32),
    depthwise: Depthwise,
    depthwise_kernel: DepthwiseKernel,
    sparse: &'static Sparse,
    winograd: &'static Winograd,
}

impl Kernels {
    /// Columns of a panel.
    fn width(&self) -> usize {
        2 * self.count
    }
}

fn kernels(isa: Isa) -> &'static Kernels {
    macro_rules! kernels {
        (
            $register:ty, $kernel:ident, $pack:expr, $depthwise:ident, $depthwise_kernel:ident, $sparse:expr, $winograd:expr,
            $($rows:literal)*
        ) => {{
            const KERNELS: &[[Kernel; 2]] = &[$([$kernel::<$rows, 1>, $kernel::<$rows, 2>]),*];
            static ALL: Kernels = Kernels {
                count: <$register>::COUNT,
                rows: KERNELS.len(),
                kernels: KERNELS,
                pack: $pack,
                depthwise: $depthwise,
                depthwise_kernel: $depthwise_kernel,
                sparse: &$sparse,
                winograd: &$winograd,
            };
            &ALL
        }};
    }
    match isa {
        Isa::Portable => {
            kernels!(
                Wide, kernel_portable, pack::<Wide>, depthwise_portable, depthwise_kernel_portable, sparse::PORTABLE,
                winograd::PORTABLE,
                1 2 3 4
            )
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => kernels!(
            Avx2, kernel_avx2, pack_avx2, depthwise_avx2, depthwise_kernel_avx2, sparse::AVX2,
                winograd::AVX2,
            1 2 3 4 5 6
        ),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => kernels!(
            Avx512, kernel_avx512, pack_avx512, depthwise_avx512, depthwise_kernel_avx512, sparse::AVX512,
                winograd::AVX512,
            1 2 3 4 5 6 7 8 9 10 11 12 13 14
        ),
    }
}

macro_rules! compiled {
    ($register:ty, $kernel:ident, $depthwise:ident, $depthwise_kernel:ident $(, $feature:literal)?) => {
        $(#[target_feature(enable = $feature)])?
        unsafe fn $kernel<const ROWS: usize, const REGISTERS: usize>(
            segments: &[Segment],
            length: usize,
            cols: usize,
            a: *const f32,
            a_row: usize,
            a_step: usize,
            b: *const f32,
            b_step: usize,
            c: *mut f32,
            c_stride: usize,
            c_cols: usize,
            add: bool,
        ) {
            // SAFETY: the caller's promise.
            unsafe {
                kernel::<$register, ROWS, REGISTERS>(
                    segments, length, cols, a, a_row, a_step, b, b_step, c, c_stride, c_cols, add,
                )
            }
        }
        $(#[target_feature(enable = $feature)])?
        unsafe fn $depthwise(
            walk: &Walk,
            turned: bool,
            rows: usize,
            cols: usize,
            from: *const f32,
            w: *const f32,
            to: *mut f32,
            stride: usize,
            stored: usize,
        ) {
            // SAFETY: the caller's promise.
            unsafe { channels_apart::<$register>(walk, turned, rows, cols, from, w, to, stride, stored) }
        }
        $(#[target_feature(enable = $feature)])?
        unsafe fn $depthwise_kernel(walk: &Walk, from: *const f32, y: *const f32, w: *mut f32) {
            // SAFETY: the caller's promise.
            unsafe { kernel_of_channels::<$register>(walk, from, y, w) }
        }
    };
}
compiled!(Wide, kernel_portable, depthwise_portable, depthwise_kernel_portable);
#[cfg(target_arch = "x86_64")]
compiled!(Avx2, kernel_avx2, depthwise_avx2, depthwise_kernel_avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
compiled!(
    Avx512,
    kernel_avx512,
    depthwise_avx512,
    depthwise_kernel_avx512,
    "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"
);

/// ROWS × `cols` elements of C, held in registers while the inner steps of all segments run, stored with zeros up to
/// `c_cols`; or, with `add`, added to what C has.
///
/// # Safety
/// A and B can be read at every step of every segment, ROWS × `c_cols` of C written.
#[inline(always)]
unsafe fn kernel<V: Register, const ROWS: usize, const REGISTERS: usize>(
    segments: &[Segment],
    length: usize,
    cols: usize,
    a: *const f32,
    a_row: usize,
    a_step: usize,
    b: *const f32,
    b_step: usize,
    c: *mut f32,
    c_stride: usize,
    c_cols: usize,
    add: bool,
) {
    let last = REGISTERS - 1;
    let (part, stored) = (V::part(cols - last * V::COUNT), V::part(c_cols - last * V::COUNT));
    let mut sums = [[V::splat(0.0); REGISTERS]; ROWS];
    // SAFETY: the caller's promise; the pointers are not read after their last step.
    unsafe {
        if add {
            for_rows!(i < ROWS: {
                for (j, sum) in sums[i].iter_mut().enumerate().take(last) {
                    *sum = V::load(c.add(i * c_stride + j * V::COUNT));
                }
                sums[i][last] = V::load_part(c.add(i * c_stride + last * V::COUNT), stored);
            });
        }
        // Rows in threes of five, as in `product`: the compiler must not know how the offsets hang together.
        let offsets: [usize; 5] = std::array::from_fn(|i| black_box(i * a_row));
        let bases: [*const f32; 3] = std::array::from_fn(|i| black_box(a.wrapping_add(5 * i * a_row)));
        for segment in segments {
            let mut a_k = bases.map(|p| p.wrapping_add(segment.a));
            let mut b_k = b.add(segment.b);
            for _ in 0..length {
                let mut y = [V::splat(0.0); REGISTERS];
                for (j, y) in y.iter_mut().enumerate().take(last) {
                    *y = V::load(b_k.add(j * V::COUNT));
                }
                y[last] = V::load_part(b_k.add(last * V::COUNT), part);
                for_rows!(i < ROWS: {
                    let x = V::splat(f64::from(*a_k[i / 5].add(offsets[i % 5])));
                    for (sum, y) in sums[i].iter_mut().zip(y) {
                        *sum = x.times_plus(y, *sum);
                    }
                });
                a_k = a_k.map(|a| a.wrapping_add(a_step));
                b_k = b_k.wrapping_add(b_step);
            }
        }
        for_rows!(i < ROWS: {
            let c = c.add(i * c_stride);
            for (j, sum) in sums[i].iter().enumerate().take(last) {
                sum.store(c.add(j * V::COUNT));
            }
            sums[i][last].store_part(c.add(last * V::COUNT), stored);
        });
    }
}

/// Windows, or places of a window, whose sums are kept in registers together.
const TOGETHER: usize = 4;

/// `rows` windows of a row of windows, for up to two registers of channels.
#[inline(always)]
unsafe fn channels_apart<V: Register>(
    walk: &Walk,
    turned: bool,
    rows: usize,
    cols: usize,
    from: *const f32,
    w: *const f32,
    to: *mut f32,
    stride: usize,
    stored: usize,
) {
    let (c, taps) = (walk.channels, product(walk.size));
    let step = walk.strides[2] * c;
    for col in (0..cols).step_by(V::COUNT) {
        let (part, kept) = (V::part(cols - col), V::part(stored - col));
        for row in (0..rows).step_by(TOGETHER) {
            let count = TOGETHER.min(rows - row);
            // Windows that are not there see what the last one sees.
            let at: [usize; TOGETHER] = std::array::from_fn(|i| (row + i.min(count - 1)) * step + col);
            let mut sums = [V::splat(0.0); TOGETHER];
            let mut tap = 0;
            for d in 0..walk.size[0] {
                for h in 0..walk.size[1] {
                    let line = (d * walk.dilation[0] * walk.pitch[1] + h * walk.dilation[1]) * walk.pitch[2] * c;
                    for i in 0..walk.size[2] {
                        let own = if turned { taps - 1 - tap } else { tap } * c;
                        // SAFETY: the caller's promise.
                        unsafe {
                            let k = V::load_part(w.add(own + col), part);
                            let x = from.add(line + i * walk.dilation[2] * c);
                            for (sum, at) in sums.iter_mut().zip(at) {
                                *sum = V::load_part(x.add(at), part).times_plus(k, *sum);
                            }
                        }
                        tap += 1;
                    }
                }
            }
            for (i, sum) in sums.into_iter().enumerate().take(count) {
                // SAFETY: the caller's promise.
                unsafe { sum.store_part(to.add((row + i) * stride + col), kept) };
            }
        }
    }
}

/// Adds what one image gives to the kernels of all channels.
#[inline(always)]
unsafe fn kernel_of_channels<V: Register>(walk: &Walk, from: *const f32, y: *const f32, w: *mut f32) {
    let c = walk.channels;
    let step = walk.strides[2] * c;
    for col in (0..c).step_by(V::COUNT) {
        let part = V::part(c - col);
        for line in 0..walk.size[0] * walk.size[1] {
            let (d, h) = (line / walk.size[1], line % walk.size[1]);
            let start = (d * walk.dilation[0] * walk.pitch[1] + h * walk.dilation[1]) * walk.pitch[2] * c;
            for i in (0..walk.size[2]).step_by(TOGETHER) {
                let count = TOGETHER.min(walk.size[2] - i);
                let at: [usize; TOGETHER] =
                    std::array::from_fn(|j| start + (i + j.min(count - 1)) * walk.dilation[2] * c + col);
                // SAFETY: the caller's promise.
                unsafe {
                    let to = w.add((line * walk.size[2] + i) * c + col);
                    let mut sums = [V::splat(0.0); TOGETHER];
                    for (j, sum) in sums.iter_mut().enumerate().take(count) {
                        *sum = V::load_part(to.add(j * c), part);
                    }
                    for row in 0..walk.row_count() {
                        let (mut x, mut d) = (from.add(walk.row(row)), y.add(row * walk.to[2] * c + col));
                        for _ in 0..walk.to[2] {
                            let factor = V::load_part(d, part);
                            for (sum, at) in sums.iter_mut().zip(at) {
                                *sum = V::load_part(x.add(at), part).times_plus(factor, *sum);
                            }
                            (x, d) = (x.wrapping_add(step), d.wrapping_add(c));
                        }
                    }
                    for (j, sum) in sums.into_iter().enumerate().take(count) {
                        sum.store_part(to.add(j * c), part);
                    }
                }
            }
        }
    }
}
