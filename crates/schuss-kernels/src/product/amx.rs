//! Products of factors that are rounded to bfloat16, on Intel's AMX: tiles of 16 rows of 64 bytes, of which one
//! instruction multiplies two and adds the result to a third.
//!
//! **Never run on a processor that has it**, as none was at hand, and so never timed. The instructions were run in an emulator
//! (`cargo xtask amx`); what is around them is tested with a loop in their place; and they are used only on a machine on which
//! they have first given what that loop gives.
//! Formats: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.

use super::bf16::{WIDTH, pack, stretch};
use super::{Kernel, Kernels, Matrix, Segment};
use crate::lane::{Avx512, Register};
use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::OnceLock;

mod tiles;

use tiles::Block;
pub use tiles::{Dots, Loop, Operands, Tiles};

/// Rows of a strip: two tiles.
pub const ROWS: usize = 32;
/// Pairs of inner steps of a tile.
pub const PAIRS: usize = 16;

macro_rules! kernels {
    ($dots:ty: $($rows:literal)*) => {{
        const ALL: &[[Kernel; 2]] = &[$([kernel::<$dots, $rows, false>, kernel::<$dots, $rows, true>]),*];
        let (pack, pack_strip): (crate::product::Pack, crate::product::Pack) = (pack_panel, pack_strip);
        Kernels {
            strip: Some(pack_strip),
            copies: true,
            pairs: true,
            unit: 2 * PAIRS,
            ..Kernels::new(16, ROWS, ALL, pack)
        }
    }};
    ($dots:ty) => {
        kernels!($dots: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
    };
}

pub(super) static KERNELS: Kernels = kernels!(Tiles);

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
    unsafe { agree::<32, true>() && agree::<9, true>() && agree::<25, false>() && agree::<16, false>() }
}

unsafe fn agree<const HEIGHT: usize, const WIDE: bool>() -> bool {
    let number = |i: usize| (i * 37 % 101) as f32 / 101.0 - 0.5;
    let halves = |i: usize| u32::from((number(i).to_bits() >> 16) as u16) | (number(i + 7).to_bits() & 0xffff_0000);
    // Rows further apart than they are long, and two stretches.
    let (pairs, a_row, b_row) = (2 * PAIRS, 150, WIDTH + 5);
    let segments = &[Segment { a: 0, b: 0 }, Segment { a: 80, b: 3 * b_row }];
    let a: Vec<u32> = (0..ROWS * a_row / 2 + 80).map(halves).collect();
    let b: Vec<u32> = (0..(pairs + 4) * b_row).map(|i| halves(3 * i + 1)).collect();
    let factors = Operands { segments, pairs, a: a.as_ptr().cast(), a_row, b: b.as_ptr(), b_row };
    let (mut found, mut wanted) = (Block::zeros(), Block::zeros());
    // SAFETY: the caller's promise; the arrays have these sizes.
    unsafe {
        Tiles::block::<HEIGHT, WIDE>(factors, &mut found);
        Loop::block::<HEIGHT, WIDE>(factors, &mut wanted);
    }
    found.0.iter().zip(&wanted.0).all(|(x, y)| (x - y).abs() <= 1e-4)
}

/// Copies k rows of `cols` numbers together in pairs of rows, and zeros up to whole tiles.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn pack_panel(k: usize, cols: usize, from: Matrix, to: *mut f32) {
    let (pairs, all) = (k.div_ceil(2), k.next_multiple_of(2 * PAIRS) / 2);
    // SAFETY: the caller's promise; a pair takes the place of a number.
    unsafe {
        pack(k, cols, from, to);
        std::slice::from_raw_parts_mut(to.add(pairs * WIDTH), (all - pairs) * WIDTH).fill(0.0);
    }
}

/// Copies `rows` columns of k numbers together as rows of pairs, with zeros up to whole tiles.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_strip(k: usize, rows: usize, from: Matrix, to: *mut f32) {
    let all = k.next_multiple_of(2 * PAIRS) / 2;
    for row in 0..ROWS {
        for j in (0..2 * all).step_by(32) {
            let count = if row < rows { k.saturating_sub(j).min(32) } else { 0 };
            // SAFETY: the caller's promise; the row has `all` places.
            unsafe {
                let at = from.ptr.wrapping_add(row * from.col_stride + j * from.row_stride);
                _mm512_storeu_si512(to.add(row * all + j / 2).cast(), stretch(at, from.row_stride, count));
            }
        }
    }
}

