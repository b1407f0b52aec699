//! A flat list of kernel calls for each thread, in phases with a barrier between them, over memory that is named by
//! space and offset.
//!
//! A program is checked when it is made: every place that a call will touch lies within its space, and within a phase
//! no thread writes what another touches. That is what makes [`Program::run`] safe to call, and free of allocations,
//! look-ups and failures.

use crate::codec::Codec;
use crate::convolution::{self, Geometry, Method};
use crate::copies::{self, Piece};
use crate::product::{self, Factors, Matrix, Tile};
use crate::rows::{self, Rows, RowsMut};
use crate::symmetric::Symmetric;
use crate::tape::{self, Argument, BLOCK, Block, Moment, Operand, Tape};
use crate::windows::{self, WindowMap};
use crate::{Buffer, Isa, Pool, Sweep};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

mod check;
mod feed;
mod list;
mod packed;
mod times;

pub use feed::{Column, Feed, Maker, Source, Transform};
pub use times::Measured;
use times::{Clock, Times};

/// A matrix in a space: element (i, j) is number `offset + i · row_stride + j · col_stride` of it, modulo 2⁶⁴. A stride of 0
/// repeats. Only what calls touch must lie within the space: a matrix of which a few rows are there at a time may begin in
/// front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// 0 is the arena; n + 1 is the n-th array that outlives the program.
    pub space: u32,
    /// Element (0, 0).
    pub offset: usize,
    /// From one row to the next.
    pub row_stride: usize,
    /// From one column to the next.
    pub col_stride: usize,
}

/// What becomes of finished numbers while they are in cache: a program over them, stores, and a sweep that takes them
/// as derivatives.
#[derive(Clone, Debug, Default)]
pub struct Finish {
    /// Run over each finished block.
    pub tape: Tape,
    /// What the tape reads besides.
    pub operands: Vec<View>,
    /// Results to keep. [`Argument::Block`] and [`Argument::Result`] only.
    pub stores: Vec<(Argument, View)>,
    /// A sweep, whose derivative is the tape's last result.
    pub update: Option<Update>,
    /// Columns of the whole array, for random elements.
    pub width: usize,
    /// Numbers of a sample in the whole array, 0 where it does not grow with the batch; for random elements.
    pub sample: usize,
}

/// A sweep over an array and what is kept beside its elements.
#[derive(Clone, Debug)]
pub struct Update {
    /// The rule.
    pub sweep: Sweep,
    /// Its numbers, side by side.
    pub at: View,
    /// The array.
    pub theta: View,
    /// What is kept beside it, in words.
    pub states: Vec<View>,
    /// How each of them is packed, row by row. A call's columns begin with a block then.
    pub codecs: Vec<Codec>,
    /// For their rounding: another number for every array.
    pub array: u64,
}

