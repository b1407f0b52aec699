//! What a program refuses, and what it does to memory.

use schuss_kernels::program::{Call, Column, Feed, Finish, Phase, Program, Source, Transform, View, Work};
use schuss_kernels::tape::{Argument, Binary, Element, Instruction, Moment};
use schuss_kernels::{Buffer, Isa, Pool};
use std::ops::Range;
use std::panic::catch_unwind;

/// y = x + x over rows and columns of an array of 4 × 8, x at 0, y at 32.
fn double(rows: Range<usize>, cols: Range<usize>) -> Call {
    Call { work: Work::Map, rows, cols, finish: Some(0), name: "double".into() }
}
fn view(offset: usize) -> View {
    View { space: 0, offset, row_stride: 8, col_stride: 1 }
}
fn finish(to: usize) -> Finish {
    let arguments = [Argument::Operand(0); 3];
    Finish {
        tape: vec![Instruction { element: Element::Binary(Binary::Add), arguments }],
        operands: vec![view(0)],
        stores: vec![(Argument::Result(0), view(to))],
        ..Finish::default()
    }
}
fn program(threads: Vec<Vec<Call>>, finish: Finish, size: usize) -> Program {
    Program::new(Isa::detect(), vec![Phase { threads }], vec![finish], &[size])
}
fn refused(threads: Vec<Vec<Call>>, finish: Finish, size: usize) -> String {
    match catch_unwind(|| program(threads, finish, size)) {
        Ok(_) => String::new(),
        Err(e) => e.downcast_ref::<String>().cloned().unwrap_or_else(|| "?".into()),
    }
}

#[test]
fn threads_that_keep_apart_may_share_an_array() {
    let mut p = program(vec![vec![double(0..4, 0..3)], vec![double(0..4, 3..8)]], finish(32), 64);
    let pool = Pool::new(2);
    let mut arena = Buffer::zeros(64);
    let pixels: Vec<u8> = (0..64).collect();
    let column = Column { source: Source::U8(&pixels), width: 8, transform: Transform::Scale(0.5), to: 0 };
    let feed = Feed { columns: &[column], indices: &[3, 0, 7, 1] };
    assert!(p.run(&pool, &mut arena, &mut [], &feed, &Moment::default()));
    for (row, sample) in [3, 0, 7, 1].into_iter().enumerate() {
        for col in 0..8 {
            assert_eq!(arena[32 + row * 8 + col], (sample * 8 + col) as f32);
        }
    }
}

#[test]
fn threads_that_meet_are_refused() {
    let message = refused(vec![vec![double(0..4, 0..4)], vec![double(0..4, 3..8)]], finish(32), 64);
    assert!(message.contains("meet"), "{message}");
    // One writes over what the other still reads.
    let message = refused(vec![vec![double(0..2, 0..8)], vec![double(2..4, 0..8)]], finish(8), 64);
    assert!(message.contains("meet"), "{message}");
}

#[test]
fn a_call_that_leaves_its_space_is_refused() {
    let message = refused(vec![vec![double(0..4, 0..8)]], finish(33), 64);
    assert!(message.contains("leaves its space"), "{message}");
}

#[test]
fn instructions_that_read_what_is_not_there_are_refused() {
    for argument in [Argument::Operand(1), Argument::Result(0)] {
        let mut f = finish(32);
        f.tape[0].arguments[1] = argument;
        let message = refused(vec![vec![double(0..4, 0..8)]], f, 64);
        assert!(message.contains("not there"), "{message}");
    }
}

#[test]
fn a_feed_is_checked() {
    let pool = Pool::new(1);
    let data = vec![0.0f32; 16];
    let run = |to: usize, indices: &[u32]| {
        let mut p = program(vec![vec![double(0..4, 0..8)]], finish(32), 64);
        let column = Column { source: Source::F32(&data), width: 8, transform: Transform::Scale(1.0), to };
        let feed = Feed { columns: &[column], indices };
        p.run(&pool, &mut Buffer::zeros(64), &mut [], &feed, &Moment::default());
    };
    let panics = |to, indices: &[u32]| catch_unwind(std::panic::AssertUnwindSafe(|| run(to, indices))).is_err();
    assert!(!panics(0, &[1, 0]));
    assert!(panics(0, &[2]), "there is no third sample");
    assert!(panics(60, &[0]), "the arena ends");
}
