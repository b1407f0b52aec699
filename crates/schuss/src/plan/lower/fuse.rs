//! Two instructions of a tape as one, where the first is there for the second alone: a pass less over each block.

use schuss_kernels::program::Finish;
use schuss_kernels::tape::{Argument, BOTH, Binary, Element, Instruction, Unary};

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
    let once = |i: usize| {
        let read = finish.tape.iter().flat_map(Instruction::used).filter(|a| **a == Argument::Result(i)).count();
        read == 1 && !finish.stores.iter().any(|(what, _)| *what == Argument::Result(i))
    };
    finish.tape.iter().enumerate().find_map(|(second, instruction)| {
        let made_by = |argument: Argument| match argument {
            Argument::Result(i) if once(i) => Some((i, finish.tape[i])),
            _ => None,
        };
        let (first, both) = together(instruction, made_by)?;
        Some((first, second, both))
    })
}

/// What the instruction does together with one that made an argument of it, and for nobody else.
fn together(
    second: &Instruction,
    made_by: impl Fn(Argument) -> Option<(usize, Instruction)>,
) -> Option<(usize, Instruction)> {
    let binary = |f, a, b| Instruction { element: Element::Binary(f), arguments: [a, b, b] };
    let [a, b, _] = second.arguments;
    let both = |f, g, [x, y, _]: [Argument; 3], z| {
        BOTH.contains(&(f, g)).then_some(Instruction { element: Element::Both(f, g), arguments: [x, y, z] })
    };
    match second.element {
        Element::Unary(f) => {
            let (i, first) = made_by(a)?;
            let [x, y, z] = first.arguments;
            let one = match (f, first.element) {
                (Unary::Relu, Element::Binary(Binary::Add)) => binary(Binary::AddRelu, x, y),
                (Unary::Relu, Element::Both(f, Binary::Add)) => both(f, Binary::AddRelu, first.arguments, z)?,
                (Unary::Square, Element::Binary(Binary::Subtract)) => binary(Binary::SquaredDifference, x, y),
                _ => return None,
            };
            Some((i, one))
        }
        Element::Binary(g) => {
            // What was made may be either argument, where the function does not mind their order.
            let either = |one: &dyn Fn(Argument, Argument) -> Option<(usize, Instruction)>| {
                one(a, b).or_else(|| if commutes(g) { one(b, a) } else { None })
            };
            let masked = |mask, other| {
                let (i, first) = made_by(mask)?;
                let positive =
                    first.element == Element::Binary(Binary::Greater) && first.arguments[1] == Argument::Number(0.0);
                (g == Binary::Multiply && positive)
                    .then_some((i, binary(Binary::MultiplyPositive, other, first.arguments[0])))
            };
            let behind = |made, other| {
                let (i, first) = made_by(made)?;
                let Element::Binary(f) = first.element else { return None };
                Some((i, both(f, g, first.arguments, other)?))
            };
            either(&masked).or_else(|| either(&behind))
        }
        _ => None,
    }
}

/// Is it the same of b and a as of a and b?
fn commutes(f: Binary) -> bool {
    matches!(f, Binary::Add | Binary::Multiply)
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
        // As normalisation has them: (x − mean) · factor + shift, and that with a residual and a rectifier behind it.
        let [mean, factor, shift, other] = [0, 1, 2, 3].map(Argument::Operand);
        let centred = of(Element::Binary(Binary::Subtract), Argument::Block, mean);
        let scaled = of(Element::Binary(Binary::Multiply), Argument::Result(0), factor);
        let moved = of(Element::Binary(Binary::Add), shift, Argument::Result(1));
        let sum = of(Element::Binary(Binary::Add), Argument::Result(2), other);
        let above_zero = of(Element::Unary(Unary::Relu), Argument::Result(3), OTHER);
        let mut f = finish(vec![centred, scaled, moved, sum, above_zero], &[4]);
        pairs(&mut f);
        let both = |f, g, arguments| Instruction { element: Element::Both(f, g), arguments };
        let first = both(Binary::Subtract, Binary::Multiply, [Argument::Block, mean, factor]);
        let rest = both(Binary::Add, Binary::AddRelu, [shift, Argument::Result(0), other]);
        assert_eq!(f.tape, [first, rest]);
        let mut f = finish(vec![centred, of(Element::Unary(Unary::Square), Argument::Result(0), OTHER)], &[1]);
        pairs(&mut f);
        assert_eq!(f.tape, [of(Element::Binary(Binary::SquaredDifference), Argument::Block, mean)]);
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