/// What a call computes.
#[derive(Clone, Debug)]
pub enum Work {
    /// C = A · B with so many inner steps.
    Product {
        /** A. */
        a: View,
        /** B. */
        b: View,
        /** Columns of A. */
        k: usize,
        /** What they are multiplied as. */
        factors: Factors,
    },
    /// Nothing: the finish's tape makes the numbers.
    Map,
    /// Nothing: the finish is an update alone, whose derivatives stand here.
    Sweep {
        /** Derivatives. */
        g: View,
    },
    /// One row, the call's: sums over `rows` of numbers that a finish of its own makes.
    SumRows {
        /** Makes the numbers. */
        source: usize,
        /** Which rows of them. */
        rows: Range<usize>,
        /** What the sums begin with, where that is not 0. */
        onto: Option<View>,
    },
    /// Images times a kernel that moves over them; rows are places of whole images.
    Convolve {
        /** What lies where. */
        geometry: Geometry,
        /** From outputs to inputs? */
        turned: bool,
        /** How products are made. */
        method: Method,
        /** Images. */
        x: View,
        /** The kernel. */
        w: View,
    },
    /// The derivative by that kernel, summed over images; rows are those of one whole kernel among several.
    KernelOf {
        /** What lies where. */
        geometry: Geometry,
        /** How products are made. */
        method: Method,
        /** Which images. */
        images: Range<usize>,
        /** Inputs. */
        x: View,
        /** Outputs. */
        y: View,
        /** Where the sums go. */
        to: View,
        /** Do they begin with what is there? */
        add: bool,
    },
    /// What becomes of windows that move over images; rows are windows, or places, of whole images.
    Windows {
        /** What. */
        f: WindowMap,
        /** What lies where. */
        geometry: Geometry,
        /** Images; windows for what is spread. */
        x: View,
        /** The second array, where there is one. */
        v: Option<View>,
    },
    /// Samples put together from pieces of others; rows are those of whole samples.
    Arrange {
        /** Where each piece's source begins, a sample a row, and what of it is taken. */
        pieces: Vec<(View, Piece)>,
        /** Is what no piece covers 0? */
        zeros: bool,
        /** Rows of a sample. */
        places: usize,
    },
    /// Each row of `x` to a number.
    Fold {
        /** How. */
        f: rows::RowFold,
        /** From. */
        x: View,
        /** Numbers in a row. */
        width: usize,
    },
    /// Rows to rows.
    RowMap {
        /** How. */
        f: rows::RowMap,
        /** From. */
        x: View,
        /** To. */
        y: View,
    },
    /// Indices to rows of zeros with a one.
    OneHot {
        /** From. */
        labels: View,
        /** To. */
        y: View,
    },
    /// Rows and indices to 1 or 0.
    InTopK {
        /** How many count. */
        k: usize,
        /** Scores. */
        x: View,
        /** Indices. */
        labels: View,
        /** To. */
        y: View,
    },
    /// A symmetric matrix to another.
    Symmetric {
        /** Which. */
        f: Symmetric,
        /** From. */
        x: View,
        /** What was made before. */
        old: View,
        /** Whether and how it is made again: one number. */
        now: View,
        /** To. */
        y: View,
    },
    /// Softmax, cross-entropy, derivative.
    CrossEntropy(CrossEntropy),
    /// Numbers from places that no other view can describe: sizes and strides of any number of axes, to a dense array
    /// whose columns are the last of them; its stride is 1, or 0 for one number all along.
    Spread {
        /** From where. */
        from: View,
        /** Each axis' size and stride. */
        axes: Vec<(usize, usize)>,
        /** To. */
        y: View,
    },
}

/// See [`rows::CrossEntropy`].
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// z.
    pub logits: View,
    /// Indices.
    pub labels: Option<View>,
    /// Or a number for every column.
    pub dense: Option<View>,
    /// One number a row.
    pub entropy: Option<View>,
    /// One factor a row, and where the derivative goes.
    pub gradient: Option<(View, View)>,
    /// k, and where 1 or 0 go.
    pub in_top: Option<(usize, View)>,
}

/// A piece of work for one thread: some rows and columns of what is computed.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is computed.
    pub work: Work,
    /// Which rows.
    pub rows: Range<usize>,
    /// Which columns.
    pub cols: Range<usize>,
    /// What becomes of it: a place in the program's list.
    pub finish: Option<usize>,
    /// What it is called in listings.
    pub name: String,
}

/// Calls between two barriers, for each thread.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// In order, for each thread.
    pub threads: Vec<Vec<Call>>,
}

/// A checked list of calls.
pub struct Program {
    isa: Isa,
    phases: Vec<Phase>,
    finishes: Vec<Finish>,
    sizes: Vec<usize>,
    scratch: Vec<Buffer>,
    times: Option<Times>,
}

