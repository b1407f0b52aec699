//! Every instruction against f64, and the same bits on every instruction set and at every place in a block.

use schuss_kernels::tape::{Argument, BLOCK, Binary, Block, Element, Instruction, Moment, Operand, Unary, run};
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
    (Binary::GreaterEqual, |a, b| f64::from(u8::from(a >= b))),
    (Binary::Equal, |a, b| f64::from(u8::from(a == b))),
];

/// Rows and columns of the block; its stride is greater.
const ROWS: usize = 3;
const STRIDE: usize = 48;

/// Runs one instruction on a block of `cols` columns beside a whole array, a row, a column and a number.
fn one(isa: Isa, element: Element, arguments: [Argument; 3], cols: usize, block: &[f32], beside: &[f32]) -> Vec<f32> {
    let mut block = block.to_vec();
    let mut scratch = Buffer::zeros(BLOCK);
    let operand = |row_stride, col_stride| Operand { ptr: beside.as_ptr(), row_stride, col_stride };
    let operands = [operand(STRIDE, 1), operand(0, 1), operand(1, 0), operand(0, 0)];
    let tape = [Instruction { element, arguments }];
    let what =
        Block { ptr: block.as_mut_ptr(), rows: ROWS, cols, stride: STRIDE, first: 0, width: cols as u64, sample: 0 };
    // SAFETY: this machine has `isa`; all arrays have ROWS · STRIDE numbers, the scratch one block.
    let out = unsafe { run(isa, &tape, what, &operands, &Moment::default(), scratch.as_mut_ptr(), None) };
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
