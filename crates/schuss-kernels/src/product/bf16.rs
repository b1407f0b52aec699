//! Products of factors that are rounded to bfloat16, with the unit of AVX-512 that adds two products to a sum.
//!
//! Both factors are copied together in pairs of inner steps: A in blocks of rows, B in panels of two registers. What k
//! lacks to a whole pair is 0.

use super::{Matrix, Target, Tile};
use crate::lane::{Avx512, Register, for_rows};
use std::arch::x86_64::*;
use std::hint::black_box;
use std::ops::Range;
use std::sync::OnceLock;

/// The most rows of a strip.
const ROWS: usize = 14;
/// Pairs of two registers.
const WIDTH: usize = 32;
/// Pairs of A that a block has at most: they share the second-level cache with a panel.
const PAIRS: usize = 96 * 1024;

/// Does this machine have the unit, and is it faster than multiplying and adding f32? Intel's takes twice as long.
pub fn fast() -> bool {
    static FAST: OnceLock<bool> = OnceLock::new();
    *FAST.get_or_init(|| {
        let maker = __cpuid(0);
        let amd = [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD";
        amd && is_x86_feature_detected!("avx512bf16")
    })
}

/// As the plain products do; `tile` has room for a strip, `panel` for k rows of [`WIDTH`], `block` for 112 rows of k.
///
/// # Safety
/// The caller's promise, and [`fast`].
pub unsafe fn run(
    rows: Range<usize>,
    cols: Range<usize>,
    k: usize,
    a: Matrix,
    b: Matrix,
    tile: *mut f32,
    panel: *mut f32,
    block: &mut [f32],
    target: &mut Target,
) {
    let (pairs, panel) = (k.div_ceil(2), panel.cast::<u32>());
    let fits = block.len().min(PAIRS) / pairs.max(1) / ROWS * ROWS;
    let most = fits.max(ROWS).min(rows.len().max(1).next_multiple_of(ROWS));
    let block = block.as_mut_ptr().cast::<u32>();
    for row in rows.clone().step_by(most) {
        let rows = row..rows.end.min(row + most);
        // Pair j of row i is at i · row_step + j · pair_step.
        let (row_step, pair_step) = if a.row_stride == 1 { (1, most) } else { (pairs, 1) };
        // SAFETY: the caller's promise; the block has room for so many rows.
        unsafe {
            let a = Matrix { ptr: a.ptr.add(row * a.row_stride), ..a };
            if a.row_stride == 1 {
                pack_columns(k, rows.len(), a.ptr, a.col_stride, block, most);
            } else {
                pack_rows(k, rows.len(), a, block);
            }
            for col in cols.clone().step_by(WIDTH) {
                let cols = WIDTH.min(cols.end - col);
                let b = Matrix { ptr: b.ptr.add(col * b.col_stride), ..b };
                if b.col_stride == 1 {
                    pack_columns(k, cols, b.ptr, b.row_stride, panel, WIDTH);
                } else {
                    pack_panel(k, cols, b, panel);
                }
                let strips = rows.len().div_ceil(ROWS);
                let mut at = 0;
                for strip in 0..strips {
                    // Strips of equal height, but for one row.
                    let height = (rows.len() + strip) / strips;
                    let (to, stride, stored) = match *target {
                        Target::Tiles(_) => (tile, WIDTH, if cols > 16 { WIDTH } else { 16 }),
                        Target::Store { to, stride } => (to.add((row + at) * stride + col), stride, cols),
                    };
                    let a = block.add(at * row_step);
                    KERNELS[height - 1][usize::from(cols > 16)](
                        pairs, a, row_step, pair_step, panel, to, stride, stored,
                    );
                    if let Target::Tiles(epilogue) = target {
                        epilogue(Tile { row: row + at, col, rows: height, cols, ptr: tile, stride: WIDTH });
                    }
                    at += height;
                }
            }
        }
    }
}

/// Numbers of two rows, rounded, side by side: the first row's in the lower halves.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn pair(first: Avx512, second: Avx512) -> __m512i {
    let order: [u16; 32] = std::array::from_fn(|i| (i / 2 + i % 2 * 16) as u16);
    // SAFETY: both are 64 bytes of numbers.
    unsafe {
        let halves: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(second.0, first.0));
        _mm512_permutexvar_epi16(std::mem::transmute::<[u16; 32], __m512i>(order), halves)
    }
}

/// Pairs of rows of a matrix whose rows lie together: k rows of `cols` numbers, to rows of `stride` pairs. Places up to
/// whole registers, but no more than `stride`, are 0.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_columns(k: usize, cols: usize, from: *const f32, from_stride: usize, to: *mut u32, stride: usize) {
    for row in (0..k).step_by(2) {
        for col in (0..cols).step_by(16) {
            let (part, next) = (Avx512::part(cols - col), Avx512::part(if row + 1 < k { cols - col } else { 0 }));
            // SAFETY: the caller's promise; an empty part reads nothing.
            unsafe {
                let at = from.wrapping_add(row * from_stride + col);
                let (x, y) = (Avx512::load_part(at, part), Avx512::load_part(at.wrapping_add(from_stride), next));
                let whole = Avx512::part(stride - col);
                _mm512_mask_storeu_epi32(to.add(row / 2 * stride + col).cast(), whole, pair(x, y));
            }
        }
    }
}

