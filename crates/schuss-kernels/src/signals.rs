//! Signals that would end the process without a word.

/// Has a write beyond the limit of a file's size fail, as on a full disk, instead of ending the process. A wish: where
/// there is no such signal, nothing is done.
pub fn errors_for_long_files() {
    #[cfg(all(unix, not(any(target_arch = "mips", target_arch = "mips64"))))]
    {
        const SIGXFSZ: i32 = 25;
        const SIG_IGN: usize = 1;
        unsafe extern "C" {
            fn signal(number: i32, handler: usize) -> usize;
        }
        // SAFETY: to ignore a signal runs no code of ours when it comes.
        unsafe { signal(SIGXFSZ, SIG_IGN) };
    }
}
