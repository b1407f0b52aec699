//! Random numbers that depend on nothing but where and when they are asked for.

use super::{Derivatives, Example, Line, Operation, tape};
use crate::error::Result;
use crate::graph::{Graph, Moment, Tensor, Value};
use crate::random::Stream;
use crate::shape::Shape;

/// y = uniform random numbers in [0, 1), 24 bits each: a function of the run's seed, the stream's name, the update, and
/// the element's place in the logical batch (so of nothing that has to do with how the batch is cut up). Equal streams
/// of equal shape are one value. No inputs, so no derivative.
///
/// Philox4x32-10: Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
#[derive(Clone, Debug)]
pub struct RandomUniform {
    /// The name from which the stream's number is made.
    pub stream: String,
    /// The shape of the output.
    pub shape: Shape,
}

/// The line of the table.
pub const LINE: Line = Line {
    name: "random_uniform",
    summary: "uniform random numbers in [0, 1)",
    examples: || {
        let case =
            |sizes: &'static [usize]| Example::new(&[], move |g, _| g.random_uniform("noise", &Shape::fixed(sizes)));
        vec![case(&[]), case(&[17]), case(&[3, 31])]
    },
};

impl RandomUniform {
    fn stream_id(&self) -> u64 {
        // The number of a name is the same under every seed; the seed is the generator's key.
        Stream::named(0, &self.stream).id()
    }
}

impl Operation for RandomUniform {
    fn name(&self) -> &'static str {
        LINE.name
    }
    fn shape(&self, _: &[&Shape]) -> Result<Shape> {
        Ok(self.shape.clone())
    }
    fn evaluate(&self, moment: &Moment, _: &[&Tensor], sizes: &[usize]) -> Tensor {
        let stream = tape::random_stream(self.stream_id(), moment.update);
        let samples_before = if self.shape.has_batch() { moment.position } else { 0 };
        let first = samples_before * self.shape.sample().iter().product::<usize>();
        Tensor::from_fn(sizes, |i| tape::random_element(moment.seed, stream, (first + i) as u64).into())
    }
    fn vjp(&self, _: &mut Graph, _: &[Value], _: Value, _: Value, _: &[bool]) -> Result<Derivatives> {
        Ok(Vec::new())
    }
    fn element(&self) -> Option<tape::Element> {
        Some(tape::Element::Random(self.stream_id()))
    }
}

impl Graph {
    /// Uniform random numbers in [0, 1) from the stream of that name.
    pub fn random_uniform(&mut self, stream: &str, shape: &Shape) -> Result<Value> {
        self.apply(RandomUniform { stream: stream.to_owned(), shape: shape.clone() }, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Reference;

    fn draw(moment: Moment, batch: usize, stream: &str, shape: &Shape) -> Vec<f64> {
        let mut g = Graph::new();
        let y = g.random_uniform(stream, shape).unwrap();
        Reference::new(&g, batch).at(moment).run(&[y]).remove(0).data
    }

    #[test]
    fn parts_of_a_batch_see_the_numbers_of_the_whole() {
        let (shape, moment) = (Shape::batch(&[3, 7]), Moment { seed: 5, update: 9, position: 0 });
        let whole = draw(moment, 5, "a", &shape);
        let mut parts = draw(moment, 2, "a", &shape);
        parts.extend(draw(Moment { position: 2, ..moment }, 3, "a", &shape));
        assert_eq!(whole, parts);
        // What belongs to no sample does not depend on where the part begins.
        let fixed = Shape::fixed(&[4]);
        assert_eq!(draw(moment, 1, "a", &fixed), draw(Moment { position: 2, ..moment }, 3, "a", &fixed));
    }

    #[test]
    fn seed_stream_and_update_each_give_other_numbers() {
        let (shape, moment) = (Shape::fixed(&[8]), Moment { seed: 1, update: 1, position: 0 });
        let all = [
            draw(moment, 1, "a", &shape),
            draw(moment, 1, "b", &shape),
            draw(Moment { seed: 2, ..moment }, 1, "a", &shape),
            draw(Moment { seed: 1 | 1 << 40, ..moment }, 1, "a", &shape),
            draw(Moment { update: 2, ..moment }, 1, "a", &shape),
        ];
        let mut numbers: Vec<f64> = all.concat();
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        // 40 numbers of 24 bits: two are equal by chance in 1 of 20 000 choices of seeds.
        assert_eq!(numbers.len(), 40);
    }

    #[test]
    fn the_numbers_are_uniform() {
        let x = draw(Moment::default(), 1, "a", &Shape::fixed(&[200_000]));
        let n = x.len() as f64;
        let mean = |f: &dyn Fn(f64) -> f64| x.iter().map(|x| f(*x)).sum::<f64>() / n;
        assert!(x.iter().all(|x| (0.0..1.0).contains(x)));
        // Four standard errors each: of x, √(1/12/n); of x², √(4/45/n).
        assert!((mean(&|x| x) - 0.5).abs() < 4.0 * (1.0 / 12.0 / n).sqrt());
        assert!((mean(&|x| x * x) - 1.0 / 3.0).abs() < 4.0 * (4.0 / 45.0 / n).sqrt());
    }
}
