//! A first factor many of whose numbers are 0, as behind a rectifier or of pictures: products with those are left out.
//!
//! What is left of each element's chain is in the same order, and a product with 0 adds nothing, so the bits are those of
//! the whole chain. A number that is not finite is not found where it would only meet zeros.
//!
//! The numbers of some rows of A that are not 0 are listed, each with the row of B it is multiplied with. Then B is taken in
//! blocks that stay in the first level of the cache: for each row of A some registers of sums are read, what the block
//! adds to them is added, and they are written again.
//!
//! Where the second factor has more zeros, the transposed product is computed, and its tiles are turned.

use super::{Beside, LINE, Matrix, Pack, Target, Tile};
pub use crate::lane::Entry;
use crate::lane::prefetch;
use crate::tape::BLOCK;
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
mod pairs;
mod registers;
#[cfg(target_arch = "x86_64")]
pub use pairs::PAIRS;
#[cfg(target_arch = "aarch64")]
pub use registers::NEON;
pub use registers::PORTABLE;
#[cfg(target_arch = "x86_64")]
pub use registers::{AVX2, AVX512};

/// `add(rows, which, b, begins)`
type Add = unsafe fn(&Rows, Range<usize>, *const f32, bool);

/// Where the lists and the sums of some rows are.
struct Rows {
    lists: *const Entry,
    /// Entries from one row's list to the next.
    list: usize,
    /// The first entry of each row, and the one behind its last.
    from: *const u32,
    to: *const u32,
    sums: *mut f32,
    /// Numbers from one row's sums to the next.
    stride: usize,
    /// From one of a block's panels to the next.
    panel: usize,
}

impl Rows {
    /// A row's sums, and what the block adds to them.
    #[inline(always)]
    unsafe fn row(&self, i: usize) -> (*mut f32, &[Entry]) {
        // SAFETY: the caller vouches for the row.
        unsafe {
            let (from, to) = (*self.from.add(i) as usize, *self.to.add(i) as usize);
            let entries = std::slice::from_raw_parts(self.lists.add(i * self.list + from), to - from);
            (self.sums.add(i * self.stride), entries)
        }
    }
}

/// What an instruction set brings. Where its unit adds several products at a time, those are one step, which is left out if
/// all of their numbers of A are 0.
pub struct Zeros {
    /// Numbers in a register.
    width: usize,
    /// Inner steps of A and B that are one.
    together: usize,
    /// `along(x, n)`: how many steps of n numbers of a row are not 0.
    along: unsafe fn(*const f32, usize) -> usize,
    /// `across(x, n)`: the same of the n rows that have their numbers of one step in these lines.
    across: unsafe fn([*const f32; 2], usize) -> usize,
    /// `list(x, n, step, entries)`: lists those steps of n numbers of a row that are not 0.
    list: unsafe fn(*const f32, usize, u32, *mut Entry) -> usize,
    /// `turn(from, step, [rows, columns], to, step)`: rows become columns.
    turn: unsafe fn(*const f32, usize, [usize; 2], *mut f32, usize),
    /// `pack(k, columns, b, panel)`, where a block of B is not copied as it is, but in panels of so many columns.
    pack: Option<(Pack, usize)>,
    /// By registers, less one.
    add: [Add; SUMS],
    /// Most of the steps that may not be 0, of A and of B.
    most: [f64; 2],
}

/// How a block of B lies: the numbers of a step and the next begin so far apart, those of a panel and the next so far.
#[derive(Clone, Copy)]
struct Block {
    height: usize,
    step: usize,
    panel: usize,
}

/// Bytes of a block of B.
const NEAR: usize = 28 << 10;
/// Registers of sums at most.
const SUMS: usize = 8;
/// Numbers that are listed at a time, and rows.
const LISTED: usize = 1 << 19;
const ROWS: usize = 256;
/// Rows that are listed together where the columns of A lie together.
const TURNED: usize = 16;
/// Below these, finding zeros costs more than they save.
const LEAST_ROWS: usize = 8;
const LEAST_COLS: usize = 48;
const LEAST_STEPS: usize = 16;
const LEAST_TURNED: usize = 32;
/// Above so many, lists of the rows that a block of B is worth copying for are too long.
const MOST_STEPS: usize = LISTED / 64;
/// Rows whose neighbours in other arrays are asked for at a time.
const BROUGHT: usize = 2;
/// Columns of a turned tile.
const WIDE: usize = 64;

