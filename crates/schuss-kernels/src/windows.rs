//! Windows that move over images: the greatest number or the sum of each, and the way back to the places that they hold.
//!
//! Channels lie side by side and are taken a register at a time. Padding is no place: only those places of a window
//! that lie in the image are visited, in their order, so that of equal numbers the first is the greatest.

use crate::Isa;
use crate::convolution::{Geometry, Target};
#[cfg(target_arch = "aarch64")]
use crate::lane::Neon;
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
    // A sample or a block, and two lists of places behind it.
    block_len(f, g) + (2 * places(g) + 1) * size_of::<usize>() / size_of::<f32>()
}

fn block_len(f: WindowMap, g: &Geometry) -> usize {
    if f.back() { g.input_len() } else { BLOCK }
}

/// Places of a whole window.
fn places(g: &Geometry) -> usize {
    g.size.iter().product()
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
    let (scratch, lists) = scratch.split_at_mut(block_len(f, g));
    // SAFETY: any bits are numbers.
    let (_, lists, _) = unsafe { lists.align_to_mut::<usize>() };
    let (near, own) = lists.split_at_mut(places(g));
    whole_window(g, near);
    for image in images {
        // SAFETY: the caller's promise; the image is one of those that can be read.
        unsafe {
            if f.back() {
                let (first, second) = if f.takes_two() { (input, output) } else { (output, 0) };
                let (x, v) = (x.wrapping_add(image * first), v.wrapping_add(image * second));
                match target {
                    Target::Store { to, .. } => {
                        let to = to.wrapping_add(image * input);
                        if !tiled(g) {
                            std::slice::from_raw_parts_mut(to, input).fill(0.0);
                        }
                        backwards(f, g, near, own, 0..g.output_places(), x, v, to);
                    }
                    Target::Tiles(done, _) => {
                        // Rows of places are handed on as soon as no window comes to them any more.
                        let (at, row, tiled) = (scratch.as_mut_ptr(), g.input[2] * channels, tiled(g));
                        let (mut cleared, mut handed) = (0, 0);
                        for lines in lines(g) {
                            let (from, end) = (handed * row, lines.seen * row);
                            // What tiles the image has nothing to keep from window to window.
                            let to = if tiled { at.wrapping_sub(from) } else { at };
                            if !tiled && cleared < lines.seen {
                                scratch[cleared * row..end].fill(0.0);
                                cleared = lines.seen;
                            }
                            backwards(f, g, near, own, lines.windows, x, v, to);
                            let (first, places) = (handed * g.input[2], (lines.done - handed) * g.input[2]);
                            let ready = to.wrapping_add(from);
                            hand_on(ready, image * g.input_places() + first, places, channels, *done);
                            handed = lines.done;
                        }
                    }
                }
                continue;
            }
            let (x, v) = (x.wrapping_add(image * input), v.wrapping_add(if f.takes_two() { image * input } else { 0 }));
            let (windows, width) = (g.output_places(), channels.min(BLOCK));
            let height = BLOCK / width;
            for first in (0..windows).step_by(height) {
                let row = image * windows + first;
                let rows = height.min(windows - first);
                for col in (0..channels).step_by(width) {
                    let cols = width.min(channels - col);
                    match target {
                        Target::Store { to, stride } => {
                            let to = to.wrapping_add(row * *stride + col);
                            forwards(f, g, near, own, first..first + rows, col..col + cols, x, v, to, *stride);
                        }
                        Target::Tiles(done, _) => {
                            let ptr = scratch.as_mut_ptr();
                            forwards(f, g, near, own, first..first + rows, col..col + cols, x, v, ptr, cols);
                            done(Tile { row, col, rows, cols, ptr, stride: cols });
                        }
                    }
                }
            }
        }
    }
}

/// Windows of an image that are computed together: which, the rows of places that they and those before have seen, and
/// those that no later one sees.
struct Lines {
    windows: Range<usize>,
    seen: usize,
    done: usize,
}

