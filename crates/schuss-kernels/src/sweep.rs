//! A rule that changes each element of an array from its own old value, one derivative, and a few numbers kept beside
//! it: compiled once per instruction set into a sweep over a block.

use crate::Isa;
#[cfg(target_arch = "aarch64")]
use crate::lane::Neon;
#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512};
use crate::lane::{Lane, Register, Wide, prefetch};
use crate::recording::Recording;

mod packed;
pub use packed::Packed;

/// A few lanes: what a rule is given (`At`), or what it keeps beside an element (`State`).
pub trait Lanes<L: Lane>: Copy {
    /// How many.
    const COUNT: usize;
    /// Takes the i-th from `f(i)`.
    fn gather(f: impl FnMut(usize) -> L) -> Self;
    /// The i-th.
    fn get(&self, i: usize) -> L;
}

impl<L: Lane, const N: usize> Lanes<L> for [L; N] {
    const COUNT: usize = N;
    #[inline(always)]
    fn gather(mut f: impl FnMut(usize) -> L) -> Self {
        // Not `from_fn`: what it is made of is not always inlined into a function that enables more instructions.
        let mut out = [if N > 0 { f(0) } else { L::splat(0.0) }; N];
        for (i, x) in out.iter_mut().enumerate().skip(1) {
            *x = f(i);
        }
        out
    }
    #[inline(always)]
    fn get(&self, i: usize) -> L {
        self[i]
    }
}

/// A pure function of one element. Written without `if` on values: comparisons give masks, [`Lane::select`] chooses.
/// `step` needs `#[inline(always)]` to become vector code.
pub trait Elementwise: Send + Sync + 'static {
    /// Numbers that are the same for every element of a step.
    type At<L: Lane>: Lanes<L>;
    /// Numbers kept beside each element from step to step.
    type State<L: Lane>: Lanes<L>;
    /// New element and new state, from the old ones and the derivative `g`.
    fn step<L: Lane>(at: Self::At<L>, theta: L, g: L, state: Self::State<L>) -> (L, Self::State<L>);
}

/// The most numbers that a rule may keep beside an element.
pub const MOST_SLOTS: usize = 8;

type Reference = fn(&[f64], &mut [f64], &[f64], &mut [Vec<f64>]);
type Block = unsafe fn(&[f32], usize, usize, *mut f32, usize, *const f32, usize, &[*mut f32], bool) -> bool;

/// A rule, compiled for every instruction set.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    at: usize,
    slots: usize,
    plain: [Block; Isa::ALL.len()],
    packed: [packed::Run; Isa::ALL.len()],
    reference: Reference,
    record: fn() -> Recording,
}

impl Sweep {
    /// The sweep of a rule.
    pub fn of<R: Elementwise>() -> Sweep {
        let slots = <R::State<f32> as Lanes<f32>>::COUNT;
        assert!(slots <= MOST_SLOTS, "a rule may keep at most {MOST_SLOTS} numbers beside an element, not {slots}");
        Sweep {
            at: 1 + <R::At<f32> as Lanes<f32>>::COUNT,
            slots,
            plain: [
                sweep::<Wide, R>,
                #[cfg(target_arch = "aarch64")]
                sweep::<Neon, R>,
                #[cfg(target_arch = "x86_64")]
                sweep_avx2::<R>,
                #[cfg(target_arch = "x86_64")]
                sweep_avx512::<R>,
            ],
            packed: [
                packed::sweep::<Wide, R>,
                #[cfg(target_arch = "aarch64")]
                packed::sweep::<Neon, R>,
                #[cfg(target_arch = "x86_64")]
                packed_avx2::<R>,
                #[cfg(target_arch = "x86_64")]
                packed_avx512::<R>,
            ],
            reference: reference::<R>,
            record: Recording::of::<R>,
        }
    }

    /// How many numbers a sweep is given that are the same for every element: first the factor that each element is
    /// multiplied with before the rule sees it, then the rule's own.
    pub fn at(&self) -> usize {
        self.at
    }

    /// How many numbers it keeps beside each element.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The rule's operations, written down.
    pub fn recording(&self) -> Recording {
        (self.record)()
    }

