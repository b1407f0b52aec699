//! Samples of a source, made before a step asks for them by threads that sleep while there is no room.

use super::Source;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Threads that make samples. More would only take the cores of a step's own threads, which make what is late themselves.
const THREADS: usize = 2;

/// Where those who ask for a source's samples find what is ready. One pass over the samples is read ahead at a time, so
/// that memory stays bounded.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead(Arc<Mutex<Option<Arc<Pass>>>>);

/// Samples are made ready as long as this is kept. The threads have ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    ahead: Ahead,
    pass: Arc<Pass>,
    threads: Vec<JoinHandle<()>>,
}

/// Samples in the order in which they will be asked for.
#[derive(Debug)]
struct Pass {
    source: Arc<dyn Source>,
    samples: Vec<u32>,
    /// Places in `samples`, sorted by sample.
    places: Vec<u32>,
    state: Mutex<State>,
    /// A sample was made, or could not be.
    made: Condvar,
    /// There is room for a sample, or the end has come.
    room: Condvar,
}

#[derive(Debug)]
struct State {
    uses: Vec<Use>,
    /// The place from which on nothing is begun.
    next: usize,
    slots: Vec<Vec<u8>>,
    free: Vec<u32>,
    ended: bool,
}

/// A sample that is asked for at one place.
#[derive(Clone, Copy, Debug)]
struct Use {
    asked: bool,
    made: Made,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Made {
    No,
    Begun,
    /// It lies in this slot.
    Ready(u32),
}

impl Ahead {
    /// Begins to make these samples, in this order. None while another pass goes on, and where there is nothing to make or
    /// no room.
    pub fn read(&self, source: &Arc<dyn Source>, samples: impl Iterator<Item = u32>) -> Option<Reading> {
        let room = source.ahead();
        if room == 0 {
            return None;
        }
        let mut current = lock(&self.0);
        if current.is_some() {
            return None;
        }
        let samples: Vec<u32> = samples.filter(|&sample| !source.at_hand(sample)).collect();
        let room = room.min(samples.len());
        if room == 0 {
            return None;
        }
        let pass = Arc::new(Pass::new(source.clone(), samples, room));
        let start = || {
            let pass = pass.clone();
            // Where the system has no thread to give, the steps make their samples themselves.
            Builder::new().name("read ahead".into()).spawn(move || pass.make()).ok()
        };
        let threads = (0..THREADS.min(room)).map_while(|_| start()).collect();
        *current = Some(pass.clone());
        Some(Reading { ahead: self.clone(), pass, threads })
    }
    /// Puts the bytes of a sample into `to`, if they are ready or about to be.
    pub fn take(&self, sample: u32, to: &mut [u8]) -> bool {
        let pass = lock(&self.0).clone();
        pass.is_some_and(|pass| pass.take(sample, to))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        lock(&self.pass.state).ended = true;
        self.pass.room.notify_all();
        for thread in self.threads.drain(..) {
            // What panics in it, panics again where the sample is asked for.
            thread.join().ok();
        }
        *lock(&self.ahead.0) = None;
    }
}

impl Pass {
    fn new(source: Arc<dyn Source>, samples: Vec<u32>, room: usize) -> Self {
        let mut places: Vec<u32> = (0..samples.len() as u32).collect();
        places.sort_by_key(|&place| samples[place as usize]);
        let state = State {
            uses: vec![Use { asked: false, made: Made::No }; samples.len()],
            next: 0,
            slots: vec![vec![0; source.sample_len()]; room],
            free: (0..room as u32).rev().collect(),
            ended: false,
        };
        Pass { source, samples, places, state: Mutex::new(state), made: Condvar::new(), room: Condvar::new() }
    }
    /// What a thread does.
    fn make(&self) {
        let mut state = lock(&self.state);
        while !state.ended && state.next < state.uses.len() {
            let place = state.next;
            if state.uses[place].asked {
                // A step was faster.
                state.next += 1;
                continue;
            }
            let Some(slot) = state.free.pop() else {
                state = wait(&self.room, state);
                continue;
            };
            state.next += 1;
            state.uses[place].made = Made::Begun;
            let mut bytes = std::mem::take(&mut state.slots[slot as usize]);
            drop(state);
            let read = || self.source.read(self.samples[place], &mut bytes);
            let good = catch_unwind(AssertUnwindSafe(read)).is_ok_and(|result| result.is_ok());
            state = lock(&self.state);
            state.slots[slot as usize] = bytes;
            // What is wrong with a sample, the step that needs it finds, and tells.
            state.uses[place].made = if good { Made::Ready(slot) } else { Made::No };
            if !good {
                state.free.push(slot);
            }
            self.made.notify_all();
        }
    }
    fn take(&self, sample: u32, to: &mut [u8]) -> bool {
        let mut state = lock(&self.state);
        // Of a sample's places the first are asked for first.
        let is_before = |&place: &u32| {
            let place = place as usize;
            (self.samples[place], !state.uses[place].asked) < (sample, true)
        };
        let Some(&place) = self.places.get(self.places.partition_point(is_before)) else { return false };
        let place = place as usize;
        if self.samples[place] != sample {
            return false;
        }
        state.uses[place].asked = true;
        while state.uses[place].made == Made::Begun {
            state = wait(&self.made, state);
        }
        let Made::Ready(slot) = state.uses[place].made else { return false };
        let bytes = std::mem::take(&mut state.slots[slot as usize]);
        drop(state);
        to.copy_from_slice(&bytes);
        let mut state = lock(&self.state);
        state.slots[slot as usize] = bytes;
        state.free.push(slot);
        self.room.notify_one();
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Stored;
    use crate::error::{Error, Result};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::thread::{current, scope, sleep};
    use std::time::{Duration, Instant};

    const N: u32 = 60;

    /// Samples of two bytes, of which the first six are kept, four may be made ahead, and some may be bad.
    #[derive(Debug, Default)]
    struct Slow {
        /// Reads take up to so many microseconds.
        micros: u64,
        fails: Vec<u32>,
        panics: Vec<u32>,
        /// How often each was read, and how often ahead.
        reads: Vec<AtomicUsize>,
        ahead: AtomicUsize,
    }

    impl Slow {
        fn new(micros: u64) -> Self {
            Slow { micros, reads: (0..N).map(|_| AtomicUsize::new(0)).collect(), ..Slow::default() }
        }
    }

    impl Source for Slow {
        fn len(&self) -> usize {
            N as usize
        }
        fn sample_len(&self) -> usize {
            2
        }
        fn at_hand(&self, index: u32) -> bool {
            index < 6
        }
        fn ahead(&self) -> usize {
            4
        }
        fn read(&self, index: u32, to: &mut [u8]) -> Result<()> {
            let times = self.reads[index as usize].fetch_add(1, SeqCst) as u64;
            if current().name() == Some("read ahead") {
                self.ahead.fetch_add(1, SeqCst);
            }
            to[0] = 255;
            if self.micros > 0 {
                sleep(Duration::from_micros((u64::from(index) * 7919 + times * 31) % self.micros));
            }
            assert!(!self.panics.contains(&index), "sample {index} is bad");
            if self.fails.contains(&index) {
                return Err(Error::file("sample-bad", format!("sample {index}")));
            }
            to.copy_from_slice(&[index as u8, 100 + index as u8]);
            Ok(())
        }
    }

    /// Asks for samples, those of a batch on three threads from different places on, and holds them to what they are.
    fn ask(stored: &Stored, order: &[u32], batch: usize) {
        for batch in order.chunks(batch) {
            scope(|scope| {
                for part in batch.chunks(batch.len().div_ceil(3)) {
                    scope.spawn(move || {
                        for &i in part {
                            let mut bytes = [0; 2];
                            stored.fill(i as usize, &mut bytes);
                            assert_eq!(bytes, [i as u8, 100 + i as u8]);
                        }
                    });
                }
            });
        }
    }

    /// An order in which some samples come again and again.
    fn order() -> Vec<u32> {
        (0..200).map(|k| if k % 5 == 0 { 17 } else { k * 37 % N }).collect()
    }

    #[test]
    fn whatever_the_timing_each_use_is_made_once_and_is_the_right_one() {
        for (micros, batch) in [(0, 1), (0, 16), (300, 2), (300, 16), (300, 200)] {
            let source = Arc::new(Slow::new(micros));
            let stored = Stored::of(source.clone());
            let order = order();
            let reading = stored.read_ahead(order.iter().copied()).unwrap();
            ask(&stored, &order, batch);
            let uses = |i: u32| order.iter().filter(|&&k| k == i).count();
            (0..N).for_each(|i| assert_eq!(source.reads[i as usize].load(SeqCst), uses(i), "sample {i}"));
            assert_eq!(lock(&reading.pass.state).free.len(), 4);
            drop(reading);
            // The threads have let go of the source: here, and in what is stored.
            assert_eq!(Arc::strong_count(&source), 2);
            assert!(stored.failure().is_ok());
        }
    }

    #[test]
    fn what_is_ready_was_made_ahead_and_no_more_than_there_is_room_for() {
        let source = Arc::new(Slow::new(0));
        let stored = Stored::of(source.clone());
        let order: Vec<u32> = (0..N).rev().collect();
        let reading = stored.read_ahead(order.iter().copied()).unwrap();
        // One pass at a time.
        assert!(stored.read_ahead(order.iter().copied()).is_none());
        let ahead = |wanted| {
            let start = Instant::now();
            while source.ahead.load(SeqCst) < wanted {
                assert!(start.elapsed() < Duration::from_secs(60), "{wanted} are not made ahead");
                sleep(Duration::from_millis(1));
            }
            // Time for one too many.
            sleep(Duration::from_millis(20));
            assert_eq!(source.ahead.load(SeqCst), wanted);
        };
        ahead(4);
        ask(&stored, &order[..3], 1);
        ahead(7);
        drop(reading);
        assert_eq!(Arc::strong_count(&source), 2);
        ask(&stored, &order, 7);
        let again = stored.read_ahead(order[N as usize - 7..].iter().copied());
        drop(again);
        // Nothing to make: these are at hand.
        assert!(stored.read_ahead(0..6).is_none());
    }

    #[test]
    fn a_bad_sample_is_the_same_error_with_and_without_reading_ahead() {
        for ahead in [false, true, true, true] {
            let stored = Stored::of(Arc::new(Slow { fails: vec![40, 30, 31], ..Slow::new(200) }));
            let order: Vec<u32> = (10..N).rev().collect();
            let _reading = ahead.then(|| stored.read_ahead(order.iter().copied()).unwrap());
            for batch in order.chunks(25) {
                scope(|scope| {
                    for part in batch.chunks(9) {
                        scope.spawn(|| part.iter().for_each(|&i| stored.fill(i as usize, &mut [0; 2])));
                    }
                });
                let failed = stored.failure().err().map(|e| e.message().to_owned());
                let first = if batch[0] == N - 1 { "sample 40" } else { "sample 30" };
                assert_eq!(failed.as_deref(), Some(first));
            }
            assert!(stored.failure().is_ok());
        }
    }

    #[test]
    fn a_fault_of_a_source_is_met_where_the_sample_is_needed_and_not_a_hang() {
        let stored = Stored::of(Arc::new(Slow { panics: vec![20, 21, 22, 23, 24], ..Slow::new(100) }));
        let _reading = stored.read_ahead(10..N).unwrap();
        let order: Vec<u32> = (10..N).collect();
        ask(&stored, &order[..10], 3);
        for i in 20..25 {
            assert!(catch_unwind(AssertUnwindSafe(|| stored.fill(i, &mut [0; 2]))).is_err());
        }
        ask(&stored, &order[15..], 3);
    }
}
