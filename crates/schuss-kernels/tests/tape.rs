//! Every instruction against f64, and the same bits on every instruction set and at every place in a block.

use schuss_kernels::math;
use schuss_kernels::tape::{Argument, BLOCK, BOTH, Binary, Block, Element, Instruction, Moment, Operand, Unary, run};
use schuss_kernels::{Buffer, Isa};

type F1 = fn(f64) -> f64;
type F2 = fn(f64, f64) -> f64;

const UNARY: &[(Unary, F1)] = &[
    (Unary::Negative, |x| -x),
    (Unary::Absolute, f64::abs),
    (Unary::Sign, |x| if x == 0.0 { 0.0 } else { x.signum() }),
    (Unary::Exp, f64::exp),
    (Unary::Log, f64::ln),
    (Unary::Sqrt, f64::sqrt),
    (Unary::Square, |x| x * x),
    (Unary::Reciprocal, |x| 1.0 / x),
    (Unary::Relu, |x| x.max(0.0)),
    (Unary::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
    (Unary::Tanh, f64::tanh),
    (Unary::Softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
    (Unary::Gelu, |x| x * math::normal_cdf_f64(x)),
    (Unary::GeluSlope, math::gelu_slope_f64),
    (Unary::Bfloat16, |x| {
        let unit = if x == 0.0 { 1.0 } else { 2f64.powi(x.abs().log2().floor() as i32 - 7) };
        (x / unit).round_ties_even() * unit
    }),
];

const BINARY: &[(Binary, F2)] = &[
    (Binary::Add, |a, b| a + b),
    (Binary::Subtract, |a, b| a - b),
    (Binary::Multiply, |a, b| a * b),
    (Binary::Divide, |a, b| a / b),
    (Binary::Maximum, f64::max),
    (Binary::Minimum, f64::min),
    (Binary::Greater, |a, b| f64::from(u8::from(a > b))),
    (Binary::AddRelu, |a, b| (a + b).max(0.0)),
    (Binary::MultiplyPositive, |a, b| a * f64::from(u8::from(b > 0.0))),
    (Binary::SquaredDifference, |a, b| (a - b) * (a - b)),
    (Binary::GreaterEqual, |a, b| f64::from(u8::from(a >= b))),
    (Binary::Equal, |a, b| f64::from(u8::from(a == b))),
];

/// Rows and columns of the block; its stride is greater.
const ROWS: usize = 3;
const STRIDE: usize = 48;

/// Runs one instruction or more on a block of `cols` columns beside a whole array, a row, a column and a number.
fn one(isa: Isa, element: Element, arguments: [Argument; 3], cols: usize, block: &[f32], beside: &[f32]) -> Vec<f32> {
    all(isa, &[Instruction { element, arguments }], cols, block, beside)
}

fn all(isa: Isa, tape: &[Instruction], cols: usize, block: &[f32], beside: &[f32]) -> Vec<f32> {
    let mut block = block.to_vec();
    let mut scratch = Buffer::zeros(tape.len() * BLOCK);
    let operand = |row_stride, col_stride| Operand { ptr: beside.as_ptr(), row_stride, col_stride };
    let operands = [operand(STRIDE, 1), operand(0, 1), operand(1, 0), operand(0, 0)];
    let (ptr, width, next) = (block.as_mut_ptr(), cols as u64, Some([ROWS, 0]));
    let what = Block { ptr, rows: ROWS, cols, stride: STRIDE, first: 0, width, sample: 0, next };
    // SAFETY: this machine has `isa`; all arrays have ROWS · STRIDE numbers, the scratch one block.
    let out = unsafe { run(isa, tape, what, &operands, &Moment::default(), scratch.as_mut_ptr(), None) };
    // SAFETY: within the scratch.
    (0..ROWS * cols).map(|i| unsafe { *out.add(i / cols * STRIDE + i % cols) }).collect()
}

fn numbers(from: f32, step: f32) -> Vec<f32> {
    (0..ROWS * STRIDE).map(|i| from + step * (i * 37 % 101) as f32).collect()
}

/// Within a few units of the last place: `math` states and tests the bounds, this is about the right instruction.
fn near(what: &str, found: f32, want: f64) {
    let want = want as f32;
    let close = (found - want).abs() <= 1e-6 * want.abs().max(1e-6);
    assert!(close || found == want || (found.is_nan() && want.is_nan()), "{what}: {found} instead of {want}");
}

#[test]
fn every_unary_instruction() {
    let x = numbers(-5.0, 0.1);
    for (f, exact) in UNARY {
        let bits = |isa| one(isa, Element::Unary(*f), [Argument::Block; 3], 31, &x, &x);
        let first = bits(Isa::Portable);
        for isa in Isa::all_available() {
            let same =
                first.iter().zip(bits(isa)).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
            assert!(same, "{f:?} on {isa:?}");
        }
        for (i, found) in first.iter().enumerate() {
            let x = x[i / 31 * STRIDE + i % 31];
            near(&format!("{f:?} {x}"), *found, exact(f64::from(x)));
        }
    }
}

#[test]
fn every_binary_instruction_with_every_kind_of_operand() {
    let (x, y) = (numbers(-3.0, 0.06), numbers(2.5, -0.05));
    for (f, exact) in BINARY {
        for isa in Isa::all_available() {
            for operand in 0..4 {
                for cols in [1, 16, 33] {
                    for turned in [false, true] {
                        let (a, b) = (Argument::Block, Argument::Operand(operand));
                        let arguments = if turned { [b, a, a] } else { [a, b, a] };
                        let found = one(isa, Element::Binary(*f), arguments, cols, &x, &y);
                        for (i, found) in found.iter().enumerate() {
                            let (row, col) = (i / cols, i % cols);
                            let at = [row * STRIDE + col, col, row, 0][operand];
                            let (a, b) = (f64::from(x[row * STRIDE + col]), f64::from(y[at]));
                            let want = if turned { exact(b, a) } else { exact(a, b) };
                            near(&format!("{f:?} {isa:?} operand {operand}"), *found, want);
                        }
                    }
                }
            }
        }
    }
}

/// A number that is added to where it stands is read before it is written, also by two instructions in one.
#[test]
fn results_may_go_to_where_an_operand_stands() {
    let x = numbers(-3.0, 0.06);
    for isa in Isa::all_available() {
        for cols in [16, 31] {
            let (mut block, mut sums, mut scratch) = (x.clone(), x.clone(), Buffer::zeros(BLOCK));
            let arguments = [Argument::Block, Argument::Number(2.0), Argument::Operand(0)];
            let sum = Instruction { element: Element::Both(Binary::Multiply, Binary::Add), arguments };
            let square = Instruction { element: Element::Unary(Unary::Square), arguments: [Argument::Operand(0); 3] };
            let (ptr, to, width) = (block.as_mut_ptr(), sums.as_mut_ptr(), cols as u64);
            let operands = [Operand { ptr: to, row_stride: STRIDE, col_stride: 1 }];
            let what = Block { ptr, rows: ROWS, cols, stride: STRIDE, first: 0, width, sample: 0, next: None };
            let (moment, place) = (Moment::default(), Some((to, STRIDE)));
            // SAFETY: as above.
            unsafe {
                run(isa, &[sum], what, &operands, &moment, scratch.as_mut_ptr(), place);
                run(isa, &[square], what, &operands, &moment, scratch.as_mut_ptr(), place);
            }
            for i in (0..ROWS * STRIDE).filter(|i| i % STRIDE < cols) {
                let sum = x[i] * 2.0 + x[i];
                assert_eq!(sums[i], sum * sum, "{isa:?}, {cols} columns");
            }
        }
    }
}

/// To the bit, whatever stands where: in whole registers, which take one pass, or not.
#[test]
fn two_instructions_in_one_give_what_the_two_give() {
    let (x, y) = (numbers(-3.0, 0.06), numbers(2.5, -0.05));
    let places = |i: usize| match i {
        0 => Argument::Block,
        5 => Argument::Number(0.7),
        i => Argument::Operand(i - 1),
    };
    for isa in Isa::all_available() {
        for (f, g) in BOTH {
            for (i, cols) in (0..216).zip([16, 32, 48, 31].into_iter().cycle()) {
                let [a, b, c] = [places(i % 6), places(i / 6 % 6), places(i / 36)];
                let found = one(isa, Element::Both(f, g), [a, b, c], cols, &x, &y);
                let first = Instruction { element: Element::Binary(f), arguments: [a, b, b] };
                let second = Instruction { element: Element::Binary(g), arguments: [Argument::Result(0), c, c] };
                let want = all(isa, &[first, second], cols, &x, &y);
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&found), bits(&want), "{f:?}, {g:?} of {a:?}, {b:?}, {c:?}, {cols} columns, {isa:?}");
            }
        }
    }
}

#[test]
fn select_takes_the_first_where_the_condition_is_not_zero() {
    let (x, y) = (numbers(-3.0, 1.0), numbers(7.0, 1.0));
    for isa in Isa::all_available() {
        let arguments = [Argument::Block, Argument::Operand(0), Argument::Number(-1.0)];
        let found = one(isa, Element::Select, arguments, 33, &x, &y);
        for (i, found) in found.iter().enumerate() {
            let at = i / 33 * STRIDE + i % 33;
            assert_eq!(*found, if x[at] != 0.0 { y[at] } else { -1.0 });
        }
        assert!(found.contains(&-1.0));
    }
}
