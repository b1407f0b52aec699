//! C[m, n] = Σₖ A[m, k] · B[k, n].
//!
//! Every element of C is one chain of multiply-adds over k from 0 upwards, starting from zero, whatever tile, range or
//! thread it falls to: how work is cut never changes a bit.
//!
//! The columns are taken in panels of two registers. A panel of B that many rows need is first copied together
//! (`pack`), then strips of up to `Kernels::rows` rows go over it, their part of C in registers (`kernel`).

use crate::Isa;
#[cfg(target_arch = "aarch64")]
use crate::lane::Neon;
#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512};
use crate::lane::{Register, Wide};
use crate::tape::BLOCK;
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod bf16;
mod cut;
#[cfg(target_arch = "x86_64")]
mod narrow;
mod near;
mod registers;
mod sparse;

use near::Near;
pub use near::{Array, Beside};
use registers::*;
pub(crate) use registers::{pack, rounded};
#[cfg(target_arch = "x86_64")]
pub(crate) use registers::{pack_avx2, pack_avx512, rounded_avx2, rounded_avx512};
use sparse::Zeros;

/// What factors are multiplied as. Sums are f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Factors {
    /// As they are.
    #[default]
    F32,
    /// Each rounded to the nearest number of bfloat16 first ([`crate::math::bfloat16`]); products of those are exact in f32.
    /// Where the machine has a fast unit for that, two products are added at a time, so that the order of a sum is
    /// another one.
    Bf16,
    /// Each cut into two numbers of bfloat16, the nearest and the nearest to what that lacks; of the four products of those the
    /// three greater ones are added. Of matrices only.
    Cut,
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

/// Where finished numbers go.
pub enum Target<'a> {
    /// To a function, in tiles that it may change, and what it reads and writes.
    Tiles(&'a mut dyn FnMut(Tile), Beside<'a>),
    /// To memory: row i begins at `to + i · stride`.
    Store {
        /** Row 0. */
        to: *mut f32,
        /** From one row to the next. */
        stride: usize,
    },
}

impl Target<'_> {
    /// Asks for the memory that numbers of these rows and columns will be written to or read beside.
    pub(crate) fn bring(&self, rows: Range<usize>, cols: Range<usize>) {
        match self {
            Target::Tiles(_, beside) => beside.bring(rows, cols),
            Target::Store { to, stride } => {
                Beside(&[Array { ptr: to.cast_const(), stride: *stride }]).bring(rows, cols);
            }
        }
    }
}

/// Numbers of scratch memory that a product of these sizes needs.
pub fn scratch_len(isa: Isa, factors: Factors, m: usize, k: usize) -> usize {
    match factors {
        #[cfg(target_arch = "x86_64")]
        Factors::Bf16 if tiles(isa) => amx::scratch_len(m, k, 1),
        #[cfg(target_arch = "x86_64")]
        Factors::Cut if tiles(isa) => amx::scratch_len(m, k, 2),
        Factors::Cut => cut::scratch_len(isa, m, k),
        _ => kernels(isa, factors).scratch_len(m, k),
    }
}

/// By tiles where the machine has them, or by kernels.
unsafe fn compute(
    isa: Isa,
    factors: Factors,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    scratch: &mut [f32],
    target: Target,
) {
    // SAFETY: the caller's promise; the machine has tiles where they are taken.
    unsafe {
        match factors {
            #[cfg(target_arch = "x86_64")]
            Factors::Bf16 if tiles(isa) => amx::run::<amx::Tiles, 1>(rows, cols, k, a, b, scratch, target),
            #[cfg(target_arch = "x86_64")]
            Factors::Cut if tiles(isa) => amx::run::<amx::Tiles, 2>(rows, cols, k, a, b, scratch, target),
            Factors::Cut => cut::run_cut(isa, rows, cols, k, a, b, scratch, target),
            _ => run(kernels(isa, factors), rows, cols, k, a, b, scratch, target),
        }
    }
    #[cfg(target_arch = "x86_64")]
    if factors != Factors::F32 {
        amx::release_tiles();
    }
}

/// Rows and columns of a tile: ranges that are multiples of them waste nothing.
pub fn grain(isa: Isa) -> (usize, usize) {
    let kernels = kernels(isa, Factors::F32);
    (kernels.rows, kernels.cols())
}

