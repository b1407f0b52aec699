//! What follows a kernel, put together instruction by instruction.

use super::super::list::List;
use super::Lowering;
use crate::graph::Value;
use crate::graph::ops::constant::Constant;
use schuss_kernels::program::{Finish, View};
use schuss_kernels::tape::{Argument, Binary, Element, Instruction};
use std::collections::HashMap;

/// Makes one finish.
pub struct Builder<'a, 'b> {
    lowering: &'a Lowering<'b>,
    own: &'a [Value],
    frame: (usize, usize),
    within: Vec<usize>,
    known: HashMap<Value, Argument>,
    pub finish: Finish,
}

impl<'a, 'b> Builder<'a, 'b> {
    pub fn new(
        lowering: &'a Lowering<'b>,
        own: &'a [Value],
        frame: (usize, usize),
        within: Vec<usize>,
        sample: usize,
    ) -> Self {
        let finish = Finish { width: frame.1, sample, ..Finish::default() };
        Builder { lowering, own, frame, within, known: HashMap::new(), finish }
    }
    /// The block that the finish is run on is this value.
    pub fn block(&mut self, v: Value) {
        self.known.insert(v, Argument::Block);
    }
    pub fn push(&mut self, element: Element, arguments: [Argument; 3]) -> Argument {
        self.finish.tape.push(Instruction { element, arguments });
        Argument::Result(self.finish.tape.len() - 1)
    }
    pub fn operand(&mut self, view: View) -> Argument {
        let found = self.finish.operands.iter().position(|v| *v == view);
        Argument::Operand(found.unwrap_or_else(|| {
            self.finish.operands.push(view);
            self.finish.operands.len() - 1
        }))
    }
    /// A value as an instruction's argument.
    pub fn argument(&mut self, v: Value) -> Argument {
        let list = self.lowering.list;
        if let Some(known) = self.known.get(&v) {
            return *known;
        }
        if let Some(c) = list.graph.operation::<Constant>(v) {
            return Argument::Number(c.value as f32);
        }
        if list.inline[v.index()] && !self.own.contains(&v) {
            return self.compute(v);
        }
        let strides = List::strides(&list.sizes(v), &self.within, self.frame);
        let (row_stride, col_stride) = strides.expect("passes keep to what strides describe");
        let (space, offset) = self.lowering.origin(v);
        self.operand(View { space, offset, row_stride, col_stride })
    }
    /// An element-wise value, from its inputs.
    pub fn compute(&mut self, v: Value) -> Argument {
        let node = self.lowering.list.graph.node(v);
        let arguments: Vec<Argument> = node.inputs.iter().map(|x| self.argument(*x)).collect();
        let argument = match node.op.element() {
            // A repetition: whatever reads it reads what is repeated.
            None => arguments[0],
            Some(element) => {
                let at = |i: usize| arguments.get(i).copied().unwrap_or(Argument::Number(0.0));
                self.push(element, [at(0), at(1), at(2)])
            }
        };
        self.known.insert(v, argument);
        argument
    }
    /// An argument as a block of numbers: what stands elsewhere is copied (times 1, which changes no bit).
    pub fn result(&mut self, argument: Argument) -> Argument {
        match argument {
            Argument::Block | Argument::Result(_) => argument,
            other => self.push(Element::Binary(Binary::Multiply), [other, Argument::Number(1.0), other]),
        }
    }
    /// Makes a result the last one.
    pub fn last(&mut self, result: Argument) {
        let last = match self.finish.tape.len() {
            0 => Argument::Block,
            n => Argument::Result(n - 1),
        };
        if result != last {
            self.push(Element::Binary(Binary::Multiply), [result, Argument::Number(1.0), result]);
        }
    }
}
