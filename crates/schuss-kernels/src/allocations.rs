//! An allocator that counts, for tests which show that something allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counting what is asked of it. Made a test's `#[global_allocator]`.
pub struct Counting {
    count: AtomicUsize,
}

impl Counting {
    /// Nothing counted yet.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Counting { count: AtomicUsize::new(0) }
    }
    /// How many times memory was asked for so far, by any thread.
    fn count(&self) -> usize {
        self.count.load(Relaxed)
    }
    /// What the quietest of five runs asked for, 0 as soon as one asks for nothing. Work that allocates does so each time;
    /// a test's harness allocates on a thread of its own, as it starts and as it says that a test takes long.
    pub fn least(&self, mut run: impl FnMut()) -> usize {
        let mut least = usize::MAX;
        for _ in 0..5 {
            let before = self.count();
            run();
            least = least.min(self.count() - before);
            if least == 0 {
                break;
            }
        }
        least
    }
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        self.count.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}