/// Has this machine a unit that multiplies tiles of bfloat16, many times as fast as f32, that kernels of `isa` use?
pub fn tiles(isa: Isa) -> bool {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => isa.available() && amx::available(),
        _ => false,
    }
}

/// Does [`product`] make use of what it is told about arrays beside C?
pub fn brings_beside(isa: Isa, factors: Factors) -> bool {
    factors != Factors::Cut && !(factors == Factors::Bf16 && tiles(isa))
}

/// Computes the elements of C in `rows` × `cols` and hands each finished tile to `epilogue`, which may change it. What lies
/// beside a tile in other arrays is asked for while it is computed, where [`brings_beside`] says so.
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
    beside: Beside,
    epilogue: &mut dyn FnMut(Tile),
) {
    // SAFETY: the caller's promise.
    unsafe { compute(isa, factors, rows, cols, k, a, b, scratch, Target::Tiles(epilogue, beside)) }
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
    unsafe { compute(isa, factors, rows, cols, k, a, b, scratch, Target::Store { to: c, stride }) }
}

/// Numbers in a cache line.
const LINE: usize = 16;
/// Numbers in a page.
const PAGE: usize = 1024;

unsafe fn run(
    kernels: &Kernels,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    scratch: &mut [f32],
    mut target: Target,
) {
    if let Some(zeros) = kernels.zeros {
        // SAFETY: the caller's promise.
        match unsafe { zeros.run(&rows, &cols, k, a, b, scratch, target) } {
            Some(not_computed) => target = not_computed,
            None => return,
        }
    }
    let width = kernels.cols();
    let start = scratch.as_ptr().align_offset(LINE * size_of::<f32>());
    let (tile, rest) = scratch[start..].split_at_mut(BLOCK);
    let (panel, block) = rest.split_at_mut(kernels.panel(k) * kernels.beside(k));
    let (tile, panel) = (tile.as_mut_ptr(), panel.as_mut_ptr());
    if a.row_stride == 1 && (1..=kernels.narrow.len()).contains(&cols.len()) {
        // SAFETY: the caller's promise.
        return unsafe { run_narrow(kernels.narrow[cols.len() - 1], rows, cols, k, a, b, tile, target) };
    }
    // Where the rows or columns of A that a tile reads lie a multiple of a page apart, they crowd into a few places of the
    // caches: with many panels to come, A is copied together first.
    let apart = if a.row_stride == 1 { a.col_stride } else { a.row_stride };
    let crowded = apart.is_multiple_of(PAGE) && rows.len() > kernels.rows && cols.len() > 4 * width;
    if !(crowded || kernels.copies) {
        // SAFETY: the caller's promise.
        return unsafe { run_block(kernels, rows, cols, k, Rows::There(a), b, tile, panel, &mut target) };
    }
    for row in rows.clone().step_by(kernels.copied(rows.len(), k).max(1)) {
        let rows = row..rows.end.min(row + kernels.copied(rows.len(), k));
        let (mut at, mut heights, mut place) = (row, kernels.heights(rows.len()), block.as_mut_ptr());
        while let Some(strip) = heights.next() {
            let count = strip + heights.next().unwrap_or(0);
            // SAFETY: the rows are within A, seen as columns; the block has room for these panels.
            unsafe {
                let ptr = a.ptr.wrapping_add(at * a.row_stride);
                (kernels.pack)(k, count, Matrix { ptr, row_stride: a.col_stride, col_stride: a.row_stride }, place);
                place = place.add(kernels.panel(k));
            }
            at += count;
        }
        // SAFETY: the caller's promise; the block holds these rows.
        unsafe { run_block(kernels, rows, cols.clone(), k, Rows::Copied(block.as_ptr()), b, tile, panel, &mut target) }
    }
}

