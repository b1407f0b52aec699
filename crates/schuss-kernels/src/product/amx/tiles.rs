//! Four tiles of a product: the instructions, and a loop that stands for them. (`cargo xtask amx` compiles this file for a
//! machine without a system.)

use super::{PAIRS, ROWS, Segment, WIDTH};
use core::arch::asm;

/// Two by two tiles of C, row by row.
#[repr(align(64))]
pub struct Block(pub [f32; ROWS * WIDTH]);

impl Block {
    pub fn zeros() -> Self {
        Block([0.0; ROWS * WIDTH])
    }
}

/// What is multiplied.
#[derive(Clone, Copy)]
pub struct Operands<'a> {
    /// Where stretches of inner steps begin: in numbers of A, and in pairs of B.
    pub segments: &'a [Segment],
    /// Pairs of a stretch, a multiple of [`PAIRS`].
    pub pairs: usize,
    /// Rows of numbers of 16 bits, some apart.
    pub a: *const u16,
    pub a_row: usize,
    /// Rows of pairs, some apart.
    pub b: *const u32,
    pub b_row: usize,
}

/// What multiplies.
pub trait Dots {
    /// C = A · B over all segments: so many rows, and 16 columns or 32.
    ///
    /// # Safety
    /// A and B can be read; for [`Tiles`], the machine has the instructions.
    unsafe fn block<const HEIGHT: usize, const WIDE: bool>(f: Operands, c: &mut Block);
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
    const fn new(height: usize) -> Self {
        let (upper, lower) = if height > PAIRS { (PAIRS, height - PAIRS) } else { (height, PAIRS) };
        let rows = [upper, upper, lower, lower, upper, lower, PAIRS, PAIRS];
        let mut bytes = [0; 64];
        bytes[0] = 1;
        let mut tile = 0;
        while tile < 8 {
            // Bytes of a row, 16 bits each; then rows.
            bytes[16 + 2 * tile] = 64;
            bytes[48 + tile] = rows[tile] as u8;
            tile += 1;
        }
        Layout(bytes)
    }
}

static LAYOUTS: [Layout; ROWS] = {
    let mut all = [const { Layout([0; 64]) }; ROWS];
    let mut height = 1;
    while height <= ROWS {
        all[height - 1] = Layout::new(height);
        height += 1;
    }
    all
};

/// What the instructions read: there are not enough registers for all of it.
#[repr(C)]
struct Arguments {
    layout: *const u8,
    segments: *const Segment,
    count: usize,
    steps: usize,
    a: *const u16,
    b: *const u32,
    c: *mut f32,
}

