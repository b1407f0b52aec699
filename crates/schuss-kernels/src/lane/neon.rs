//! The registers of NEON, which every 64-bit Arm processor has: two of four numbers are taken as one of eight.

use super::{Lane, Register};
use std::arch::aarch64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Eight numbers.
#[derive(Clone, Copy)]
pub struct Neon(float32x4_t, float32x4_t);

macro_rules! operator {
    ($($trait:ident $method:ident $intrinsic:ident;)*) => {$(
        impl $trait for Neon {
            type Output = Neon;
            #[inline(always)]
            fn $method(self, other: Neon) -> Neon {
                // SAFETY: NEON is part of the architecture.
                unsafe { Neon($intrinsic(self.0, other.0), $intrinsic(self.1, other.1)) }
            }
        }
    )*};
}
operator! {
    Add add vaddq_f32;
    Sub sub vsubq_f32;
    Mul mul vmulq_f32;
    Div div vdivq_f32;
}

impl Neg for Neon {
    type Output = Neon;
    #[inline(always)]
    fn neg(self) -> Neon {
        // SAFETY: NEON is part of the architecture.
        unsafe { Neon(vnegq_f32(self.0), vnegq_f32(self.1)) }
    }
}

// SAFETY (all blocks of these two impls): NEON is part of the architecture; where a pointer is read or written the caller
// promised that it can be. (Some of these intrinsics are safe functions, others are not, by version of the compiler.)
#[allow(clippy::undocumented_unsafe_blocks, unused_unsafe)]
mod registers {
    use super::*;

    impl Lane for Neon {
        type Mask = (uint32x4_t, uint32x4_t);
        #[inline(always)]
        fn splat(x: f64) -> Self {
            unsafe { Neon(vdupq_n_f32(x as f32), vdupq_n_f32(x as f32)) }
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            unsafe { Neon(vsqrtq_f32(self.0), vsqrtq_f32(self.1)) }
        }
        #[inline(always)]
        fn abs(self) -> Self {
            unsafe { Neon(vabsq_f32(self.0), vabsq_f32(self.1)) }
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Neon(vmaxq_f32(self.0, other.0), vmaxq_f32(self.1, other.1)) }
        }
        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { Neon(vminq_f32(self.0, other.0), vminq_f32(self.1, other.1)) }
        }
        #[inline(always)]
        fn less(self, other: Self) -> Self::Mask {
            unsafe { (vcltq_f32(self.0, other.0), vcltq_f32(self.1, other.1)) }
        }
        #[inline(always)]
        fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
            unsafe { Neon(vbslq_f32(mask.0, yes.0, no.0), vbslq_f32(mask.1, yes.1, no.1)) }
        }
    }

    impl Register for Neon {
        const COUNT: usize = 8;
        type Part = usize;

        #[inline(always)]
        fn part(n: usize) -> usize {
            n.min(8)
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { Neon(vld1q_f32(from), vld1q_f32(from.add(4))) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe {
                vst1q_f32(to, self.0);
                vst1q_f32(to.add(4), self.1);
            }
        }
        #[inline(always)]
        unsafe fn load_part(from: *const f32, part: usize) -> Self {
            unsafe {
                if part == 8 {
                    return Self::load(from);
                }
                let mut out = [0.0f32; 8];
                std::ptr::copy_nonoverlapping(from, out.as_mut_ptr(), part);
                Self::load(out.as_ptr())
            }
        }
        #[inline(always)]
        unsafe fn store_part(self, to: *mut f32, part: usize) {
            unsafe {
                if part == 8 {
                    return self.store(to);
                }
                let mut out = [0.0f32; 8];
                self.store(out.as_mut_ptr());
                std::ptr::copy_nonoverlapping(out.as_ptr(), to, part);
            }
        }
        #[inline(always)]
        fn keep(self, part: usize) -> Self {
            let mut out = [0.0f32; 8];
            unsafe {
                self.store(out.as_mut_ptr());
                Self::load_part(out.as_ptr(), part)
            }
        }
        #[inline(always)]
        fn times_plus(self, y: Self, z: Self) -> Self {
            unsafe { Neon(vfmaq_f32(z.0, self.0, y.0), vfmaq_f32(z.1, self.1, y.1)) }
        }
        #[inline(always)]
        fn is_zero(self) -> bool {
            self.nonzero() == 0
        }
        #[inline(always)]
        fn nonzero(self) -> u32 {
            let bits: [u32; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
            unsafe {
                // A NaN is not equal to 0.
                let zero = (vceqzq_f32(self.0), vceqzq_f32(self.1));
                let low = vbicq_u32(vld1q_u32(bits.as_ptr()), zero.0);
                let high = vbicq_u32(vld1q_u32(bits.as_ptr().add(4)), zero.1);
                vaddvq_u32(vorrq_u32(low, high))
            }
        }
    }
}