/// All columns, some rows at a time.
unsafe fn run_narrow(
    narrow: Narrow,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    tile: *mut f32,
    mut target: Target,
) {
    let b = Matrix { ptr: b.ptr.wrapping_add(cols.start * b.col_stride), ..b };
    for row in rows.clone().step_by(NARROW_ROWS) {
        let height = NARROW_ROWS.min(rows.end - row);
        let (to, stride, stored) = match target {
            Target::Tiles(..) => (tile, LINE, LINE),
            Target::Store { to, stride } => (to.wrapping_add(row * stride + cols.start), stride, cols.len()),
        };
        // SAFETY: the rows are within A and C.
        unsafe { narrow(k, height, Matrix { ptr: a.ptr.wrapping_add(row), ..a }, b, to, stride, stored) };
        if let Target::Tiles(epilogue, _) = &mut target {
            epilogue(Tile { row, col: cols.start, rows: height, cols: cols.len(), ptr: tile, stride });
        }
    }
}

/// Where strips of A are.
#[derive(Clone, Copy)]
enum Rows {
    /// In A, whose first row is row 0.
    There(Matrix),
    /// In panels, of which each holds two beside each other.
    Copied(*const f32),
}

impl Rows {
    /// A strip, which begins with this row; the one before it has so many rows.
    fn strip(self, kernels: &Kernels, k: usize, strip: usize, row: usize, before: usize) -> Matrix {
        match self {
            Rows::There(a) => Matrix { ptr: a.ptr.wrapping_add(row * a.row_stride), ..a },
            Rows::Copied(panels) => {
                let ptr = panels.wrapping_add(strip / 2 * kernels.panel(k) + strip % 2 * before);
                Matrix { ptr, row_stride: 1, col_stride: kernels.cols() }
            }
        }
    }
}

unsafe fn run_block(
    kernels: &Kernels,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Rows,
    b: Matrix,
    tile: *mut f32,
    panel: *mut f32,
    target: &mut Target,
) {
    let (width, heights) = (kernels.cols(), kernels.heights(rows.len()));
    // A copy pays when it is read several times, and when the panel's rows lie far apart.
    let pack = kernels.copies || b.col_stride != 1 || (heights.len() > 2 && b.row_stride > 2 * width);
    if let Target::Tiles(epilogue, beside) = target
        && pack
        && kernels.wide(k)
        && rows.len() > BLOCK / WIDE
        && cols.len() > width
    {
        // SAFETY: the caller's promise.
        return unsafe { run_wide(kernels, rows, cols, k, a, b, tile, panel, *beside, epilogue) };
    }
    // Where all rows fit a block, their tiles are handed on together: there is little else to do for each.
    let one = if cols.len() > kernels.count { width } else { kernels.count.next_multiple_of(LINE) };
    let capacity = BLOCK / one;
    let together = rows.len() <= capacity;
    let beside = (capacity / rows.len().max(1)).clamp(1, cols.len().div_ceil(width).max(1));
    let tile_stride = beside * one;
    let arrays = if let Target::Tiles(_, beside) = target { *beside } else { Beside::default() };
    for (number, col) in cols.clone().step_by(width).enumerate() {
        let panels = number % beside + 1;
        let ends = panels == beside || col + width >= cols.end;
        let first = col - (panels - 1) * width;
        let cols = width.min(cols.end - col);
        // SAFETY: the panel is within B; `panel` has room for k rows of `width`.
        let (from, from_stride) = unsafe {
            let from = b.ptr.add(col * b.col_stride);
            if pack {
                (kernels.pack)(k, cols, Matrix { ptr: from, ..b }, panel);
                (panel.cast_const(), width)
            } else {
                (from, b.row_stride)
            }
        };
        let (mut row, mut before) = (rows.start, 0);
        // Rows of the block that were not handed on yet.
        let mut filled = 0;
        for (strip, height) in heights.clone().enumerate() {
            let kernel = kernels.kernels[height - 1][usize::from(cols > kernels.count)];
            // A tile has room for whole registers, and whole ones are read again sooner than parts.
            let whole = kernels.count * if cols > kernels.count { 2 } else { 1 };
            let (to, stride, stored) = match *target {
                Target::Tiles(..) => (tile.wrapping_add(filled * tile_stride + (col - first)), tile_stride, whole),
                Target::Store { to, stride } => (to.wrapping_add(row * stride + col), stride, cols),
            };
            let a = a.strip(kernels, k, strip, row, before);
            let near = arrays.tile(row, col, height);
            // SAFETY: the strip is within A; `to` has room for `height` rows of `cols`.
            unsafe { kernel(kernels.steps(k), cols, a, from, from_stride, to, stride, stored, &near) }
            (row, before, filled) = (row + height, height, filled + height);
            let last = row == rows.end;
            if let Target::Tiles(epilogue, _) = target
                && (!together || (last && ends))
            {
                let (rows, cols) = (filled, col + cols - first);
                epilogue(Tile { row: row - rows, col: first, rows, cols, ptr: tile, stride: tile_stride });
                filled = 0;
            }
        }
    }
}

