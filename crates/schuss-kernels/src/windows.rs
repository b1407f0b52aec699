//! Windows that move over images: the greatest number or the sum of each, and the way back to the places that they hold.
//!
//! Channels lie side by side and are taken a register at a time. Padding is no place: only those places of a window
//! that lie in the image are visited, in their order, so that of equal numbers the first is the greatest.

use crate::Isa;
use crate::convolution::{Geometry, Target};
#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512};
use crate::lane::{Register, Wide};
use crate::product::Tile;
use crate::tape::BLOCK;
use std::ops::Range;

/// What becomes of the windows of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowMap {
    /// The greatest number; NaN if there is one.
    Max,
    /// Of another image, the number at the first place of the greatest.
    Select,
    /// The sum, or the mean.
    Sum {
        /** Divided by the number of places? */
        mean: bool,
    },
    /// Back: a number for each window is added at the first place of the greatest.
    Scatter,
    /// Back: a number for each window is added at all of its places.
    Spread {
        /** Divided by the number of places? */
        mean: bool,
    },
}

impl WindowMap {
    /// From windows to the image?
    pub fn back(self) -> bool {
        matches!(self, WindowMap::Scatter | WindowMap::Spread { .. })
    }
    /// Does it take two arrays?
    pub fn takes_two(self) -> bool {
        matches!(self, WindowMap::Select | WindowMap::Scatter)
    }
}

/// Panics if the geometry is none of windows over channels that stay apart, each of which holds a place.
pub fn check(g: &Geometry) {
    g.check();
    assert!(g.channels == g.outputs && g.groups == 1, "channels stay apart: {g:?}");
    let holds = |axis: usize, o: usize| !taps(g, axis, o).is_empty();
    assert!((0..3).all(|axis| (0..g.output[axis]).all(|o| holds(axis, o))), "a window holds no place: {g:?}");
}

/// Numbers of scratch memory for [`run`].
pub fn scratch_len(f: WindowMap, g: &Geometry) -> usize {
    if f.back() { g.input_len() } else { BLOCK }
}

/// Does `f` to the windows of these images. `x` is the first number of image 0: of images for what goes to windows and
/// for `Scatter`, of windows for `Spread`. `v` is the second array, where there is one: of images for `Select`, of
/// windows for `Scatter`. Rows of the result are places (or windows) of images, image after image.
///
/// # Safety
/// This machine has `isa`; the arrays can be read; where results are stored can be written and overlaps neither. The
/// geometry passes [`check`].
///
/// # Panics
/// If `scratch` is shorter than [`scratch_len`].
pub unsafe fn run(
    isa: Isa,
    f: WindowMap,
    g: &Geometry,
    images: Range<usize>,
    x: *const f32,
    v: *const f32,
    scratch: &mut [f32],
    target: &mut Target,
) {
    let (forwards, backwards) = kernels(isa);
    let (input, output, channels) = (g.input_len(), g.output_len(), g.channels);
    assert!(scratch.len() >= scratch_len(f, g), "scratch memory is too short");
    for image in images {
        // SAFETY: the caller's promise; the image is one of those that can be read.
        unsafe {
            if f.back() {
                let (own, second) = if f.takes_two() { (input, output) } else { (output, 0) };
                let (x, v) = (x.add(image * own), v.wrapping_add(image * second));
                match target {
                    Target::Store { to, .. } => {
                        let to = to.add(image * input);
                        std::slice::from_raw_parts_mut(to, input).fill(0.0);
                        backwards(f, g, x, v, to);
                    }
                    Target::Tiles(done) => {
                        scratch[..input].fill(0.0);
                        backwards(f, g, x, v, scratch.as_mut_ptr());
                        let places = g.input_places();
                        hand_on(scratch.as_mut_ptr(), image * places, places, channels, *done);
                    }
                }
                continue;
            }
            let (x, v) = (x.add(image * input), v.wrapping_add(if f.takes_two() { image * input } else { 0 }));
            let (windows, width) = (g.output_places(), channels.min(BLOCK));
            let height = BLOCK / width;
            for first in (0..windows).step_by(height) {
                let row = image * windows + first;
                let rows = height.min(windows - first);
                for col in (0..channels).step_by(width) {
                    let cols = width.min(channels - col);
                    match target {
                        Target::Store { to, stride } => {
                            let to = to.add(row * *stride + col);
                            forwards(f, g, first..first + rows, col..col + cols, x, v, to, *stride);
                        }
                        Target::Tiles(done) => {
                            let ptr = scratch.as_mut_ptr();
                            forwards(f, g, first..first + rows, col..col + cols, x, v, ptr, cols);
                            done(Tile { row, col, rows, cols, ptr, stride: cols });
                        }
                    }
                }
            }
        }
    }
}

