//! Products of factors that are rounded to bfloat16, on Intel's AMX: tiles of 16 rows of 64 bytes, of which one
//! instruction multiplies two and adds the result to a third.
//!
//! They are used only on a machine on which they have first given what a loop in their place gives; with the loop, all that is
//! around them is tested on other machines too, and an emulator runs the instructions (`cargo xtask amx`).
//! Formats: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.

use super::bf16::WIDTH;
use super::{Matrix, Segment, Target, Tile};
use crate::lane::{Avx512, Register};
use crate::tape::BLOCK;
use std::arch::asm;
use std::arch::x86_64::*;
use std::cell::Cell;
use std::ops::Range;
use std::sync::OnceLock;

mod pack;
mod tiles;

use pack::pack_strips;
pub use pack::{pack_block, paired_rows, turned_rows};
use tiles::Block;
pub use tiles::{Dots, Loop, Operands, Sums, Tiles};

/// Rows of a strip: two tiles.
pub const ROWS: usize = 32;
/// Pairs of inner steps of a tile.
pub const PAIRS: usize = 16;
/// Inner steps of a tile.
pub const STEP: usize = 2 * PAIRS;
/// Tiles' steps between two looks at the sums: what is multiplied meanwhile stays in the first level of the cache.
const STEPS: usize = 8;
/// Words of two tiles beside or above each other.
pub const TILES: usize = STEP * WIDTH / 2;
/// Numbers of A that are copied at a time, about: half of them stay in the second level of the cache.
const COPIED: usize = 1 << 19;

/// Does this machine have the instructions, may this process use them, and do they give what is expected?
pub fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let leaf = if __cpuid(0).eax >= 7 { __cpuid_count(7, 0).edx } else { 0 };
        let (bf16, tiles) = (leaf & (1 << 22) != 0, leaf & (1 << 24) != 0);
        // SAFETY: the machine has the instructions, and the system lets this process use them.
        bf16 && tiles && is_x86_feature_detected!("avx512bf16") && permitted() && unsafe { agrees() }
    })
}

/// Asks the system for the tiles' registers, which a process may use once it has asked.
#[cfg(target_os = "linux")]
fn permitted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const TILE_DATA: i64 = 18;
    let mut answer = ARCH_PRCTL;
    // SAFETY: this call reads no memory of ours; it changes rcx and r11, as every call does.
    unsafe {
        asm!("syscall", inout("rax") answer, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") TILE_DATA,
            out("rcx") _, out("r11") _, options(nostack));
    }
    answer == 0
}

#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

/// Do the instructions and the loop agree, up to the order of their sums, for every tile that is left out?
unsafe fn agrees() -> bool {
    // SAFETY: the caller's promise.
    unsafe { agree([16, 16], true) && agree([9, 0], true) && agree([16, 9], false) && agree([16, 0], false) }
}

unsafe fn agree(rows: [usize; 2], wide: bool) -> bool {
    let number = |i: usize| (i * 37 % 101) as f32 / 101.0 - 0.5;
    let halves = |i: usize| u32::from((number(i).to_bits() >> 16) as u16) | (number(i + 7).to_bits() & 0xffff_0000);
    // Rows further apart than they are long, and two stretches.
    let (pairs, a_row, b_row) = (2 * PAIRS, 150, WIDTH + 5);
    let segments = &[Segment { a: 0, b: 0 }, Segment { a: 80, b: 3 * b_row }];
    let a: Vec<u32> = (0..ROWS * a_row / 2 + 80).map(halves).collect();
    let b: Vec<u32> = (0..(pairs + 4) * b_row).map(|i| halves(3 * i + 1)).collect();
    let (a, a_lower) = (a.as_ptr().cast(), PAIRS * a_row);
    let factors = Operands { segments, pairs, a, a_row, a_step: STEP, a_lower, b: b.as_ptr(), b_row };
    let (mut found, mut wanted) = (Block([0.5; ROWS * WIDTH]), Block([0.5; ROWS * WIDTH]));
    // SAFETY: the caller's promise; the arrays have these sizes.
    unsafe {
        for add in [false, true] {
            let sums = |c: &mut Block| Sums { c: c.0.as_mut_ptr(), c_row: WIDTH, c_lower: PAIRS * WIDTH, add };
            Tiles::lay_out(rows);
            Tiles::block(rows, wide, factors, sums(&mut found));
            Loop::block(rows, wide, factors, sums(&mut wanted));
        }
        tiles::release();
    }
    found.0.iter().zip(&wanted.0).all(|(x, y)| (x - y).abs() <= 1e-4)
}