/// A row of windows after another, where there are two axes; else all at once. Rows of places are counted over the first
/// two axes.
fn lines(g: &Geometry) -> impl Iterator<Item = Lines> + use<> {
    let (g, flat) = (*g, g.input[0] == 1 && g.output[0] == 1);
    let count = if flat { g.output[1] } else { 1 };
    (0..count).map(move |i| {
        let all = g.input[0] * g.input[1];
        if !flat {
            return Lines { windows: 0..g.output_places(), seen: all, done: all };
        }
        let below = |line: usize| (line * g.strides[1]).saturating_sub(g.before[1]).min(all);
        let reach = (g.size[1] - 1) * g.dilation[1] + 1;
        let seen = (i * g.strides[1] + reach).saturating_sub(g.before[1]).min(all);
        let last = i + 1 == count;
        let width = g.output[2];
        Lines {
            windows: i * width..(i + 1) * width,
            seen: if last { all } else { seen.max(below(i + 1)) },
            done: if last { all } else { below(i + 1) },
        }
    })
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

/// `forwards(f, g, near, own, windows, channels, x, v, to, stride)`
type Forwards = unsafe fn(
    WindowMap,
    &Geometry,
    &[usize],
    &mut [usize],
    Range<usize>,
    Range<usize>,
    *const f32,
    *const f32,
    *mut f32,
    usize,
);
/// `backwards(f, g, near, own, windows, x, v, to)`
type Backwards =
    unsafe fn(WindowMap, &Geometry, &[usize], &mut [usize], Range<usize>, *const f32, *const f32, *mut f32);

fn kernels(isa: Isa) -> (Forwards, Backwards) {
    match isa {
        Isa::Portable => (forwards_portable, backwards_portable),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => (forwards_neon, backwards_neon),
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
            near: &[usize],
            own: &mut [usize],
            windows: Range<usize>,
            cols: Range<usize>,
            x: *const f32,
            v: *const f32,
            to: *mut f32,
            stride: usize,
        ) {
            // SAFETY: the caller's promise.
            unsafe { forwards::<$register>(f, g, near, own, windows, cols, x, v, to, stride) }
        }
        $(#[target_feature(enable = $feature)])?
        unsafe fn $backwards(
            f: WindowMap,
            g: &Geometry,
            near: &[usize],
            own: &mut [usize],
            windows: Range<usize>,
            x: *const f32,
            v: *const f32,
            to: *mut f32,
        ) {
            // SAFETY: the caller's promise.
            unsafe { backwards::<$register>(f, g, near, own, windows, x, v, to) }
        }
    };
}
compiled!(Wide, forwards_portable, backwards_portable);
#[cfg(target_arch = "aarch64")]
compiled!(Neon, forwards_neon, backwards_neon);
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

/// Where the places of a window that lies in the image are, seen from its first.
fn whole_window(g: &Geometry, to: &mut [usize]) {
    let [size, step] = [g.size, g.dilation];
    for (i, to) in to.iter_mut().enumerate() {
        let tap = [i / size[2] / size[1], i / size[2] % size[1], i % size[2]];
        let line = tap[0] * step[0] * g.input[1] + tap[1] * step[1];
        *to = (line * g.input[2] + tap[2] * step[2]) * g.channels;
    }
}

/// Do windows share no place?
fn apart(g: &Geometry) -> bool {
    (0..3).all(|i| g.output[i] == 1 || (g.dilation[i] == 1 && g.size[i] <= g.strides[i]))
}

/// Is every place of the image in exactly one window?
fn tiled(g: &Geometry) -> bool {
    let covered = |i: usize| g.dilation[i] == 1 && g.size[i] * g.output[i] == g.input[i] && g.before[i] == 0;
    (0..3).all(|i| covered(i) && (g.output[i] == 1 || g.size[i] == g.strides[i]))
}

/// A window as it moves over an image.
struct Mover<'a> {
    g: &'a Geometry,
    /// Which of its places lie in the image, along each axis.
    taps: [Range<usize>; 3],
    output: [usize; 3],
}

impl<'a> Mover<'a> {
    /// At the n-th window of an image.
    #[inline(always)]
    fn at(g: &'a Geometry, window: usize) -> Self {
        let rest = window / g.output[2];
        let output = [rest / g.output[1], rest % g.output[1], window % g.output[2]];
        Mover { g, taps: std::array::from_fn(|axis| taps(g, axis, output[axis])), output }
    }
    /// Goes on to the next window, and past the last one to the first.
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
    /// Where a place of the window is in the image, along an axis.
    #[inline(always)]
    fn along(&self, axis: usize, tap: usize) -> usize {
        self.output[axis] * self.g.strides[axis] + tap * self.g.dilation[axis] - self.g.before[axis]
    }
    /// Where the window's places begin, in their order: a number for all, and one for each. `near` are those of a whole
    /// window, `own` is room for as many.
    #[inline(always)]
    fn places<'b>(&self, near: &'b [usize], own: &'b mut [usize]) -> (usize, &'b [usize]) {
        let g = self.g;
        let line = |d: usize, h: usize| (self.along(0, d) * g.input[1] + self.along(1, h)) * g.input[2];
        if self.taps.iter().zip(g.size).all(|(taps, n)| taps.len() == n) {
            return ((line(0, 0) + self.along(2, 0)) * g.channels, near);
        }
        let mut count = 0;
        for d in self.taps[0].clone() {
            for h in self.taps[1].clone() {
                for w in self.taps[2].clone() {
                    own[count] = (line(d, h) + self.along(2, w)) * g.channels;
                    count += 1;
                }
            }
        }
        (0, &own[..count])
    }
}

