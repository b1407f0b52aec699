//! C[m, n] = Σₖ A[m, k] · B[k, n].
//!
//! Every element of C is one chain of multiply-adds over k from 0 upwards, starting from zero, whatever tile, range or
//! thread it falls to: how work is cut never changes a bit.
//!
//! The columns are taken in panels of two registers. A panel of B that many rows need is first copied together
//! (`pack`), then strips of up to `Kernels::rows` rows go over it, their part of C in registers (`kernel`).

#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512, Lane};
use crate::lane::{Register, Wide, for_rows};
use crate::{Isa, math};
use std::hint::black_box;
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
mod bf16;

/// What factors are multiplied as. Sums are f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Factors {
    /// As they are.
    #[default]
    F32,
    /// Each rounded to the nearest number of bfloat16 first ([`math::bfloat16`]); products of those are exact in f32.
    /// Where the machine has a fast unit for that, two products are added at a time, so that the order of a sum is
    /// another one.
    Bf16,
}

impl Factors {
    /// What a plain loop would multiply.
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        match self {
            Factors::F32 => x,
            Factors::Bf16 => math::bfloat16(x),
        }
    }
}

/// A matrix in memory: element (i, j) is at `ptr + i · row_stride + j · col_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    /// Element (0, 0).
    pub ptr: *const f32,
    /// Numbers from one row to the next.
    pub row_stride: usize,
    /// Numbers from one column to the next.
    pub col_stride: usize,
}

/// A finished part of C, in scratch memory.
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    /// The first row within C.
    pub row: usize,
    /// The first column within C.
    pub col: usize,
    /// How many rows.
    pub rows: usize,
    /// How many columns.
    pub cols: usize,
    /// The first element, on a 64-byte boundary.
    pub ptr: *mut f32,
    /// Numbers from one row to the next; a multiple of 16.
    pub stride: usize,
}

enum Target<'a> {
    Tiles(&'a mut dyn FnMut(Tile)),
    Store { to: *mut f32, stride: usize },
}

/// Numbers of scratch memory that a product of these sizes needs.
pub fn scratch_len(isa: Isa, _m: usize, _n: usize, k: usize) -> usize {
    let kernels = kernels(isa);
    // A line to align by, one tile, one panel of B, one block of A.
    LINE + kernels.rows * kernels.cols() + k * kernels.cols() + kernels.block() * k
}

/// Rows and columns of a tile: ranges that are multiples of them waste nothing.
pub fn grain(isa: Isa) -> (usize, usize) {
    (kernels(isa).rows, kernels(isa).cols())
}

/// Computes the elements of C in `rows` × `cols` and hands each finished tile to `epilogue`, which may change it.
///
/// # Safety
/// This machine has `isa`; every element of A in `rows` × `k` and of B in `k` × `cols` can be read.
///
/// # Panics
/// If `scratch` is shorter than [`scratch_len`].
pub unsafe fn product(
    isa: Isa,
    factors: Factors,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    scratch: &mut [f32],
    epilogue: &mut dyn FnMut(Tile),
) {
    // SAFETY: the caller's promise.
    unsafe { run(isa, factors, rows, cols, k, a, b, scratch, Target::Tiles(epilogue)) }
}

/// Computes the elements of C in `rows` × `cols` and writes them to `c`, where row i starts at `c + i · stride`.
///
/// # Safety
/// As for [`product`]; the elements of C in `rows` × `cols` can be written and overlap neither A nor B.
///
/// # Panics
/// If `scratch` is shorter than [`scratch_len`].
pub unsafe fn product_into(
    isa: Isa,
    factors: Factors,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    scratch: &mut [f32],
    c: *mut f32,
    stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { run(isa, factors, rows, cols, k, a, b, scratch, Target::Store { to: c, stride }) }
}

/// Numbers in a cache line.
const LINE: usize = 16;
/// Numbers in a page.
const PAGE: usize = 1024;

