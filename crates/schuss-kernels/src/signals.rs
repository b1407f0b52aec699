//! Signals that would end the process without a word.

#[cfg(all(unix, not(any(target_arch = "mips", target_arch = "mips64"))))]
mod system {
    use std::sync::atomic::{AtomicBool, Ordering};

    const SIG_DFL: usize = 0;
    const SIG_IGN: usize = 1;
    const SIGTERM: i32 = 15;
    const SIGXFSZ: i32 = 25;

    unsafe extern "C" {
        fn signal(number: i32, handler: usize) -> usize;
    }

    static ASKED: AtomicBool = AtomicBool::new(false);

    extern "C" fn asked(number: i32) {
        ASKED.store(true, Ordering::Relaxed);
        // SAFETY: a handler may call this; the next such signal ends the process.
        unsafe { signal(number, SIG_DFL) };
    }

    pub fn errors_for_long_files() {
        // SAFETY: to ignore a signal runs no code of ours when it comes.
        unsafe { signal(SIGXFSZ, SIG_IGN) };
    }
    pub fn listen_for_the_end() {
        // SAFETY: what runs when the signal comes stores a number and calls what handlers may call.
        unsafe { signal(SIGTERM, asked as extern "C" fn(i32) as usize) };
    }
    pub fn is_asked_to_end() -> bool {
        ASKED.load(Ordering::Relaxed)
    }
}

#[cfg(not(all(unix, not(any(target_arch = "mips", target_arch = "mips64")))))]
mod system {
    pub fn errors_for_long_files() {}
    pub fn listen_for_the_end() {}
    pub fn is_asked_to_end() -> bool {
        false
    }
}

/// Has a write beyond the limit of a file's size fail, as on a full disk, instead of ending the process. A wish: where
/// there is no such signal, nothing is done.
pub fn errors_for_long_files() {
    system::errors_for_long_files();
}

/// From now on the first SIGTERM only makes [`is_asked_to_end`] true; the next one ends the process. A wish, as above.
pub fn listen_for_the_end() {
    system::listen_for_the_end();
}

/// Did a SIGTERM come?
pub fn is_asked_to_end() -> bool {
    system::is_asked_to_end()
}
