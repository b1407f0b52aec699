//! Element-wise programs: a short list of instructions that runs over a block of numbers, one instruction at a time
//! over the whole block, so that what lies between stays in the first-level cache.
//!
//! A block is the tile that a product has just finished, or a stretch of rows of an array. What the instructions read
//! besides each other's results stands in arrays of the same rows and columns, in a row, in a column, or is one number.

use crate::Isa;
use crate::lane::prefetch;

mod passes;

use passes::{LANES, Out, Source, binary, both, select, unary};

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
    /// x Φ(x), Φ the share of a standard normal distribution below x
    Gelu,
    /// its derivative, Φ(x) + x e^(−x²/2) / √(2π)
    GeluSlope,
    /// the nearest number of bfloat16
    Bfloat16,
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
    /// (a − b)²
    SquaredDifference,
    /// max(a + b, 0): two in one, as the next
    AddRelu,
    /// a · (b > 0)
    MultiplyPositive,
}

/// What computes an element from the elements at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// Of one.
    Unary(Unary),
    /// Of two.
    Binary(Binary),
    /// The second function of what the first makes of two, and a third: as the two one after the other, rounded between
    /// them. One of [`BOTH`].
    Both(Binary, Binary),
    /// a if condition ≠ 0 else b: of three (condition, a, b).
    Select,
    /// A uniform random number in [0, 1) of this stream, for the element's place in the logical batch: of none.
    Random(u64),
}

/// Pairs of functions that take one pass over a block.
pub const BOTH: [(Binary, Binary); 5] = [
    (Binary::Subtract, Binary::Multiply),
    (Binary::Multiply, Binary::Add),
    (Binary::Multiply, Binary::AddRelu),
    (Binary::Add, Binary::Add),
    (Binary::Add, Binary::AddRelu),
];

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

impl Instruction {
    /// The arguments that it takes.
    pub fn used(&self) -> &[Argument] {
        let count = match self.element {
            Element::Random(_) => 0,
            Element::Unary(_) => 1,
            Element::Binary(_) => 2,
            Element::Both(..) | Element::Select => 3,
        };
        &self.arguments[..count]
    }
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
    /// Where the block that comes next begins, so many rows below and columns to the right, where there is one: what it
    /// reads and writes is asked for while this one is computed.
    pub next: Option<[usize; 2]>,
}

/// Runs a program over a block. `scratch` holds one [`BLOCK`] for each instruction. Gives where the result stands; it
/// has the block's stride. With `to`, the result is written there instead, with that stride from one row to the next.
///
/// # Safety
/// This machine has `isa`; the block can be read and written, each operand read at the block's places; `scratch` is
/// writable for `tape.len()` blocks and overlaps nothing else; `to` can be written at the block's places; it
/// may be where an operand stands, element for element, and overlaps none otherwise.
pub unsafe fn run(
    isa: Isa,
    tape: &[Instruction],
    block: Block,
    operands: &[Operand],
    moment: &Moment,
    scratch: *mut f32,
    to: Option<(*mut f32, usize)>,
) -> *mut f32 {
    // SAFETY: the caller's promise; `isa` says which of them this machine can run.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => run_avx512(tape, block, operands, moment, scratch, to),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => run_avx2(tape, block, operands, moment, scratch, to),
            _ => interpret(isa, tape, block, operands, moment, scratch, to),
        }
    }
}

