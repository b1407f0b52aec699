//! Element-wise programs: a short list of instructions that runs over a block of numbers, one instruction at a time
//! over the whole block, so that what lies between stays in the first-level cache.
//!
//! A block is the tile that a product has just finished, or a stretch of rows of an array. What the instructions read
//! besides each other's results stands in arrays of the same rows and columns, in a row, in a column, or is one number.

use crate::{Isa, math};

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// −x
    Negative,
    /// |x|
    Absolute,
    /// −1, 0, 1
    Sign,
    /// eˣ
    Exp,
    /// ln x
    Log,
    /// √x
    Sqrt,
    /// x²
    Square,
    /// 1/x
    Reciprocal,
    /// max(x, 0)
    Relu,
    /// 1/(1 + e⁻ˣ)
    Sigmoid,
    /// tanh x
    Tanh,
    /// ln(1 + eˣ)
    Softplus,
}

/// A function of two numbers. Comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b
    Add,
    /// a − b
    Subtract,
    /// a · b
    Multiply,
    /// a / b
    Divide,
    /// the greater
    Maximum,
    /// the lesser
    Minimum,
    /// a > b
    Greater,
    /// a ≥ b
    GreaterEqual,
    /// a = b
    Equal,
}

/// What computes an element from the elements at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// Of one.
    Unary(Unary),
    /// Of two.
    Binary(Binary),
    /// a if condition ≠ 0 else b: of three (condition, a, b).
    Select,
    /// A uniform random number in [0, 1) of this stream, for the element's place in the logical batch: of none.
    Random(u64),
}

/// Where an instruction's argument stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// The block that the program is run on.
    Block,
    /// What an earlier instruction (its place in the list) gave.
    Result(usize),
    /// An array beside the block (its place in the list of operands).
    Operand(usize),
    /// A number.
    Number(f32),
}

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instruction {
    /// What is computed.
    pub element: Element,
    /// From what; as many as the element takes, the rest unused.
    pub arguments: [Argument; 3],
}

/// A list of instructions. What the last one gives is the result; with none, the block itself.
pub type Tape = Vec<Instruction>;

/// Numbers in a block at most: a register of a program is this long.
pub const BLOCK: usize = 2048;

/// An array beside a block: how to get from the block's first element to the others.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// The number beside the block's first element.
    pub ptr: *const f32,
    /// From one row to the next.
    pub row_stride: usize,
    /// From one column to the next: 0 or 1.
    pub col_stride: usize,
}

/// What random elements need to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// The run's seed.
    pub seed: u64,
    /// Updates made so far.
    pub update: u64,
    /// The place of the first sample in the logical batch.
    pub position: u64,
}

/// The block that a program runs on: `rows` × `cols` numbers, row i at `ptr + i · stride`.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// The first number.
    pub ptr: *mut f32,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// From one row to the next; `rows · stride` is at most [`BLOCK`].
    pub stride: usize,
    /// The place of the first number in the whole array, row-major: for random elements, as the next two.
    pub first: u64,
    /// Numbers in a row of the whole array.
    pub width: u64,
    /// Numbers of a sample in the whole array; 0 where it does not grow with the batch.
    pub sample: u64,
}

