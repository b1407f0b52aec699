//! Arrays whose first element starts a cache line.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// What the allocator is asked for: zeroed pages come untouched from the system only up to the alignment that
/// `calloc` has anyway, so the cache line is found within a slightly larger piece.
const ASKED: usize = 16;
/// What the first element gets.
const LINE: usize = 64;

/// An owned array of `f32`, zero at first, that starts on a 64-byte boundary.
pub struct Buffer {
    piece: *mut u8,
    start: NonNull<f32>,
    len: usize,
}

// SAFETY: a buffer owns its memory alone, like a `Box<[f32]>`.
unsafe impl Send for Buffer {}
// SAFETY: a shared buffer can only be read.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zeros. Ends the process where there is no memory for them, like `Vec`.
    pub fn zeros(len: usize) -> Buffer {
        let layout = || Layout::array::<f32>(len).unwrap_or(Layout::new::<f32>());
        Buffer::try_zeros(len).unwrap_or_else(|| handle_alloc_error(layout()))
    }

    /// `len` zeros, or `None` where there is no memory for them.
    pub fn try_zeros(len: usize) -> Option<Buffer> {
        if len == 0 {
            // A dangling pointer on a line's boundary, never freed.
            let start = NonNull::new(std::ptr::without_provenance_mut::<f32>(LINE))?;
            return Some(Buffer { piece: std::ptr::null_mut(), start, len });
        }
        // SAFETY: the layout has a size above zero.
        let piece = unsafe { alloc_zeroed(Buffer::layout(len)?) };
        if piece.is_null() {
            return None;
        }
        // SAFETY: the piece is LINE bytes longer than the array, so the array fits after the next boundary.
        let start = NonNull::new(unsafe { piece.add(piece.align_offset(LINE)) }.cast::<f32>())?;
        large_pages(piece, len * size_of::<f32>());
        Some(Buffer { piece, start, len })
    }

    fn layout(len: usize) -> Option<Layout> {
        let bytes = len.checked_mul(size_of::<f32>())?.checked_add(LINE)?;
        Layout::from_size_align(bytes, ASKED).ok()
    }
}

/// Asks for pages of 2 MiB where the array has some: a step that goes through hundreds of megabytes then looks up
/// addresses, and starts to read ahead, five hundred times less often. A wish: what the system says does not matter.
#[cfg(target_os = "linux")]
fn large_pages(piece: *mut u8, bytes: usize) {
    const PAGE: usize = 2 << 20;
    const MADV_HUGEPAGE: i32 = 14;
    unsafe extern "C" {
        fn madvise(at: *mut u8, bytes: usize, advice: i32) -> i32;
    }
    let skip = piece.align_offset(PAGE);
    let whole = bytes.saturating_sub(skip) / PAGE * PAGE;
    if whole > 0 {
        // SAFETY: whole pages of this piece; the advice changes nothing that can be read.
        unsafe { madvise(piece.add(skip), whole, MADV_HUGEPAGE) };
    }
}
#[cfg(not(target_os = "linux"))]
fn large_pages(_: *mut u8, _: usize) {}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let (false, Some(layout)) = (self.piece.is_null(), Buffer::layout(self.len)) {
            // SAFETY: allocated in `try_zeros` with this layout.
            unsafe { dealloc(self.piece, layout) }
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `len` initialised numbers from `start`, owned by `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Buffer {
        let mut new = Buffer::zeros(self.len);
        new.copy_from_slice(self);
        new
    }
}

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer::zeros(0)
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_line_and_is_zero() {
        for len in [0, 1, 15, 16, 17, 1000, 100_000] {
            let mut buffer = Buffer::zeros(len);
            assert_eq!(buffer.as_ptr().addr() % 64, 0);
            assert_eq!(buffer.len(), len);
            assert!(buffer.iter().all(|x| x.to_bits() == 0));
            buffer.fill(1.5);
            let copy = buffer.clone();
            assert_eq!(&copy[..], &buffer[..]);
        }
    }

    #[test]
    fn too_much_is_refused() {
        assert!(Buffer::try_zeros(usize::MAX).is_none());
        assert!(Buffer::try_zeros(usize::MAX / 4).is_none());
        assert!(Buffer::try_zeros(1 << 58).is_none());
    }
}
