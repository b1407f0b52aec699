//! Element-wise programs: a short list of instructions that runs over a block of numbers, one instruction at a time
//! over the whole block, so that what lies between stays in the first-level cache.
//!
//! A block is the tile that a product has just finished, or a stretch of rows of an array. What the instructions read
//! besides each other's results stands in arrays of the same rows and columns, in a row, in a column, or is one number.

use crate::lane::prefetch;
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

/// An argument: numbers side by side in each row, one for each row, or one for all.
#[derive(Clone, Copy)]
enum Source {
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
struct Out {
    ptr: *mut f32,
    stride: usize,
    rows: usize,
    cols: usize,
}

impl Out {
    /// As one row, if it and all arguments can be seen as one.
    #[inline(always)]
    fn joined(self, arguments: &[Source]) -> Self {
        let whole = self.stride == self.cols && arguments.iter().all(|a| a.joins(self.cols));
        if whole { Out { rows: 1, cols: self.rows * self.cols, ..self } } else { self }
    }
    #[inline(always)]
    unsafe fn row(self, row: usize) -> *mut f32 {
        // SAFETY: the caller vouches for the row.
        unsafe { self.ptr.add(row * self.stride) }
    }
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

/// Numbers that are read together, computed, and written together: the compiler makes registers of them.
const LANES: usize = 16;

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
                    for i in (0..whole).step_by(LANES) {
                        let mut x = lanes(a.add(i));
                        x.iter_mut().for_each(|x| *x = f(*x));
                        to.add(i).cast::<[f32; LANES]>().write_unaligned(x);
                    }
                    (whole..n).for_each(|i| *to.add(i) = f(*a.add(i)));
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
unsafe fn unary(f: Unary, a: Source, out: Out) {
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
            Unary::Bfloat16 => map1(a, out, math::bfloat16),
        }
    }
}

#[inline(always)]
unsafe fn binary(f: Binary, a: Source, b: Source, out: Out) {
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
unsafe fn both(f: Binary, g: Binary, [a, b, c]: [Source; 3], between: Out, out: Out) {
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
unsafe fn select(condition: Source, yes: Source, no: Source, out: Out) {
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