/// Thirty-two numbers that lie a step apart, rounded; 0 behind the first `count`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn stretch(from: *const f32, step: usize, count: usize) -> __m512i {
    let mut gathered = [0.0f32; 32];
    let (from, step) = if step == 1 {
        (from, 16)
    } else {
        // SAFETY: the caller's promise.
        gathered.iter_mut().take(count).enumerate().for_each(|(i, x)| *x = unsafe { *from.add(i * step) });
        (gathered.as_ptr(), 16)
    };
    // SAFETY: the first `count` can be read; both are 64 bytes of numbers.
    unsafe {
        let x = Avx512::load_part(from, Avx512::part(count));
        let y = Avx512::load_part(from.wrapping_add(step), Avx512::part(count.saturating_sub(16)));
        std::mem::transmute(_mm512_cvtne2ps_pbh(y.0, x.0))
    }
}

/// Rows of pairs, one after another, from rows of k numbers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_rows(k: usize, rows: usize, a: Matrix, to: *mut u32) {
    let pairs = k.div_ceil(2);
    for row in 0..rows {
        for j in (0..k).step_by(32) {
            // SAFETY: the caller's promise; the row has `pairs` places.
            unsafe {
                let x = stretch(a.ptr.add(row * a.row_stride + j * a.col_stride), a.col_stride, (k - j).min(32));
                _mm512_mask_storeu_epi32(to.add(row * pairs + j / 2).cast(), Avx512::part(pairs - j / 2), x);
            }
        }
    }
}

/// A panel of B whose columns lie together, or whose numbers lie anywhere.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_panel(k: usize, cols: usize, b: Matrix, to: *mut u32) {
    for col in (0..cols).step_by(16) {
        for row in (0..k).step_by(32) {
            let mut block = [Avx512(_mm512_setzero_ps()); 16];
            for (j, x) in block.iter_mut().enumerate().take(cols - col) {
                // SAFETY: numbers of column `col + j` from `row` on.
                *x = Avx512(_mm512_castsi512_ps(unsafe {
                    stretch(b.ptr.add((col + j) * b.col_stride + row * b.row_stride), b.row_stride, (k - row).min(32))
                }));
            }
            for (i, x) in Avx512::transpose(block).into_iter().enumerate().take((k - row).div_ceil(2)) {
                // SAFETY: row `row / 2 + i` of the panel has 32 places, 16 from `col` on.
                unsafe { x.store(to.add((row / 2 + i) * WIDTH + col).cast()) };
            }
        }
    }
}

/// `kernel(pairs, a, row_step, pair_step, b, c, c_stride, c_cols)`
type Kernel = unsafe fn(usize, *const u32, usize, usize, *const u32, *mut f32, usize, usize);

/// By rows − 1, and whether the columns need a second register.
const KERNELS: [[Kernel; 2]; ROWS] = {
    macro_rules! kernels {
        ($($rows:literal)*) => { [$([kernel::<$rows, 1>, kernel::<$rows, 2>]),*] };
    }
    kernels!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
};

/// ROWS × `c_cols` elements of C, held in ROWS × REGISTERS registers while the pairs run.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,avx2,fma")]
unsafe fn kernel<const ROWS: usize, const REGISTERS: usize>(
    pairs: usize,
    a: *const u32,
    row_step: usize,
    pair_step: usize,
    b: *const u32,
    c: *mut f32,
    c_stride: usize,
    c_cols: usize,
) {
    let last = REGISTERS - 1;
    let stored = Avx512::part(c_cols - last * 16);
    let mut sums = [[_mm512_setzero_ps(); REGISTERS]; ROWS];
    // As in the plain kernel: rows in threes of five, and offsets that the compiler must not see through.
    let offsets: [usize; 5] = std::array::from_fn(|i| black_box(i * row_step));
    let mut a_k: [*const u32; 3] = std::array::from_fn(|i| black_box(a.wrapping_add(5 * i * row_step)));
    let mut b_k = b;
    // SAFETY: the caller's promise; the pointers are not read after their last step.
    unsafe {
        for _ in 0..pairs {
            let y: [__m512bh; REGISTERS] =
                std::array::from_fn(|j| std::mem::transmute(_mm512_loadu_si512(b_k.add(j * 16).cast())));
            for_rows!(i < ROWS: {
                let x = _mm512_set1_epi32((*a_k[i / 5].add(offsets[i % 5])).cast_signed());
                for (sum, y) in sums[i].iter_mut().zip(y) {
                    *sum = _mm512_dpbf16_ps(*sum, std::mem::transmute::<__m512i, __m512bh>(x), y);
                }
            });
            a_k = a_k.map(|a| a.wrapping_add(pair_step));
            b_k = b_k.wrapping_add(WIDTH);
        }
        for_rows!(i < ROWS: {
            let c = c.add(i * c_stride);
            for (j, sum) in sums[i].iter().enumerate().take(last) {
                Avx512(*sum).store(c.add(j * 16));
            }
            Avx512(sums[i][last]).store_part(c.add(last * 16), stored);
        });
    }
}
