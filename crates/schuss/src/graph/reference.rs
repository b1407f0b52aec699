//! The interpreter that defines what every operation means: f64, naive loops.

use super::ops::input::{Input, Source};
use super::{Graph, Tensor, Value};
use std::collections::HashMap;

/// What random operations depend on besides their own name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// The run's seed.
    pub seed: u64,
    /// Updates made so far.
    pub update: u64,
    /// The place of the first sample in the logical batch.
    pub position: usize,
}

/// Computes values of a graph from its leaves.
pub struct Reference<'a> {
    graph: &'a Graph,
    batch: usize,
    moment: Moment,
    leaves: HashMap<(Source, String), Tensor>,
}

impl<'a> Reference<'a> {
    /// For a batch of `batch` samples.
    pub fn new(graph: &'a Graph, batch: usize) -> Self {
        Reference { graph, batch, moment: Moment::default(), leaves: HashMap::new() }
    }
    /// Sets seed, update and position.
    pub fn at(mut self, moment: Moment) -> Self {
        self.moment = moment;
        self
    }
    /// Sets a leaf.
    pub fn set(&mut self, source: Source, name: &str, tensor: Tensor) {
        self.leaves.insert((source, name.to_owned()), tensor);
    }
    /// Computes the outputs. Panics if a leaf that is needed was not set, or has other sizes.
    pub fn run(&self, outputs: &[Value]) -> Vec<Tensor> {
        let needed = self.graph.needed_for(outputs);
        let mut done: Vec<Option<Tensor>> = vec![None; needed.len()];
        for (i, node) in self.graph.nodes().iter().enumerate().filter(|(i, _)| needed[*i]) {
            let sizes = node.shape.sizes(self.batch);
            let tensor = match self.graph.operation::<Input>(Value(i as u32)) {
                Some(leaf) => {
                    let given = self.leaves.get(&(leaf.source, leaf.name.clone()));
                    given.unwrap_or_else(|| panic!("leaf `{}` was not set", leaf.name)).clone()
                }
                None => {
                    let inputs: Vec<&Tensor> =
                        node.inputs.iter().map(|v| done[v.index()].as_ref().expect("inputs come first")).collect();
                    node.op.evaluate(&self.moment, &inputs, &sizes)
                }
            };
            assert_eq!(tensor.sizes, sizes, "the sizes of {:?} are not those of its shape {}", node.op, node.shape);
            done[i] = Some(tensor);
        }
        outputs.iter().map(|v| done[v.index()].clone().expect("outputs are needed")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    #[test]
    fn only_what_is_needed_is_computed() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[2]));
        let unset = g.input(Source::Data, "unset", Shape::batch(&[2]));
        let (y, _) = (g.square(x).unwrap(), g.add(x, unset).unwrap());
        let mut reference = Reference::new(&g, 1);
        reference.set(Source::Data, "x", Tensor::new(&[1, 2], vec![2.0, 3.0]));
        assert_eq!(reference.run(&[y, x, y]).iter().map(|t| t.data[0]).collect::<Vec<_>>(), [4.0, 2.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "leaf `x` was not set")]
    fn a_leaf_that_was_not_set_is_a_fault() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::scalar());
        Reference::new(&g, 1).run(&[x]);
    }

    #[test]
    #[should_panic(expected = "[batch, 2]")]
    fn a_leaf_of_other_sizes_is_a_fault() {
        let mut g = Graph::new();
        let x = g.input(Source::Data, "x", Shape::batch(&[2]));
        let mut reference = Reference::new(&g, 3);
        reference.set(Source::Data, "x", Tensor::full(&[2, 2], 0.0));
        reference.run(&[x]);
    }
}
