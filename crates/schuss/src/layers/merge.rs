//! What layers of several inputs have in common.

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};

/// Joins the values two by two, from the first: `f(f(a, b), c)` …, after they are found to fit each other.
pub(super) fn fold(
    g: &mut Graph,
    kind: &str,
    inputs: &[Value],
    f: impl Fn(&mut Graph, Value, Value) -> Result<Value>,
) -> Result<Value> {
    let [first, rest @ ..] = several(kind, inputs)? else { unreachable!("there are several") };
    let rank = g.shape(*first).rank();
    // An axis of size 1 is repeated, as Keras does.
    let fits = |shape: &crate::shape::Shape, v: &Value| shape.broadcast(g.shape(*v)).ok();
    let common = rest.iter().try_fold(g.shape(*first).clone(), |shape, v| fits(&shape, v));
    if common.is_none() || rest.iter().any(|v| g.shape(*v).rank() != rank) {
        let message = format!("its inputs are {}; sizes must be equal, or 1", shapes(g, inputs));
        return Err(Error::shape("merge-shapes", message));
    }
    rest.iter().try_fold(*first, |y, &x| f(g, y, x))
}

/// At least two inputs.
pub(super) fn several<'a>(kind: &str, inputs: &'a [Value]) -> Result<&'a [Value]> {
    if inputs.len() < 2 {
        let message = format!("{kind} takes two inputs or more and is given {}; name them as `inputs`", inputs.len());
        return Err(Error::value("layer-inputs", message));
    }
    Ok(inputs)
}

/// The shapes of the values, in words.
pub(super) fn shapes(g: &Graph, values: &[Value]) -> String {
    let all: Vec<String> = values.iter().map(|v| g.shape(*v).to_string()).collect();
    all.join(" and ")
}
