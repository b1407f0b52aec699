//! A length of a step that the strong Wolfe conditions hold for: first bounds around one, then ever closer ones.
//! Nocedal and Wright 2006, algorithms 3.5 and 3.6; interpolation, safeguards and order are PyTorch's, whose steps these
//! are.

use super::{Along, greatest};
use crate::error::Result;

/// Sufficient decrease, and sufficient flatness.
const DECREASE: f64 = 1e-4;
const FLATNESS: f64 = 0.9;

/// A place on the line.
#[derive(Clone)]
struct Place {
    t: f64,
    loss: f64,
    gradient: Vec<f64>,
    slope: f64,
}

/// What was found.
pub(super) struct Found {
    pub(super) loss: f64,
    pub(super) t: f64,
    pub(super) gradient: Vec<f64>,
    pub(super) evaluations: usize,
}

/// The least place of the cubic through two places, within bounds.
fn cubic(a: &Place, b: &Place, bounds: Option<(f64, f64)>) -> f64 {
    let (low, high) = bounds.unwrap_or(if a.t <= b.t { (a.t, b.t) } else { (b.t, a.t) });
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let square = d1 * d1 - a.slope * b.slope;
    if square >= 0.0 {
        let d2 = square.sqrt();
        let least = if a.t <= b.t {
            b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2))
        } else {
            a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2.0 * d2))
        };
        least.max(low).min(high)
    } else {
        (low + high) / 2.0
    }
}

/// From a first length `t` along `d`, where the loss, its gradient and slope are those given; `most` evaluations.
#[allow(clippy::too_many_arguments)]
pub(super) fn search(
    along: &mut Along,
    t: f64,
    d: &[f64],
    loss: f64,
    gradient: &[f64],
    slope: f64,
    least_change: f64,
    most: usize,
) -> Result<Found> {
    let start = Place { t: 0.0, loss, gradient: gradient.to_vec(), slope };
    let mut evaluations = 0;
    let mut at = |t: f64| -> Result<Place> {
        evaluations += 1;
        let (loss, slope) = along.at(t, d)?;
        Ok(Place { t, loss, gradient: along.gradient.clone(), slope })
    };
    let too_high = |place: &Place| place.loss > loss + DECREASE * place.t * slope;
    let flat = |place: &Place| place.slope.abs() <= -FLATNESS * slope;
    let mut new = at(t)?;
    let mut old = start.clone();
    let mut iterations = 0;
    let mut bracket = None;
    while iterations < most {
        if too_high(&new) || (iterations > 1 && new.loss >= old.loss) {
            bracket = Some([old.clone(), new.clone()]);
            break;
        }
        if flat(&new) {
            return Ok(Found { loss: new.loss, t: new.t, gradient: new.gradient, evaluations });
        }
        if new.slope >= 0.0 {
            bracket = Some([old.clone(), new.clone()]);
            break;
        }
        let bounds = (new.t + 0.01 * (new.t - old.t), new.t * 10.0);
        let next = cubic(&old, &new, Some(bounds));
        old = std::mem::replace(&mut new, at(next)?);
        iterations += 1;
    }
    let mut bracket = bracket.unwrap_or([start, new]);
    let lower = |b: &[Place; 2]| if b[0].loss <= b[1].loss { 0 } else { 1 };
    let mut low = lower(&bracket);
    let width = greatest(d);
    let mut stuck = false;
    while iterations < most && (bracket[1].t - bracket[0].t).abs() * width >= least_change {
        let mut t = cubic(&bracket[0], &bracket[1], None);
        let (left, right) = (bracket[0].t.min(bracket[1].t), bracket[0].t.max(bracket[1].t));
        // A place that is near an end brings little: the second time, or at the end, one a tenth inside is taken.
        let margin = 0.1 * (right - left);
        if (right - t).min(t - left) < margin {
            if stuck || t >= right || t <= left {
                t = if (t - right).abs() < (t - left).abs() { right - margin } else { left + margin };
                stuck = false;
            } else {
                stuck = true;
            }
        } else {
            stuck = false;
        }
        let new = at(t)?;
        iterations += 1;
        if too_high(&new) || new.loss >= bracket[low].loss {
            bracket[1 - low] = new;
            low = lower(&bracket);
            continue;
        }
        let done = flat(&new);
        if !done && new.slope * (bracket[1 - low].t - bracket[low].t) >= 0.0 {
            bracket[1 - low] = bracket[low].clone();
        }
        bracket[low] = new;
        if done {
            break;
        }
    }
    let Place { loss, t, gradient, .. } = bracket[low].clone();
    Ok(Found { loss, t, gradient, evaluations })
}
