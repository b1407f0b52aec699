//! Two instructions of a tape as one, where the first is there for the second alone: a pass less over each block.

use schuss_kernels::program::Finish;
use schuss_kernels::tape::{Argument, Binary, Element, Instruction, Unary};

/// Makes one of each such pair. The numbers stay the same.
pub fn pairs(finish: &mut Finish) {
    while let Some((first, second, both)) = pair(finish) {
        finish.tape[second] = both;
        finish.tape.remove(first);
        let moved = |argument: &mut Argument| {
            if let Argument::Result(i) = argument
                && *i > first
            {
                *i -= 1;
            }
        };
        finish.tape.iter_mut().flat_map(|i| &mut i.arguments).for_each(moved);
        finish.stores.iter_mut().for_each(|(what, _)| moved(what));
    }
}

/// The first such pair, and what does both.
fn pair(finish: &Finish) -> Option<(usize, usize, Instruction)> {
    finish.tape.iter().enumerate().find_map(|(second, instruction)| {
        let (first, both) = together(&finish.tape, instruction)?;
        let read = finish.tape.iter().flat_map(Instruction::used).filter(|a| **a == Argument::Result(first)).count();
        let kept = finish.stores.iter().any(|(what, _)| *what == Argument::Result(first));
        (read == 1 && !kept).then_some((first, second, both))
    })
}

/// What the instruction and the one before it that it takes do together.
fn together(tape: &[Instruction], second: &Instruction) -> Option<(usize, Instruction)> {
    let made_by = |argument: Argument| match argument {
        Argument::Result(i) => Some((i, tape[i])),
        _ => None,
    };
    let binary = |f, a, b| Instruction { element: Element::Binary(f), arguments: [a, b, b] };
    let [a, b, _] = second.arguments;
    match second.element {
        Element::Unary(Unary::Relu) => {
            let (i, first) = made_by(a).filter(|(_, first)| first.element == Element::Binary(Binary::Add))?;
            Some((i, binary(Binary::AddRelu, first.arguments[0], first.arguments[1])))
        }
        Element::Binary(Binary::Multiply) => {
            let positive = |(_, first): &(usize, Instruction)| {
                first.element == Element::Binary(Binary::Greater) && first.arguments[1] == Argument::Number(0.0)
            };
            let factor = |mask, other| made_by(mask).filter(positive).map(|(i, first)| (i, first.arguments[0], other));
            let (i, positive, other) = factor(b, a).or_else(|| factor(a, b))?;
            Some((i, binary(Binary::MultiplyPositive, other, positive)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schuss_kernels::program::View;

    const OTHER: Argument = Argument::Operand(0);

    fn of(element: Element, a: Argument, b: Argument) -> Instruction {
        Instruction { element, arguments: [a, b, b] }
    }

    fn finish(tape: Vec<Instruction>, stores: &[usize]) -> Finish {
        let view = View { space: 0, offset: 0, row_stride: 1, col_stride: 1 };
        Finish { tape, stores: stores.iter().map(|i| (Argument::Result(*i), view)).collect(), ..Finish::default() }
    }

    #[test]
    fn pairs_become_one_where_nobody_else_reads_the_first() {
        let add = of(Element::Binary(Binary::Add), Argument::Block, OTHER);
        let relu = of(Element::Unary(Unary::Relu), Argument::Result(0), OTHER);
        let above = of(Element::Binary(Binary::Greater), OTHER, Argument::Number(0.0));
        let times = of(Element::Binary(Binary::Multiply), Argument::Result(2), Argument::Result(1));
        let mut f = finish(vec![add, relu, above, times], &[1, 3]);
        pairs(&mut f);
        let both = of(Element::Binary(Binary::AddRelu), Argument::Block, OTHER);
        let masked = of(Element::Binary(Binary::MultiplyPositive), Argument::Result(0), OTHER);
        assert_eq!(f.tape, [both, masked]);
        assert_eq!([f.stores[0].0, f.stores[1].0], [Argument::Result(0), Argument::Result(1)]);
        // A sum that is kept, and one that is read twice.
        for f in [
            finish(vec![add, relu], &[0, 1]),
            finish(vec![add, relu, of(add.element, Argument::Result(0), OTHER)], &[1]),
        ] {
            let mut g = f.clone();
            pairs(&mut g);
            assert_eq!(g.tape, f.tape);
        }
    }
}
