//! What one instruction does with a block: one pass over its numbers.

use super::{Binary, Unary};
use crate::math;

/// An argument: numbers side by side in each row, one for each row, or one for all.
#[derive(Clone, Copy)]
pub enum Source {
    Stretches(*const f32, usize),
    Column(*const f32, usize),
    Number(f32),
}

/// An argument within one row.
#[derive(Clone, Copy)]
enum Row {
    Stretch(*const f32),
    One(f32),
}

impl Source {
    #[inline(always)]
    unsafe fn row(self, row: usize) -> Row {
        // SAFETY: the caller vouches for the row.
        unsafe {
            match self {
                Source::Stretches(p, stride) => Row::Stretch(p.add(row * stride)),
                Source::Column(p, stride) => Row::One(*p.add(row * stride)),
                Source::Number(x) => Row::One(x),
            }
        }
    }
    /// Do all rows together look like one of `cols` · rows numbers?
    #[inline(always)]
    fn joins(self, cols: usize) -> bool {
        match self {
            Source::Stretches(_, stride) => stride == cols,
            Source::Column(..) => false,
            Source::Number(_) => true,
        }
    }
}

/// Where an instruction's result goes, and its rows.
#[derive(Clone, Copy)]
pub struct Out {
    pub ptr: *mut f32,
    pub stride: usize,
    pub rows: usize,
    pub cols: usize,
}

impl Out {
    /// As one row, if it and all arguments can be seen as one.
    #[inline(always)]
    fn joined(self, arguments: &[Source]) -> Self {
        let whole = self.stride == self.cols && arguments.iter().all(|a| a.joins(self.cols));
        if whole { Out { rows: 1, cols: self.rows * self.cols, ..self } } else { self }
    }
    #[inline(always)]
    pub unsafe fn row(self, row: usize) -> *mut f32 {
        // SAFETY: the caller vouches for the row.
        unsafe { self.ptr.add(row * self.stride) }
    }
}

/// Numbers that are read together, computed, and written together: the compiler makes registers of them.
pub const LANES: usize = 16;

#[inline(always)]
unsafe fn lanes(from: *const f32) -> [f32; LANES] {
    // SAFETY: the caller vouches for so many numbers.
    unsafe { from.cast::<[f32; LANES]>().read_unaligned() }
}

