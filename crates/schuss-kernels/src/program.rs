//! A flat list of kernel calls for each thread, in phases with a barrier between them, over memory that is named by
//! space and offset.
//!
//! A program is checked when it is made: every place that a call will touch lies within its space, and within a phase
//! no thread writes what another touches. That is what makes [`Program::run`] safe to call, and free of allocations,
//! look-ups and failures.

use crate::codec::Codec;
use crate::convolution::{self, Geometry, Method};
use crate::copies::Piece;
use crate::product::{self, Factors};
use crate::rows;
use crate::symmetric::Symmetric;
use crate::tape::{self, Argument, BLOCK, Moment, Tape};
use crate::windows::{self, WindowMap};
use crate::{Buffer, Isa, Pool, Sweep};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

mod check;
mod feed;
mod list;
mod packed;
mod run;
mod times;

pub use feed::{Column, Feed, Maker, Source, Transform};
use run::Run;
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
    /// Of each row, which is a sample of so many places, the sums over them, then those of the squared distances from their means
    /// or, if given, of products.
    Moments {
        /** All places of all samples. */
        x: View,
        /** As many, and a row that is subtracted from them: what x is multiplied with. */
        with: Option<(View, View)>,
        /** Of a sample. */
        places: usize,
        /** To. */
        to: View,
    },
    /// Images times a kernel that moves over them; rows are places of whole images.
    Convolve {
        /** What lies where. */
        geometry: Geometry,
        /** From outputs to inputs? */
        turned: bool,
        /** How products are made. */
        method: Method,
        /** Of what. */
        factors: Factors,
        /** Images. */
        x: View,
        /** The kernel; a panel a row of it at its points where `method` is Winograd's. */
        w: View,
    },
    /// A kernel at its points, for a convolution by Winograd's products; rows are panels.
    Points {
        /** What lies where. */
        geometry: Geometry,
        /** From outputs to inputs? */
        turned: bool,
        /** Of what products are made. */
        factors: Factors,
        /** The kernel. */
        w: View,
        /** To. */
        to: View,
    },
    /// The derivative by that kernel, summed over images; rows are those of one whole kernel among several.
    KernelOf {
        /** What lies where. */
        geometry: Geometry,
        /** How products are made. */
        method: Method,
        /** Of what. */
        factors: Factors,
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
    pub name: Arc<str>,
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
        check::check(isa, &phases, &finishes, sizes);
        let threads = phases.iter().map(|p| p.threads.len()).max().unwrap_or(0);
        let scratch_of = |thread: usize| {
            let calls = phases.iter().filter_map(|p| p.threads.get(thread)).flatten();
            calls.map(|c| scratch_len(isa, c, &finishes)).max().unwrap_or(0)
        };
        let scratch = (0..threads).map(|t| Buffer::zeros(scratch_of(t))).collect();
        Program { isa, phases, finishes, sizes: sizes.to_vec(), scratch, times: None }
    }

    /// Bytes of memory that calls work in, besides the spaces, and about those of the calls themselves.
    pub fn own_bytes(&self) -> usize {
        let scratch: usize = self.scratch.iter().map(|s| s.len() * size_of::<f32>()).sum();
        let calls: usize = self.phases.iter().flat_map(|p| &p.threads).map(Vec::capacity).sum();
        let of_finish = |f: &Finish| {
            f.tape.capacity() * size_of::<tape::Instruction>()
                + f.operands.capacity() * size_of::<View>()
                + f.stores.capacity() * size_of::<(Argument, View)>()
                + size_of::<Finish>()
        };
        scratch + calls * size_of::<Call>() + self.finishes.iter().map(of_finish).sum::<usize>()
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
        Work::Convolve { geometry, turned, method, factors, .. } => {
            convolution::scratch_len(isa, *factors, geometry, *turned, *method).next_multiple_of(16)
        }
        Work::Points { geometry, turned, factors, .. } => {
            convolution::points_scratch_len(isa, *factors, geometry, *turned)
        }
        Work::KernelOf { geometry, method, factors, .. } => {
            convolution::kernel_scratch_len(isa, *factors, geometry, *method)
        }
        Work::Windows { f, geometry, .. } => windows::scratch_len(*f, geometry).next_multiple_of(16),
        Work::Arrange { places, .. } => (places * call.cols.len()).next_multiple_of(16),
        Work::Symmetric { f, .. } => 2 * f.work(call.rows.end),
        Work::RowMap { .. } | Work::CrossEntropy(_) => call.cols.end.next_multiple_of(16),
        Work::Moments { .. } | Work::Sweep { .. } | Work::OneHot { .. } | Work::InTopK { .. } | Work::Spread { .. } => {
            0
        }
    };
    own + 16 + blocks(call.finish)
}

/// Operands of a finish at most.
pub const OPERANDS: usize = 16;
/// States of an update at most.
pub const STATES: usize = 8;

/// The `part`-th of `parts` parts of 0..n, which differ by one at most.
pub fn share(n: usize, parts: usize, part: usize) -> Range<usize> {
    n * part / parts..n * (part + 1) / parts
}