impl Program {
    /// Checks the calls against the sizes of the spaces and keeps them. Panics if a call leaves its space or two
    /// threads get in each other's way: whoever made the list is at fault.
    pub fn new(isa: Isa, phases: Vec<Phase>, finishes: Vec<Finish>, sizes: &[usize]) -> Self {
        assert!(isa.available(), "this machine has no {}", isa.name());
        check::check(&phases, &finishes, sizes);
        let threads = phases.iter().map(|p| p.threads.len()).max().unwrap_or(0);
        let scratch_of = |thread: usize| {
            let calls = phases.iter().filter_map(|p| p.threads.get(thread)).flatten();
            calls.map(|c| scratch_len(isa, c, &finishes)).max().unwrap_or(0)
        };
        let scratch = (0..threads).map(|t| Buffer::zeros(scratch_of(t))).collect();
        Program { isa, phases, finishes, sizes: sizes.to_vec(), scratch, times: None }
    }

    /// Bytes of memory that calls work in, besides the spaces.
    pub fn scratch_bytes(&self) -> usize {
        self.scratch.iter().map(|s| s.len() * size_of::<f32>()).sum()
    }

    /// How many threads have calls.
    pub fn threads(&self) -> usize {
        self.scratch.len()
    }

    /// The phases.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// Puts `feed` in place, then runs all phases. False if a sweep met a number that is not finite.
    ///
    /// A program for one thread runs on the caller alone; else the pool must have as many threads as the program.
    ///
    /// # Panics
    /// If the spaces are smaller than those the program was checked against.
    pub fn run(
        &mut self,
        pool: &Pool,
        arena: &mut Buffer,
        arrays: &mut [Buffer],
        feed: &Feed,
        moment: &Moment,
    ) -> bool {
        let fits = arena.len() >= self.sizes[0]
            && arrays.len() + 1 >= self.sizes.len()
            && arrays.iter().zip(&self.sizes[1..]).all(|(a, &n)| a.len() >= n);
        assert!(fits, "memory is smaller than the program was made for");
        feed.check(arena.len());
        let finite = AtomicBool::new(true);
        let run = Run {
            isa: self.isa,
            finishes: &self.finishes,
            arena: arena.as_mut_ptr(),
            arrays: arrays.as_mut_ptr(),
            scratch: self.scratch.as_mut_ptr(),
            moment,
            finite: &finite,
        };
        let threads = self.scratch.len();
        let (phases, times) = (&self.phases, self.times.as_ref());
        if threads <= 1 {
            pool.run_alone(&|| {
                // SAFETY: the spaces are at least as large as checked, and one thread alone runs.
                unsafe {
                    feed.gather(run.isa, run.arena, 0, 1);
                    let mut clock = Clock::of(times, 0);
                    for phase in phases {
                        phase.threads.iter().flatten().for_each(|c| clock.of_call(|| run.call(c, 0)));
                    }
                }
            });
        } else {
            assert_eq!(pool.threads(), threads, "the program was made for another number of threads");
            pool.run(&|thread| {
                let run = &run;
                // SAFETY: as above; within a phase threads don't write what others touch (checked), and the barrier
                // orders phases.
                unsafe {
                    if !feed.columns.is_empty() {
                        feed.gather(run.isa, run.arena, thread, threads);
                        pool.barrier();
                    }
                    let mut clock = Clock::of(times, thread);
                    for (i, phase) in phases.iter().enumerate() {
                        if i > 0 {
                            clock.of_waiting(|| pool.barrier());
                        }
                        let own = phase.threads.get(thread).into_iter().flatten();
                        own.for_each(|c| clock.of_call(|| run.call(c, thread)));
                    }
                }
            });
        }
        finite.into_inner()
    }

    /// The phases and calls in words, a line each.
    pub fn listing(&self) -> String {
        list::listing(&self.phases, &self.finishes)
    }
}