/// Hands a finished sample of `places` rows on, in tiles.
///
/// # Safety
/// The sample can be read and written.
pub(crate) unsafe fn hand_on(from: *mut f32, row: usize, places: usize, cols: usize, done: &mut dyn FnMut(Tile)) {
    let width = cols.min(BLOCK);
    let height = BLOCK / width;
    for first in (0..places).step_by(height) {
        for col in (0..cols).step_by(width) {
            // SAFETY: within the sample.
            let ptr = unsafe { from.add(first * cols + col) };
            let (rows, own) = (height.min(places - first), width.min(cols - col));
            done(Tile { row: row + first, col, rows, cols: own, ptr, stride: if rows == 1 { own } else { cols } });
        }
    }
}

/// `forwards(f, g, windows, channels, x, v, to, stride)`
type Forwards = unsafe fn(WindowMap, &Geometry, Range<usize>, Range<usize>, *const f32, *const f32, *mut f32, usize);
/// `backwards(f, g, x, v, to)`
type Backwards = unsafe fn(WindowMap, &Geometry, *const f32, *const f32, *mut f32);

fn kernels(isa: Isa) -> (Forwards, Backwards) {
    match isa {
        Isa::Portable => (forwards_portable, backwards_portable),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => (forwards_avx2, backwards_avx2),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => (forwards_avx512, backwards_avx512),
    }
}

