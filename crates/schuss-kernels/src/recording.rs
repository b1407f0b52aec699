//! A rule written down: the operations that it does on one element, for whoever puts them together anew.

use crate::Lane;
use crate::sweep::{Elementwise, Lanes};
use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// What a step of a rule reads or does; a number is the place in the list of what is done with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// The old element.
    Theta,
    /// The derivative.
    Gradient,
    /// A number that is the same for all elements.
    At(usize),
    /// The old number beside the element.
    State(usize),
    /// A constant.
    Number(f64),
    /// −x.
    Negative(usize),
    /// √x.
    Root(usize),
    /// |x|.
    Absolute(usize),
    /// x + y.
    Add(usize, usize),
    /// x − y.
    Subtract(usize, usize),
    /// x · y.
    Multiply(usize, usize),
    /// x / y.
    Divide(usize, usize),
    /// The greater.
    Greatest(usize, usize),
    /// The lesser.
    Least(usize, usize),
    /// Is x < y?
    Less(usize, usize),
    /// Where the first is true the second, else the third.
    Select(usize, usize, usize),
}

/// The list, and where in it the results stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// In an order in which they can be done.
    pub steps: Vec<Step>,
    /// The new element.
    pub theta: usize,
    /// The new numbers beside it.
    pub states: Vec<usize>,
}

impl Recording {
    /// What a rule does, without the factor that its element is multiplied with before.
    pub fn of<R: Elementwise>() -> Recording {
        LIST.with_borrow_mut(Vec::clear);
        let (theta, gradient) = (note(Step::Theta), note(Step::Gradient));
        let at = <R::At<Note> as Lanes<Note>>::gather(|i| note(Step::At(i)));
        let state = <R::State<Note> as Lanes<Note>>::gather(|i| note(Step::State(i)));
        let (theta, state) = R::step(at, theta, gradient, state);
        let states = (0..<R::State<Note> as Lanes<Note>>::COUNT).map(|i| state.get(i).0).collect();
        Recording { steps: LIST.take(), theta: theta.0, states }
    }
}

thread_local! {
    static LIST: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
}

fn note(step: Step) -> Note {
    LIST.with_borrow_mut(|list| {
        list.push(step);
        Note(list.len() - 1)
    })
}

/// A number that is not computed but written down.
#[derive(Clone, Copy)]
struct Note(usize);

macro_rules! operator {
    ($trait:ident $method:ident $step:ident) => {
        impl $trait for Note {
            type Output = Note;
            fn $method(self, other: Note) -> Note {
                note(Step::$step(self.0, other.0))
            }
        }
    };
}
operator!(Add add Add);
operator!(Sub sub Subtract);
operator!(Mul mul Multiply);
operator!(Div div Divide);

impl Neg for Note {
    type Output = Note;
    fn neg(self) -> Note {
        note(Step::Negative(self.0))
    }
}

impl Lane for Note {
    type Mask = Note;
    fn splat(x: f64) -> Self {
        note(Step::Number(x))
    }
    fn sqrt(self) -> Self {
        note(Step::Root(self.0))
    }
    fn abs(self) -> Self {
        note(Step::Absolute(self.0))
    }
    fn max(self, other: Self) -> Self {
        note(Step::Greatest(self.0, other.0))
    }
    fn min(self, other: Self) -> Self {
        note(Step::Least(self.0, other.0))
    }
    fn less(self, other: Self) -> Note {
        note(Step::Less(self.0, other.0))
    }
    fn select(mask: Note, yes: Self, no: Self) -> Self {
        note(Step::Select(mask.0, yes.0, no.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Momentum;

    impl Elementwise for Momentum {
        type At<L: Lane> = [L; 2];
        type State<L: Lane> = [L; 1];
        fn step<L: Lane>([alpha, mu]: [L; 2], theta: L, g: L, [v]: [L; 1]) -> (L, [L; 1]) {
            let v = mu * v - alpha * g;
            (theta + v, [v])
        }
    }

    #[test]
    fn a_rule_is_written_down_as_it_stands() {
        let recording = Recording::of::<Momentum>();
        let steps = [
            Step::Theta,
            Step::Gradient,
            Step::At(0),
            Step::At(1),
            Step::State(0),
            Step::Multiply(3, 4),
            Step::Multiply(2, 1),
            Step::Subtract(5, 6),
            Step::Add(0, 7),
        ];
        assert_eq!(recording, Recording { steps: steps.to_vec(), theta: 8, states: vec![7] });
    }
}