/// Floating-point operations that this thread's tiles do in so many rounds of four products of whole tiles.
///
/// # Panics
/// If this machine does not have the instructions.
pub fn multiply(rounds: usize) -> usize {
    assert!(available(), "this machine has no AMX");
    let ones = Block([f32::from_bits(0x3f80_3f80); ROWS * WIDTH]);
    let factors = Operands {
        segments: &[Segment { a: 0, b: 0 }],
        pairs: rounds * PAIRS,
        a: ones.0.as_ptr().cast(),
        a_row: STEP,
        a_step: 0,
        a_lower: 0,
        b: ones.0.as_ptr().cast(),
        b_row: 0,
    };
    let mut block = Block([0.0; ROWS * WIDTH]);
    // SAFETY: the instructions are there; both factors are read at the same places again and again.
    unsafe {
        let sums = Sums { c: block.0.as_mut_ptr(), c_row: WIDTH, c_lower: PAIRS * WIDTH, add: false };
        Tiles::lay_out([PAIRS; 2]);
        Tiles::block([PAIRS; 2], true, factors, sums);
        tiles::release();
    }
    std::hint::black_box(block.0[0]);
    2 * ROWS * WIDTH * STEP * rounds
}

thread_local! {
    /// The rows that this thread's tiles are laid out for; 0 for none. (Laying them out takes as long as five steps of four.)
    static ROWS_NOW: Cell<[usize; 2]> = const { Cell::new([0; 2]) };
}

/// Gives the tiles' registers back, if this thread has them: a thread that holds them takes longer to switch to.
pub fn release_tiles() {
    if ROWS_NOW.replace([0; 2]) != [0; 2] {
        // SAFETY: they were laid out, so the machine has the instructions.
        unsafe { tiles::release() };
    }
}

/// The rows of a strip as tiles.
pub fn halved(rows: usize) -> [usize; 2] {
    [rows.min(PAIRS), rows.saturating_sub(PAIRS)]
}

/// Upper and lower rows of up to 16 or 32 columns of C, or what is added to them.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
pub unsafe fn dots<D: Dots>(rows: [usize; 2], wide: bool, factors: Operands, sums: Sums, cols: usize) {
    // SAFETY: the caller's promise; what is not whole columns is computed in a block of its own.
    unsafe {
        if D::REGISTERS && ROWS_NOW.replace(rows) != rows {
            D::lay_out(rows);
        }
        if cols == if wide { WIDTH } else { 16 } {
            return D::block(rows, wide, factors, sums);
        }
        let parts = [Avx512::part(cols), Avx512::part(cols.saturating_sub(16))];
        let mut block = Block([0.0; ROWS * WIDTH]);
        let own = Sums { c: block.0.as_mut_ptr(), c_row: WIDTH, c_lower: PAIRS * WIDTH, ..sums };
        let registers = |s: Sums| {
            let rows = (0..2).flat_map(move |lower| (0..rows[lower]).map(move |row| lower * s.c_lower + row * s.c_row));
            rows.flat_map(move |at| [0, 1].map(|i| (s.c.wrapping_add(at + 16 * i), i)))
        };
        if sums.add {
            for ((from, i), (to, _)) in registers(sums).zip(registers(own)) {
                Avx512::load_part(from, parts[i]).store(to);
            }
        }
        D::block(rows, wide, factors, own);
        for ((to, i), (from, _)) in registers(sums).zip(registers(own)) {
            Avx512::load(from).store_part(to, parts[i]);
        }
    }
}

/// How a product is cut.
struct Cut {
    /// Steps of tiles.
    steps: usize,
    /// Of these at a time, about.
    stretches: usize,
    /// Rows of A that are copied at a time.
    rows: usize,
    /// Of these, rows whose sums wait for the next stretch, or are finished before the next.
    waiting: usize,
    /// Panels of B that are multiplied side by side.
    beside: usize,
}

