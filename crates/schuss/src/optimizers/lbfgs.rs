//! L-BFGS: steps that know the curvature from past gradients, with a line search.

use super::search::{Point, SearchRule};
use super::{Clip, Decay, LossScale, Now, Optimizer, Rule, Slot, Update, learning_rate, not_negative};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Default, Entry, Page, Setting};

mod line;

pub const ENTRIES: &[Entry<Optimizer>] = &[Entry {
    name: "lbfgs",
    page: Page {
        summary: "a quasi-Newton method: past steps and gradients tell the curvature; several evaluations a step",
        equation: "s = θ − θ₀, y = g − g₀, kept where yᵀs > 1e-10, the last history_size of them\n\
                   d = −H g by two loops over them, from H = yᵀs / yᵀy\n\
                   θ ← θ + t d, t = α, at first α min(1, 1 / Σ|g|); or as the strong Wolfe conditions ask\n\
                   max_iter times, or until g, d or the loss hardly change",
        source: "Nocedal 1980, https://doi.org/10.1090/S0025-5718-1980-0572855-7; the line search: Nocedal and Wright \
                 2006, algorithms 3.5 and 3.6, with cubic interpolation",
        differs: "PyTorch's form, with the strong-Wolfe line search that PyTorch has to be asked for; its line_search_fn \
                  = None is `none` here, its max_eval of None 0. For whole batches: between two batches of a step \
                  y is noise. What clips, decays or adds up gradients is refused, as the line search needs those of \
                  the loss itself.",
    },
    settings: &[
        learning_rate(1.0),
        count("max_iter", 20, 1, "iterations a step, at most"),
        count("max_eval", 0, 0, "evaluations a step, at most; 0 for 5/4 of max_iter"),
        not_negative("tolerance_grad", 1e-7, "stop where no number of the gradient is greater"),
        not_negative("tolerance_change", 1e-9, "stop where θ or the loss change less"),
        count("history_size", 100, 1, "steps that are remembered"),
        Setting {
            name: "line_search",
            default: Default::Text("strong_wolfe"),
            allowed: Allowed::OneOf(&["none", "strong_wolfe"]),
            doc: "how the length of a step is found",
        },
    ],
    make: |settings| {
        let iterations = settings.usize("max_iter");
        let evaluations = match settings.usize("max_eval") {
            0 => iterations * 5 / 4,
            given => given,
        };
        let rule = Lbfgs {
            iterations,
            evaluations,
            least_gradient: settings.f64("tolerance_grad"),
            least_change: settings.f64("tolerance_change"),
            history: settings.usize("history_size"),
            line_search: settings.text("line_search") == "strong_wolfe",
        };
        let made = Optimizer::new("lbfgs", settings, rule)?;
        let around = &made.around;
        let refused = [
            ("weight_decay", around.weight_decay > 0.0 && matches!(around.decay, Decay::L2 | Decay::Decoupled)),
            ("clipnorm, clipvalue or global_clipnorm", around.clip != Clip::None),
            ("gradient_accumulation_steps", around.accumulation > 1),
            ("loss_scale", around.loss_scale != LossScale::None),
            ("sam_rho", around.sam_rho > 0.0),
        ];
        if let Some((what, _)) = refused.iter().find(|r| r.1) {
            let message = format!(
                "a line search needs the gradient of the loss itself; it can't be had with {what}: leave that out"
            );
            return Err(Error::value("not-with-a-search", message));
        }
        Ok(made)
    },
}];

const fn count(name: &'static str, default: i64, least: i64, doc: &'static str) -> Setting {
    Setting { name, default: Default::Int(default), allowed: Allowed::Int(least, 1_000_000), doc }
}

#[derive(Debug)]
struct Lbfgs {
    iterations: usize,
    evaluations: usize,
    least_gradient: f64,
    least_change: f64,
    history: usize,
    line_search: bool,
}

// Places of the states, and of the memory.
const DIRECTION: usize = 0;
const GRADIENT: usize = 1;
const STEPS: usize = 2;
const CHANGES: usize = 3;
/// y·s that is too small to tell a curvature.
const FLAT: f64 = 1e-10;

impl Rule for Lbfgs {
    fn name(&self) -> &'static str {
        "lbfgs"
    }
    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        let rows: Vec<usize> = std::iter::once(self.history).chain(shape.iter().copied()).collect();
        vec![Slot::zero("d"), Slot::zero("g"), Slot::zero("s").shaped(&rows), Slot::zero("y").shaped(&rows)]
    }
    fn update(&self) -> Update<'_> {
        Update::Search(self)
    }
    /// Iterations so far, the last length t, the diagonal of H; how many steps are remembered, and where the oldest is.
    fn memory(&self) -> Vec<f64> {
        vec![0.0, 0.0, 1.0, 0.0, 0.0]
    }
    fn numbers(&self, _: Now, _: &mut [f64], _: &mut [f64]) {}
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn greatest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |most, x| if x.is_nan() { f64::NAN } else { f64::max(most, x.abs()) })
}

/// a ← a + factor · b.
fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