fn scratch_len(isa: Isa, call: &Call, finishes: &[Finish]) -> usize {
    let blocks = |f: Option<usize>| f.map_or(0, |f| finishes[f].tape.len()) * BLOCK;
    let own = match &call.work {
        Work::Product { k, factors, .. } => product::scratch_len(isa, *factors, call.rows.len(), *k),
        Work::Map | Work::Fold { .. } => BLOCK,
        Work::SumRows { source, .. } => 2 * BLOCK + blocks(Some(*source)),
        Work::Convolve { geometry, turned, method, .. } => {
            convolution::scratch_len(isa, geometry, *turned, *method).next_multiple_of(16)
        }
        Work::KernelOf { geometry, method, .. } => convolution::kernel_scratch_len(isa, geometry, *method),
        Work::Windows { f, geometry, .. } => windows::scratch_len(*f, geometry).next_multiple_of(16),
        Work::Arrange { places, .. } => (places * call.cols.len()).next_multiple_of(16),
        Work::Symmetric { f, .. } => 2 * f.work(call.rows.end),
        Work::RowMap { .. } | Work::CrossEntropy(_) => call.cols.end.next_multiple_of(16),
        Work::Sweep { .. } | Work::OneHot { .. } | Work::InTopK { .. } | Work::Spread { .. } => 0,
    };
    own + 16 + blocks(call.finish)
}

struct Run<'a> {
    isa: Isa,
    finishes: &'a [Finish],
    arena: *mut f32,
    arrays: *mut Buffer,
    scratch: *mut Buffer,
    moment: &'a Moment,
    finite: &'a AtomicBool,
}

// SAFETY: the pointers are used under the discipline that `Program::new` checked.
unsafe impl Sync for Run<'_> {}