    /// Sweeps over a block of `rows` × `cols`. Row r of `theta` and of every state starts `r · stride` after its
    /// pointer, row r of `g` `r · g_stride` after `g`. An element's result is the same bits wherever it stands in
    /// whatever block, and on every instruction set. False if any new number is not finite. With `ahead`, as many rows below
    /// the block are asked for.
    ///
    /// # Safety
    /// This machine has `isa`; `theta` and the states can be written, `g` can be read, at every element of the block;
    /// no two of them overlap.
    ///
    /// # Panics
    /// If there are not `at()` numbers or not `slots()` states.
    pub unsafe fn run_block(
        &self,
        isa: Isa,
        at: &[f32],
        rows: usize,
        cols: usize,
        theta: *mut f32,
        stride: usize,
        g: *const f32,
        g_stride: usize,
        states: &[*mut f32],
        ahead: bool,
    ) -> bool {
        assert!(at.len() == self.at && states.len() == self.slots, "wrong count of numbers or states");
        // SAFETY: the counts are right, the rest is the caller's promise.
        unsafe { self.plain[isa as usize](at, rows, cols, theta, stride, g, g_stride, states, ahead) }
    }

    /// Sweeps over whole arrays. False if any new number is not finite.
    ///
    /// # Panics
    /// If lengths or counts differ, or this machine does not have `isa`.
    pub fn run(&self, isa: Isa, at: &[f32], theta: &mut [f32], g: &[f32], states: &mut [&mut [f32]]) -> bool {
        let len = theta.len();
        assert!(isa.available() && g.len() == len && states.len() == self.slots, "wrong lengths");
        assert!(states.iter().all(|state| state.len() == len), "wrong length of a state");
        let mut pointers = [std::ptr::null_mut(); MOST_SLOTS];
        for (pointer, state) in pointers.iter_mut().zip(states.iter_mut()) {
            *pointer = state.as_mut_ptr();
        }
        let states = &pointers[..self.slots];
        // SAFETY: one row of `len`; the lengths are checked, and borrows keep the arrays apart.
        unsafe { self.run_block(isa, at, 1, len, theta.as_mut_ptr(), 0, g.as_ptr(), 0, states, false) }
    }

    /// The meaning of the rule, in `f64`.
    ///
    /// # Panics
    /// If lengths or counts differ.
    pub fn reference(&self, at: &[f64], theta: &mut [f64], g: &[f64], states: &mut [Vec<f64>]) {
        let len = theta.len();
        assert!(at.len() == self.at && g.len() == len && states.len() == self.slots, "wrong lengths");
        assert!(states.iter().all(|state| state.len() == len), "wrong length of a state");
        (self.reference)(at, theta, g, states);
    }
}