/// A block of tiles, some of which are left out.
macro_rules! tiles {
    ($name:ident, [$($zero:literal),*], [$($multiply:literal),*], [$($store:literal),*]) => {
        unsafe fn $name(arguments: &Arguments, a_bytes: usize, b_bytes: usize) {
            // SAFETY: the caller's promise; the tiles of C are within the block, and nothing is left in the registers.
            unsafe {
                asm!(
                    "mov {n}, [{args}]",
                    "ldtilecfg [{n}]",
                    $($zero,)*
                    "mov {segment}, [{args} + 8]",
                    "mov {count}, [{args} + 16]",
                    "test {count}, {count}",
                    "jz 5f",
                    "2:",
                    "mov {upper}, [{segment}]",
                    "add {upper}, {upper}",
                    "add {upper}, [{args} + 32]",
                    "mov {lower}, {a_bytes}",
                    "shl {lower}, 4",
                    "add {lower}, {upper}",
                    "mov {b}, [{segment} + 8]",
                    "shl {b}, 2",
                    "add {b}, [{args} + 40]",
                    "mov {n}, [{args} + 24]",
                    "test {n}, {n}",
                    "jz 4f",
                    "3:",
                    $($multiply,)*
                    "add {upper}, 64",
                    "add {lower}, 64",
                    "lea {b}, [{b} + 8*{b_bytes}]",
                    "lea {b}, [{b} + 8*{b_bytes}]",
                    "dec {n}",
                    "jnz 3b",
                    "4:",
                    "add {segment}, 16",
                    "dec {count}",
                    "jnz 2b",
                    "5:",
                    "mov {b}, [{args} + 48]",
                    "mov {n}, 128",
                    $($store,)*
                    "tilerelease",
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
        "tileloadd tmm4, [{upper} + {a_bytes}*1]",
        "tileloadd tmm5, [{lower} + {a_bytes}*1]",
        "tileloadd tmm6, [{b} + {b_bytes}*1]",
        "tileloadd tmm7, [{b} + {b_bytes}*1 + 64]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7"
    ],
    [
        "tilestored [{b} + {n}*1], tmm0",
        "tilestored [{b} + {n}*1 + 64], tmm1",
        "tilestored [{b} + {n}*1 + 2048], tmm2",
        "tilestored [{b} + {n}*1 + 2112], tmm3"
    ]
);
tiles!(
    upper,
    ["tilezero tmm0", "tilezero tmm1"],
    [
        "tileloadd tmm4, [{upper} + {a_bytes}*1]",
        "tileloadd tmm6, [{b} + {b_bytes}*1]",
        "tileloadd tmm7, [{b} + {b_bytes}*1 + 64]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tdpbf16ps tmm1, tmm4, tmm7"
    ],
    ["tilestored [{b} + {n}*1], tmm0", "tilestored [{b} + {n}*1 + 64], tmm1"]
);
tiles!(
    left,
    ["tilezero tmm0", "tilezero tmm2"],
    [
        "tileloadd tmm4, [{upper} + {a_bytes}*1]",
        "tileloadd tmm5, [{lower} + {a_bytes}*1]",
        "tileloadd tmm6, [{b} + {b_bytes}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tdpbf16ps tmm2, tmm5, tmm6"
    ],
    ["tilestored [{b} + {n}*1], tmm0", "tilestored [{b} + {n}*1 + 2048], tmm2"]
);
tiles!(
    corner,
    ["tilezero tmm0"],
    ["tileloadd tmm4, [{upper} + {a_bytes}*1]", "tileloadd tmm6, [{b} + {b_bytes}*1]", "tdpbf16ps tmm0, tmm4, tmm6"],
    ["tilestored [{b} + {n}*1], tmm0"]
);

impl Dots for Tiles {
    #[inline(always)]
    unsafe fn block<const HEIGHT: usize, const WIDE: bool>(f: Operands, c: &mut Block) {
        let arguments = Arguments {
            layout: LAYOUTS[HEIGHT - 1].0.as_ptr(),
            segments: f.segments.as_ptr(),
            count: f.segments.len(),
            steps: f.pairs / PAIRS,
            a: f.a,
            b: f.b,
            c: c.0.as_mut_ptr(),
        };
        let (a_bytes, b_bytes) = (2 * f.a_row, 4 * f.b_row);
        // SAFETY: the caller's promise.
        unsafe {
            match (HEIGHT > PAIRS, WIDE) {
                (true, true) => all(&arguments, a_bytes, b_bytes),
                (false, true) => upper(&arguments, a_bytes, b_bytes),
                (true, false) => left(&arguments, a_bytes, b_bytes),
                (false, false) => corner(&arguments, a_bytes, b_bytes),
            }
        }
    }
}

impl Dots for Loop {
    unsafe fn block<const HEIGHT: usize, const WIDE: bool>(f: Operands, c: &mut Block) {
        let halves = |x: u32| [f32::from_bits(x << 16), f32::from_bits(x & 0xffff_0000)];
        for (i, c) in c.0.iter_mut().enumerate().take(HEIGHT * WIDTH) {
            let (row, col) = (i / WIDTH, i % WIDTH);
            *c = 0.0;
            for segment in f.segments {
                for pair in 0..if col < if WIDE { 32 } else { 16 } { f.pairs } else { 0 } {
                    // SAFETY: the caller's promise.
                    let [x, y] = unsafe {
                        let a = f.a.add(segment.a + row * f.a_row + 2 * pair).cast::<u32>().read_unaligned();
                        [a, *f.b.add(segment.b + pair * f.b_row + col)]
                    }
                    .map(halves);
                    *c += x[0] * y[0] + x[1] * y[1];
                }
            }
        }
    }
}
