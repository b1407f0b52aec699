//! A call, carried out.

use super::{Call, Finish, OPERANDS, STATES, View, Work};
use crate::convolution;
use crate::copies;
use crate::moments::{self, Moments};
use crate::product::{self, Array, Beside, Matrix, Target, Tile};
use crate::rows::{self, Rows, RowsMut};
use crate::tape::{self, Argument, BLOCK, Block, Moment, Operand};
use crate::windows;
use crate::{Buffer, Isa};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// What calls are carried out with.
pub(super) struct Run<'a> {
    pub(super) isa: Isa,
    pub(super) finishes: &'a [Finish],
    pub(super) arena: *mut f32,
    pub(super) arrays: *mut Buffer,
    pub(super) scratch: *mut Buffer,
    pub(super) moment: &'a Moment,
    pub(super) finite: &'a AtomicBool,
}

// SAFETY: the pointers are used under the discipline that `Program::new` checked.
unsafe impl Sync for Run<'_> {}

impl Run<'_> {
    /// Element (row, col) of a view, which need not be there if nobody touches it.
    pub(super) unsafe fn at(&self, v: View, row: usize, col: usize) -> *mut f32 {
        // SAFETY: the space is there (checked).
        unsafe {
            let base = match v.space {
                0 => self.arena,
                n => (*self.arrays.add(n as usize - 1)).as_ptr().cast_mut(),
            };
            base.wrapping_add(v.offset.wrapping_add(row * v.row_stride + col * v.col_stride))
        }
    }
    unsafe fn rows(&self, v: View) -> Rows {
        // SAFETY: checked.
        Rows { ptr: unsafe { self.at(v, 0, 0) }, stride: v.row_stride }
    }
    unsafe fn rows_mut(&self, v: View) -> RowsMut {
        // SAFETY: checked.
        RowsMut { ptr: unsafe { self.at(v, 0, 0) }, stride: v.row_stride }
    }

    pub(super) unsafe fn call(&self, call: &Call, thread: usize) {
        // SAFETY: each thread has its own scratch, long enough for each of its calls.
        let scratch: &mut [f32] = unsafe { &mut *self.scratch.add(thread) };
        let (rows, cols) = (call.rows.clone(), call.cols.clone());
        // SAFETY: every place was checked when the program was made; scratch was sized for the call.
        unsafe {
            match &call.work {
                Work::Product { a, b, k, factors } => {
                    let own = product::scratch_len(self.isa, *factors, rows.len(), *k).next_multiple_of(16);
                    let (own, more) = scratch.split_at_mut(own);
                    let matrix =
                        |v: View| Matrix { ptr: self.at(v, 0, 0), row_stride: v.row_stride, col_stride: v.col_stride };
                    let finish = &self.finishes[call.finish.expect("a product has a finish")];
                    match finish.stores[..] {
                        [(Argument::Block, c)] if finish.tape.is_empty() && finish.update.is_none() => {
                            let to = self.at(c, 0, 0);
                            product::product_into(
                                self.isa,
                                *factors,
                                rows,
                                cols,
                                *k,
                                matrix(*a),
                                matrix(*b),
                                own,
                                to,
                                c.row_stride,
                            );
                        }
                        _ => {
                            let more = more.as_mut_ptr();
                            let mut arrays = [NONE; 1 + STATES];
                            let beside = self.changed(finish, &mut arrays);
                            let brought = product::brings_beside(self.isa, *factors);
                            let mut done = |tile: Tile| {
                                let next = (!brought).then_some([tile.rows, 0]);
                                self.finish_then(finish, tile, next, more);
                            };
                            let (a, b) = (matrix(*a), matrix(*b));
                            product::product(self.isa, *factors, rows, cols, *k, a, b, own, beside, &mut done);
                        }
                    }
                }
                Work::Map => {
                    let finish = &self.finishes[call.finish.expect("a map has a finish")];
                    let (own, more) = (scratch.as_mut_ptr(), scratch.as_mut_ptr().add(BLOCK));
                    for_blocks(rows, cols, |[row, col], [rows, cols], next| {
                        self.finish_then(finish, Tile { row, col, rows, cols, ptr: own, stride: cols }, next, more);
                    });
                }
                Work::Sweep { g } => {
                    let finish = &self.finishes[call.finish.expect("a sweep has a finish")];
                    let update = finish.update.as_ref().expect("a sweep updates");
                    let stride = update.theta.row_stride;
                    let whole = stride == cols.len() && g.row_stride == stride && !update.packed();
                    let (height, width) = if whole { (1, rows.len() * stride) } else { (rows.len(), cols.len()) };
                    let ptr = self.at(*g, rows.start, cols.start);
                    let (row, col) = (rows.start, cols.start);
                    self.finish(finish, Tile { row, col, rows: height, cols: width, ptr, stride: g.row_stride }, ptr);
                }
                Work::SumRows { source, rows: summed, onto } => {
                    let source = &self.finishes[*source];
                    let sums = scratch.as_mut_ptr();
                    let block = sums.add(BLOCK);
                    let registers = block.add(BLOCK);
                    let more = registers.add(source.tape.len() * BLOCK);
                    let mut col = cols.start;
                    while col < cols.end {
                        let n = (cols.end - col).min(256);
                        match onto {
                            Some(v) => self.at(*v, rows.start, col).copy_to_nonoverlapping(sums, n),
                            None => std::slice::from_raw_parts_mut(sums, n).fill(0.0),
                        }
                        for_blocks(summed.clone(), col..col + n, |[row, col], [rows, cols], next| {
                            let (x, stride) = match (&source.tape[..], &source.operands[..]) {
                                // Numbers that stand somewhere already are read there.
                                ([], [v]) => (self.at(*v, row, col).cast_const(), v.row_stride),
                                _ => {
                                    let tile = Tile { row, col, rows, cols, ptr: block, stride: cols };
                                    (self.tape(source, tile, next, registers, None).cast_const(), cols)
                                }
                            };
                            rows::add_rows(self.isa, Rows { ptr: x, stride }, rows, cols, sums);
                        });
                        let finish = &self.finishes[call.finish.expect("sums have a finish")];
                        let tile = Tile { row: rows.start, col, rows: 1, cols: n, ptr: sums, stride: n };
                        self.finish(finish, tile, more);
                        col += n;
                    }
                }
                Work::Moments { x, with, places, to } => {
                    for row in rows {
                        let of = |v: View| Rows { ptr: self.at(v, row * places, 0), stride: v.row_stride };
                        let with = with.map(|(u, m)| (of(u), self.at(m, 0, 0).cast_const()));
                        let (x, to) = (of(*x), self.at(*to, row, 0));
                        moments::moments(self.isa, Moments { x, with, rows: *places, cols: cols.len() / 2, to });
                    }
                }
                Work::Convolve { geometry, turned, method, factors, x, w } => {
                    let own = convolution::scratch_len(self.isa, *factors, geometry, *turned, *method);
                    let own = own.next_multiple_of(16);
                    let (own, more) = scratch.split_at_mut(own);
                    let finish = &self.finishes[call.finish.expect("a convolution has a finish")];
                    let places = if *turned { geometry.input_places() } else { geometry.output_places() };
                    let images = rows.start / places..rows.end / places;
                    let more = more.as_mut_ptr();
                    // It asks for what stands beside a tile by itself.
                    let brought = *method == convolution::Method::Winograd;
                    let mut done = |tile: Tile| {
                        self.finish_then(finish, tile, (!brought).then_some([tile.rows, 0]), more);
                    };
                    let mut arrays = [NONE; BESIDE];
                    let mut target = self.target(finish, &mut done, &mut arrays);
                    let (x, w) = (self.at(*x, 0, 0), self.at(*w, 0, 0));
                    let (isa, g) = (self.isa, geometry);
                    convolution::convolve(isa, *factors, g, *turned, images, x, w, *method, own, &mut target);
                }
                Work::Points { geometry, turned, factors, w, to } => {
                    let (w, to, panels) = (self.at(*w, 0, 0), self.at(*to, 0, 0), rows.clone());
                    convolution::to_points(self.isa, *factors, geometry, *turned, panels, w, to, scratch);
                }
                Work::KernelOf { geometry, method, factors, images, x, y, to, add } => {
                    let (x, y, to) = (self.at(*x, 0, 0), self.at(*y, 0, 0), self.at(*to, rows.start, 0));
                    let (isa, g, images) = (self.isa, geometry, images.clone());
                    convolution::kernel_of(isa, *factors, g, images, x, y, to, *add, *method, scratch);
                }
                Work::Windows { f, geometry, x, v } => {
                    let own = windows::scratch_len(*f, geometry).next_multiple_of(16);
                    let (own, more) = scratch.split_at_mut(own);
                    let finish = &self.finishes[call.finish.expect("windows have a finish")];
                    let places = if f.back() { geometry.input_places() } else { geometry.output_places() };
                    let images = rows.start / places..rows.end / places;
                    let more = more.as_mut_ptr();
                    let mut done = |tile: Tile| self.finish(finish, tile, more);
                    let mut target = self.target(finish, &mut done, &mut []);
                    let (x, v) = (self.at(*x, 0, 0), v.map_or(std::ptr::null_mut(), |v| self.at(v, 0, 0)));
                    windows::run(self.isa, *f, geometry, images, x, v, own, &mut target);
                }
                Work::Arrange { pieces, zeros, places } => {
                    let (own, more) = scratch.split_at_mut((places * cols.len()).next_multiple_of(16));
                    let finish = &self.finishes[call.finish.expect("samples have a finish")];
                    let samples = rows.start / places..rows.end / places;
                    let more = more.as_mut_ptr();
                    let mut done = |tile: Tile| self.finish(finish, tile, more);
                    let mut target = self.target(finish, &mut done, &mut []);
                    let piece = |i: usize| &pieces[i].1;
                    let source = |i: usize| (self.at(pieces[i].0, 0, 0).cast_const(), pieces[i].0.row_stride);
                    let size = (*places, cols.len());
                    copies::run(pieces.len(), &piece, &source, *zeros, samples, size, own, &mut target);
                }
                Work::Fold { f, x, width } => {
                    let finish = &self.finishes[call.finish.expect("a fold has a finish")];
                    let (own, more) = (scratch.as_mut_ptr(), scratch.as_mut_ptr().add(BLOCK));
                    let mut row = rows.start;
                    while row < rows.end {
                        let n = (rows.end - row).min(BLOCK);
                        let x = Rows { ptr: self.at(*x, row, 0), stride: x.row_stride };
                        rows::fold(self.isa, *f, x, RowsMut { ptr: own, stride: 1 }, 0, n, *width);
                        self.finish(finish, Tile { row, col: 0, rows: n, cols: 1, ptr: own, stride: 1 }, more);
                        row += n;
                    }
                }
                Work::RowMap { f, x, y } => {
                    let (x, y) = (self.rows(*x), self.rows_mut(*y));
                    rows::map(self.isa, *f, x, y, rows.start, rows.end, cols.end, scratch.as_mut_ptr());
                }
                Work::OneHot { labels, y } => {
                    rows::one_hot(self.rows(*labels), self.rows_mut(*y), rows.start, rows.end, cols.end);
                }
                Work::InTopK { k, x, labels, y } => {
                    let (x, labels, y) = (self.rows(*x), self.rows(*labels), self.rows_mut(*y));
                    rows::in_top_k(*k, x, labels, y, rows.start, rows.end, cols.end);
                }
                Work::CrossEntropy(c) => {
                    let target = match (c.labels, c.dense) {
                        (Some(v), _) => rows::Target::Index(self.rows(v)),
                        (None, Some(v)) => rows::Target::Dense(self.rows(v)),
                        (None, None) => unreachable!("checked to have a target"),
                    };
                    let what = rows::CrossEntropy {
                        logits: self.rows(c.logits),
                        target,
                        entropy: c.entropy.map(|v| self.rows_mut(v)),
                        gradient: c.gradient.map(|(d, v)| (self.operand(d, 0, 0), self.rows_mut(v))),
                        in_top: c.in_top.map(|(k, v)| (k, self.rows_mut(v))),
                    };
                    rows::cross_entropy(self.isa, &what, rows.start, rows.end, cols.end, scratch.as_mut_ptr());
                }
                Work::Symmetric { f, x, old, now, y } => {
                    let n = rows.end;
                    // A scratch begins at a cache line, so it holds numbers of any size.
                    let work = std::slice::from_raw_parts_mut(scratch.as_mut_ptr().cast::<f64>(), f.work(n));
                    let read = |v: View| move |i: usize| f64::from(*self.at(v, i / n, i % n));
                    let write = |i: usize, value: f64| *self.at(*y, i / n, i % n) = value as f32;
                    f.run(n, read(*x), read(*old), f64::from(*self.at(*now, 0, 0)), write, work);
                }
                Work::Spread { from, axes, y } => {
                    let (from, (_, last)) = (self.at(*from, 0, 0), axes[axes.len() - 1]);
                    for row in rows {
                        let (from, to) = (from.wrapping_add(spread_from(axes, row)), self.at(*y, row, 0));
                        match last {
                            0 => std::slice::from_raw_parts_mut(to, cols.end).fill(*from),
                            _ => from.copy_to_nonoverlapping(to, cols.end),
                        }
                    }
                }
            }
        }
    }

    /// Where numbers go that a finish is for: to memory, where it only stores them. `arrays` has room for those that the
    /// kernel shall ask for.
    unsafe fn target<'t>(&self, finish: &Finish, done: &'t mut dyn FnMut(Tile), arrays: &'t mut [Array]) -> Target<'t> {
        match finish.stores[..] {
            [(Argument::Block, y)] if finish.tape.is_empty() && finish.update.is_none() => {
                // SAFETY: checked.
                Target::Store { to: unsafe { self.at(y, 0, 0) }, stride: y.row_stride }
            }
            _ => {
                let read = finish.operands.iter().filter(|v| v.row_stride != 0 && v.col_stride != 0);
                // SAFETY: checked.
                Target::Tiles(done, unsafe { self.beside(read.chain(finish.stores.iter().map(|s| &s.1)), arrays) })
            }
        }
    }
    /// The arrays that an update behind a product changes.
    unsafe fn changed<'a>(&self, finish: &Finish, arrays: &'a mut [Array; 1 + STATES]) -> Beside<'a> {
        let update = finish.update.iter().filter(|u| !u.packed());
        let changed = update.flat_map(|u| std::iter::once(&u.theta).chain(&u.states));
        // SAFETY: checked.
        unsafe { self.beside(changed, arrays) }
    }
    /// As many of these as there is room for.
    unsafe fn beside<'a, 'v>(&self, views: impl Iterator<Item = &'v View>, arrays: &'a mut [Array]) -> Beside<'a> {
        let mut n = 0;
        for (array, v) in arrays.iter_mut().zip(views) {
            // SAFETY: checked.
            *array = Array { ptr: unsafe { self.at(*v, 0, 0) }, stride: v.row_stride };
            n += 1;
        }
        Beside(&arrays[..n])
    }
    unsafe fn operand(&self, v: View, row: usize, col: usize) -> Operand {
        // SAFETY: checked.
        Operand { ptr: unsafe { self.at(v, row, col) }, row_stride: v.row_stride, col_stride: v.col_stride }
    }

    /// Runs a finish's tape over a tile and gives where the last result stands: at `to`, if it is said.
    unsafe fn tape(
        &self,
        finish: &Finish,
        tile: Tile,
        next: Option<[usize; 2]>,
        registers: *mut f32,
        to: Option<(*mut f32, usize)>,
    ) -> *mut f32 {
        let mut operands = [Operand { ptr: std::ptr::null(), row_stride: 0, col_stride: 0 }; OPERANDS];
        for (o, v) in operands.iter_mut().zip(&finish.operands) {
            // SAFETY: checked.
            *o = unsafe { self.operand(*v, tile.row, tile.col) };
        }
        let block = Block {
            ptr: tile.ptr,
            rows: tile.rows,
            cols: tile.cols,
            stride: tile.stride,
            first: (tile.row * finish.width + tile.col) as u64,
            width: finish.width as u64,
            sample: finish.sample as u64,
            next,
        };
        let operands = &operands[..finish.operands.len()];
        // SAFETY: operands cover the tile's places (checked), registers were sized for the tape.
        unsafe { tape::run(self.isa, &finish.tape, block, operands, self.moment, registers, to) }
    }

    /// What follows a kernel, on a tile of its; the next one is the one below, most often.
    unsafe fn finish(&self, finish: &Finish, tile: Tile, registers: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { self.finish_then(finish, tile, Some([tile.rows, 0]), registers) }
    }

    unsafe fn finish_then(&self, finish: &Finish, tile: Tile, next: Option<[usize; 2]>, registers: *mut f32) {
        // SAFETY: checked when the program was made.
        unsafe {
            // A last result that is kept at one place, and nothing else done with it, goes where it is kept.
            let alone = |i: usize, others: &[(Argument, View)]| {
                i + 1 == finish.tape.len()
                    && finish.update.is_none()
                    && !others.iter().any(|o| o.0 == Argument::Result(i))
            };
            let (last, place) = match finish.stores.split_last() {
                Some(((Argument::Result(i), to), others)) if alone(*i, others) => {
                    (others.len(), Some((self.at(*to, tile.row, tile.col), to.row_stride)))
                }
                _ => (finish.stores.len(), None),
            };
            let result =
                if finish.tape.is_empty() { tile.ptr } else { self.tape(finish, tile, next, registers, place) };
            for (what, to) in &finish.stores[..last] {
                let from = match what {
                    Argument::Result(i) => registers.add(i * BLOCK),
                    _ => tile.ptr,
                };
                let whole = tile.stride == tile.cols && to.row_stride == tile.cols;
                let (rows, cols) = if whole { (1, tile.rows * tile.cols) } else { (tile.rows, tile.cols) };
                for row in 0..rows {
                    let to = self.at(*to, tile.row + row, tile.col);
                    std::ptr::copy_nonoverlapping(from.add(row * tile.stride), to, cols);
                }
            }
            if let Some(update) = finish.update.as_ref().filter(|u| u.packed()) {
                self.update_packed(update, tile, result);
            } else if let Some(update) = &finish.update {
                let mut states = [std::ptr::null_mut(); STATES];
                for (s, v) in states.iter_mut().zip(&update.states) {
                    *s = self.at(*v, tile.row, tile.col);
                }
                let at = std::slice::from_raw_parts(self.at(update.at, 0, 0), update.sweep.at());
                let theta = self.at(update.theta, tile.row, tile.col);
                let states = &states[..update.states.len()];
                let stride = update.theta.row_stride;
                let (mut rows, mut cols, mut from_stride) = (tile.rows, tile.cols, tile.stride);
                // Short whole rows are pushed together: one long row of them takes far fewer registers.
                if stride == cols && rows > 1 && cols < SHORT && (from_stride == cols || is_scratch(&tile)) {
                    if from_stride != cols {
                        push_together(result, rows, cols, from_stride);
                    }
                    (rows, cols, from_stride) = (1, rows * cols, rows * cols);
                }
                let ahead = next.is_some() && rows > 1;
                if !update.sweep.run_block(self.isa, at, rows, cols, theta, stride, result, from_stride, states, ahead)
                {
                    self.finite.store(false, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Arrays that a kernel asks for while it computes what stands beside them.
const BESIDE: usize = 4;
const NONE: Array = Array { ptr: std::ptr::null(), stride: 0 };

/// Columns below which the rows of a tile are pushed together.
const SHORT: usize = 48;

/// Is it a tile of a product, in scratch memory?
fn is_scratch(tile: &Tile) -> bool {
    tile.stride.is_multiple_of(16) && tile.stride > tile.cols
}

/// Moves rows of a tile next to one another.
///
/// # Safety
/// The tile can be read and written up to whole strides, which are multiples of 16.
unsafe fn push_together(tile: *mut f32, rows: usize, cols: usize, stride: usize) {
    for row in 1..rows {
        // A row's last numbers go beyond its end, to where nothing is read any more or the next row goes.
        for i in (0..cols).step_by(16) {
            // SAFETY: the caller's promise.
            unsafe {
                let part = tile.add(row * stride + i).cast::<[f32; 16]>().read_unaligned();
                tile.add(row * cols + i).cast::<[f32; 16]>().write_unaligned(part);
            }
        }
    }
}

/// Where a row of a spread is read from: all axes but the last one count rows.
fn spread_from(axes: &[(usize, usize)], row: usize) -> usize {
    let (mut rest, mut place) = (row, 0);
    for (size, stride) in axes[..axes.len() - 1].iter().rev() {
        place += rest % size * stride;
        rest /= size;
    }
    place
}

/// Numbers that a map or a sum takes at a time: what the next block reads is asked for at once, and of more than this the
/// last would wait for the first (`examples/tape_rates.rs`: 12 nanoseconds for
/// 16 numbers in place of 9).
const AT_A_TIME: usize = BLOCK / 2;

/// Cuts rows × cols into blocks of at most [`AT_A_TIME`] numbers, whole rows where they fit: where each begins, its rows
/// and columns, and how far the next is from it, down and to the right.
fn for_blocks(rows: Range<usize>, cols: Range<usize>, mut f: impl FnMut([usize; 2], [usize; 2], Option<[usize; 2]>)) {
    let width = cols.len().clamp(1, AT_A_TIME);
    let height = (AT_A_TIME / width).max(1);
    let mut row = rows.start;
    while row < rows.end {
        let r = (rows.end - row).min(height);
        let mut col = cols.start;
        while col < cols.end {
            let c = (cols.end - col).min(width);
            let next = match (col + c < cols.end, row + r < rows.end) {
                (true, _) => Some([0, c]),
                (false, below) => below.then_some([r, 0]),
            };
            f([row, col], [r, c], next);
            col += c;
        }
        row += r;
    }
}