impl Run<'_> {
    /// Element (row, col) of a view, which need not be there if nobody touches it.
    unsafe fn at(&self, v: View, row: usize, col: usize) -> *mut f32 {
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

    unsafe fn call(&self, call: &Call, thread: usize) {
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
                            let mut done = |tile: Tile| self.finish(finish, tile, more);
                            let (a, b) = (matrix(*a), matrix(*b));
                            product::product(self.isa, *factors, rows, cols, *k, a, b, own, &mut done);
                        }
                    }
                }
                Work::Map => {
                    let finish = &self.finishes[call.finish.expect("a map has a finish")];
                    let (own, more) = (scratch.as_mut_ptr(), scratch.as_mut_ptr().add(BLOCK));
                    for_blocks(rows, cols, |row, col, rows, cols| {
                        self.finish(finish, Tile { row, col, rows, cols, ptr: own, stride: cols }, more);
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
                        for_blocks(summed.clone(), col..col + n, |row, col, rows, cols| {
                            let (x, stride) = match (&source.tape[..], &source.operands[..]) {
                                // Numbers that stand somewhere already are read there.
                                ([], [v]) => (self.at(*v, row, col).cast_const(), v.row_stride),
                                _ => {
                                    let tile = Tile { row, col, rows, cols, ptr: block, stride: cols };
                                    (self.tape(source, tile, registers, None).cast_const(), cols)
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
                Work::Convolve { geometry, turned, method, x, w } => {
                    let own = convolution::scratch_len(self.isa, geometry, *turned, *method).next_multiple_of(16);
                    let (own, more) = scratch.split_at_mut(own);
                    let finish = &self.finishes[call.finish.expect("a convolution has a finish")];
                    let places = if *turned { geometry.input_places() } else { geometry.output_places() };
                    let images = rows.start / places..rows.end / places;
                    let more = more.as_mut_ptr();
                    let mut done = |tile: Tile| self.finish(finish, tile, more);
                    let mut target = self.target(finish, &mut done);
                    let (x, w) = (self.at(*x, 0, 0), self.at(*w, 0, 0));
                    convolution::convolve(self.isa, geometry, *turned, images, x, w, *method, own, &mut target);
                }
                Work::KernelOf { geometry, method, images, x, y, to, add } => {
                    let (x, y, to) = (self.at(*x, 0, 0), self.at(*y, 0, 0), self.at(*to, rows.start, 0));
                    convolution::kernel_of(self.isa, geometry, images.clone(), x, y, to, *add, *method, scratch);
                }
                Work::Windows { f, geometry, x, v } => {
                    let own = windows::scratch_len(*f, geometry).next_multiple_of(16);
                    let (own, more) = scratch.split_at_mut(own);
                    let finish = &self.finishes[call.finish.expect("windows have a finish")];
                    let places = if f.back() { geometry.input_places() } else { geometry.output_places() };
                    let images = rows.start / places..rows.end / places;
                    let more = more.as_mut_ptr();
                    let mut done = |tile: Tile| self.finish(finish, tile, more);
                    let mut target = self.target(finish, &mut done);
                    let (x, v) = (self.at(*x, 0, 0), v.map_or(std::ptr::null_mut(), |v| self.at(v, 0, 0)));
                    windows::run(self.isa, *f, geometry, images, x, v, own, &mut target);
                }
                Work::Arrange { pieces, zeros, places } => {
                    let (own, more) = scratch.split_at_mut((places * cols.len()).next_multiple_of(16));
                    let finish = &self.finishes[call.finish.expect("samples have a finish")];
                    let samples = rows.start / places..rows.end / places;
                    let more = more.as_mut_ptr();
                    let mut done = |tile: Tile| self.finish(finish, tile, more);
                    let mut target = self.target(finish, &mut done);
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

    /// Where numbers go that a finish is for: to memory, where it only stores them.
    unsafe fn target<'t>(&self, finish: &Finish, done: &'t mut dyn FnMut(Tile)) -> convolution::Target<'t> {
        match finish.stores[..] {
            [(Argument::Block, y)] if finish.tape.is_empty() && finish.update.is_none() => {
                // SAFETY: checked.
                convolution::Target::Store { to: unsafe { self.at(y, 0, 0) }, stride: y.row_stride }
            }
            _ => convolution::Target::Tiles(done),
        }
    }
    unsafe fn operand(&self, v: View, row: usize, col: usize) -> Operand {
        // SAFETY: checked.
        Operand { ptr: unsafe { self.at(v, row, col) }, row_stride: v.row_stride, col_stride: v.col_stride }
    }

    /// Runs a finish's tape over a tile and gives where the last result stands: at `to`, if it is said.
    unsafe fn tape(&self, finish: &Finish, tile: Tile, registers: *mut f32, to: Option<(*mut f32, usize)>) -> *mut f32 {
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
        };
        // SAFETY: operands cover the tile's places (checked), registers were sized for the tape.
        unsafe { tape::run(self.isa, &finish.tape, block, &operands, self.moment, registers, to) }
    }

    unsafe fn finish(&self, finish: &Finish, tile: Tile, registers: *mut f32) {
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
            let result = if finish.tape.is_empty() { tile.ptr } else { self.tape(finish, tile, registers, place) };
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
                if !update.sweep.run_block(self.isa, at, rows, cols, theta, stride, result, from_stride, states) {
                    self.finite.store(false, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Operands of a finish at most.
pub const OPERANDS: usize = 16;
/// States of an update at most.
pub const STATES: usize = 8;

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

/// The `part`-th of `parts` parts of 0..n, which differ by one at most.
pub fn share(n: usize, parts: usize, part: usize) -> Range<usize> {
    n * part / parts..n * (part + 1) / parts
}

/// Cuts rows × cols into blocks of at most [`BLOCK`] numbers, whole rows where they fit.
fn for_blocks(rows: Range<usize>, cols: Range<usize>, mut f: impl FnMut(usize, usize, usize, usize)) {
    let width = cols.len().clamp(1, BLOCK / 2);
    let height = (BLOCK / width).max(1);
    let mut row = rows.start;
    while row < rows.end {
        let r = (rows.end - row).min(height);
        let mut col = cols.start;
        while col < cols.end {
            let c = (cols.end - col).min(width);
            f(row, col, r, c);
            col += c;
        }
        row += r;
    }
}