#[inline(always)]
unsafe fn load<V: Register, const WHOLE: bool>(from: *const f32, part: V::Part) -> V {
    // SAFETY: the caller's promise.
    unsafe { if WHOLE { V::load(from) } else { V::load_part(from, part) } }
}

#[inline(always)]
unsafe fn store<V: Register, const WHOLE: bool>(x: V, to: *mut f32, part: V::Part) {
    // SAFETY: the caller's promise.
    unsafe { if WHOLE { x.store(to) } else { x.store_part(to, part) } }
}

/// The greatest numbers of some channels, those of `x` on; nothing where a number is not finite.
#[inline(always)]
unsafe fn greatest<V: Register, const WHOLE: bool>(places: &[usize], x: *const f32, part: V::Part) -> Option<V> {
    let (mut greatest, mut sum) = (V::splat(f64::NEG_INFINITY), V::splat(0.0));
    for at in places {
        // SAFETY: the caller vouches for the image.
        let y: V = unsafe { load::<V, WHOLE>(x.add(*at), part) };
        greatest = greatest.max(y);
        sum = sum + y;
    }
    // What is not finite makes the sum so; a sum that overflows is only taken for it.
    (sum * V::splat(0.0)).is_zero().then_some(greatest)
}

/// The first place of the greatest number of a channel; of a NaN, if there is one.
unsafe fn winner(places: &[usize], x: *const f32) -> usize {
    let mut best: Option<(usize, f32)> = None;
    for at in places {
        // SAFETY: the caller vouches for the image.
        let y = unsafe { *x.add(*at) };
        if best.is_none_or(|(_, b)| y > b || (y.is_nan() && !b.is_nan())) {
            best = Some((*at, y));
        }
    }
    best.expect("every window holds a place").0
}

#[inline(always)]
unsafe fn forwards<V: Register>(
    f: WindowMap,
    g: &Geometry,
    near: &[usize],
    own: &mut [usize],
    windows: Range<usize>,
    cols: Range<usize>,
    x: *const f32,
    v: *const f32,
    to: *mut f32,
    stride: usize,
) {
    let whole = cols.len() / V::COUNT * V::COUNT;
    let mut mover = Mover::at(g, windows.start);
    for row in 0..windows.len() {
        let (base, places) = mover.places(near, own);
        // SAFETY: places of the images, and of what is written.
        unsafe {
            let (x, v, to) = (x.add(base + cols.start), v.wrapping_add(base + cols.start), to.add(row * stride));
            for col in (0..whole).step_by(V::COUNT) {
                window::<V, true>(f, places, x.add(col), v.wrapping_add(col), to.add(col), V::COUNT);
            }
            if whole < cols.len() {
                let n = cols.len() - whole;
                window::<V, false>(f, places, x.add(whole), v.wrapping_add(whole), to.add(whole), n);
            }
        }
        mover.advance();
    }
}

/// What becomes of a window, for `n` channels of a register.
#[inline(always)]
unsafe fn window<V: Register, const WHOLE: bool>(
    f: WindowMap,
    places: &[usize],
    x: *const f32,
    v: *const f32,
    to: *mut f32,
    n: usize,
) {
    let part = V::part(n);
    // SAFETY: the caller's promise.
    unsafe {
        let y = match f {
            WindowMap::Sum { mean } => {
                let mut sum = V::splat(0.0);
                for at in places {
                    sum = sum + load::<V, WHOLE>(x.add(*at), part);
                }
                if mean { sum / V::splat(places.len() as f64) } else { sum }
            }
            WindowMap::Max => match greatest::<V, WHOLE>(places, x, part) {
                Some(greatest) => greatest,
                None => return (0..n).for_each(|i| *to.add(i) = *x.add(i + winner(places, x.add(i)))),
            },
            _ => return (0..n).for_each(|i| *to.add(i) = *v.add(i + winner(places, x.add(i)))),
        };
        store::<V, WHOLE>(y, to, part);
    }
}