/// The function along a line.
struct Along<'a> {
    point: &'a mut dyn Point,
    from: Vec<f64>,
    to: Vec<f64>,
    gradient: Vec<f64>,
}

impl Along<'_> {
    /// Goes to `from` + t d.
    fn go(&mut self, t: f64, d: &[f64]) {
        self.to.copy_from_slice(&self.from);
        add(&mut self.to, t, d);
        self.point.set_theta(&self.to);
    }
    /// The loss there and its slope along d; the gradient is left in `gradient`.
    fn at(&mut self, t: f64, d: &[f64]) -> Result<(f64, f64)> {
        self.go(t, d);
        let loss = self.point.evaluate(&mut self.gradient)?;
        Ok((loss, dot(&self.gradient, d)))
    }
}

impl SearchRule for Lbfgs {
    fn search(&self, now: Now, memory: &mut [f64], point: &mut dyn Point) -> Result<()> {
        let n = point.count();
        let mut gradient = vec![0.0; n];
        let mut loss = point.evaluate(&mut gradient)?;
        let mut evaluations = 1;
        if greatest(&gradient) <= self.least_gradient {
            return Ok(());
        }
        let (mut d, mut before, mut row) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        point.state(DIRECTION, 0, &mut d);
        point.state(GRADIENT, 0, &mut before);
        for iteration in 1..=self.iterations {
            let [iterations, t, diagonal, kept, oldest] = memory else { unreachable!("it has 5") };
            *iterations += 1.0;
            let first = *iterations == 1.0;
            if first {
                d.iter_mut().zip(&gradient).for_each(|(d, g)| *d = -g);
            } else {
                let y: Vec<f64> = gradient.iter().zip(&before).map(|(g, before)| g - before).collect();
                let s: Vec<f64> = d.iter().map(|d| d * *t).collect();
                let curvature = dot(&y, &s);
                if curvature > FLAT {
                    if *kept as usize == self.history {
                        *oldest = ((*oldest as usize + 1) % self.history) as f64;
                        *kept -= 1.0;
                    }
                    let place = (*oldest as usize + *kept as usize) % self.history;
                    point.set_state(STEPS, place, &s);
                    point.set_state(CHANGES, place, &y);
                    *kept += 1.0;
                    *diagonal = curvature / dot(&y, &y);
                }
                let places: Vec<usize> = (0..*kept as usize).map(|i| (*oldest as usize + i) % self.history).collect();
                self.direction(point, &places, *diagonal, &gradient, &mut d, &mut row);
            }
            before.copy_from_slice(&gradient);
            let old_loss = loss;
            let size: f64 = gradient.iter().map(|g| g.abs()).sum();
            *t = if first { f64::min(1.0, 1.0 / size) * now.learning_rate } else { now.learning_rate };
            let slope = dot(&gradient, &d);
            if slope > -self.least_change {
                break;
            }
            let mut along =
                Along { from: vec![0.0; n], to: vec![0.0; n], gradient: gradient.clone(), point: &mut *point };
            along.point.theta(&mut along.from);
            if self.line_search {
                let most = self.evaluations.saturating_sub(evaluations);
                let found = line::search(&mut along, *t, &d, loss, &gradient, slope, self.least_change, most)?;
                (loss, *t, gradient) = (found.loss, found.t, found.gradient);
                evaluations += found.evaluations;
                along.go(*t, &d);
            } else if iteration != self.iterations {
                (loss, _) = along.at(*t, &d)?;
                gradient.copy_from_slice(&along.gradient);
                evaluations += 1;
            } else {
                along.go(*t, &d);
            }
            let still = greatest(&d) * t.abs() <= self.least_change || (loss - old_loss).abs() < self.least_change;
            if evaluations >= self.evaluations || greatest(&gradient) <= self.least_gradient || still {
                break;
            }
        }
        point.set_state(DIRECTION, 0, &d);
        point.set_state(GRADIENT, 0, &before);
        Ok(())
    }
}

impl Lbfgs {
    /// −H g, by the two loops over what is remembered, oldest first in `places`.
    fn direction(
        &self,
        point: &dyn Point,
        places: &[usize],
        diagonal: f64,
        gradient: &[f64],
        d: &mut [f64],
        row: &mut [f64],
    ) {
        d.iter_mut().zip(gradient).for_each(|(d, g)| *d = -g);
        let mut s = vec![0.0; row.len()];
        let mut shares = Vec::with_capacity(places.len());
        for &place in places.iter().rev() {
            point.state(STEPS, place, &mut s);
            point.state(CHANGES, place, row);
            let over = 1.0 / dot(row, &s);
            let share = dot(&s, d) * over;
            add(d, -share, row);
            shares.push((share, over));
        }
        d.iter_mut().for_each(|d| *d *= diagonal);
        for (&place, (share, over)) in places.iter().zip(shares.into_iter().rev()) {
            point.state(STEPS, place, &mut s);
            point.state(CHANGES, place, row);
            let back = dot(row, d) * over;
            add(d, share - back, &s);
        }
    }
}
