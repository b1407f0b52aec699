//! The pool: every thread takes part, barriers hold, panics come back, denormals are put right again.

use schuss_kernels::Pool;
use schuss_kernels::pool::flushes_denormals;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const THREADS: [usize; 5] = [1, 2, 3, 4, 7];

#[test]
fn every_thread_runs_every_job_once() {
    for threads in THREADS {
        let pool = Pool::new(threads);
        assert_eq!(pool.threads(), threads);
        let counts: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
        for run in 0..500 {
            pool.run(&|thread| {
                counts[thread].fetch_add(1, Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Relaxed) == run + 1));
        }
    }
}

/// A wave through an array: each round reads what the other threads wrote in the round before.
#[test]
fn barriers_separate_rounds() {
    const LEN: usize = 64;
    let expected = wave(&Pool::new(1), 300);
    for threads in THREADS {
        let pool = Pool::new(threads);
        for _ in 0..3 {
            assert_eq!(wave(&pool, 300), expected, "{threads} threads");
        }
    }

    fn wave(pool: &Pool, rounds: usize) -> Vec<usize> {
        let arrays = [0, 1].map(|_| (0..LEN).map(AtomicUsize::new).collect::<Vec<_>>());
        pool.run(&|thread| {
            for round in 0..rounds {
                let (from, to) = (&arrays[round % 2], &arrays[(round + 1) % 2]);
                for i in (thread..LEN).step_by(pool.threads()) {
                    let sum = from[i].load(Relaxed).wrapping_mul(3) + from[(i + LEN - 1) % LEN].load(Relaxed) % 1000;
                    to[i].store(sum % 1_000_003, Relaxed);
                }
                pool.barrier();
            }
        });
        arrays[rounds % 2].iter().map(|x| x.load(Relaxed)).collect()
    }
}

#[test]
fn pauses_between_runs_let_workers_sleep() {
    let pool = Pool::new(3);
    let count = AtomicUsize::new(0);
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(2));
        pool.run(&|thread| {
            if thread == 1 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            pool.barrier();
            count.fetch_add(1, Relaxed);
        });
    }
    assert_eq!(count.load(Relaxed), 60);
}

#[test]
fn callers_take_turns() {
    let pool = Pool::new(2);
    let inside = AtomicUsize::new(0);
    let most = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    pool.run(&|_| {
                        most.fetch_max(inside.fetch_add(1, Relaxed) + 1, Relaxed);
                        pool.barrier();
                        inside.fetch_sub(1, Relaxed);
                        pool.barrier();
                    });
                }
            });
        }
    });
    assert_eq!(most.load(Relaxed), 2);
}

#[test]
fn denormals_are_flushed_within_a_job_and_kept_outside() {
    let smallest = std::hint::black_box(f32::MIN_POSITIVE);
    let half = || std::hint::black_box(smallest) * std::hint::black_box(0.5);
    for threads in THREADS {
        let pool = Pool::new(threads);
        assert!(!flushes_denormals() && half() > 0.0);
        let seen = Mutex::new(Vec::new());
        pool.run(&|_| seen.lock().unwrap().push((flushes_denormals(), half())));
        if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            assert_eq!(*seen.lock().unwrap(), vec![(true, 0.0); threads]);
        }
        assert!(!flushes_denormals() && half() > 0.0);
        let _ = catch_unwind(AssertUnwindSafe(|| pool.run(&|_| panic!("a test's"))));
        assert!(!flushes_denormals() && half() > 0.0);
    }
}

fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    payload.downcast_ref::<&str>().map(|s| s.to_string()).or(payload.downcast_ref::<String>().cloned()).unwrap()
}

#[test]
fn a_panic_comes_back_from_any_thread_and_the_pool_goes_on() {
    for threads in THREADS {
        let pool = Pool::new(threads);
        for culprit in 0..threads {
            let said = message(|| {
                pool.run(&|thread| {
                    pool.barrier();
                    assert!(thread != culprit, "thread {thread} fails");
                    pool.barrier();
                    pool.barrier();
                });
            });
            assert_eq!(said, format!("thread {culprit} fails"));
            let count = AtomicUsize::new(0);
            pool.run(&|_| {
                pool.barrier();
                count.fetch_add(1, Relaxed);
                pool.barrier();
            });
            assert_eq!(count.load(Relaxed), threads);
        }
    }
}

#[test]
fn a_run_within_a_job_is_refused() {
    for threads in [1, 2] {
        let pool = Pool::new(threads);
        assert!(message(|| pool.run(&|_| pool.run(&|_| ()))).contains("within a job"));
        pool.run(&|_| ());
    }
}
