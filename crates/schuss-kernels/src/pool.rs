//! Threads that wait for short jobs.
//!
//! A job is a function that every thread calls with its own number. Waiting is spinning for about 50 µs and then
//! sleeping, on both sides; with more threads than cores it is sleeping at once. Threads are not pinned.
//!
//! Within a job, denormal numbers are treated and written as zero, on the calling thread too: they are up to a
//! hundred times slower than others. The compiler does not know: what it computes itself at compile time may be a
//! denormal still.
//!
//! A job that panics on one thread makes the others panic at their next barrier; when all have left the job,
//! [`Pool::run`] panics with what the first one said. The pool can be used again.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

type Job = dyn Fn(usize) + Sync;

/// Threads that run one job at a time together.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held while a job runs.
    busy: Mutex<()>,
}

struct Shared {
    threads: u32,
    spin: Duration,
    /// Counts jobs up: a change sets the workers off.
    started: Event,
    /// Workers that have not finished the job.
    running: Event,
    /// Counts passed barriers up.
    passed: Event,
    arrived: Line<AtomicU32>,
    broken: Line<AtomicBool>,
    ending: AtomicBool,
    job: UnsafeCell<Option<*const Job>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is written by the caller of `run` while all workers wait, and read by workers after `started` has
// changed; the job itself is `Sync`, and `run` does not return before every worker has left it.
unsafe impl Sync for Shared {}
// SAFETY: as above; everything else in it is `Send`.
unsafe impl Send for Shared {}

thread_local! {
    static WITHIN_JOB: Cell<bool> = const { Cell::new(false) };
}

/// What a thread at a barrier panics with when another thread panicked first.
struct Broken;

impl Pool {
    /// A pool of `threads`, of which the caller of [`Pool::run`] is one. Fewer where the system gives no more.
    pub fn new(threads: usize) -> Pool {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let spin = if threads <= cores { Duration::from_micros(50) } else { Duration::ZERO };
        // The workers wait for `threads` until all are there, because the count must be the final one.
        let ready = Arc::new(Mutex::new(None::<Arc<Shared>>));
        let mut gate = lock(&ready);
        let mut workers = Vec::new();
        for thread in 1..threads {
            let ready = ready.clone();
            let work = move || {
                let shared = lock(&ready).clone();
                if let Some(shared) = shared {
                    work(&shared, thread);
                }
            };
            match std::thread::Builder::new().name(format!("schuss-{thread}")).spawn(work) {
                Ok(worker) => workers.push(worker),
                Err(_) => break,
            }
        }
        let shared = Arc::new(Shared {
            threads: workers.len() as u32 + 1,
            spin,
            started: Event::default(),
            running: Event::default(),
            passed: Event::default(),
            arrived: Line::default(),
            broken: Line::default(),
            ending: AtomicBool::new(false),
            job: UnsafeCell::new(None),
            panic: Mutex::new(None),
        });
        *gate = Some(shared.clone());
        drop(gate);
        Pool { shared, workers, busy: Mutex::new(()) }
    }

    /// How many threads run a job.
    pub fn threads(&self) -> usize {
        self.shared.threads as usize
    }

