//! One or several numbers that go through the same arithmetic side by side.
//!
//! A rule written over [`Lane`] runs as `f64` in the reference, as `f32` in tails and on the portable path, and as a
//! vector register in the kernels. The basic operations are those of IEEE 754, correctly rounded, on every
//! instruction set, so an element's result does not depend on where in a slice it stands.

use std::ops::{Add, Div, Mul, Neg, Sub};

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
#[cfg(target_arch = "x86_64")]
// Not public: only functions that enable the instruction set may use them.
pub(crate) use x86::{Avx2, Avx512, list_chosen};

/// A loop over rows without a loop: the compiler gives up unrolling the taller ones, and then keeps sums in memory.
macro_rules! for_rows {
    ($i:ident < $rows:ident: $body:block) => {
        for_rows!($i < $rows: $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    ($i:ident < $rows:ident: $body:block, $($row:literal)*) => {$(
        if $row < $rows {
            let $i: usize = $row;
            $body
        }
    )*};
}
pub(crate) use for_rows;

/// One number, or a register of them.
pub trait Lane:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// What a comparison gives, one truth value per number.
    type Mask: Copy;

    /// The number in every place, rounded to the lane's precision.
    fn splat(x: f64) -> Self;
    /// √x, correctly rounded.
    fn sqrt(self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
    /// The greater of two; a NaN in `self` or `other` is not promised to survive.
    fn max(self, other: Self) -> Self;
    /// The lesser of two; a NaN in `self` or `other` is not promised to survive.
    fn min(self, other: Self) -> Self;
    /// self < other, false where either is NaN.
    fn less(self, other: Self) -> Self::Mask;
    /// Where the mask is true `yes`, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// −1, 0 or 1; 0 for NaN.
    #[inline(always)]
    fn sign(self) -> Self {
        let zero = Self::splat(0.0);
        let negative = Self::select(self.less(zero), Self::splat(-1.0), zero);
        Self::select(zero.less(self), Self::splat(1.0), negative)
    }

    /// x².
    #[inline(always)]
    fn square(self) -> Self {
        self * self
    }
}

macro_rules! scalar_lane {
    ($t:ty) => {
        impl Lane for $t {
            type Mask = bool;
            #[inline(always)]
            fn splat(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$t>::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$t>::abs(self)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if self > other { self } else { other }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if self < other { self } else { other }
            }
            #[inline(always)]
            fn less(self, other: Self) -> bool {
                self < other
            }
            #[inline(always)]
            fn select(mask: bool, yes: Self, no: Self) -> Self {
                if mask { yes } else { no }
            }
        }
    };
}
scalar_lane!(f32);
scalar_lane!(f64);

/// A number that is not 0, and where that begins which it is multiplied with.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Entry {
    /// Where.
    pub at: u32,
    /// The number.
    pub value: f32,
}

/// A lane that fills a vector register. Everything is inlined into a function that enables the instruction set; the
/// methods must run only there, on a machine that has it.
pub trait Register: Lane {
    /// How many numbers.
    const COUNT: usize;
    /// The first few places of a register.
    type Part: Copy;

    /// The first `n` places; all for `n` ≥ COUNT.
    fn part(n: usize) -> Self::Part;
    /// # Safety
    /// COUNT numbers can be read at `from`, at any alignment.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// COUNT numbers can be written at `to`, at any alignment.
    unsafe fn store(self, to: *mut f32);
    /// The numbers of the part, zero elsewhere.
    /// # Safety
    /// The numbers of the part can be read at `from`.
    unsafe fn load_part(from: *const f32, part: Self::Part) -> Self;
    /// # Safety
    /// The numbers of the part can be written at `to`; no others are touched.
    unsafe fn store_part(self, to: *mut f32, part: Self::Part);
    /// Itself in the part, zero elsewhere.
    fn keep(self, part: Self::Part) -> Self;
    /// self · y + z, rounded once where the instruction set has that, else twice.
    fn times_plus(self, y: Self, z: Self) -> Self;
    /// Whether no number differs from zero or is NaN.
    fn is_zero(self) -> bool;
    /// A bit for each number that is not zero, the lowest for the first.
    fn nonzero(self) -> u32;
    /// Lists the numbers that are not zero, each with `at` plus `step` times its place, and says how many there are.
    /// # Safety
    /// COUNT entries can be written at `to`.
    #[inline(always)]
    unsafe fn list_nonzero(self, at: u32, step: u32, to: *mut Entry) -> usize {
        let (mut some, mut found) = (self.nonzero(), 0);
        let mut numbers = [0.0; 16];
        // SAFETY: no register has more than 16 numbers; the caller's promise.
        unsafe {
            self.store(numbers.as_mut_ptr());
            while some != 0 {
                let place = some.trailing_zeros();
                to.add(found).write(Entry { at: at + place * step, value: numbers[place as usize] });
                found += 1;
                some &= some - 1;
            }
        }
        found
    }
    /// Rows to columns, COUNT of either at most.
    /// # Safety
    /// So many rows and columns can be read at `from`, so many columns and rows written at `to`.
    #[inline(always)]
    unsafe fn turn(from: *const f32, step: usize, [rows, columns]: [usize; 2], to: *mut f32, to_step: usize) {
        for row in 0..rows {
            for column in 0..columns {
                // SAFETY: the caller's promise.
                unsafe { *to.add(column * to_step + row) = *from.add(row * step + column) };
            }
        }
    }
}

/// How many of `n` numbers are not 0.
/// # Safety
/// They can be read.
#[inline(always)]
pub unsafe fn count_nonzero<V: Register>(x: *const f32, n: usize) -> usize {
    let mut found = 0;
    for i in (0..n).step_by(V::COUNT) {
        // SAFETY: the caller's promise.
        let x = unsafe { V::load_part(x.add(i), V::part(n - i)) };
        found += x.nonzero().count_ones() as usize;
    }
    found
}

/// Rows to columns, a square of a register's length at a time.
/// # Safety
/// So many rows and columns can be read at `from`, so many columns and rows written at `to`.
#[inline(always)]
pub unsafe fn turn<V: Register>(
    from: *const f32,
    step: usize,
    [rows, columns]: [usize; 2],
    to: *mut f32,
    to_step: usize,
) {
    for row in (0..rows).step_by(V::COUNT) {
        for column in (0..columns).step_by(V::COUNT) {
            let (height, width) = (V::COUNT.min(rows - row), V::COUNT.min(columns - column));
            // SAFETY: the caller's promise.
            unsafe {
                V::turn(from.add(row * step + column), step, [height, width], to.add(column * to_step + row), to_step)
            }
        }
    }
}

/// Eight numbers without any particular instruction set.
#[derive(Clone, Copy)]
pub struct Wide([f32; 8]);

macro_rules! wide_operator {
    ($trait:ident $method:ident $op:tt) => {
        impl $trait for Wide {
            type Output = Wide;
            #[inline(always)]
            fn $method(self, other: Wide) -> Wide {
                self.zip(other, |x, y| x $op y)
            }
        }
    };
}
wide_operator!(Add add +);
wide_operator!(Sub sub -);
wide_operator!(Mul mul *);
wide_operator!(Div div /);

impl Neg for Wide {
    type Output = Wide;
    #[inline(always)]
    fn neg(self) -> Wide {
        self.map(|x| -x)
    }
}

impl Wide {
    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) -> Wide {
        let mut out = self;
        for x in &mut out.0 {
            *x = f(*x);
        }
        out
    }

    #[inline(always)]
    fn zip(self, other: Wide, f: impl Fn(f32, f32) -> f32) -> Wide {
        let mut out = self;
        for (x, y) in out.0.iter_mut().zip(other.0) {
            *x = f(*x, y);
        }
        out
    }
}