type Elsewhere = Option<(*mut f32, usize)>;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn run_avx512(t: &[Instruction], b: Block, o: &[Operand], m: &Moment, s: *mut f32, to: Elsewhere) -> *mut f32 {
    // SAFETY: the caller's promise.
    unsafe { interpret(Isa::Avx512, t, b, o, m, s, to) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2(t: &[Instruction], b: Block, o: &[Operand], m: &Moment, s: *mut f32, to: Elsewhere) -> *mut f32 {
    // SAFETY: the caller's promise.
    unsafe { interpret(Isa::Avx2, t, b, o, m, s, to) }
}

#[inline(always)]
unsafe fn interpret(
    isa: Isa,
    t: &[Instruction],
    block: Block,
    operands: &[Operand],
    moment: &Moment,
    scratch: *mut f32,
    to: Elsewhere,
) -> *mut f32 {
    let find = |argument: Argument| match argument {
        Argument::Block => Source::Stretches(block.ptr, block.stride),
        // SAFETY: an earlier instruction's part of the scratch.
        Argument::Result(i) => Source::Stretches(unsafe { scratch.add(i * BLOCK) }, block.stride),
        Argument::Number(x) => Source::Number(x),
        Argument::Operand(i) => {
            let o = operands[i];
            if o.col_stride == 0 { Source::Column(o.ptr, o.row_stride) } else { Source::Stretches(o.ptr, o.row_stride) }
        }
    };
    for (place, instruction) in t.iter().enumerate() {
        if let Some(next) = block.next {
            bring_next(block, next, operands, to, place, t.len());
        }
        // SAFETY: every place is within the block, an operand, or what the caller vouches for.
        unsafe {
            let between =
                Out { ptr: scratch.add(place * BLOCK), stride: block.stride, rows: block.rows, cols: block.cols };
            let out = match to {
                Some((ptr, stride)) if place + 1 == t.len() => Out { ptr, stride, ..between },
                _ => between,
            };
            let [a, b, c] = instruction.arguments;
            match instruction.element {
                Element::Unary(f) => unary(f, find(a), out),
                Element::Binary(f) => binary(f, find(a), find(b), out),
                Element::Both(f, g) => both(f, g, [find(a), find(b), find(c)], between, out),
                Element::Select => select(find(a), find(b), find(c), out),
                Element::Random(stream) => {
                    let mixed = random_stream(stream, moment.update);
                    // Whole rows of the array, one behind the other, are one.
                    let whole = block.width == block.cols as u64 && out.stride == block.cols;
                    let (rows, n) = if whole { (1, block.rows * block.cols) } else { (block.rows, block.cols) };
                    for row in 0..rows {
                        let first = moment.position * block.sample + block.first + row as u64 * block.width;
                        random(isa, moment, mixed, first, out.row(row), n);
                    }
                }
            }
        }
    }
    match (t.len(), to) {
        (0, _) => block.ptr,
        (_, Some((to, _))) => to,
        // SAFETY: the last instruction's part of the scratch.
        (n, None) => unsafe { scratch.add((n - 1) * BLOCK) },
    }
}

/// Asks for one of so many parts of the next block.
#[inline(always)]
fn bring_next(block: Block, [down, right]: [usize; 2], operands: &[Operand], to: Elsewhere, part: usize, parts: usize) {
    let share = |n: usize| n * part / parts..n * (part + 1) / parts;
    let read = operands.iter().filter(|o| o.row_stride != 0 && o.col_stride != 0).map(|o| (o.ptr, o.row_stride));
    for (ptr, stride) in read.chain(to.map(|(ptr, stride)| (ptr.cast_const(), stride))) {
        let next = ptr.wrapping_add(down * stride + right);
        if stride == block.cols || block.rows == 1 {
            share(block.rows * block.cols).step_by(LANES).for_each(|i| prefetch(next.wrapping_add(i)));
        } else {
            for row in share(block.rows) {
                let row = next.wrapping_add(row * stride);
                (0..block.cols).step_by(LANES).for_each(|col| prefetch(row.wrapping_add(col)));
            }
        }
    }
}

#[inline(always)]
unsafe fn random(isa: Isa, moment: &Moment, mixed: u64, first: u64, out: *mut f32, n: usize) {
    let key = [moment.seed as u32, (moment.seed >> 32) as u32];
    // SAFETY: the caller vouches for n numbers, and for the instruction set.
    unsafe { crate::random::fill_for(isa, key, mixed, first, std::slice::from_raw_parts_mut(out, n)) };
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
