//! A program for a machine without a system: multiplies tiles of every height by the instructions of AMX and by the loop that
//! stands for them, and writes what differs to port 0xe9.
#![no_std]
#![no_main]

use core::arch::asm;
use core::arch::x86_64::{__cpuid_count, _xsetbv};
use core::fmt::Write;

const ROWS: usize = 32;
const PAIRS: usize = 16;
const WIDTH: usize = 32;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Segment {
    a: usize,
    b: usize,
}

#[path = "../src/product/amx/tiles.rs"]
mod tiles;

use tiles::{Block, Dots, Loop, Operands, Sums, Tiles, release};

/// The emulator's port for text.
struct Port;

impl Write for Port {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            // SAFETY: no memory is touched.
            unsafe { asm!("out 0xe9, al", in("al") byte) };
        }
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Port, "{info}");
    end()
}

/// Ends the emulator.
fn end() -> ! {
    for byte in b"Shutdown" {
        // SAFETY: as above.
        unsafe { asm!("out dx, al", in("dx") 0x8900u16, in("al") *byte) };
    }
    loop {
        // SAFETY: as above.
        unsafe { asm!("hlt") };
    }
}

/// What compiled code calls.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, n: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { asm!("rep stosb", inout("rdi") to => _, inout("rcx") n => _, in("al") byte as u8) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") n => _) };
    to
}

#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

const A_ROW: usize = 150;
const B_ROW: usize = WIDTH + 5;
static mut A: [u32; 6000] = [0; 6000];
static mut B: [u32; 6000] = [0; 6000];

fn halves(i: usize, seed: usize) -> u32 {
    let number = |i: usize| (((i + seed) * 37 % 101) as f32 / 101.0 - 0.5).to_bits();
    number(i) >> 16 | number(i + 7) & 0xffff_0000
}

/// The greatest difference, and how many numbers differ by more than another order of sums can make.
fn compared<const HEIGHT: usize, const WIDE: bool>() -> (f32, usize) {
    let segments = [Segment { a: 0, b: 0 }, Segment { a: 33, b: 3 * B_ROW }, Segment { a: 1, b: 40 }];
    let (mut worst, mut wrong) = (0f32, 0);
    for (count, pairs, more, add) in [(0, 16, 0, true), (1, 16, 0, false), (1, 48, 7, true), (3, 32, 0, false)] {
        let (a, b) = ((&raw const A).cast(), (&raw const B).cast());
        let a_step = 2 * PAIRS + more;
        let a_lower = PAIRS * A_ROW + more;
        let f = Operands { segments: &segments[..count], pairs, a, a_row: A_ROW, a_step, a_lower, b, b_row: B_ROW };
        let rows = [HEIGHT.min(PAIRS), HEIGHT.saturating_sub(PAIRS)];
        let sums = |c: &mut Block| Sums { c: c.0.as_mut_ptr(), c_row: WIDTH, c_lower: PAIRS * WIDTH, add };
        let (mut found, mut wanted) = (Block([7.0; ROWS * WIDTH]), Block([7.0; ROWS * WIDTH]));
        // SAFETY: the arrays are longer than what is read, and the instructions are switched on.
        unsafe {
            Tiles::lay_out(rows);
            Tiles::block(rows, WIDE, f, sums(&mut found));
            Loop::block(rows, WIDE, f, sums(&mut wanted));
            release();
        }
        for row in 0..HEIGHT {
            for col in 0..if WIDE { 32 } else { 16 } {
                let (x, y) = (found.0[row * WIDTH + col], wanted.0[row * WIDTH + col]);
                let apart = if x > y { x - y } else { y - x };
                worst = if apart > worst { apart } else { worst };
                wrong += usize::from(!(apart <= 1e-4));
            }
        }
    }
    (worst, wrong)
}

#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.first")]
extern "C" fn _start() -> ! {
    // SAFETY: the boot sector has set CR4.OSXSAVE; x87, SSE, AVX, AVX-512 and the tiles' two states.
    unsafe { _xsetbv(0, 0x600e7) };
    run()
}

#[inline(never)]
fn run() -> ! {
    let leaf = __cpuid_count(7, 0).edx;
    let _ = writeln!(Port, "bf16 tiles: {}, tiles: {}", leaf >> 22 & 1, leaf >> 24 & 1);
    for i in 0..6000 {
        // SAFETY: nothing else runs.
        unsafe {
            A[i] = halves(i, 1);
            B[i] = halves(3 * i, 5);
        }
    }
    let (mut worst, mut wrong, mut cases) = (0f32, 0, 0);
    macro_rules! all {
        ($($height:literal)*) => {$(
            for (w, n) in [compared::<$height, false>(), compared::<$height, true>()] {
                worst = if w > worst { w } else { worst };
                wrong += n;
                cases += 4;
            }
        )*};
    }
    all!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    let _ = writeln!(Port, "{cases} blocks, {wrong} numbers wrong, the rest at most {worst:e} apart");
    end()
}