/// Where the parts of a computation are.
struct Sizes {
    /// Rows that are listed at a time.
    strip: usize,
    /// Numbers from one row's list to the next.
    list: usize,
    /// Blocks of B at most.
    blocks: usize,
}

impl Sizes {
    fn new(zeros: &Zeros, rows: usize, k: usize) -> Self {
        let all = k.div_ceil(zeros.together);
        let strip = (LISTED / all).min(ROWS).min(rows);
        // A list may be written to a register's length behind its end.
        Sizes { strip, list: all + zeros.width, blocks: all.div_ceil(zeros.block(SUMS * zeros.width).height) }
    }
    /// Numbers for the lists, for where each block's begin in them, for the sums, for a block of B, and for rows of A; each
    /// a whole number of lines.
    fn parts(&self, zeros: &Zeros) -> [usize; 5] {
        let lists = self.strip * self.list * (size_of::<Entry>() / size_of::<f32>());
        let sums = self.strip * (SUMS * zeros.width).next_multiple_of(LINE);
        let columns = TURNED * zeros.block(1).height * zeros.together;
        let all = [lists, (self.blocks + 1) * self.strip, sums, NEAR / size_of::<f32>(), columns];
        all.map(|n| n.next_multiple_of(LINE))
    }
}

/// Can products of so many rows and steps be left out?
fn possible(rows: usize, k: usize) -> bool {
    rows >= LEAST_ROWS && (LEAST_STEPS..=MOST_STEPS).contains(&k)
}

impl Zeros {
    /// A block of so many columns.
    fn block(&self, columns: usize) -> Block {
        let step = self.pack.map_or(columns.next_multiple_of(self.width), |(_, panel)| panel);
        let height = NEAR / size_of::<f32>() / columns.next_multiple_of(step);
        Block { height, step, panel: height * step }
    }

    /// Numbers of scratch memory that [`Self::run`] needs.
    pub fn scratch_len(&self, rows: usize, k: usize) -> usize {
        if possible(rows, k) { LINE + Sizes::new(self, rows, k).parts(self).iter().sum::<usize>() } else { 0 }
    }