/// Columns of a wide tile.
const WIDE: usize = 64;
/// Inner steps up to which tiles are wide: panels beside each other then stay in the second level of the cache.
const FEW: usize = 2048;

/// The same with wide tiles, for which several panels are copied at a time: A is read less often, and what reads and writes
/// matrices of C's size meets longer stretches of their rows.
unsafe fn run_wide(
    kernels: &Kernels,
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Rows,
    b: Matrix,
    tile: *mut f32,
    panels: *mut f32,
    beside: Beside,
    epilogue: &mut dyn FnMut(Tile),
) {
    let (width, heights, from) =
        (kernels.cols(), kernels.heights(rows.len()), [Array { ptr: b.ptr, stride: b.row_stride }]);
    for col in cols.clone().step_by(WIDE) {
        let next = col + WIDE < cols.end && b.col_stride == 1;
        let cols = WIDE.min(cols.end - col);
        let stride = cols.next_multiple_of(kernels.count).next_multiple_of(LINE);
        let part = |at: usize| (at, width.min(cols - at), panels.wrapping_add(at / width * kernels.panel(k)));
        let parts = || (0..cols).step_by(width).map(part);
        for (at, cols, panel) in parts() {
            let ptr = b.ptr.wrapping_add((col + at) * b.col_stride);
            // SAFETY: the panel is within B, and there is room for it.
            unsafe { (kernels.pack)(k, cols, Matrix { ptr, ..b }, panel) };
        }
        let (mut row, mut before, mut filled) = (rows.start, 0, 0);
        for (strip, height) in heights.clone().enumerate() {
            if filled + height > BLOCK / stride {
                epilogue(Tile { row: row - filled, col, rows: filled, cols, ptr: tile, stride });
                filled = 0;
            }
            let a = a.strip(kernels, k, strip, row, before);
            for (at, cols, panel) in parts() {
                let two = cols > kernels.count;
                let kernel = kernels.kernels[height - 1][usize::from(two)];
                let (to, stored) = (tile.wrapping_add(filled * stride + at), if two { width } else { kernels.count });
                let near = if beside.0.is_empty() && next {
                    Near::panel(&from, kernels, k, [strip, heights.len()], col + WIDE + at)
                } else {
                    beside.tile(row, col + at, height)
                };
                // SAFETY: the strip is within A; the tile has room for whole registers of its rows.
                unsafe { kernel(kernels.steps(k), cols, a, panel, width, to, stride, stored, &near) };
            }
            (row, before, filled) = (row + height, height, filled + height);
        }
        epilogue(Tile { row: row - filled, col, rows: filled, cols, ptr: tile, stride });
    }
}

/// A stretch of inner steps: where it begins in A and in B.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Segment {
    pub a: usize,
    pub b: usize,
}

/// `kernel(k, cols, a, b, b_stride, c, c_stride, c_cols, near)`
type Kernel = unsafe fn(usize, usize, Matrix, *const f32, usize, *mut f32, usize, usize, &Near);
/// `pack(k, cols, b, panel)`
pub(crate) type Pack = unsafe fn(usize, usize, Matrix, *mut f32);

/// What an instruction set brings.
struct Kernels {
    /// Numbers in a register.
    count: usize,
    /// The most rows of a strip.
    rows: usize,
    /// By rows − 1, and whether the columns need a second register.
    kernels: &'static [[Kernel; 2]],
    /// Copies a panel of B together, or two strips of A as columns.
    pack: Pack,
    /// Must both be copied, because that changes them?
    copies: bool,
    /// Are two inner steps one of the kernel's?
    pairs: bool,
    /// For few columns and an A whose columns lie together, by columns, less one.
    narrow: &'static [Narrow],
    /// For a first factor with many zeros.
    zeros: Option<&'static Zeros>,
}

