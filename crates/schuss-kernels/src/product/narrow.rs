//! Few columns of C, where the columns of A lie together: rows side by side in registers, which columns would fill in part
//! only.

use super::{Matrix, Narrow};
use crate::lane::{Avx512, Lane, Register};

/// By columns, less one.
pub const NARROW: &[Narrow] = &[
    narrow::<1>,
    narrow::<2>,
    narrow::<3>,
    narrow::<4>,
    narrow::<5>,
    narrow::<6>,
    narrow::<7>,
    narrow::<8>,
    narrow::<9>,
    narrow::<10>,
    narrow::<11>,
    narrow::<12>,
];

/// `rows` × N elements of C, stored with zeros up to `c_cols`, which is 16 at most. Each is the same chain as in
/// [`super::kernel`].
///
/// # Safety
/// The columns of A lie together, `rows` × k of it and k × N of B can be read, `rows` × `c_cols` of C written.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
unsafe fn narrow<const N: usize>(
    k: usize,
    rows: usize,
    a: Matrix,
    b: Matrix,
    c: *mut f32,
    c_stride: usize,
    c_cols: usize,
) {
    let parts = [Avx512::part(rows), Avx512::part(rows.saturating_sub(16))];
    let mut sums = [[Avx512::splat(0.0); 2]; N];
    let (mut a_k, mut b_k) = (a.ptr, b.ptr);
    // SAFETY: the caller's promise; an empty part reads nothing, the pointers are not read after their last step.
    unsafe {
        for _ in 0..k {
            let x = [Avx512::load_part(a_k, parts[0]), Avx512::load_part(a_k.wrapping_add(16), parts[1])];
            for (j, sums) in sums.iter_mut().enumerate() {
                let y = Avx512::splat(f64::from(*b_k.add(j * b.col_stride)));
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = x.times_plus(y, *sum);
                }
            }
            (a_k, b_k) = (a_k.wrapping_add(a.col_stride), b_k.wrapping_add(b.row_stride));
        }
        let stored = Avx512::part(c_cols);
        for i in 0..2 {
            let mut columns = [Avx512::splat(0.0); 16];
            columns.iter_mut().zip(&sums).for_each(|(column, sums)| *column = sums[i]);
            let height = rows.saturating_sub(16 * i).min(16);
            for (row, x) in Avx512::transpose(columns).iter().enumerate().take(height) {
                x.store_part(c.add((16 * i + row) * c_stride), stored);
            }
        }
    }
}