/// HEIGHT × `c_cols` elements of C, or what is added to them.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
pub unsafe fn dots<D: Dots, const HEIGHT: usize, const WIDE: bool>(
    factors: Operands,
    c: *mut f32,
    c_stride: usize,
    c_cols: usize,
    add: bool,
) {
    let mut block = Block::zeros();
    let parts = [Avx512::part(c_cols), Avx512::part(c_cols.saturating_sub(16))];
    // SAFETY: the caller's promise.
    unsafe {
        D::block::<HEIGHT, WIDE>(factors, &mut block);
        for (row, from) in block.0.chunks_exact(WIDTH).enumerate().take(HEIGHT) {
            for (i, part) in parts.into_iter().enumerate().take(if WIDE { 2 } else { 1 }) {
                let to = c.add(row * c_stride + 16 * i);
                let sum = Avx512::load(from.as_ptr().add(16 * i));
                let sum = if add { sum + Avx512::load_part(to, part) } else { sum };
                sum.store_part(to, part);
            }
        }
    }
}

/// The same as a kernel of matrices.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
unsafe fn kernel<D: Dots, const HEIGHT: usize, const WIDE: bool>(
    pairs: usize,
    _cols: usize,
    a: Matrix,
    b: *const f32,
    _b_stride: usize,
    c: *mut f32,
    c_stride: usize,
    c_cols: usize,
) {
    let (segments, a_row) = (&[Segment { a: 0, b: 0 }], 2 * a.row_stride);
    let factors = Operands { segments, pairs, a: a.ptr.cast(), a_row, b: b.cast(), b_row: WIDTH };
    // SAFETY: the caller's promise: strips and panels are packed up to whole tiles.
    unsafe { dots::<D, HEIGHT, WIDE>(factors, c, c_stride, c_cols, false) }
}

#[cfg(test)]
mod tests {
    use super::super::{Target, run};
    use super::*;
    use crate::{Buffer, math};

    /// A loop in the place of the instructions.
    static EMULATED: Kernels = kernels!(Loop);

    /// All that is around the instructions, for every tail.
    #[test]
    fn blocks_around_the_instructions_are_right() {
        if !is_x86_feature_detected!("avx512bf16") || !crate::Isa::Avx512.available() {
            return;
        }
        let number = |i: usize| (i * 37 % 101) as f32 / 101.0 - 0.5;
        for (m, n, k) in [(1, 1, 1), (33, 40, 31), (32, 32, 32), (65, 70, 33), (100, 17, 64), (5, 100, 130)] {
            for turned in [false, true] {
                let a: Vec<f32> = (0..m * k).map(number).collect();
                let b: Vec<f32> = (0..k * n).map(|i| number(5 * i + 3)).collect();
                let matrix = |x: &[f32], rows: usize, cols: usize| Matrix {
                    ptr: x.as_ptr(),
                    row_stride: if turned { 1 } else { cols },
                    col_stride: if turned { rows } else { 1 },
                };
                let (left, right) = (matrix(&a, m, k), matrix(&b, k, n));
                let at = |x: Matrix, i: usize, j: usize| {
                    // SAFETY: within the array.
                    math::bfloat16(unsafe { *x.ptr.add(i * x.row_stride + j * x.col_stride) })
                };
                let mut c = vec![7.0; m * n];
                let mut scratch = Buffer::zeros(EMULATED.scratch_len(m, k));
                let target = Target::Store { to: c.as_mut_ptr(), stride: n };
                // SAFETY: the arrays have these sizes, and the loop needs no instructions of AMX.
                unsafe { run(&EMULATED, 0..m, 0..n, k, left, right, &mut scratch, target) };
                for (i, c) in c.iter().enumerate() {
                    let exact: f64 =
                        (0..k).map(|p| f64::from(at(left, i / n, p)) * f64::from(at(right, p, i % n))).sum();
                    assert!((f64::from(*c) - exact).abs() < 1e-4, "{m}x{n}x{k} {turned} {i}: {c} for {exact}");
                }
            }
        }
    }
}