/// `narrow(k, rows, a, b, c, c_stride, c_cols)`: some rows, from the first of A on.
type Narrow = unsafe fn(usize, usize, Matrix, Matrix, *mut f32, usize, usize);
/// Rows that it computes at most.
const NARROW_ROWS: usize = 32;

impl Kernels {
    /// Those that take both factors as they are.
    const fn new(count: usize, rows: usize, kernels: &'static [[Kernel; 2]], pack: Pack) -> Self {
        Kernels { count, rows, kernels, pack, copies: false, pairs: false, narrow: &[], zeros: None }
    }

    /// Columns of a panel.
    fn cols(&self) -> usize {
        2 * self.count
    }

    /// Rows of A that are copied at a time: whole pairs of strips, of about [`COPIED`] numbers.
    fn copied(&self, m: usize, k: usize) -> usize {
        let pair = 2 * self.rows;
        (COPIED / k.max(1)).max(4 * pair).min(m).next_multiple_of(pair)
    }

    /// The heights of strips of so many rows: equal, but for one.
    fn heights(&self, rows: usize) -> impl ExactSizeIterator<Item = usize> + Clone + use<> {
        let strips = rows.div_ceil(self.rows);
        (0..strips).map(move |strip| (rows + strip) / strips)
    }

    /// The kernel's steps.
    fn steps(&self, k: usize) -> usize {
        if self.pairs { k.div_ceil(2) } else { k }
    }

    /// Panels of B that are copied at a time.
    fn beside(&self, k: usize) -> usize {
        if self.wide(k) { WIDE / self.cols() } else { 1 }
    }

    /// Are tiles wide?
    fn wide(&self, k: usize) -> bool {
        k <= FEW && self.cols() < WIDE
    }

    /// Numbers of a panel.
    fn panel(&self, k: usize) -> usize {
        k * self.cols()
    }

    fn scratch_len(&self, m: usize, k: usize) -> usize {
        let panels = self.copied(m, k).div_ceil(self.rows).div_ceil(2);
        // A line to align by, a block of tiles, panels of B, panels of A.
        let dense = LINE + BLOCK + self.panel(k) * (self.beside(k) + panels);
        self.zeros.map_or(dense, |zeros| dense.max(zeros.scratch_len(m, k)))
    }
}

/// Numbers of A that are copied at a time, about: they stay in the third-level cache.
const COPIED: usize = 1 << 20;

fn kernels(isa: Isa, factors: Factors) -> &'static Kernels {
    macro_rules! kernels {
        ($register:ty, $kernel:ident, $pack:expr, $rounded:expr, $narrow:expr, $zeros:expr, $($rows:literal)*) => {{
            const KERNELS: &[[Kernel; 2]] = &[$([$kernel::<$rows, 1>, $kernel::<$rows, 2>]),*];
            static ALL: [Kernels; 2] = {
                let (count, rows) = (<$register>::COUNT, KERNELS.len());
                [
                    Kernels { narrow: $narrow, zeros: Some($zeros), ..Kernels::new(count, rows, KERNELS, $pack) },
                    Kernels { copies: true, ..Kernels::new(count, rows, KERNELS, $rounded) },
                ]
            };
            &ALL[usize::from(factors == Factors::Bf16)]
        }};
    }
    match isa {
        Isa::Portable => {
            kernels!(Wide, kernel_portable, pack::<Wide>, rounded::<Wide>, &[], &sparse::PORTABLE, 1 2 3 4)
        }
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => kernels!(Neon, kernel_neon, pack::<Neon>, rounded::<Neon>, &[], &sparse::NEON, 1 2 3 4 5 6),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => kernels!(Avx2, kernel_avx2, pack_avx2, rounded_avx2, &[], &sparse::AVX2, 1 2 3 4 5 6),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if factors == Factors::Bf16 && bf16::fast() => &bf16::KERNELS,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => {
            kernels!(Avx512, kernel_avx512, pack_avx512, rounded_avx512, narrow::NARROW, &sparse::AVX512, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
        }
    }
}
