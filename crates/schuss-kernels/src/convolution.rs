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
    /// Zeros in front.
    before: [usize; 3],
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
            before: g.before,
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
        let before: [usize; 3] = std::array::from_fn(|i| g.reach(i) - 1 - g.before[i]);
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
        // What of the image windows see: places beyond the last window's are left out.
        let within =
            |i: usize| (0..self.from[i]).take_while(move |p| self.before[i] + p * self.spread[i] < self.pitch[i]);
        let width = within(2).count();
        for d in within(0) {
            for h in within(1) {
                let source = (d * self.from[1] + h) * self.from[2] * c;
                let row = (self.before[0] + d * self.spread[0]) * self.pitch[1] + self.before[1] + h * self.spread[1];
                let target = (row * self.pitch[2] + self.before[2]) * c;
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
pub fn scratch_len(isa: Isa, g: &Geometry, turned: bool) -> usize {
    let (walk, width) = (if turned { Walk::turned(g) } else { Walk::forward(g) }, kernels(isa).width());
    let k = product(walk.size) * walk.channels / walk.groups;
    4 * LINE + walk.copy_len() + k * width + BLOCK + segments_len(product(walk.size))
}

/// Numbers of scratch memory for [`kernel_of`].
pub fn kernel_scratch_len(_: Isa, g: &Geometry) -> usize {
    let walk = Walk::forward(g);
    4 * LINE + walk.copy_len() + segments_len(walk.row_count())
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
    scratch: &mut [f32],
    target: &mut Target,
) {
    let walk = if turned { Walk::turned(g) } else { Walk::forward(g) };
    let kernels = kernels(isa);
    let mut scratch = Scratch(scratch);
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
    scratch: &mut [f32],
) {
    let walk = Walk::forward(g);
    let kernels = kernels(isa);
    let mut scratch = Scratch(scratch);
    let copy = scratch.take(walk.copy_len());
    let segments = scratch.segments(walk.row_count());
    // SAFETY: the copy was just taken; the kernel can be written.
    unsafe {
        std::slice::from_raw_parts_mut(copy, walk.copy_len()).fill(0.0);
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
}

impl Kernels {
    /// Columns of a panel.
    fn width(&self) -> usize {
        2 * self.count
    }
}

fn kernels(isa: Isa) -> &'static Kernels {
    macro_rules! kernels {
        ($register:ty, $kernel:ident, $pack:expr, $depthwise:ident, $depthwise_kernel:ident, $($rows:literal)*) => {{
            const KERNELS: &[[Kernel; 2]] = &[$([$kernel::<$rows, 1>, $kernel::<$rows, 2>]),*];
            static ALL: Kernels = Kernels {
                count: <$register>::COUNT,
                rows: KERNELS.len(),
                kernels: KERNELS,
                pack: $pack,
                depthwise: $depthwise,
                depthwise_kernel: $depthwise_kernel,
            };
            &ALL
        }};
    }
    match isa {
        Isa::Portable => {
            kernels!(Wide, kernel_portable, pack::<Wide>, depthwise_portable, depthwise_kernel_portable, 1 2 3 4)
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => kernels!(Avx2, kernel_avx2, pack_avx2, depthwise_avx2, depthwise_kernel_avx2, 1 2 3 4 5 6),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => kernels!(
            Avx512, kernel_avx512, pack_avx512, depthwise_avx512, depthwise_kernel_avx512,
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
    let c = walk.channels;
    let taps = product(walk.size);
    let parts = [V::part(cols), V::part(cols.saturating_sub(V::COUNT))];
    for row in 0..rows {
        let mut sums = [V::splat(0.0); 2];
        let mut tap = 0;
        for d in 0..walk.size[0] {
            for h in 0..walk.size[1] {
                for i in 0..walk.size[2] {
                    let line = (d * walk.dilation[0] * walk.pitch[1] + h * walk.dilation[1]) * walk.pitch[2];
                    let at = (line + i * walk.dilation[2] + row * walk.strides[2]) * c;
                    let own = if turned { taps - 1 - tap } else { tap } * c;
                    for (j, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: the caller's promise; an empty part reads nothing.
                        unsafe {
                            let x = V::load_part(from.wrapping_add(at + j * V::COUNT), parts[j]);
                            let k = V::load_part(w.wrapping_add(own + j * V::COUNT), parts[j]);
                            *sum = x.times_plus(k, *sum);
                        }
                    }
                    tap += 1;
                }
            }
        }
        for (j, sum) in sums.into_iter().enumerate() {
            let part = V::part(stored.saturating_sub(j * V::COUNT));
            // SAFETY: the caller's promise; an empty part writes nothing.
            unsafe { sum.store_part(to.wrapping_add(row * stride + j * V::COUNT), part) };
        }
    }
}

/// Adds what one image gives to the kernels of all channels.
#[inline(always)]
unsafe fn kernel_of_channels<V: Register>(walk: &Walk, from: *const f32, y: *const f32, w: *mut f32) {
    let c = walk.channels;
    let mut tap = 0;
    for d in 0..walk.size[0] {
        for h in 0..walk.size[1] {
            for i in 0..walk.size[2] {
                let line = (d * walk.dilation[0] * walk.pitch[1] + h * walk.dilation[1]) * walk.pitch[2];
                let at = (line + i * walk.dilation[2]) * c;
                for col in (0..c).step_by(V::COUNT) {
                    let part = V::part(c - col);
                    // SAFETY: the caller's promise.
                    unsafe {
                        let to = w.add(tap * c + col);
                        let mut sum = V::load_part(to, part);
                        for row in 0..walk.row_count() {
                            let x = from.add(walk.row(row) + at + col);
                            let d = y.add(row * walk.to[2] * c + col);
                            for p in 0..walk.to[2] {
                                let x = V::load_part(x.add(p * walk.strides[2] * c), part);
                                sum = x.times_plus(V::load_part(d.add(p * c), part), sum);
                            }
                        }
                        sum.store_part(to, part);
                    }
                }
                tap += 1;
            }
        }
    }
}
