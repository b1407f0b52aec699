//! Four tiles of a product: the instructions, and a loop that stands for them. (`cargo xtask amx` compiles this file for a
//! machine without a system.)

use super::{PAIRS, ROWS, Segment, WIDTH};
use core::arch::asm;

/// Two by two tiles of C, row by row.
#[repr(align(64))]
pub struct Block(pub [f32; ROWS * WIDTH]);

/// What is multiplied.
#[derive(Clone, Copy)]
pub struct Operands<'a> {
    /// Where stretches of inner steps begin: in numbers of A, and in pairs of B.
    pub segments: &'a [Segment],
    /// Pairs of a stretch, a multiple of [`PAIRS`].
    pub pairs: usize,
    /// Rows of numbers of 16 bits, some apart, and from a tile to the next one of the same rows.
    pub a: *const u16,
    pub a_row: usize,
    pub a_step: usize,
    /// From an upper tile to the lower one.
    pub a_lower: usize,
    /// Rows of pairs, some apart.
    pub b: *const u32,
    pub b_row: usize,
}

/// Where sums are: upper tiles, and lower ones so many numbers further; from row to row; are they added to?
#[derive(Clone, Copy)]
pub struct Sums {
    pub c: *mut f32,
    pub c_row: usize,
    pub c_lower: usize,
    pub add: bool,
}

/// What multiplies.
pub trait Dots {
    /// Are there registers to be laid out?
    const REGISTERS: bool;
    /// Lays the tiles out for upper and lower ones of so many rows.
    ///
    /// # Safety
    /// For [`Tiles`], the machine has the instructions.
    unsafe fn lay_out(rows: [usize; 2]);
    /// C = A · B over all segments, or C + A · B: upper and, if any, lower rows of 16 columns or 32.
    ///
    /// # Safety
    /// A and B can be read, C be written and, if added to, read; for [`Tiles`], the machine has the instructions and the tiles
    /// are laid out for these rows.
    unsafe fn block(rows: [usize; 2], wide: bool, f: Operands, sums: Sums);
}

/// Gives the tiles' registers back.
///
/// # Safety
/// The machine has the instructions.
pub unsafe fn release() {
    // SAFETY: the caller's promise.
    unsafe { asm!("tilerelease", options(nostack)) };
}

/// The instructions.
pub struct Tiles;
/// A loop in their place, for tests.
pub struct Loop;

/// How the eight tiles are laid out: palette 1, each of so many rows of 64 bytes. Tiles 0 and 1 are the upper ones of C, 2 and
/// 3 the lower ones, 4 and 5 of A, 6 and 7 of B.
#[repr(align(64))]
struct Layout([u8; 64]);

impl Layout {
    fn new([upper, lower]: [usize; 2]) -> Self {
        let lower = if lower == 0 { PAIRS } else { lower };
        let rows = [upper, upper, lower, lower, upper, lower, PAIRS, PAIRS];
        let mut bytes = [0; 64];
        bytes[0] = 1;
        for (tile, rows) in rows.into_iter().enumerate() {
            // Bytes of a row, 16 bits each; then rows.
            bytes[16 + 2 * tile] = 64;
            bytes[48 + tile] = rows as u8;
        }
        Layout(bytes)
    }
}

/// What the instructions read: there are not enough registers for all of it.
#[repr(C)]
struct Arguments {
    segments: *const Segment,
    count: usize,
    steps: usize,
    a: *const u16,
    b: *const u32,
    c: *mut f32,
    c_bytes: usize,
    a_step: usize,
    add: usize,
    a_lower: usize,
    c_lower: usize,
}

