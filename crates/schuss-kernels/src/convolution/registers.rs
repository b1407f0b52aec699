//! What is computed in registers: tiles of products, and channels that go through kernels of their own.

use super::sparse::{self, Sparse};
use super::winograd::{self, Winograd};
use super::{Segment, Walk, product};
use crate::Isa;
#[cfg(target_arch = "aarch64")]
use crate::lane::Neon;
#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512};
use crate::lane::{Register, Wide, for_rows};
use crate::math;
use crate::product::{Factors, Pack, pack, rounded};
#[cfg(target_arch = "x86_64")]
use crate::product::{pack_avx2, pack_avx512, rounded_avx2, rounded_avx512};
use std::hint::black_box;

/// `kernel(segments, length, cols, a, a_row, a_step, b, b_step, c, c_stride, c_cols, add)`
pub(super) type Kernel =
    unsafe fn(&[Segment], usize, usize, *const f32, usize, usize, *const f32, usize, *mut f32, usize, usize, bool);
/// `depthwise(walk, turned, rows, cols, from, w, to, stride, stored)`
pub(super) type Depthwise = unsafe fn(&Walk, bool, usize, usize, *const f32, *const f32, *mut f32, usize, usize);
/// `depthwise_kernel(walk, from, y, w)`
pub(super) type DepthwiseKernel = unsafe fn(&Walk, *const f32, *const f32, *mut f32);

/// `copy(from, to, n)`: n numbers, as the kernels take them.
pub(super) type Copy = unsafe fn(*const f32, *mut f32, usize);

/// What brings two inner steps beside each other.
#[derive(Clone, Copy)]
pub(super) struct Pairing {
    /// Rows of a matrix, rounded to 16 bits.
    pub(super) pack: Pack,
    /// `beside(from, step, n, to)`: each of n numbers of 16 bits and the one `step` further.
    pub(super) beside: unsafe fn(*const u16, usize, usize, *mut u32),
}

/// What an instruction set brings.
pub(super) struct Kernels {
    /// Numbers in a register.
    pub(super) count: usize,
    /// The most rows of a strip.
    pub(super) rows: usize,
    /// By rows − 1, and whether the columns need a second register.
    pub(super) kernels: &'static [[Kernel; 2]],
    pub(super) pack: Pack,
    pub(super) copy: Copy,
    /// Are numbers rounded while they are copied, so that they must be?
    pub(super) rounds: bool,
    /// For kernels that take two inner steps at a time: copies are of 16 bits then, and kernels count places of A in those.
    pub(super) pair: Option<Pairing>,
    pub(super) depthwise: Depthwise,
    pub(super) depthwise_kernel: DepthwiseKernel,
    pub(super) sparse: &'static Sparse,
    pub(super) winograd: &'static Winograd,
}

impl Kernels {
    /// Columns of a panel.
    pub(super) fn width(&self) -> usize {
        2 * self.count
    }
    /// The kernels' steps for so many inner steps.
    pub(super) fn steps(&self, n: usize) -> usize {
        if self.pair.is_some() { n.div_ceil(2) } else { n }
    }
    /// From one of their steps to the next, in numbers of a copy.
    pub(super) fn step(&self) -> usize {
        if self.pair.is_some() { 2 } else { 1 }
    }
    /// Number n of a copy.
    pub(super) fn place(&self, copy: *const f32, n: usize) -> *mut f32 {
        let size = if self.pair.is_some() { size_of::<u16>() } else { size_of::<f32>() };
        copy.cast::<u8>().wrapping_add(n * size).cast_mut().cast()
    }
    /// What a copy takes, in numbers of scratch memory. Behind one of 16 bits there is room for a step that no window takes,
    /// and for a register.
    pub(super) fn copy_len(&self, walk: &Walk) -> usize {
        match self.pair {
            Some(_) if walk.copy => (walk.copied() + walk.strides[2] * walk.channels + 64).div_ceil(2),
            _ => walk.copied(),
        }
    }
    /// Numbers as they are multiplied: where they stand, or copied to `copy`.
    ///
    /// # Safety
    /// n numbers can be read, and written to `copy` if kernels round.
    pub(super) unsafe fn rounded(&self, from: *const f32, copy: *mut f32, n: usize) -> *const f32 {
        if !self.rounds {
            return from;
        }
        // SAFETY: the caller's promise.
        unsafe { (self.copy)(from, copy, n) };
        copy
    }
    /// Numbers of such a copy.
    pub(super) fn rounded_len(&self, n: usize) -> usize {
        if self.rounds { n } else { 0 }
    }
}