impl Lane for Wide {
    type Mask = [bool; 8];
    #[inline(always)]
    fn splat(x: f64) -> Self {
        Wide([x as f32; 8])
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f32::sqrt)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.map(f32::abs)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, Lane::max)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, Lane::min)
    }
    #[inline(always)]
    fn less(self, other: Self) -> [bool; 8] {
        std::array::from_fn(|i| self.0[i] < other.0[i])
    }
    #[inline(always)]
    fn select(mask: [bool; 8], yes: Self, no: Self) -> Self {
        Wide(std::array::from_fn(|i| if mask[i] { yes.0[i] } else { no.0[i] }))
    }
}

impl Register for Wide {
    const COUNT: usize = 8;
    type Part = usize;

    #[inline(always)]
    fn part(n: usize) -> usize {
        n.min(8)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise; an array of f32 has no other alignment than f32.
        Wide(unsafe { from.cast::<[f32; 8]>().read() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; 8]>().write(self.0) }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const f32, part: usize) -> Self {
        if part == 8 {
            // SAFETY: the caller's promise.
            return unsafe { Self::load(from) };
        }
        let mut out = [0.0; 8];
        // SAFETY: the caller's promise; `part` is below 8.
        unsafe { std::ptr::copy_nonoverlapping(from, out.as_mut_ptr(), part) }
        Wide(out)
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, part: usize) {
        if part == 8 {
            // SAFETY: the caller's promise.
            return unsafe { self.store(to) };
        }
        // SAFETY: the caller's promise; `part` is below 8.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), to, part) }
    }
    #[inline(always)]
    fn keep(self, part: usize) -> Self {
        Wide(std::array::from_fn(|i| if i < part { self.0[i] } else { 0.0 }))
    }
    #[inline(always)]
    fn times_plus(self, y: Self, z: Self) -> Self {
        self * y + z
    }
    #[inline(always)]
    fn is_zero(self) -> bool {
        self.0.iter().all(|&x| x == 0.0)
    }
    #[inline(always)]
    fn nonzero(self) -> u32 {
        self.0.iter().enumerate().map(|(i, &x)| u32::from(x != 0.0) << i).sum()
    }
}

/// Asks for the cache line at `at`, which need not be readable, to come to the second level: in the first, rows of a
/// power of two numbers crowd each other out (measured: 113 against 104 GFLOP/s with an update after each tile).
#[inline(always)]
pub fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of every x86-64; a prefetch of an address that cannot be read does nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Asks for the cache line at `at`, which need not be readable, to come to the first level.
#[inline(always)]
pub fn prefetch_near(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as above.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
