//! How long instructions of element-wise programs take: `cargo run --release -p schuss-kernels --example tape_rates`.
//!
//! Nanoseconds for 16 numbers and each instruction, in a block of 2,048 numbers that stays in cache.

use schuss_kernels::tape::{Argument, BLOCK, Binary, Block, Element, Instruction, Moment, Operand, run};
use schuss_kernels::{Buffer, Isa};
use std::time::Instant;

fn main() {
    let isa = Isa::detect();
    let (mut block, row, mut scratch) = (Buffer::zeros(BLOCK), Buffer::zeros(BLOCK), Buffer::zeros(8 * BLOCK));
    let (other, mut to) = (Buffer::zeros(BLOCK), Buffer::zeros(BLOCK));
    let binary = |f, a, b| Instruction { element: Element::Binary(f), arguments: [a, b, b] };
    let tape = [
        binary(Binary::Subtract, Argument::Operand(0), Argument::Operand(1)),
        binary(Binary::Multiply, Argument::Result(0), Argument::Operand(1)),
        binary(Binary::Multiply, Argument::Operand(2), Argument::Operand(1)),
        binary(Binary::Add, Argument::Result(2), Argument::Operand(1)),
        binary(Binary::Add, Argument::Result(1), Argument::Result(3)),
    ];
    let masked = [
        binary(Binary::Greater, Argument::Operand(0), Argument::Number(0.0)),
        binary(Binary::Multiply, Argument::Block, Argument::Result(0)),
    ];
    for (name, tape) in [("one row beside all", &tape[..]), ("a mask", &masked[..])] {
        for cols in [16, 32, 64, 128] {
            let rows = BLOCK / cols;
            let whole = |b: &Buffer, row_stride| Operand { ptr: b.as_ptr(), row_stride, col_stride: 1 };
            let operands = [whole(&other, cols), whole(&row, 0), whole(&other, cols)];
            let ptr = block.as_mut_ptr();
            let b = Block { ptr, rows, cols, stride: cols, first: 0, width: cols as u64, sample: 0 };
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
