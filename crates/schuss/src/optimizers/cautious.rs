//! Cautious updates: an element moves only where its rule and its gradient agree, and the others the further for it
//! (Liang et al. 2024, arXiv 2411.16085). Done around a rule on elements, whose operations are written into the graph.

use super::Tensor;
use crate::error::Result;
use crate::graph::{Graph, Value};
use schuss_kernels::recording::{Recording, Step};

/// What is added to θ: the summands, and whether each is taken away instead. Nothing if θ is more than a summand, or
/// the rule's state depends on it, so that there is no such change.
pub fn change(recording: &Recording) -> Option<Vec<(usize, bool)>> {
    let steps = &recording.steps;
    let mut moved = vec![false; steps.len()];
    for (i, step) in steps.iter().enumerate() {
        moved[i] = match *step {
            Step::Theta => true,
            Step::Gradient | Step::At(_) | Step::State(_) | Step::Number(_) => false,
            Step::Negative(x) | Step::Root(x) | Step::Absolute(x) => moved[x],
            Step::Add(x, y)
            | Step::Subtract(x, y)
            | Step::Multiply(x, y)
            | Step::Divide(x, y)
            | Step::Greatest(x, y)
            | Step::Least(x, y)
            | Step::Less(x, y) => moved[x] || moved[y],
            Step::Select(x, y, z) => moved[x] || moved[y] || moved[z],
        };
    }
    let (mut place, mut terms) = (recording.theta, Vec::new());
    while steps[place] != Step::Theta {
        let (theta, term, negative) = match steps[place] {
            Step::Add(x, y) if moved[x] && !moved[y] => (x, y, false),
            Step::Add(x, y) if moved[y] && !moved[x] => (y, x, false),
            Step::Subtract(x, y) if moved[x] && !moved[y] => (x, y, true),
            _ => return None,
        };
        terms.push((term, negative));
        place = theta;
    }
    terms.reverse();
    let still = recording.states.iter().all(|&state| !moved[state]);
    (still && !terms.is_empty()).then_some(terms)
}

/// Writes the rule's operations, and moves θ by what is left of its change.
pub fn build(
    g: &mut Graph,
    recording: &Recording,
    keep: Option<Value>,
    numbers: &[Value],
    tensor: &mut Tensor,
) -> Result<()> {
    let mut values: Vec<Value> = Vec::new();
    for step in &recording.steps {
        let at = |i: usize| values[i];
        let value = match *step {
            Step::Theta => tensor.theta,
            Step::Gradient => tensor.gradient,
            Step::At(i) => numbers[i],
            Step::State(i) => tensor.states[i],
            Step::Number(x) => g.constant(x)?,
            Step::Negative(x) => g.negative(at(x))?,
            Step::Root(x) => g.sqrt(at(x))?,
            Step::Absolute(x) => g.absolute(at(x))?,
            Step::Add(x, y) => g.add(at(x), at(y))?,
            Step::Subtract(x, y) => g.subtract(at(x), at(y))?,
            Step::Multiply(x, y) => g.multiply(at(x), at(y))?,
            Step::Divide(x, y) => g.divide(at(x), at(y))?,
            Step::Greatest(x, y) => g.maximum(at(x), at(y))?,
            Step::Least(x, y) => g.minimum(at(x), at(y))?,
            Step::Less(x, y) => g.greater(at(y), at(x))?,
            Step::Select(mask, x, y) => g.select(at(mask), at(x), at(y))?,
        };
        values.push(value);
    }
    let mut change = None;
    for (term, negative) in self::change(recording).expect("checked where the optimizer is made") {
        let term = values[term];
        change = Some(match (change, negative) {
            (None, false) => term,
            (None, true) => g.negative(term)?,
            (Some(sum), false) => g.add(sum, term)?,
            (Some(sum), true) => g.subtract(sum, term)?,
        });
    }
    let change = change.expect("there is one");
    // Signs are multiplied, not numbers, whose product may vanish.
    let (zero, one) = (g.constant(0.0)?, g.constant(1.0)?);
    let (ours, theirs) = (g.sign(change)?, g.sign(tensor.gradient)?);
    let agree = g.multiply(ours, theirs)?;
    let agree = g.greater(zero, agree)?;
    let count = g.sum(agree)?;
    let count = g.add(count, one)?;
    let all = g.constant(g.shape(tensor.theta).len(1) as f64)?;
    let longer = g.divide(all, count)?;
    let change = g.multiply(change, longer)?;
    let change = g.select(agree, change, zero)?;
    let kept = keep.map_or(Ok(tensor.theta), |keep| g.multiply(tensor.theta, keep))?;
    tensor.theta = g.add(kept, change)?;
    tensor.states = recording.states.iter().map(|&state| values[state]).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Update, registry};
    use super::*;

    #[test]
    fn a_change_is_found_where_there_is_one() {
        let found = |name: &str| {
            let optimizer = registry().make(name, &[]).unwrap();
            let Update::Elementwise(sweep) = optimizer.rule.update() else { panic!("{name} is on elements") };
            change(&sweep.recording()).map(|terms| terms.len())
        };
        assert_eq!(["adam", "lion", "nag", "rmsprop"].map(found), [Some(1), Some(1), Some(2), Some(1)]);
        assert_eq!(["ftrl", "schedule_free_adamw", "asgd"].map(found), [None, None, None]);
    }
}