pub(super) fn kernels(isa: Isa, factors: Factors) -> &'static Kernels {
    macro_rules! kernels {
        (
            $register:ty, $kernel:ident, $packs:expr, $copy:ident, $depthwise:ident, $depthwise_kernel:ident, $sparse:expr,
            $winograd:expr, $($rows:literal)*
        ) => {{
            const KERNELS: &[[Kernel; 2]] = &[$([$kernel::<$rows, 1>, $kernel::<$rows, 2>]),*];
            const PACKS: [Pack; 2] = $packs;
            const COPIES: [Copy; 2] = [plain_copy, $copy];
            static ALL: [Kernels; 2] = {
                const fn all(rounded: usize) -> Kernels {
                    Kernels {
                        count: <$register>::COUNT,
                        rows: KERNELS.len(),
                        kernels: KERNELS,
                        pack: PACKS[rounded],
                        copy: COPIES[rounded],
                        rounds: rounded > 0,
                        pair: None,
                        depthwise: $depthwise,
                        depthwise_kernel: $depthwise_kernel,
                        sparse: &$sparse,
                        winograd: &$winograd,
                    }
                }
                [all(0), all(1)]
            };
            &ALL[usize::from(factors == Factors::Bf16)]
        }};
    }
    match isa {
        Isa::Portable => kernels!(
            Wide, kernel_portable, [pack::<Wide>, rounded::<Wide>], round_portable, depthwise_portable,
            depthwise_kernel_portable, sparse::PORTABLE, winograd::PORTABLE,
            1 2 3 4
        ),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => kernels!(
            Neon, kernel_neon, [pack::<Neon>, rounded::<Neon>], round_neon, depthwise_neon, depthwise_kernel_neon,
            sparse::NEON, winograd::NEON,
            1 2 3 4 5 6
        ),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => kernels!(
            Avx2, kernel_avx2, [pack_avx2, rounded_avx2], round_avx2, depthwise_avx2, depthwise_kernel_avx2,
            sparse::AVX2, winograd::AVX2,
            1 2 3 4 5 6
        ),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => kernels!(
            Avx512, kernel_avx512, [pack_avx512, rounded_avx512], round_avx512, depthwise_avx512, depthwise_kernel_avx512,
            sparse::AVX512, winograd::AVX512,
            1 2 3 4 5 6 7 8 9 10 11 12 13 14
        ),
    }
}

unsafe fn plain_copy(from: *const f32, to: *mut f32, n: usize) {
    // SAFETY: the caller's promise.
    unsafe { from.copy_to_nonoverlapping(to, n) }
}

#[inline(always)]
unsafe fn rounded_copy(from: *const f32, to: *mut f32, n: usize) {
    // SAFETY: the caller's promise.
    let (from, to) = unsafe { (std::slice::from_raw_parts(from, n), std::slice::from_raw_parts_mut(to, n)) };
    to.iter_mut().zip(from).for_each(|(y, x)| *y = math::bfloat16(*x));
}

macro_rules! compiled {
    ($register:ty, $kernel:ident, $copy:ident, $depthwise:ident, $depthwise_kernel:ident $(, $feature:literal)?) => {
        $(#[target_feature(enable = $feature)])?
        unsafe fn $copy(from: *const f32, to: *mut f32, n: usize) {
            // SAFETY: the caller's promise.
            unsafe { rounded_copy(from, to, n) }
        }
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
compiled!(Wide, kernel_portable, round_portable, depthwise_portable, depthwise_kernel_portable);
#[cfg(target_arch = "aarch64")]
compiled!(Neon, kernel_neon, round_neon, depthwise_neon, depthwise_kernel_neon);
#[cfg(target_arch = "x86_64")]
compiled!(Avx2, kernel_avx2, round_avx2, depthwise_avx2, depthwise_kernel_avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
compiled!(
    Avx512,
    kernel_avx512,
    round_avx512,
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
pub(super) unsafe fn kernel<V: Register, const ROWS: usize, const REGISTERS: usize>(
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
pub(super) const TOGETHER: usize = 4;

/// `rows` windows of a row of windows, for up to two registers of channels.
#[inline(always)]
pub(super) unsafe fn channels_apart<V: Register>(
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
pub(super) unsafe fn kernel_of_channels<V: Register>(walk: &Walk, from: *const f32, y: *const f32, w: *mut f32) {
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