fn reference<R: Elementwise>(at: &[f64], theta: &mut [f64], g: &[f64], states: &mut [Vec<f64>]) {
    let (keep, at) = (at[0], R::At::<f64>::gather(|i| at[i + 1]));
    for (n, theta) in theta.iter_mut().enumerate() {
        let state = R::State::<f64>::gather(|i| states[i][n]);
        let (new, state) = R::step(at, keep * *theta, g[n], state);
        *theta = new;
        for (i, slot) in states.iter_mut().enumerate() {
            slot[n] = state.get(i);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn sweep_avx2<R: Elementwise>(
    at: &[f32],
    rows: usize,
    cols: usize,
    theta: *mut f32,
    stride: usize,
    g: *const f32,
    g_stride: usize,
    states: &[*mut f32],
    ahead: bool,
) -> bool {
    // SAFETY: the caller's promise.
    unsafe { sweep::<Avx2, R>(at, rows, cols, theta, stride, g, g_stride, states, ahead) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
unsafe fn sweep_avx512<R: Elementwise>(
    at: &[f32],
    rows: usize,
    cols: usize,
    theta: *mut f32,
    stride: usize,
    g: *const f32,
    g_stride: usize,
    states: &[*mut f32],
    ahead: bool,
) -> bool {
    // SAFETY: the caller's promise.
    unsafe { sweep::<Avx512, R>(at, rows, cols, theta, stride, g, g_stride, states, ahead) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn packed_avx2<R: Elementwise>(block: &Packed) -> bool {
    // SAFETY: the caller's promise.
    unsafe { packed::sweep::<Avx2, R>(block) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
unsafe fn packed_avx512<R: Elementwise>(block: &Packed) -> bool {
    // SAFETY: the caller's promise.
    unsafe { packed::sweep::<Avx512, R>(block) }
}

#[inline(always)]
unsafe fn sweep<V: Register, R: Elementwise>(
    at: &[f32],
    rows: usize,
    cols: usize,
    theta: *mut f32,
    stride: usize,
    g: *const f32,
    g_stride: usize,
    states: &[*mut f32],
    ahead: bool,
) -> bool {
    if rows > 1 && stride == cols && cols < NARROW {
        // Short rows that lie end to end: one long row. Taken each by itself, a row's load would wait for the store of
        // the one before, whose register reaches into it. The derivatives are put end to end first.
        let mut packed = [0.0f32; PACKED + NARROW];
        let height = PACKED / cols.max(1);
        let mut finite = true;
        for row in (0..rows).step_by(height) {
            let height = height.min(rows - row);
            // SAFETY: the rows are within the block; a row's last register reaches at most NARROW beyond PACKED.
            unsafe {
                for i in 0..height {
                    for col in (0..cols).step_by(V::COUNT) {
                        let part = V::part(V::COUNT.min(cols - col));
                        let g = V::load_part(g.add((row + i) * g_stride + col), part);
                        g.store(packed.as_mut_ptr().add(i * cols + col));
                    }
                }
                let from = row * cols;
                let shifted = |i: usize| if i < states.len() { states[i].add(from) } else { std::ptr::null_mut() };
                let moved: [*mut f32; MOST_SLOTS] = std::array::from_fn(shifted);
                let (theta, states) = (theta.add(from), &moved[..states.len()]);
                finite &= rows_of::<V, R>(at, 1, height * cols, theta, 0, packed.as_ptr(), 0, states, false);
            }
        }
        return finite;
    }
    // SAFETY: the caller's promise.
    unsafe { rows_of::<V, R>(at, rows, cols, theta, stride, g, g_stride, states, ahead) }
}

/// Columns below which rows that lie end to end are taken as one.
const NARROW: usize = 64;
/// Numbers that are taken as one row.
const PACKED: usize = 512;

// x − x asks whether x is finite.
#[allow(clippy::eq_op)]
#[inline(always)]
unsafe fn rows_of<V: Register, R: Elementwise>(
    at: &[f32],
    rows: usize,
    cols: usize,
    theta: *mut f32,
    stride: usize,
    g: *const f32,
    g_stride: usize,
    states: &[*mut f32],
    ahead: bool,
) -> bool {
    let keep = V::splat(f64::from(at[0]));
    let at = R::At::<V>::gather(|i| V::splat(f64::from(at[i + 1])));
    let mut wrong = V::splat(0.0);
    let ahead = if ahead { rows * stride } else { 0 };
    for row in 0..rows {
        let (to, from) = (row * stride, row * g_stride);
        for col in (0..cols).step_by(V::COUNT) {
            // SAFETY: `col` is within the row, and there are as many states as slots.
            unsafe {
                let theta = theta.add(to + col);
                let g = g.add(from + col);
                let state = |i: usize| states.get_unchecked(i).add(to + col);
                if ahead > 0 {
                    prefetch(theta.wrapping_add(ahead));
                    for i in 0..states.len() {
                        prefetch(state(i).wrapping_add(ahead));
                    }
                }
                if col + V::COUNT <= cols {
                    let old = R::State::<V>::gather(|i| V::load(state(i)));
                    let (new, kept) = R::step(at, keep * V::load(theta), V::load(g), old);
                    new.store(theta);
                    // x − x is 0 for a finite x, else NaN, which no sum loses.
                    let mut differences = new - new;
                    for i in 0..R::State::<V>::COUNT {
                        kept.get(i).store(state(i));
                        differences = differences + (kept.get(i) - kept.get(i));
                    }
                    wrong = wrong + differences;
                } else {
                    let part = V::part(cols - col);
                    let old = R::State::<V>::gather(|i| V::load_part(state(i), part));
                    let (new, kept) = R::step(at, keep * V::load_part(theta, part), V::load_part(g, part), old);
                    new.store_part(theta, part);
                    let mut differences = new - new;
                    for i in 0..R::State::<V>::COUNT {
                        kept.get(i).store_part(state(i), part);
                        differences = differences + (kept.get(i) - kept.get(i));
                    }
                    wrong = wrong + differences.keep(part);
                }
            }
        }
    }
    wrong.is_zero()
}