unsafe fn run(
    isa: Isa,
    factors: Factors,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    scratch: &mut [f32],
    mut target: Target,
) {
    let kernels = kernels(isa);
    let width = kernels.cols();
    let start = scratch.as_ptr().align_offset(LINE * size_of::<f32>());
    let (tile, rest) = scratch[start..].split_at_mut(kernels.rows * width);
    let (panel, block) = rest.split_at_mut(k * width);
    let (tile, panel) = (tile.as_mut_ptr(), panel.as_mut_ptr());
    // Where the columns of A lie together, a multiple of a page apart, they crowd into a few places of the caches:
    // with many panels to come, a block of A is copied first.
    let crowded = a.row_stride == 1 && a.col_stride.is_multiple_of(PAGE);
    let copied = factors != Factors::F32 || (crowded && rows.len() > kernels.rows && cols.len() > 4 * width);
    if !copied {
        // SAFETY: the caller's promise.
        return unsafe { run_block(kernels, factors, rows, cols, k, a, b, tile, panel, &mut target) };
    }
    #[cfg(target_arch = "x86_64")]
    if factors == Factors::Bf16 && isa == Isa::Avx512 && bf16::fast() {
        // SAFETY: the caller's promise; the machine has the unit.
        return unsafe { bf16::run(rows, cols, k, a, b, tile, panel, block, &mut target) };
    }
    for row in rows.clone().step_by(kernels.block()) {
        let rows = row..rows.end.min(row + kernels.block());
        // SAFETY: the rows are within A, and a chunk has room for a block's.
        unsafe {
            match factors {
                Factors::F32 => {
                    for (i, to) in block.chunks_exact_mut(kernels.block()).take(k).enumerate() {
                        to.as_mut_ptr().copy_from_nonoverlapping(a.ptr.add(row + i * a.col_stride), rows.len());
                    }
                }
                Factors::Bf16 => {
                    for (i, to) in block.chunks_exact_mut(kernels.block()).take(k).enumerate() {
                        for (row, to) in rows.clone().zip(to) {
                            *to = math::bfloat16(*a.ptr.add(row * a.row_stride + i * a.col_stride));
                        }
                    }
                }
            }
        }
        // The copy's row `row` is where A would have it.
        let a = Matrix { ptr: block.as_ptr().wrapping_sub(row), row_stride: 1, col_stride: kernels.block() };
        // SAFETY: the caller's promise; the block holds these rows.
        unsafe { run_block(kernels, factors, rows, cols.clone(), k, a, b, tile, panel, &mut target) }
    }
}

unsafe fn run_block(
    kernels: &Kernels,
    factors: Factors,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    tile: *mut f32,
    panel: *mut f32,
    target: &mut Target,
) {
    let width = kernels.cols();
    let strips = rows.len().div_ceil(kernels.rows);
    // A copy pays when it is read several times, and when the panel's rows lie far apart.
    let pack = factors != Factors::F32 || b.col_stride != 1 || (strips > 2 && b.row_stride > 2 * width);
    for col in cols.clone().step_by(width) {
        let cols = width.min(cols.end - col);
        // SAFETY: the panel is within B; `panel` has room for k rows of `width`.
        let (from, from_stride) = unsafe {
            let from = b.ptr.add(col * b.col_stride);
            if pack {
                (kernels.pack)(k, cols, Matrix { ptr: from, ..b }, panel);
                if factors != Factors::F32 {
                    std::slice::from_raw_parts_mut(panel, k * width).iter_mut().for_each(|x| *x = factors.of(*x));
                }
                (panel.cast_const(), width)
            } else {
                (from, b.row_stride)
            }
        };
        let mut row = rows.start;
        for strip in 0..strips {
            // Strips of equal height, but for one row.
            let height = (rows.len() + strip) / strips;
            let kernel = kernels.kernels[height - 1][usize::from(cols > kernels.count)];
            // A tile has room for whole registers, and whole ones are read again sooner than parts.
            let whole = kernels.count * if cols > kernels.count { 2 } else { 1 };
            let (to, stride, stored) = match *target {
                Target::Tiles(_) => (tile, width, whole),
                // SAFETY: the tile is within C.
                Target::Store { to, stride } => (unsafe { to.add(row * stride + col) }, stride, cols),
            };
            // SAFETY: the strip is within A; `to` has room for `height` rows of `cols`.
            unsafe {
                let a = Matrix { ptr: a.ptr.wrapping_add(row * a.row_stride), ..a };
                kernel(k, cols, a, from, from_stride, to, stride, stored);
            }
            if let Target::Tiles(epilogue) = target {
                epilogue(Tile { row, col, rows: height, cols, ptr: tile, stride: width });
            }
            row += height;
        }
    }
}

/// `kernel(k, cols, a, b, b_stride, c, c_stride, c_cols)`
type Kernel = unsafe fn(usize, usize, Matrix, *const f32, usize, *mut f32, usize, usize);
/// `pack(k, cols, b, panel)`
type Pack = unsafe fn(usize, usize, Matrix, *mut f32);

/// What an instruction set brings.
struct Kernels {
    /// Numbers in a register.
    count: usize,
    /// The most rows of a strip.
    rows: usize,
    /// By rows − 1, and whether the columns need a second register.
    kernels: &'static [[Kernel; 2]],
    pack: Pack,
}

impl Kernels {
    /// Columns of a panel.
    fn cols(&self) -> usize {
        2 * self.count
    }

    /// Rows of A that are copied at a time.
    fn block(&self) -> usize {
        8 * self.rows
    }
}