#[inline(always)]
unsafe fn backwards<V: Register>(
    f: WindowMap,
    g: &Geometry,
    near: &[usize],
    own: &mut [usize],
    windows: Range<usize>,
    x: *const f32,
    v: *const f32,
    to: *mut f32,
) {
    let (channels, apart) = (g.channels, apart(g));
    let whole = channels / V::COUNT * V::COUNT;
    let spread = matches!(f, WindowMap::Spread { .. });
    let mut mover = Mover::at(g, windows.start);
    for window in windows {
        let (base, places) = mover.places(near, own);
        // SAFETY: places of the images, and of what is written.
        unsafe {
            let d = if spread { x } else { v }.add(window * channels);
            let (x, to) = (if spread { x } else { x.add(base) }, to.wrapping_add(base));
            for col in (0..whole).step_by(V::COUNT) {
                back::<V, true>(f, places, apart, x.wrapping_add(col), d.add(col), to.wrapping_add(col), V::COUNT);
            }
            if whole < channels {
                let n = channels - whole;
                let to = to.wrapping_add(whole);
                back::<V, false>(f, places, apart, x.wrapping_add(whole), d.add(whole), to, n);
            }
        }
        mover.advance();
    }
}

/// A window's number back to its places, for `n` channels of a register: added, or put there where windows are apart.
#[inline(always)]
unsafe fn back<V: Register, const WHOLE: bool>(
    f: WindowMap,
    places: &[usize],
    apart: bool,
    x: *const f32,
    d: *const f32,
    to: *mut f32,
    n: usize,
) {
    let part = V::part(n);
    // SAFETY: the caller's promise.
    unsafe {
        let give = |at: usize, given: V| {
            let to = to.add(at);
            let given = if apart { given } else { load::<V, WHOLE>(to, part) + given };
            store::<V, WHOLE>(given, to, part);
        };
        let own: V = load::<V, WHOLE>(d, part);
        if let WindowMap::Spread { mean } = f {
            let own = if mean { own / V::splat(places.len() as f64) } else { own };
            places.iter().for_each(|at| give(*at, own));
            return;
        }
        // Windows of usual sizes are read once and compared in registers.
        let given = match places.len() {
            4 => scatter_few::<V, WHOLE, 4>(places, x, own, part, &give),
            9 => scatter_few::<V, WHOLE, 9>(places, x, own, part, &give),
            _ => scatter::<V, WHOLE>(places, x, own, part, &give),
        };
        if !given {
            if apart {
                places.iter().for_each(|at| give(*at, V::splat(0.0)));
            }
            (0..n).for_each(|i| *to.add(i + winner(places, x.add(i))) += *d.add(i));
        }
    }
}

/// Gives a number to the first place of the greatest, zero to the others; nothing where one is not finite.
#[inline(always)]
unsafe fn scatter<V: Register, const WHOLE: bool>(
    places: &[usize],
    x: *const f32,
    own: V,
    part: V::Part,
    give: &impl Fn(usize, V),
) -> bool {
    let zero = V::splat(0.0);
    // SAFETY: the caller's promise.
    unsafe {
        let Some(greatest) = greatest::<V, WHOLE>(places, x, part) else { return false };
        // What was not given to a place yet.
        let mut rest = own;
        for at in places {
            let below = load::<V, WHOLE>(x.add(*at), part).less(greatest);
            give(*at, V::select(below, zero, rest));
            rest = V::select(below, rest, zero);
        }
    }
    true
}

/// The same where it is known how many places there are.
#[inline(always)]
unsafe fn scatter_few<V: Register, const WHOLE: bool, const N: usize>(
    places: &[usize],
    x: *const f32,
    own: V,
    part: V::Part,
    give: &impl Fn(usize, V),
) -> bool {
    let Ok(places) = <&[usize; N]>::try_from(places) else { unreachable!("there are as many") };
    let (mut y, zero) = ([V::splat(0.0); N], V::splat(0.0));
    for (y, at) in y.iter_mut().zip(places) {
        // SAFETY: the caller's promise.
        *y = unsafe { load::<V, WHOLE>(x.add(*at), part) };
    }
    let (mut greatest, mut sum) = (y[0], y[0]);
    for y in &y[1..] {
        greatest = greatest.max(*y);
        sum = sum + *y;
    }
    if !(sum * zero).is_zero() {
        return false;
    }
    let mut rest = own;
    for (y, at) in y.iter().zip(places) {
        let below = y.less(greatest);
        give(*at, V::select(below, zero, rest));
        rest = V::select(below, rest, zero);
    }
    true
}