#[inline(always)]
unsafe fn map1(a: Source, out: Out, f: impl Fn(f32) -> f32) {
    let out = out.joined(&[a]);
    let n = out.cols;
    for row in 0..out.rows {
        // SAFETY: the caller vouches for n numbers at each place.
        unsafe {
            let to = out.row(row);
            match a.row(row) {
                Row::Stretch(a) => {
                    let whole = n / LANES * LANES;
                    // A rest is computed with the numbers in front of it again, read before they may be written.
                    let again = n > whole && whole > 0;
                    let mut last = if again { lanes(a.add(n - LANES)) } else { [0.0; LANES] };
                    for i in (0..whole).step_by(LANES) {
                        let mut x = lanes(a.add(i));
                        // No closure: a long function in one would be compiled for any processor.
                        for x in &mut x {
                            *x = f(*x);
                        }
                        to.add(i).cast::<[f32; LANES]>().write_unaligned(x);
                    }
                    if again {
                        for x in &mut last {
                            *x = f(*x);
                        }
                        to.add(n - LANES).cast::<[f32; LANES]>().write_unaligned(last);
                        continue;
                    }
                    for i in whole..n {
                        *to.add(i) = f(*a.add(i));
                    }
                }
                Row::One(a) => {
                    let y = f(a);
                    (0..n).for_each(|i| *to.add(i) = y);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn map2(a: Source, b: Source, out: Out, f: impl Fn(f32, f32) -> f32) {
    let out = out.joined(&[a, b]);
    let n = out.cols;
    let whole = n / LANES * LANES;
    match (a, b) {
        // One row beside all rows: each part of it is read once.
        (Source::Stretches(a, stride), Source::Stretches(b, 0)) if n == whole && out.rows > 1 => {
            // SAFETY: the caller vouches for n numbers at each place.
            return unsafe { beside(a, stride, b, out, &f) };
        }
        (Source::Stretches(a, 0), Source::Stretches(b, stride)) if n == whole && out.rows > 1 => {
            // SAFETY: as above.
            return unsafe { beside(b, stride, a, out, |y, x| f(x, y)) };
        }
        _ => {}
    }
    for row in 0..out.rows {
        // SAFETY: the caller vouches for n numbers at each place.
        unsafe {
            let to = out.row(row);
            match (a.row(row), b.row(row)) {
                (Row::Stretch(a), Row::Stretch(b)) => {
                    for i in (0..whole).step_by(LANES) {
                        let (mut x, y) = (lanes(a.add(i)), lanes(b.add(i)));
                        x.iter_mut().zip(y).for_each(|(x, y)| *x = f(*x, y));
                        to.add(i).cast::<[f32; LANES]>().write_unaligned(x);
                    }
                    (whole..n).for_each(|i| *to.add(i) = f(*a.add(i), *b.add(i)));
                }
                (Row::Stretch(a), Row::One(b)) => {
                    for i in (0..whole).step_by(LANES) {
                        let mut x = lanes(a.add(i));
                        x.iter_mut().for_each(|x| *x = f(*x, b));
                        to.add(i).cast::<[f32; LANES]>().write_unaligned(x);
                    }
                    (whole..n).for_each(|i| *to.add(i) = f(*a.add(i), b));
                }
                (Row::One(a), Row::Stretch(b)) => {
                    for i in (0..whole).step_by(LANES) {
                        let mut y = lanes(b.add(i));
                        y.iter_mut().for_each(|y| *y = f(a, *y));
                        to.add(i).cast::<[f32; LANES]>().write_unaligned(y);
                    }
                    (whole..n).for_each(|i| *to.add(i) = f(a, *b.add(i)));
                }
                (Row::One(a), Row::One(b)) => {
                    let y = f(a, b);
                    (0..n).for_each(|i| *to.add(i) = y);
                }
            }
        }
    }
}

/// Whole registers of every row of `a`, each with its part of the one row `b`.
#[inline(always)]
unsafe fn beside(a: *const f32, stride: usize, b: *const f32, out: Out, f: impl Fn(f32, f32) -> f32) {
    for i in (0..out.cols).step_by(LANES) {
        // SAFETY: the caller vouches for the columns of all rows.
        unsafe {
            let y = lanes(b.add(i));
            for row in 0..out.rows {
                let mut x = lanes(a.add(row * stride + i));
                x.iter_mut().zip(y).for_each(|(x, y)| *x = f(*x, y));
                out.row(row).add(i).cast::<[f32; LANES]>().write_unaligned(x);
            }
        }
    }
}

/// One pass where the numbers of all three stand side by side, in whole registers; otherwise it is left undone.
#[inline(always)]
unsafe fn map3(a: Source, b: Source, c: Source, out: Out, f: impl Fn(f32, f32, f32) -> f32) -> bool {
    let out = out.joined(&[a, b, c]);
    let (Source::Stretches(a, mut sa), Source::Stretches(b, mut sb), Source::Stretches(c, mut sc)) = (a, b, c) else {
        return false;
    };
    if !out.cols.is_multiple_of(LANES) {
        return false;
    }
    let (mut rows, mut cols, mut stride) = (out.rows, out.cols, out.stride);
    if rows == 1 {
        // One row is a column of registers.
        (rows, cols) = (cols / LANES, LANES);
        (sa, sb, sc, stride) = (LANES, LANES, LANES, LANES);
    }
    for i in (0..cols).step_by(LANES) {
        // SAFETY: the caller vouches for the columns of all rows.
        unsafe {
            let (a, b, c, to) = (a.add(i), b.add(i), c.add(i), out.ptr.add(i));
            // One row beside all rows is read once.
            let (first_b, first_c) = (lanes(b), lanes(c));
            match (sb, sc) {
                (0, 0) => rows_of_three(rows, (a, sa), |_| first_b, |_| first_c, (to, stride), &f),
                (0, _) => rows_of_three(rows, (a, sa), |_| first_b, |row| lanes(c.add(row * sc)), (to, stride), &f),
                (_, 0) => rows_of_three(rows, (a, sa), |row| lanes(b.add(row * sb)), |_| first_c, (to, stride), &f),
                _ => {
                    let (b, c) = (|row| lanes(b.add(row * sb)), |row| lanes(c.add(row * sc)));
                    rows_of_three(rows, (a, sa), b, c, (to, stride), &f);
                }
            }
        }
    }
    true
}

/// A register of each row.
#[inline(always)]
unsafe fn rows_of_three(
    rows: usize,
    (a, stride): (*const f32, usize),
    b: impl Fn(usize) -> [f32; LANES],
    c: impl Fn(usize) -> [f32; LANES],
    (to, to_stride): (*mut f32, usize),
    f: impl Fn(f32, f32, f32) -> f32,
) {
    for row in 0..rows {
        // SAFETY: the caller vouches for a register at each place.
        unsafe {
            let (mut x, y, z) = (lanes(a.add(row * stride)), b(row), c(row));
            x.iter_mut().zip(y).zip(z).for_each(|((x, y), z)| *x = f(*x, y, z));
            to.add(row * to_stride).cast::<[f32; LANES]>().write_unaligned(x);
        }
    }
}

/// max(x, 0); a NaN stays one, so that a step that went wrong is seen.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
pub unsafe fn unary(f: Unary, a: Source, out: Out) {
    let one = |yes: bool| if yes { 1.0 } else { 0.0 };
    // SAFETY: the caller's promise.
    unsafe {
        match f {
            Unary::Negative => map1(a, out, |x| -x),
            Unary::Absolute => map1(a, out, f32::abs),
            Unary::Sign => map1(a, out, |x| one(x > 0.0) - one(x < 0.0)),
            Unary::Exp => map1(a, out, math::exp),
            Unary::Log => map1(a, out, math::log),
            Unary::Sqrt => map1(a, out, f32::sqrt),
            Unary::Square => map1(a, out, |x| x * x),
            Unary::Reciprocal => map1(a, out, |x| 1.0 / x),
            Unary::Relu => map1(a, out, relu),
            Unary::Sigmoid => map1(a, out, math::sigmoid),
            Unary::Tanh => map1(a, out, math::tanh),
            Unary::Softplus => map1(a, out, math::softplus),
            Unary::Gelu => map1(a, out, math::gelu),
            Unary::GeluSlope => map1(a, out, math::gelu_slope),
            Unary::Bfloat16 => map1(a, out, math::bfloat16),
        }
    }
}

#[inline(always)]
pub unsafe fn binary(f: Binary, a: Source, b: Source, out: Out) {
    let one = |yes: bool| if yes { 1.0 } else { 0.0 };
    // SAFETY: the caller's promise.
    unsafe {
        match f {
            Binary::Add => map2(a, b, out, |a, b| a + b),
            Binary::Subtract => map2(a, b, out, |a, b| a - b),
            Binary::Multiply => map2(a, b, out, |a, b| a * b),
            Binary::Divide => map2(a, b, out, |a, b| a / b),
            Binary::Maximum => map2(a, b, out, |a, b| if a < b { b } else { a }),
            Binary::Minimum => map2(a, b, out, |a, b| if a > b { b } else { a }),
            Binary::Greater => map2(a, b, out, |a, b| one(a > b)),
            Binary::GreaterEqual => map2(a, b, out, |a, b| one(a >= b)),
            Binary::Equal => map2(a, b, out, |a, b| one(a == b)),
            Binary::SquaredDifference => map2(a, b, out, |a, b| (a - b) * (a - b)),
            Binary::AddRelu => map2(a, b, out, |a, b| relu(a + b)),
            Binary::MultiplyPositive => map2(a, b, out, |a, b| a * one(b > 0.0)),
        }
    }
}

#[inline(always)]
pub unsafe fn both(f: Binary, g: Binary, [a, b, c]: [Source; 3], between: Out, out: Out) {
    // SAFETY: the caller's promise; `between` is this instruction's part of the scratch.
    unsafe {
        let done = match (f, g) {
            (Binary::Subtract, Binary::Multiply) => map3(a, b, c, out, |a, b, c| (a - b) * c),
            (Binary::Multiply, Binary::Add) => map3(a, b, c, out, |a, b, c| a * b + c),
            (Binary::Multiply, Binary::AddRelu) => map3(a, b, c, out, |a, b, c| relu(a * b + c)),
            (Binary::Add, Binary::Add) => map3(a, b, c, out, |a, b, c| a + b + c),
            (Binary::Add, Binary::AddRelu) => map3(a, b, c, out, |a, b, c| relu(a + b + c)),
            _ => false,
        };
        if !done {
            for (f, a, b, out) in [(f, a, b, between), (g, Source::Stretches(between.ptr, between.stride), c, out)] {
                binary(f, a, b, out);
            }
        }
    }
}

#[inline(always)]
pub unsafe fn select(condition: Source, yes: Source, no: Source, out: Out) {
    let at = |row: Row, i: usize| match row {
        // SAFETY: the caller vouches for n numbers.
        Row::Stretch(p) => unsafe { *p.add(i) },
        Row::One(x) => x,
    };
    let out = out.joined(&[condition, yes, no]);
    for row in 0..out.rows {
        // SAFETY: the caller vouches for n numbers at each place.
        unsafe {
            let (condition, yes, no, to) = (condition.row(row), yes.row(row), no.row(row), out.row(row));
            for i in 0..out.cols {
                let y = if at(condition, i) != 0.0 { at(yes, i) } else { at(no, i) };
                *to.add(i) = y;
            }
        }
    }
}
