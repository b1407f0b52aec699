//! How long element-wise programs take: `cargo run --release -p schuss-kernels --example tape_rates`.
//!
//! Nanoseconds for 16 numbers and each instruction, in a block of 2,048 numbers that stays in cache; then for 16 numbers
//! of a program on arrays in memory, in blocks of so many.

use schuss_kernels::tape::{Argument, BLOCK, Binary, Block, Element, Instruction, Moment, Operand, run};
use schuss_kernels::{Buffer, Isa};
use std::time::Instant;

fn binary(f: Binary, a: Argument, b: Argument) -> Instruction {
    Instruction { element: Element::Binary(f), arguments: [a, b, b] }
}

fn both(f: Binary, g: Binary, arguments: [Argument; 3]) -> Instruction {
    Instruction { element: Element::Both(f, g), arguments }
}

fn main() {
    in_cache();
    from_memory();
}

fn in_cache() {
    let isa = Isa::detect();
    let (mut block, row, mut scratch) = (Buffer::zeros(BLOCK), Buffer::zeros(BLOCK), Buffer::zeros(8 * BLOCK));
    let (other, mut to) = (Buffer::zeros(BLOCK), Buffer::zeros(BLOCK));
    let [a, b, c] = [0, 1, 2].map(Argument::Operand);
    let tape = [
        binary(Binary::Subtract, a, b),
        binary(Binary::Multiply, Argument::Result(0), b),
        binary(Binary::Multiply, c, b),
        binary(Binary::Add, Argument::Result(2), b),
        binary(Binary::Add, Argument::Result(1), Argument::Result(3)),
    ];
    let masked = [
        binary(Binary::Greater, a, Argument::Number(0.0)),
        binary(Binary::Multiply, Argument::Block, Argument::Result(0)),
    ];
    let centred = [both(Binary::Subtract, Binary::Multiply, [a, b, b])];
    let products = [both(Binary::Multiply, Binary::Add, [a, b, c])];
    let rectified = [both(Binary::Add, Binary::AddRelu, [a, b, c])];
    for (name, tape) in [
        ("one row beside all", &tape[..]),
        ("a mask", &masked[..]),
        ("(a − row) · row", &centred[..]),
        ("a · row + c", &products[..]),
        ("max(a + row + c, 0)", &rectified[..]),
    ] {
        for cols in [16, 32, 64, 128] {
            let rows = BLOCK / cols;
            let whole = |b: &Buffer, row_stride| Operand { ptr: b.as_ptr(), row_stride, col_stride: 1 };
            let operands = [whole(&other, cols), whole(&row, 0), whole(&other, cols)];
            let ptr = block.as_mut_ptr();
            let b = Block { ptr, rows, cols, stride: cols, first: 0, width: cols as u64, sample: 0, next: None };
            let mut fastest = f64::INFINITY;
            for _ in 0..2000 {
                let start = Instant::now();
                let kept = Some((to.as_mut_ptr(), cols));
                // SAFETY: all buffers hold a block, the scratch one for each instruction.
                unsafe { run(isa, tape, b, &operands, &Moment::default(), scratch.as_mut_ptr(), kept) };
                fastest = fastest.min(start.elapsed().as_nanos() as f64);
            }
            let each = fastest / tape.len() as f64 / (BLOCK / 16) as f64;
            println!("{name:<20} {cols:>4} columns: {each:.2} ns");
        }
    }
}

/// (a − row) · row + c · row + row, of two arrays to a third, each of 64 MiB.
fn from_memory() {
    let (isa, n) = (Isa::detect(), 16 << 20);
    let [mut x, mut y, mut z] = [(); 3].map(|()| Buffer::zeros(n));
    [&mut x, &mut y, &mut z].into_iter().for_each(|b| b.fill(1.0));
    let (row, mut scratch) = (Buffer::zeros(64), Buffer::zeros(4 * BLOCK));
    let [a, b, c] = [0, 1, 2].map(Argument::Operand);
    let tape = [
        both(Binary::Subtract, Binary::Multiply, [a, b, b]),
        both(Binary::Multiply, Binary::Add, [c, b, Argument::Result(0)]),
        binary(Binary::Add, Argument::Result(1), b),
    ];
    for cols in [16, 64] {
        for (size, ahead) in [(2048, false), (1024, false), (2048, true), (1024, true), (512, true)] {
            let rows = size / cols;
            let mut fastest = f64::INFINITY;
            for _ in 0..5 {
                let start = Instant::now();
                for at in (0..n).step_by(size) {
                    let whole = |x: &Buffer| Operand { ptr: x[at..].as_ptr(), row_stride: cols, col_stride: 1 };
                    let beside = Operand { ptr: row.as_ptr(), row_stride: 0, col_stride: 1 };
                    let next = (ahead && at + size < n).then_some([rows, 0]);
                    let (ptr, width) = (scratch.as_mut_ptr(), cols as u64);
                    let b = Block { ptr, rows, cols, stride: cols, first: 0, width, sample: 0, next };
                    let to = Some((z[at..].as_mut_ptr(), cols));
                    // SAFETY: the arrays hold whole blocks, the scratch one for each instruction.
                    unsafe { run(isa, &tape, b, &[whole(&x), beside, whole(&y)], &Moment::default(), ptr, to) };
                }
                fastest = fastest.min(start.elapsed().as_nanos() as f64);
            }
            let asked = if ahead { "asked for ahead" } else { "" };
            println!("{cols:>4} columns, blocks of {size}: {:.2} ns {asked}", fastest / (n / 16) as f64);
        }
    }
}