/// Runs a program over a block. `scratch` holds one [`BLOCK`] for each instruction. Gives where the result stands; it
/// has the block's stride.
///
/// # Safety
/// This machine has `isa`; the block can be read and written, each operand read at the block's places; `scratch` is
/// writable for `tape.len()` blocks and overlaps nothing else.
pub unsafe fn run(
    isa: Isa,
    tape: &[Instruction],
    block: Block,
    operands: &[Operand],
    moment: &Moment,
    scratch: *mut f32,
) -> *mut f32 {
    // SAFETY: the caller's promise; `isa` says which of them this machine can run.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => run_avx512(tape, block, operands, moment, scratch),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => run_avx2(tape, block, operands, moment, scratch),
            _ => interpret(tape, block, operands, moment, scratch),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn run_avx512(t: &[Instruction], b: Block, o: &[Operand], m: &Moment, s: *mut f32) -> *mut f32 {
    // SAFETY: the caller's promise.
    unsafe { interpret(t, b, o, m, s) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2(t: &[Instruction], b: Block, o: &[Operand], m: &Moment, s: *mut f32) -> *mut f32 {
    // SAFETY: the caller's promise.
    unsafe { interpret(t, b, o, m, s) }
}

/// An argument within one row: a stretch of numbers, or one number for all.
#[derive(Clone, Copy)]
enum Row {
    Stretch(*const f32),
    One(f32),
}

#[inline(always)]
unsafe fn interpret(
    t: &[Instruction],
    block: Block,
    operands: &[Operand],
    moment: &Moment,
    scratch: *mut f32,
) -> *mut f32 {
    for (place, instruction) in t.iter().enumerate() {
        for row in 0..block.rows {
            // SAFETY: every place is within the block, an operand, or the scratch that the caller vouches for.
            unsafe {
                let within = row * block.stride;
                let find = |argument: Argument| match argument {
                    Argument::Block => Row::Stretch(block.ptr.add(within)),
                    Argument::Result(i) => Row::Stretch(scratch.add(i * BLOCK + within)),
                    Argument::Number(x) => Row::One(x),
                    Argument::Operand(i) => {
                        let o = operands[i];
                        let at = o.ptr.add(row * o.row_stride);
                        if o.col_stride == 0 { Row::One(*at) } else { Row::Stretch(at) }
                    }
                };
                let [a, b, c] = instruction.arguments;
                let out = scratch.add(place * BLOCK + within);
                match instruction.element {
                    Element::Unary(f) => unary(f, find(a), out, block.cols),
                    Element::Binary(f) => binary(f, find(a), find(b), out, block.cols),
                    Element::Select => select(find(a), find(b), find(c), out, block.cols),
                    Element::Random(stream) => {
                        let first = moment.position * block.sample + block.first + row as u64 * block.width;
                        random(moment, random_stream(stream, moment.update), first, out, block.cols);
                    }
                }
            }
        }
    }
    match t.len() {
        0 => block.ptr,
        // SAFETY: the last instruction's part of the scratch.
        n => unsafe { scratch.add((n - 1) * BLOCK) },
    }
}

#[inline(always)]
unsafe fn map1(a: Row, out: *mut f32, n: usize, f: impl Fn(f32) -> f32) {
    // SAFETY: the caller vouches for n numbers at each place.
    unsafe {
        match a {
            Row::Stretch(a) => (0..n).for_each(|i| *out.add(i) = f(*a.add(i))),
            Row::One(a) => {
                let y = f(a);
                (0..n).for_each(|i| *out.add(i) = y);
            }
        }
    }
}

#[inline(always)]
unsafe fn map2(a: Row, b: Row, out: *mut f32, n: usize, f: impl Fn(f32, f32) -> f32) {
    // SAFETY: the caller vouches for n numbers at each place.
    unsafe {
        match (a, b) {
            (Row::Stretch(a), Row::Stretch(b)) => (0..n).for_each(|i| *out.add(i) = f(*a.add(i), *b.add(i))),
            (Row::Stretch(a), Row::One(b)) => (0..n).for_each(|i| *out.add(i) = f(*a.add(i), b)),
            (Row::One(a), Row::Stretch(b)) => (0..n).for_each(|i| *out.add(i) = f(a, *b.add(i))),
            (Row::One(a), Row::One(b)) => {
                let y = f(a, b);
                (0..n).for_each(|i| *out.add(i) = y);
            }
        }
    }
}

#[inline(always)]
unsafe fn unary(f: Unary, a: Row, out: *mut f32, n: usize) {
    let one = |yes: bool| if yes { 1.0 } else { 0.0 };
    // SAFETY: the caller's promise.
    unsafe {
        match f {
            Unary::Negative => map1(a, out, n, |x| -x),
            Unary::Absolute => map1(a, out, n, f32::abs),
            Unary::Sign => map1(a, out, n, |x| one(x > 0.0) - one(x < 0.0)),
            Unary::Exp => map1(a, out, n, math::exp),
            Unary::Log => map1(a, out, n, math::log),
            Unary::Sqrt => map1(a, out, n, f32::sqrt),
            Unary::Square => map1(a, out, n, |x| x * x),
            Unary::Reciprocal => map1(a, out, n, |x| 1.0 / x),
            // A NaN stays one, so that a step that went wrong is seen.
            Unary::Relu => map1(a, out, n, |x| if x < 0.0 { 0.0 } else { x }),
            Unary::Sigmoid => map1(a, out, n, math::sigmoid),
            Unary::Tanh => map1(a, out, n, math::tanh),
            Unary::Softplus => map1(a, out, n, math::softplus),
        }
    }
}

#[inline(always)]
unsafe fn binary(f: Binary, a: Row, b: Row, out: *mut f32, n: usize) {
    let one = |yes: bool| if yes { 1.0 } else { 0.0 };
    // SAFETY: the caller's promise.
    unsafe {
        match f {
            Binary::Add => map2(a, b, out, n, |a, b| a + b),
            Binary::Subtract => map2(a, b, out, n, |a, b| a - b),
            Binary::Multiply => map2(a, b, out, n, |a, b| a * b),
            Binary::Divide => map2(a, b, out, n, |a, b| a / b),
            Binary::Maximum => map2(a, b, out, n, |a, b| if a < b { b } else { a }),
            Binary::Minimum => map2(a, b, out, n, |a, b| if a > b { b } else { a }),
            Binary::Greater => map2(a, b, out, n, |a, b| one(a > b)),
            Binary::GreaterEqual => map2(a, b, out, n, |a, b| one(a >= b)),
            Binary::Equal => map2(a, b, out, n, |a, b| one(a == b)),
        }
    }
}

#[inline(always)]
unsafe fn select(condition: Row, yes: Row, no: Row, out: *mut f32, n: usize) {
    let at = |row: Row, i: usize| match row {
        // SAFETY: the caller vouches for n numbers.
        Row::Stretch(p) => unsafe { *p.add(i) },
        Row::One(x) => x,
    };
    for i in 0..n {
        let y = if at(condition, i) != 0.0 { at(yes, i) } else { at(no, i) };
        // SAFETY: the caller vouches for n numbers.
        unsafe { *out.add(i) = y };
    }
}

#[inline(always)]
unsafe fn random(moment: &Moment, mixed: u64, first: u64, out: *mut f32, n: usize) {
    let mut i = 0;
    let key = [moment.seed as u32, (moment.seed >> 32) as u32];
    while i < n {
        let at = first + i as u64;
        let words = crate::random::block(key, mixed, at / 4);
        for &word in words.iter().skip((at % 4) as usize).take(n - i) {
            // SAFETY: i < n, which the caller vouches for.
            unsafe { *out.add(i) = crate::random::uniform(word) };
            i += 1;
        }
    }
}

/// The number of a stream at an update, as the counter takes it: updates of one stream, and equal updates of two,
/// have nothing in common. (The finaliser of SplitMix64: Steele, Lea, Flood 2014.)
pub fn random_stream(stream: u64, update: u64) -> u64 {
    let mut x = stream ^ update.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The uniform number in [0, 1) that [`Element::Random`] gives to element `i` of the logical batch, under a run's seed
/// and a stream [mixed](random_stream) with the update.
pub fn random_element(seed: u64, mixed: u64, i: u64) -> f32 {
    let words = crate::random::block([seed as u32, (seed >> 32) as u32], mixed, i / 4);
    crate::random::uniform(words[(i % 4) as usize])
}