    /// Computes the product without those with zeros where they are many enough; else gives the target back.
    ///
    /// # Safety
    /// As of `super::run`.
    pub unsafe fn run<'a>(
        &self,
        rows: &Range<usize>,
        cols: &Range<usize>,
        k: usize,
        a: Matrix,
        b: Matrix,
        scratch: &mut [f32],
        target: Target<'a>,
    ) -> Option<Target<'a>> {
        let turned = |m: Matrix| Matrix { ptr: m.ptr, row_stride: m.col_stride, col_stride: m.row_stride };
        if !possible(rows.len(), k) {
            return Some(target);
        }
        let sizes = || Sizes::new(self, rows.len(), k);
        // SAFETY: the caller's promise, and scratch memory for these sizes.
        unsafe {
            let of_a = self.nonzero(rows, cols, k, a, self.most[0]);
            // Only where the columns of A lie together are they the rows that sums are made of.
            let long = a.row_stride == 1 && cols.len() >= LEAST_TURNED;
            let of_b = if long { self.nonzero(cols, rows, k, turned(b), self.most[1]) } else { None };
            match (of_a, of_b) {
                (None, None) => return Some(target),
                (Some(of_a), of_b) if of_b.is_none_or(|of_b| of_a <= of_b) => {
                    self.compute(&sizes(), rows.clone(), cols.clone(), k, [a, b], scratch, target, false);
                }
                _ => {
                    let factors = [turned(b), turned(a)];
                    self.compute(&sizes(), cols.clone(), rows.clone(), k, factors, scratch, target, true);
                }
            }
        }
        None
    }

    /// The share of these rows' steps that are not 0, where it is below `most`.
    unsafe fn nonzero(&self, rows: &Range<usize>, cols: &Range<usize>, k: usize, a: Matrix, most: f64) -> Option<f64> {
        if !possible(rows.len(), k) || cols.len() < LEAST_COLS || (a.row_stride != 1 && a.col_stride != 1) {
            return None;
        }
        let along = a.col_stride == 1;
        let (lines, length, step) = if along { (rows.len(), k, a.row_stride) } else { (k, rows.len(), a.col_stride) };
        let first = a.ptr.wrapping_add(rows.start * a.row_stride);
        let line = |i: usize| first.wrapping_add(i.min(lines - 1) * step);
        let few = |lines: usize| {
            let (found, all) = if along {
                // SAFETY: the caller's promise.
                let found = (0..lines).map(|i| unsafe { (self.along)(line(i), length) });
                (found.sum::<usize>(), lines * length.div_ceil(self.together))
            } else {
                let firsts = (0..lines).step_by(self.together);
                // SAFETY: as above.
                let found = firsts.map(|i| unsafe { (self.across)([line(i), line(i + 1)], length) });
                (found.sum::<usize>(), lines.div_ceil(self.together) * length)
            };
            Some(found as f64 / all as f64).filter(|share| *share < most)
        };
        // A first look says no where most numbers are something.
        few(lines.min(1024_usize.div_ceil(length)))?;
        few(lines)
    }

    /// The product, or the turned one.
    unsafe fn compute(
        &self,
        sizes: &Sizes,
        rows: Range<usize>,
        cols: Range<usize>,
        k: usize,
        [a, b]: [Matrix; 2],
        scratch: &mut [f32],
        mut target: Target,
        turned: bool,
    ) {
        let start = scratch.as_ptr().align_offset(LINE * size_of::<f32>());
        let mut rest = &mut scratch[start..];
        let [lists, starts, sums, block, columns] = sizes.parts(self).map(|n| {
            let (part, others) = std::mem::take(&mut rest).split_at_mut(n);
            rest = others;
            part.as_mut_ptr()
        });
        let (lists, starts): (*mut Entry, *mut u32) = (lists.cast(), starts.cast());
        // Columns in equal parts of whole registers.
        let registers = cols.len().div_ceil(self.width);
        let width = registers.div_ceil(registers.div_ceil(SUMS)) * self.width;
        let (stride, shape, none) = (width.next_multiple_of(LINE), self.block(width), Beside::default());
        let all = k.div_ceil(self.together);
        for row in rows.clone().step_by(sizes.strip) {
            let strip = sizes.strip.min(rows.end - row);
            let from = Matrix { ptr: a.ptr.wrapping_add(row * a.row_stride), ..a };
            // SAFETY: the rows are within A; the lists have room for all of their numbers.
            unsafe { self.list(from, [strip, k], shape, (lists, sizes.list), starts, columns) };
            for col in cols.clone().step_by(width) {
                let n = width.min(cols.end - col);
                let add = self.add[n.div_ceil(self.width) - 1];
                for (number, first) in (0..all).step_by(shape.height).enumerate() {
                    let part = self.inner(k, first, shape);
                    let ptr = b.ptr.wrapping_add(part.start * b.row_stride + col * b.col_stride);
                    let ends = part.end == k;
                    // SAFETY: the block is within B and has room for it; lists lead to its rows; the sums have room for
                    // rows of `width`.
                    unsafe {
                        self.copy(Matrix { ptr, ..b }, part.len(), n, block, shape);
                        let (from, to) = (starts.add(number * strip), starts.add((number + 1) * strip));
                        let rows = Rows { lists, list: sizes.list, from, to, sums, stride, panel: shape.panel };
                        let beside =
                            if let (true, Target::Tiles(_, beside)) = (ends, &target) { *beside } else { none };
                        let some = if beside.0.is_empty() { strip } else { BROUGHT };
                        for i in (0..strip).step_by(some) {
                            let which = i..strip.min(i + some);
                            which.clone().for_each(|i| bring(&beside, [row, i], [col, n], turned));
                            add(&rows, which, block, number == 0);
                        }
                    }
                }
                // SAFETY: the sums were just made; the block is free again.
                unsafe {
                    match turned {
                        true => self.hand_on_turned([row, strip], [col, n], sums, stride, block, &mut target),
                        false => hand_on([row, strip], [col, n], sums, stride, &mut target),
                    }
                }
            }
        }
    }

    /// Hands on sums of rows that are columns of C.
    unsafe fn hand_on_turned(
        &self,
        [row, rows]: [usize; 2],
        [col, cols]: [usize; 2],
        sums: *const f32,
        stride: usize,
        tile: *mut f32,
        target: &mut Target,
    ) {
        let most = BLOCK / WIDE;
        for j in (0..rows).step_by(WIDE) {
            for i in (0..cols).step_by(most) {
                let (width, height) = (WIDE.min(rows - j), most.min(cols - i));
                let (to, to_step) = match target {
                    Target::Tiles(..) => (tile, WIDE),
                    Target::Store { to, stride } => (to.wrapping_add((col + i) * *stride + row + j), *stride),
                };
                // SAFETY: the sums were just made; C or the tile has room for them.
                unsafe { (self.turn)(sums.add(j * stride + i), stride, [width, height], to, to_step) };
                if let Target::Tiles(epilogue, _) = target {
                    let (row, col) = (col + i, row + j);
                    epilogue(Tile { row, col, rows: height, cols: width, ptr: tile, stride: WIDE });
                }
            }
        }
    }

    /// Lists the numbers of `strip` rows of A that are not 0, each with where its row begins in a block of B, and says where
    /// each block's begin in each list, and where the last one's end.
    unsafe fn list(
        &self,
        a: Matrix,
        [strip, k]: [usize; 2],
        shape: Block,
        (lists, list): (*mut Entry, usize),
        starts: *mut u32,
        columns: *mut f32,
    ) {
        let together = if a.col_stride == 1 { strip } else { TURNED };
        let stride = shape.height * self.together;
        // SAFETY: the caller's promise.
        unsafe {
            std::slice::from_raw_parts_mut(starts, strip).fill(0);
            for (block, first) in (0..k.div_ceil(self.together)).step_by(shape.height).enumerate() {
                let part = self.inner(k, first, shape);
                for row in (0..strip).step_by(together) {
                    let rows = together.min(strip - row);
                    let mut x = Matrix { ptr: a.ptr.add(row * a.row_stride + part.start * a.col_stride), ..a };
                    if a.col_stride != 1 {
                        (self.turn)(x.ptr, a.col_stride, [part.len(), rows], columns, stride);
                        x = Matrix { ptr: columns, row_stride: stride, col_stride: 1 };
                    }
                    for i in 0..rows {
                        let before = *starts.add(block * strip + row + i);
                        let to = lists.add((row + i) * list + before as usize);
                        let found = (self.list)(x.ptr.add(i * x.row_stride), part.len(), shape.step as u32, to);
                        *starts.add((block + 1) * strip + row + i) = before + found as u32;
                    }
                }
            }
        }
    }

    /// The inner steps of the block that begins with this step.
    fn inner(&self, k: usize, first: usize, shape: Block) -> Range<usize> {
        first * self.together..k.min((first + shape.height) * self.together)
    }

    /// Copies `k` rows of B, `n` columns each.
    unsafe fn copy(&self, b: Matrix, k: usize, n: usize, to: *mut f32, shape: Block) {
        // SAFETY: the caller's promise.
        unsafe {
            if let Some((pack, width)) = self.pack {
                for (panel, col) in (0..n).step_by(width).enumerate() {
                    let b = Matrix { ptr: b.ptr.add(col * b.col_stride), ..b };
                    pack(k, width.min(n - col), b, to.add(panel * shape.panel));
                }
            } else if b.col_stride == 1 {
                for i in 0..k {
                    to.add(i * shape.step).copy_from_nonoverlapping(b.ptr.add(i * b.row_stride), n);
                }
            } else if b.row_stride == 1 {
                (self.turn)(b.ptr, b.col_stride, [n, k], to, shape.step);
            } else {
                for (i, j) in (0..k).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    *to.add(i * shape.step + j) = *b.ptr.add(i * b.row_stride + j * b.col_stride);
                }
            }
        }
    }
}