impl Cut {
    fn new(m: usize, k: usize) -> Self {
        let steps = k.div_ceil(STEP).max(1);
        let stretches = steps.div_ceil(STEPS);
        let rows = (COPIED / (steps * STEP)).clamp(4 * ROWS, 8 * ROWS).min(m.next_multiple_of(ROWS).max(ROWS));
        // A single stretch leaves no sums behind: a strip is finished at once, for as many columns as a tile has room for.
        let (waiting, beside) = if stretches == 1 { (ROWS, BLOCK / ROWS / WIDTH) } else { (rows, 1) };
        Cut { steps, stretches, rows, waiting, beside }
    }
    /// Numbers of the sums, of A and of B.
    fn lens(&self, parts: usize) -> [usize; 3] {
        let most = self.steps.div_ceil(self.stretches);
        let (sums, a) = (self.waiting * self.beside * WIDTH, self.rows / ROWS * parts * self.steps * TILES);
        [sums, a, self.beside * parts * most * TILES]
    }
    /// The i-th stretch of steps.
    fn stretch(&self, i: usize) -> Range<usize> {
        i * self.steps / self.stretches..(i + 1) * self.steps / self.stretches
    }
}

/// Numbers of scratch memory for a product.
pub fn scratch_len(m: usize, k: usize, parts: usize) -> usize {
    super::LINE + Cut::new(m, k).lens(parts).iter().sum::<usize>()
}

/// As `super::run`, with factors that are rounded, or cut into two parts of which the three greater products are added.
pub unsafe fn run<D: Dots, const PARTS: usize>(
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    scratch: &mut [f32],
    mut target: Target,
) {
    let cut = Cut::new(rows.len(), k);
    let start = scratch.as_ptr().align_offset(super::LINE * size_of::<f32>());
    let [sums_len, a_len, _] = cut.lens(PARTS);
    let (sums, rest) = scratch[start..].split_at_mut(sums_len);
    let (strips, panels) = rest.split_at_mut(a_len);
    let (sums, strips, panels) = (sums.as_mut_ptr(), strips.as_mut_ptr(), panels.as_mut_ptr());
    let strip_len = PARTS * cut.steps * TILES;
    for first in rows.clone().step_by(cut.rows) {
        let all = first..rows.end.min(first + cut.rows);
        let count = all.len().div_ceil(ROWS);
        // Strips of equal height, but for one row.
        let strip = |i: usize| all.start + i * all.len() / count..all.start + (i + 1) * all.len() / count;
        // SAFETY: the rows are within A; there is room for them.
        unsafe { pack_strips::<PARTS>(k, count, &strip, a, strips) };
        for col in cols.clone().step_by(cut.beside * WIDTH) {
            let width = (cols.end - col).min(cut.beside * WIDTH);
            let waits = cut.stretches > 1;
            let whole = width.next_multiple_of(16);
            for stretch in 0..cut.stretches {
                let steps = cut.stretch(stretch);
                let panel_len = PARTS * steps.len() * TILES;
                let from = steps.start * STEP;
                for (i, at) in (0..width).step_by(WIDTH).enumerate() {
                    let ptr = b.ptr.wrapping_add(from * b.row_stride + (col + at) * b.col_stride);
                    let inner = k.saturating_sub(from).min(steps.len() * STEP);
                    // SAFETY: within B, and in scratch memory for so many panels.
                    unsafe {
                        let from = Matrix { ptr, ..b };
                        pack_block::<PARTS>(inner, steps.len(), WIDTH.min(width - at), from, panels.add(i * panel_len));
                    }
                }
                let (upper, left) = (2 * cut.steps * TILES, steps.len() * TILES);
                // The small products first: their sum loses less.
                let all_segments = [Segment { a: upper, b: 0 }, Segment { a: 0, b: left }, Segment { a: 0, b: 0 }];
                let segments = if PARTS == 1 { &all_segments[2..] } else { &all_segments[..] };
                for i in 0..count {
                    let (height, row) = (strip(i).len(), strip(i).start - all.start);
                    let place = if waits { row } else { 0 };
                    for (j, at) in (0..width).step_by(WIDTH).enumerate() {
                        let (cols, wide) = (WIDTH.min(width - at), width - at > 16);
                        // SAFETY: what was copied; sums of these rows, or their places in C.
                        unsafe {
                            let factors = Operands {
                                segments,
                                pairs: steps.len() * PAIRS,
                                a: strips.add(i * strip_len + steps.start * TILES).cast::<u16>(),
                                a_row: STEP,
                                a_step: STEP * ROWS,
                                a_lower: STEP * PAIRS,
                                b: panels.add(j * panel_len).cast::<u32>(),
                                b_row: WIDTH,
                            };
                            let registers = if wide { WIDTH } else { 16 };
                            let (to, stride, stored) = match target {
                                Target::Store { to, stride } => {
                                    (to.wrapping_add(strip(i).start * stride + col + at), stride, cols)
                                }
                                Target::Tiles(..) => (sums.add(place * whole + at), whole, registers),
                            };
                            let add = stretch > 0;
                            let sums = Sums { c: to, c_row: stride, c_lower: PAIRS * stride, add };
                            dots::<D>(halved(height), wide, factors, sums, stored);
                        }
                    }
                    if !waits {
                        hand_on(all.start + row, col, height, width, sums, &mut target);
                    }
                }
            }
            if waits {
                hand_on(all.start, col, all.len(), width, sums, &mut target);
            }
        }
    }
}