macro_rules! compiled {
    ($register:ty, $forwards:ident, $backwards:ident $(, $feature:literal)?) => {
        $(#[target_feature(enable = $feature)])?
        unsafe fn $forwards(
            f: WindowMap,
            g: &Geometry,
            windows: Range<usize>,
            cols: Range<usize>,
            x: *const f32,
            v: *const f32,
            to: *mut f32,
            stride: usize,
        ) {
            // SAFETY: the caller's promise.
            unsafe { forwards::<$register>(f, g, windows, cols, x, v, to, stride) }
        }
        $(#[target_feature(enable = $feature)])?
        unsafe fn $backwards(f: WindowMap, g: &Geometry, x: *const f32, v: *const f32, to: *mut f32) {
            // SAFETY: the caller's promise.
            unsafe { backwards::<$register>(f, g, x, v, to) }
        }
    };
}
compiled!(Wide, forwards_portable, backwards_portable);
#[cfg(target_arch = "x86_64")]
compiled!(Avx2, forwards_avx2, backwards_avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
compiled!(Avx512, forwards_avx512, backwards_avx512, "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma");

/// Which places of a window lie in the image, along an axis.
#[inline(always)]
fn taps(g: &Geometry, axis: usize, output: usize) -> Range<usize> {
    let (start, before, step) = (output * g.strides[axis], g.before[axis], g.dilation[axis]);
    let (first, end) = (before.saturating_sub(start), (g.input[axis] + before).saturating_sub(start));
    // Divisions take longer than all the rest of a small window.
    let (first, end) = if step == 1 { (first, end) } else { (first.div_ceil(step), end.div_ceil(step)) };
    first..end.min(g.size[axis])
}

/// A window's places: where each begins in the image, in their order.
struct Places<'a> {
    g: &'a Geometry,
    taps: [Range<usize>; 3],
    output: [usize; 3],
}

impl<'a> Places<'a> {
    /// Of the n-th window of an image.
    #[inline(always)]
    fn of(g: &'a Geometry, window: usize) -> Self {
        let rest = window / g.output[2];
        let output = [rest / g.output[1], rest % g.output[1], window % g.output[2]];
        Places { g, taps: std::array::from_fn(|axis| taps(g, axis, output[axis])), output }
    }
    /// Goes on to the next window, past the last one to nowhere.
    #[inline(always)]
    fn advance(&mut self) {
        for axis in (0..3).rev() {
            self.output[axis] += 1;
            let over = self.output[axis] == self.g.output[axis];
            if over {
                self.output[axis] = 0;
            }
            self.taps[axis] = taps(self.g, axis, self.output[axis]);
            if !over {
                return;
            }
        }
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.taps.iter().map(ExactSizeIterator::len).product()
    }
    #[inline(always)]
    fn each(&self, mut f: impl FnMut(usize)) {
        let g = self.g;
        let at =
            |axis: usize, tap: usize| self.output[axis] * g.strides[axis] + tap * g.dilation[axis] - g.before[axis];
        for d in self.taps[0].clone() {
            for h in self.taps[1].clone() {
                let line = (at(0, d) * g.input[1] + at(1, h)) * g.input[2];
                for w in self.taps[2].clone() {
                    f((line + at(2, w)) * g.channels);
                }
            }
        }
    }
    /// The greatest numbers of some channels, those of `x` on; nothing where a number is not finite.
    #[inline(always)]
    unsafe fn greatest<V: Register>(&self, x: *const f32, part: V::Part) -> Option<V> {
        let (mut greatest, mut sum) = (V::splat(f64::NEG_INFINITY), V::splat(0.0));
        self.each(|at| {
            // SAFETY: the caller vouches for the image.
            let y = unsafe { V::load_part(x.add(at), part) };
            greatest = greatest.max(y);
            sum = sum + y;
        });
        // What is not finite makes the sum so; a sum that overflows is only taken for it.
        (sum * V::splat(0.0)).is_zero().then_some(greatest)
    }
    /// The first place of the greatest number of a channel, and whether it is NaN.
    #[inline(always)]
    unsafe fn winner(&self, x: *const f32) -> usize {
        let mut best: Option<(usize, f32)> = None;
        self.each(|at| {
            // SAFETY: the caller vouches for the image.
            let y = unsafe { *x.add(at) };
            if best.is_none_or(|(_, b)| y > b || (y.is_nan() && !b.is_nan())) {
                best = Some((at, y));
            }
        });
        best.expect("every window holds a place").0
    }
}

#[inline(always)]
unsafe fn forwards<V: Register>(
    f: WindowMap,
    g: &Geometry,
    windows: Range<usize>,
    cols: Range<usize>,
    x: *const f32,
    v: *const f32,
    to: *mut f32,
    stride: usize,
) {
    let mut places = Places::of(g, windows.start);
    for row in 0..windows.len() {
        for col in cols.clone().step_by(V::COUNT) {
            let n = (cols.end - col).min(V::COUNT);
            let part = V::part(n);
            // SAFETY: places of the images, and of what is written.
            unsafe {
                let (x, to) = (x.add(col), to.add(row * stride + col - cols.start));
                let y = match f {
                    WindowMap::Sum { mean } => {
                        let mut sum = V::splat(0.0);
                        places.each(|at| sum = sum + V::load_part(x.add(at), part));
                        if mean { sum / V::splat(places.count() as f64) } else { sum }
                    }
                    WindowMap::Max => match places.greatest::<V>(x, part) {
                        Some(greatest) => greatest,
                        None => {
                            (0..n).for_each(|i| *to.add(i) = *x.add(i + places.winner(x.add(i))));
                            continue;
                        }
                    },
                    _ => {
                        let v = v.add(col);
                        (0..n).for_each(|i| *to.add(i) = *v.add(i + places.winner(x.add(i))));
                        continue;
                    }
                };
                y.store_part(to, part);
            }
        }
        places.advance();
    }
}

#[inline(always)]
unsafe fn backwards<V: Register>(f: WindowMap, g: &Geometry, x: *const f32, v: *const f32, to: *mut f32) {
    let mut places = Places::of(g, 0);
    for window in 0..g.output_places() {
        for col in (0..g.channels).step_by(V::COUNT) {
            let n = (g.channels - col).min(V::COUNT);
            let part = V::part(n);
            let own = window * g.channels + col;
            // SAFETY: places of the images, and of what is written.
            unsafe {
                let to = to.add(col);
                if let WindowMap::Spread { mean } = f {
                    let d = V::load_part(x.add(own), part);
                    let d = if mean { d / V::splat(places.count() as f64) } else { d };
                    places.each(|at| (V::load_part(to.add(at), part) + d).store_part(to.add(at), part));
                    continue;
                }
                let (x, v) = (x.add(col), v.add(own));
                let Some(greatest) = places.greatest::<V>(x, part) else {
                    (0..n).for_each(|i| *to.add(i + places.winner(x.add(i))) += *v.add(i));
                    continue;
                };
                // What was not given to a place yet.
                let (zero, mut rest) = (V::splat(0.0), V::load_part(v, part));
                places.each(|at| {
                    let below = V::load_part(x.add(at), part).less(greatest);
                    let given = V::select(below, zero, rest);
                    rest = V::select(below, rest, zero);
                    (V::load_part(to.add(at), part) + given).store_part(to.add(at), part);
                });
            }
        }
        places.advance();
    }
}