/// A block of tiles, some of which are left out.
macro_rules! tiles {
    ($name:ident, [$($zero:literal),*], [$($load:literal),*], [$($multiply:literal),*], [$($store:literal),*]) => {
        unsafe fn $name(arguments: &Arguments, a_bytes: usize, b_bytes: usize) {
            // SAFETY: the caller's promise.
            unsafe {
                asm!(
                    "cmp qword ptr [{args} + 64], 0",
                    "je 6f",
                    "mov {n}, [{args} + 48]",
                    "mov {b}, [{args} + 40]",
                    "mov {lower}, [{args} + 80]",
                    "add {lower}, {b}",
                    $($load,)*
                    "jmp 7f",
                    "6:",
                    $($zero,)*
                    "7:",
                    "mov {segment}, [{args}]",
                    "mov {count}, [{args} + 8]",
                    "test {count}, {count}",
                    "jz 5f",
                    "2:",
                    "mov {upper}, [{segment}]",
                    "add {upper}, {upper}",
                    "add {upper}, [{args} + 24]",
                    "mov {lower}, [{args} + 72]",
                    "add {lower}, {upper}",
                    "mov {b}, [{segment} + 8]",
                    "shl {b}, 2",
                    "add {b}, [{args} + 32]",
                    "mov {n}, [{args} + 16]",
                    "test {n}, {n}",
                    "jz 4f",
                    "3:",
                    $($multiply,)*
                    "add {upper}, [{args} + 56]",
                    "add {lower}, [{args} + 56]",
                    "lea {b}, [{b} + 8*{b_bytes}]",
                    "lea {b}, [{b} + 8*{b_bytes}]",
                    "dec {n}",
                    "jnz 3b",
                    "4:",
                    "add {segment}, 16",
                    "dec {count}",
                    "jnz 2b",
                    "5:",
                    "mov {n}, [{args} + 48]",
                    "mov {b}, [{args} + 40]",
                    "mov {lower}, [{args} + 80]",
                    "add {lower}, {b}",
                    $($store,)*
                    args = in(reg) arguments,
                    a_bytes = in(reg) a_bytes,
                    b_bytes = in(reg) b_bytes,
                    n = out(reg) _,
                    segment = out(reg) _,
                    count = out(reg) _,
                    upper = out(reg) _,
                    lower = out(reg) _,
                    b = out(reg) _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}
tiles!(
    all,
    ["tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3"],
    [
        "tileloadd tmm0, [{b} + {n}*1]",
        "tileloadd tmm1, [{b} + {n}*1 + 64]",
        "tileloadd tmm2, [{lower} + {n}*1]",
        "tileloadd tmm3, [{lower} + {n}*1 + 64]"
    ],
    [
        "tileloadd tmm4, [{upper} + {a_bytes}*1]",
        "tileloadd tmm6, [{b} + {b_bytes}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm5, [{lower} + {a_bytes}*1]",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tileloadd tmm7, [{b} + {b_bytes}*1 + 64]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tdpbf16ps tmm3, tmm5, tmm7"
    ],
    [
        "tilestored [{b} + {n}*1], tmm0",
        "tilestored [{b} + {n}*1 + 64], tmm1",
        "tilestored [{lower} + {n}*1], tmm2",
        "tilestored [{lower} + {n}*1 + 64], tmm3"
    ]
);
tiles!(
    upper,
    ["tilezero tmm0", "tilezero tmm1"],
    ["tileloadd tmm0, [{b} + {n}*1]", "tileloadd tmm1, [{b} + {n}*1 + 64]"],
    [
        "tileloadd tmm4, [{upper} + {a_bytes}*1]",
        "tileloadd tmm6, [{b} + {b_bytes}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{b} + {b_bytes}*1 + 64]",
        "tdpbf16ps tmm1, tmm4, tmm7"
    ],
    ["tilestored [{b} + {n}*1], tmm0", "tilestored [{b} + {n}*1 + 64], tmm1"]
);
tiles!(
    left,
    ["tilezero tmm0", "tilezero tmm2"],
    ["tileloadd tmm0, [{b} + {n}*1]", "tileloadd tmm2, [{lower} + {n}*1]"],
    [
        "tileloadd tmm4, [{upper} + {a_bytes}*1]",
        "tileloadd tmm6, [{b} + {b_bytes}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm5, [{lower} + {a_bytes}*1]",
        "tdpbf16ps tmm2, tmm5, tmm6"
    ],
    ["tilestored [{b} + {n}*1], tmm0", "tilestored [{lower} + {n}*1], tmm2"]
);
tiles!(
    corner,
    ["tilezero tmm0"],
    ["tileloadd tmm0, [{b} + {n}*1]"],
    ["tileloadd tmm4, [{upper} + {a_bytes}*1]", "tileloadd tmm6, [{b} + {b_bytes}*1]", "tdpbf16ps tmm0, tmm4, tmm6"],
    ["tilestored [{b} + {n}*1], tmm0"]
);

impl Dots for Tiles {
    const REGISTERS: bool = true;
    unsafe fn lay_out(rows: [usize; 2]) {
        let layout = Layout::new(rows);
        // SAFETY: the caller's promise; nothing is in the registers that is needed.
        unsafe { asm!("ldtilecfg [{}]", in(reg) layout.0.as_ptr(), options(nostack)) };
    }
    #[inline(always)]
    unsafe fn block(rows: [usize; 2], wide: bool, f: Operands, sums: Sums) {
        let arguments = Arguments {
            segments: f.segments.as_ptr(),
            count: f.segments.len(),
            steps: f.pairs / PAIRS,
            a: f.a,
            b: f.b,
            c: sums.c,
            c_bytes: 4 * sums.c_row,
            a_step: 2 * f.a_step,
            add: usize::from(sums.add),
            a_lower: f.a_lower.wrapping_mul(2),
            c_lower: 4 * sums.c_lower,
        };
        let (a_bytes, b_bytes) = (2 * f.a_row, 4 * f.b_row);
        // SAFETY: the caller's promise.
        unsafe {
            match (rows[1] > 0, wide) {
                (true, true) => all(&arguments, a_bytes, b_bytes),
                (false, true) => upper(&arguments, a_bytes, b_bytes),
                (true, false) => left(&arguments, a_bytes, b_bytes),
                (false, false) => corner(&arguments, a_bytes, b_bytes),
            }
        }
    }
}

impl Dots for Loop {
    const REGISTERS: bool = false;
    unsafe fn lay_out(_: [usize; 2]) {}
    unsafe fn block(rows: [usize; 2], wide: bool, f: Operands, sums: Sums) {
        let halves = |x: u32| [f32::from_bits(x << 16), f32::from_bits(x & 0xffff_0000)];
        let cols = if wide { 32 } else { 16 };
        for (i, col) in (0..(rows[0] + rows[1]) * cols).map(|i| (i / cols, i % cols)) {
            let (lower, row) = if i < rows[0] { (0, i) } else { (1, i - rows[0]) };
            // SAFETY: the caller's promise.
            unsafe {
                let c = sums.c.add(lower * sums.c_lower + row * sums.c_row + col);
                let mut sum = if sums.add { *c } else { 0.0 };
                for (segment, pair) in f.segments.iter().flat_map(|s| (0..f.pairs).map(move |pair| (s, pair))) {
                    let at = segment.a + row * f.a_row + pair / PAIRS * f.a_step + pair % PAIRS * 2;
                    let a = f.a.wrapping_add(at).wrapping_add(if lower == 1 { f.a_lower } else { 0 });
                    let x = halves(a.cast::<u32>().read_unaligned());
                    let y = halves(*f.b.add(segment.b + pair * f.b_row + col));
                    sum += x[0] * y[0] + x[1] * y[1];
                }
                *c = sum;
            }
        }
    }
}