fn kernels(isa: Isa) -> &'static Kernels {
    macro_rules! kernels {
        ($register:ty, $kernel:ident, $pack:expr, $($rows:literal)*) => {{
            const KERNELS: &[[Kernel; 2]] = &[$([$kernel::<$rows, 1>, $kernel::<$rows, 2>]),*];
            static ALL: Kernels =
                Kernels { count: <$register>::COUNT, rows: KERNELS.len(), kernels: KERNELS, pack: $pack };
            &ALL
        }};
    }
    match isa {
        Isa::Portable => kernels!(Wide, kernel_portable, pack::<Wide>, 1 2 3 4),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => kernels!(Avx2, kernel_avx2, pack_avx2, 1 2 3 4 5 6),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => kernels!(Avx512, kernel_avx512, pack_avx512, 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
    }
}

macro_rules! kernel {
    ($name:ident, $register:ty $(, $feature:literal)?) => {
        $(#[target_feature(enable = $feature)])?
        unsafe fn $name<const ROWS: usize, const REGISTERS: usize>(
            k: usize,
            cols: usize,
            a: Matrix,
            b: *const f32,
            b_stride: usize,
            c: *mut f32,
            c_stride: usize,
            c_cols: usize,
        ) {
            // SAFETY: the caller's promise.
            unsafe { kernel::<$register, ROWS, REGISTERS>(k, cols, a, b, b_stride, c, c_stride, c_cols) }
        }
    };
}
kernel!(kernel_portable, Wide);
#[cfg(target_arch = "x86_64")]
kernel!(kernel_avx2, Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernel!(kernel_avx512, Avx512, "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma");

/// ROWS × `cols` elements of C, held in ROWS × REGISTERS registers while k runs, and stored with zeros up to `c_cols`.
///
/// # Safety
/// ROWS × k of A and k × `cols` of B can be read, ROWS × `c_cols` of C written.
#[inline(always)]
unsafe fn kernel<V: Register, const ROWS: usize, const REGISTERS: usize>(
    k: usize,
    cols: usize,
    a: Matrix,
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    c_stride: usize,
    c_cols: usize,
) {
    let last = REGISTERS - 1;
    let (part, stored) = (V::part(cols - last * V::COUNT), V::part(c_cols - last * V::COUNT));
    let mut sums = [[V::splat(0.0); REGISTERS]; ROWS];
    // Rows in threes of five, from their own pointers. Left to itself the compiler makes one chain of ROWS additions of
    // them, as slow as the multiplications; it must not know how the offsets hang together.
    let offsets: [usize; 5] = std::array::from_fn(|i| black_box(i * a.row_stride));
    let mut a_k: [*const f32; 3] = std::array::from_fn(|i| black_box(a.ptr.wrapping_add(5 * i * a.row_stride)));
    let (mut b_k, a_step) = (b, a.col_stride);
    // SAFETY: the caller's promise; the pointers are not read after their last step.
    unsafe {
        for _ in 0..k {
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
            b_k = b_k.wrapping_add(b_stride);
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn pack_avx2(k: usize, cols: usize, b: Matrix, panel: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { pack::<Avx2>(k, cols, b, panel) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
pub(crate) unsafe fn pack_avx512(k: usize, cols: usize, b: Matrix, panel: *mut f32) {
    if b.row_stride != 1 || b.col_stride == 1 {
        // SAFETY: the caller's promise.
        return unsafe { pack::<Avx512>(k, cols, b, panel) };
    }
    // A column of B lies together: sixteen columns of sixteen rows at a time become rows.
    for col in (0..cols).step_by(16) {
        for row in (0..k).step_by(16) {
            let part = Avx512::part(k - row);
            let mut block = [Avx512::splat(0.0); 16];
            for (j, x) in block.iter_mut().enumerate().take(cols - col) {
                // SAFETY: the part of column `col + j` from `row` on is within B.
                *x = unsafe { Avx512::load_part(b.ptr.add((col + j) * b.col_stride + row), part) };
            }
            for (i, x) in Avx512::transpose(block).into_iter().enumerate().take(k - row) {
                // SAFETY: row `row + i` of the panel has 32 places, 16 from `col` on.
                unsafe { x.store(panel.add((row + i) * 32 + col)) };
            }
        }
    }
}

/// Copies `k` rows of `cols` elements to rows of two registers.
///
/// # Safety
/// The elements can be read, the panel's rows written.
#[inline(always)]
pub(crate) unsafe fn pack<V: Register>(k: usize, cols: usize, b: Matrix, panel: *mut f32) {
    let width = 2 * V::COUNT;
    if b.col_stride == 1 {
        let parts = [V::part(cols), V::part(cols.saturating_sub(V::COUNT))];
        for row in 0..k {
            // SAFETY: the caller's promise; an empty part reads nothing.
            unsafe {
                let (from, to) = (b.ptr.add(row * b.row_stride), panel.add(row * width));
                V::load_part(from, parts[0]).store(to);
                V::load_part(from.wrapping_add(V::COUNT), parts[1]).store(to.add(V::COUNT));
            }
        }
        return;
    }
    for row in 0..k {
        for col in 0..cols {
            // SAFETY: the caller's promise.
            unsafe { *panel.add(row * width + col) = *b.ptr.add(row * b.row_stride + col * b.col_stride) };
        }
    }
}