/// Hands sums on, some rows at a time.
fn hand_on(row: usize, col: usize, rows: usize, cols: usize, sums: *mut f32, target: &mut Target) {
    let Target::Tiles(epilogue, _) = target else { return };
    let stride = cols.next_multiple_of(16);
    for at in (0..rows).step_by(BLOCK / stride) {
        let rows = (rows - at).min(BLOCK / stride);
        epilogue(Tile { row: row + at, col, rows, cols, ptr: sums.wrapping_add(at * stride), stride });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::Beside;
    use crate::{Buffer, math};

    fn number(i: usize) -> f32 {
        (i * 37 % 101) as f32 / 101.0 - 0.5 + (i % 7) as f32 / 1024.0
    }

    /// What the tiles see of a number.
    fn seen<const PARTS: usize>(x: f32) -> [f32; 2] {
        let near = math::bfloat16(x);
        [near, if PARTS == 2 { math::bfloat16(x - near) } else { 0.0 }]
    }

    fn right<const PARTS: usize>(m: usize, n: usize, k: usize, a_lies: [usize; 2], b_lies: [usize; 2], stored: bool) {
        let a: Vec<f32> = (0..m * k * 2).map(number).collect();
        let b: Vec<f32> = (0..k * n * 2).map(|i| number(5 * i + 3)).collect();
        let matrix =
            |x: &[f32], [row_stride, col_stride]: [usize; 2]| Matrix { ptr: x.as_ptr(), row_stride, col_stride };
        let (left, right) = (matrix(&a, a_lies), matrix(&b, b_lies));
        let at = |x: Matrix, i: usize, j: usize| {
            // SAFETY: within the array.
            seen::<PARTS>(unsafe { *x.ptr.add(i * x.row_stride + j * x.col_stride) }).map(f64::from)
        };
        let mut c = vec![7.0; m * n];
        let mut scratch = Buffer::zeros(scratch_len(m, k, PARTS));
        scratch.fill(f32::NAN);
        let to = c.as_mut_ptr();
        let mut epilogue = |tile: Tile| {
            for (i, j) in (0..tile.rows).flat_map(|i| (0..tile.cols).map(move |j| (i, j))) {
                // SAFETY: within the tile and C.
                unsafe { *to.add((tile.row + i) * n + tile.col + j) = *tile.ptr.add(i * tile.stride + j) };
            }
        };
        let target =
            if stored { Target::Store { to, stride: n } } else { Target::Tiles(&mut epilogue, Beside::default()) };
        // SAFETY: the arrays have these sizes, and the loop needs no instructions of AMX.
        unsafe { run::<Loop, PARTS>(0..m, 0..n, k, left, right, &mut scratch, target) };
        for (i, c) in c.iter().enumerate() {
            let one = |p| {
                let ([x, dx], [y, dy]) = (at(left, i / n, p), at(right, p, i % n));
                x * y + x * dy + dx * y
            };
            let exact: f64 = (0..k).map(one).sum();
            let what = format!("{PARTS} parts, {m}x{n}x{k}, A {a_lies:?}, B {b_lies:?}");
            assert!((f64::from(*c) - exact).abs() < 1e-4, "{what}: number {i} is {c} for {exact}");
        }
    }

    /// All that is around the instructions, for every tail and every way that factors lie.
    #[test]
    fn products_around_the_instructions_are_right() {
        if !is_x86_feature_detected!("avx512bf16") || !crate::Isa::Avx512.available() {
            return;
        }
        let sizes = [(1, 1, 1), (33, 40, 31), (32, 32, 32), (65, 70, 33), (100, 17, 64), (5, 100, 130), (70, 33, 300)];
        for (m, n, k) in sizes.into_iter().chain([(300, 20, 290), (3, 5, 0)]) {
            for a_lies in [[k, 1], [1, m], [2, 2 * m]] {
                for b_lies in [[n, 1], [1, k], [2 * n, 2]] {
                    for stored in [false, true] {
                        right::<1>(m, n, k, a_lies, b_lies, stored);
                        right::<2>(m, n, k, a_lies, b_lies, stored);
                    }
                }
            }
        }
    }
}