/// Hands on sums.
unsafe fn hand_on(
    [row, rows]: [usize; 2],
    [col, cols]: [usize; 2],
    sums: *mut f32,
    stride: usize,
    target: &mut Target,
) {
    match target {
        Target::Tiles(epilogue, _) => {
            let most = BLOCK / stride;
            for i in (0..rows).step_by(most) {
                let ptr = sums.wrapping_add(i * stride);
                epilogue(Tile { row: row + i, col, rows: most.min(rows - i), cols, ptr, stride });
            }
        }
        Target::Store { to, stride: c_stride } => {
            for i in 0..rows {
                let to = to.wrapping_add((row + i) * *c_stride + col);
                // SAFETY: the row is within C.
                unsafe { to.copy_from_nonoverlapping(sums.add(i * stride), cols) };
            }
        }
    }
}

/// Asks for what lies beside `n` columns of the i-th row from `row` on; turned, beside as many numbers of the rows and columns
/// that these become.
fn bring(beside: &Beside, [row, i]: [usize; 2], [col, n]: [usize; 2], turned: bool) {
    for array in beside.0 {
        let at = |row: usize, col: usize| prefetch(array.ptr.wrapping_add(row * array.stride + col));
        if turned {
            let part = |i: usize| n * (i % LINE) / LINE;
            (part(i)..n * (i % LINE + 1) / LINE).for_each(|j| at(col + j, row + i / LINE * LINE));
        } else {
            (0..n).step_by(LINE).for_each(|j| at(row + i, col + j));
        }
    }
}