    /// Runs `job(thread)` on every thread, the caller being thread 0, and returns when all are done. Callers on
    /// several threads take turns.
    ///
    /// # Panics
    /// If called within a job, and if the job panics.
    pub fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        let _within = Within::enter();
        if self.workers.is_empty() {
            return job(0);
        }
        let _busy = lock(&self.busy);
        let shared = &*self.shared;
        // SAFETY: only the lifetime is changed. Workers use the job only until `running` is 0, awaited below.
        let job: *const Job = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const Job>(job) };
        // SAFETY: all workers wait for `started`, none reads.
        unsafe { *shared.job.get() = Some(job) };
        shared.running.value.store(shared.threads - 1, SeqCst);
        shared.started.value.fetch_add(1, SeqCst);
        shared.started.wake();
        shared.take_part(0);
        shared.running.wait(shared.spin, |left| left == 0);
        if shared.broken.0.swap(false, SeqCst) {
            shared.arrived.0.store(0, SeqCst);
            if let Some(payload) = lock(&shared.panic).take() {
                resume_unwind(payload);
            }
        }
    }

    /// Runs a job on the calling thread alone, with denormals treated as in [`Pool::run`].
    ///
    /// # Panics
    /// If called within a job.
    pub fn run_alone(&self, job: &dyn Fn()) {
        let _within = Within::enter();
        job();
    }

    /// Waits, within a job, until every thread has come here.
    ///
    /// # Panics
    /// If another thread panicked in this job.
    pub fn barrier(&self) {
        let shared = &*self.shared;
        if shared.threads == 1 {
            return;
        }
        let before = shared.passed.value.load(SeqCst);
        if shared.arrived.0.fetch_add(1, SeqCst) + 1 == shared.threads {
            shared.arrived.0.store(0, SeqCst);
            shared.passed.value.store(before.wrapping_add(1), SeqCst);
            shared.passed.wake();
            return;
        }
        shared.passed.wait(shared.spin, |now| now != before || shared.broken.0.load(SeqCst));
        if shared.broken.0.load(SeqCst) {
            resume_unwind(Box::new(Broken));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.ending.store(true, SeqCst);
        self.shared.started.value.fetch_add(1, SeqCst);
        self.shared.started.wake();
        for worker in self.workers.drain(..) {
            // A worker catches every panic of a job, so there is nothing to learn from the result.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

impl Shared {
    fn take_part(&self, thread: usize) {
        // SAFETY: written before `started` changed, and not again before this thread has left the job.
        let Some(job) = (unsafe { *self.job.get() }) else { return };
        // SAFETY: `run` keeps the job alive until every thread has left it.
        let result = catch_unwind(AssertUnwindSafe(|| unsafe { (*job)(thread) }));
        if let Err(payload) = result {
            if !payload.is::<Broken>() {
                lock(&self.panic).get_or_insert(payload);
            }
            self.broken.0.store(true, SeqCst);
            self.passed.wake();
        }
    }
}

fn work(shared: &Shared, thread: usize) {
    let _within = Within::enter();
    let mut seen = 0;
    loop {
        shared.started.wait(shared.spin, |now| now != seen);
        seen = seen.wrapping_add(1);
        if shared.ending.load(SeqCst) {
            return;
        }
        shared.take_part(thread);
        if shared.running.value.fetch_sub(1, SeqCst) == 1 {
            shared.running.wake();
        }
    }
}

/// A value on cache lines of its own; two, because lines are fetched in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Line<T>(T);

/// A number that threads wait for. Whoever changes `value` calls `wake` next. Either the sleeper, which counts itself
/// before it looks at the value a last time, sees the change, or the one who changed it sees the sleeper: that needs
/// sequential consistency on both.
#[derive(Default)]
#[repr(align(128))]
struct Event {
    value: AtomicU32,
    sleepers: AtomicU32,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Event {
    fn wait(&self, spin: Duration, done: impl Fn(u32) -> bool) {
        if done(self.value.load(SeqCst)) {
            return;
        }
        if spin > Duration::ZERO {
            let until = Instant::now() + spin;
            loop {
                for _ in 0..32 {
                    std::hint::spin_loop();
                    if done(self.value.load(SeqCst)) {
                        return;
                    }
                }
                if Instant::now() >= until {
                    break;
                }
            }
        }
        let mut guard = lock(&self.lock);
        self.sleepers.fetch_add(1, SeqCst);
        while !done(self.value.load(SeqCst)) {
            guard = self.woken.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, SeqCst);
    }

    fn wake(&self) {
        if self.sleepers.load(SeqCst) > 0 {
            // Whoever has counted itself holds the lock until it sleeps.
            drop(lock(&self.lock));
            self.woken.notify_all();
        }
    }
}

/// No code that may panic runs under these locks, except a job under `busy`, which guards nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks the thread as being within a job and makes it flush denormals, until dropped.
struct Within {
    before: FloatControl,
}

impl Within {
    fn enter() -> Within {
        assert!(!WITHIN_JOB.replace(true), "Pool::run was called within a job");
        let before = FloatControl::read();
        before.flushing().write();
        Within { before }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        self.before.write();
        WITHIN_JOB.set(false);
    }
}

/// Whether this thread treats denormals as zero.
pub fn flushes_denormals() -> bool {
    FloatControl::read() == FloatControl::read().flushing()
}

/// The register that says how a thread computes with floating-point numbers.
#[derive(Clone, Copy, PartialEq)]
#[cfg(target_arch = "x86_64")]
struct FloatControl(u32);

#[cfg(target_arch = "x86_64")]
impl FloatControl {
    fn read() -> FloatControl {
        let mut control = 0u32;
        // SAFETY: writes four bytes to a variable of ours.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack, preserves_flags)) }
        FloatControl(control)
    }

    /// Flush to zero (bit 15) and denormals are zero (bit 6).
    fn flushing(self) -> FloatControl {
        FloatControl(self.0 | 1 << 15 | 1 << 6)
    }

    fn write(self) {
        // SAFETY: a value that was read here, at most with the two bits set; no exception is unmasked.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const self.0, options(nostack, preserves_flags)) }
    }
}

/// The register that says how a thread computes with floating-point numbers.
#[derive(Clone, Copy, PartialEq)]
#[cfg(target_arch = "aarch64")]
struct FloatControl(u64);

#[cfg(target_arch = "aarch64")]
impl FloatControl {
    fn read() -> FloatControl {
        let control: u64;
        // SAFETY: reads a register that every program may read.
        unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags)) }
        FloatControl(control)
    }

    /// FZ (bit 24).
    fn flushing(self) -> FloatControl {
        FloatControl(self.0 | 1 << 24)
    }

    fn write(self) {
        // SAFETY: a value that was read here, at most with FZ set.
        unsafe { std::arch::asm!("msr fpcr, {}", in(reg) self.0, options(nostack, preserves_flags)) }
    }
}

/// Elsewhere denormals stay as they are.
#[derive(Clone, Copy, PartialEq)]
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
struct FloatControl;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl FloatControl {
    fn read() -> FloatControl {
        FloatControl
    }
    fn flushing(self) -> FloatControl {
        self
    }
    fn write(self) {}
}
