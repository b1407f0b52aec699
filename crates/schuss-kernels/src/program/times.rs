//! Where the time of a program goes, call by call.

use super::{Call, Program, Work};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Nanoseconds of each thread: of each of its calls, in order, and of waiting for others.
#[derive(Debug)]
pub(super) struct Times(Vec<(Vec<AtomicU64>, AtomicU64)>);

/// A thread's own clock; it costs nothing where no time is taken.
pub(super) struct Clock<'a> {
    own: Option<(&'a [AtomicU64], &'a AtomicU64)>,
    next: usize,
}

impl<'a> Clock<'a> {
    pub fn of(times: Option<&'a Times>, thread: usize) -> Self {
        Clock { own: times.map(|t| (&t.0[thread].0[..], &t.0[thread].1)), next: 0 }
    }
    #[inline]
    pub fn of_call(&mut self, f: impl FnOnce()) {
        timed(self.own.map(|own| &own.0[self.next]), f);
        self.next += 1;
    }
    #[inline]
    pub fn of_waiting(&mut self, f: impl FnOnce()) {
        timed(self.own.map(|own| own.1), f);
    }
}

#[inline]
fn timed(to: Option<&AtomicU64>, f: impl FnOnce()) {
    let Some(to) = to else { return f() };
    let start = Instant::now();
    f();
    to.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
}

/// Calls of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What they are called in listings; `waiting` is at barriers.
    pub name: String,
    /// How many a run, of all threads together.
    pub calls: usize,
    /// Of all threads together, over all runs since the start.
    pub nanoseconds: u64,
    /// Multiplications and additions of a run, of products and convolutions.
    pub flop: u64,
}

impl Program {
    /// Takes the time of every call from now on.
    pub fn measure(&mut self) {
        let count = |thread: usize| self.phases.iter().filter_map(|p| p.threads.get(thread)).map(Vec::len).sum();
        let zeros = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect();
        self.times = Some(Times((0..self.threads()).map(|t| (zeros(count(t)), AtomicU64::new(0))).collect()));
    }
    /// What came of it, calls of one name together, in the order in which they first run.
    pub fn measured(&self) -> Vec<Measured> {
        let Some(times) = &self.times else { return Vec::new() };
        let mut all: Vec<Measured> = Vec::new();
        for (thread, (each, _)) in times.0.iter().enumerate() {
            let calls = self.phases.iter().filter_map(|p| p.threads.get(thread)).flatten();
            for (call, time) in calls.zip(each) {
                let place = all.iter().position(|m| m.name == *call.name).unwrap_or_else(|| {
                    all.push(Measured { name: call.name.to_string(), calls: 0, nanoseconds: 0, flop: 0 });
                    all.len() - 1
                });
                let m = &mut all[place];
                (m.calls, m.nanoseconds, m.flop) =
                    (m.calls + 1, m.nanoseconds + time.load(Relaxed), m.flop + flop(call));
            }
        }
        let waiting = times.0.iter().map(|t| t.1.load(Relaxed)).sum();
        all.push(Measured { name: "waiting".into(), calls: 0, nanoseconds: waiting, flop: 0 });
        all
    }
}

/// As the definition counts, with padding.
fn flop(call: &Call) -> u64 {
    let (rows, cols) = (call.rows.len(), call.cols.len());
    let inner = match &call.work {
        Work::Product { k, .. } => *k,
        Work::Convolve { geometry: g, turned: false, .. } => g.kernel_rows(),
        // Each output goes to as many inputs as the kernel has places.
        Work::Convolve { geometry: g, turned: true, .. } => {
            let images = rows / g.input_places().max(1);
            return (2 * images * g.output_places() * g.kernel_rows() * g.outputs) as u64;
        }
        Work::KernelOf { geometry: g, images, .. } => images.len() * g.output_places(),
        _ => 0,
    };
    (2 * rows * cols * inner) as u64
}
