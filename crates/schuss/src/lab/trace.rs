//! One optimizer on given gradients, without a model: where each step leads.

use super::surfaces::Surface;
use crate::error::{Error, Kind, Result};
use crate::optimizers::{Optimizer, Pace, Walk};
use crate::plan::{Machine, Options};
use schuss_kernels::Isa;

/// What steps are computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// The reference.
    F64,
    /// As in training.
    F32,
}

/// Where gradients come from.
#[derive(Clone, Copy)]
pub enum Gradients<'a> {
    /// One for each step.
    Given(&'a [Vec<f64>]),
    /// Those of a function, at every step anew.
    Of(&'a Surface, usize),
}

/// What an optimizer keeps, by name.
pub type State = Vec<(String, Vec<f64>)>;

/// A step of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceStep {
    /// Counted from 1.
    pub step: usize,
    /// Where the next gradient is taken.
    pub theta: Vec<f64>,
    /// What the optimizer keeps, by name; `evaluated` are the weights to evaluate with, where they are not θ.
    pub state: State,
}

/// Steps on a surface at most: all are kept.
const MOST: usize = 1_000_000;
/// The parameter's name.
const THETA: &str = "theta";

/// The steps of an optimizer that starts at `start`, an array of the sizes `shape`. With
/// `gradient_accumulation_steps`, θ rests until the gradients of one update have come.
///
/// ```
/// use schuss::lab::{Gradients, Precision, trace};
///
/// let adam = schuss::optimizers::registry().make("adam", &[])?;
/// let steps = trace(&adam, &[2], &[1.0, 1.0], Gradients::Given(&[vec![0.1, -0.1]]), Precision::F64)?;
/// assert!((steps[0].theta[0] - 0.999).abs() < 1e-5);
/// # Ok::<(), schuss::Error>(())
/// ```
pub fn trace(
    optimizer: &Optimizer,
    shape: &[usize],
    start: &[f64],
    gradients: Gradients,
    precision: Precision,
) -> Result<Vec<TraceStep>> {
    if matches!(gradients, Gradients::Given(_)) && !optimizer.evaluates_once() {
        return Err(optimizer.needs_a_function());
    }
    let mut walker = Walker::new(optimizer, shape, start, precision)?;
    let count = match gradients {
        Gradients::Given(rows) => rows.len(),
        Gradients::Of(surface, steps) => {
            surface.takes(start.len())?;
            if steps > MOST {
                let message = format!("{steps} steps are asked for; allowed are up to {MOST}");
                return Err(Error::value("value-not-allowed", message));
            }
            steps
        }
    };
    let batches = optimizer.around.accumulation;
    let mut sum = vec![0.0; start.len()];
    let mut steps: Vec<TraceStep> = Vec::with_capacity(count);
    for step in 0..count {
        let theta = steps.last().map_or(start, |s| &s.theta);
        let g = match gradients {
            Gradients::Given(rows) => rows[step].clone(),
            Gradients::Of(surface, _) if !optimizer.evaluates_once() => {
                walker.step_on(surface)?;
                steps.push(walker.shown(step)?);
                continue;
            }
            Gradients::Of(surface, _) => (surface.gradient)(theta),
        };
        if g.len() != start.len() {
            let message = format!("step {}: the gradient has {} numbers, and θ has {}", step + 1, g.len(), start.len());
            return Err(Error::shape("wrong-count", message));
        }
        sum.iter_mut().zip(&g).for_each(|(sum, g)| *sum += g / batches as f64);
        if (step + 1) % batches == 0 {
            walker.step(&sum)?;
            sum.fill(0.0);
        }
        steps.push(walker.shown(step)?);
    }
    Ok(steps)
}

/// Who makes the steps.
enum Walker {
    F64(Box<Walk>),
    F32(Box<Machine>),
}

impl Walker {
    fn new(optimizer: &Optimizer, shape: &[usize], start: &[f64], precision: Precision) -> Result<Self> {
        Ok(match precision {
            Precision::F64 => {
                let walk = Walk::new(optimizer, vec![(THETA.into(), shape.to_vec(), start.to_vec())])?;
                Walker::F64(Box::new(walk))
            }
            Precision::F32 => {
                let isa = Isa::chosen().map_err(|message| Error::value("bad-isa", message))?;
                let options = Options::new(1, isa);
                let array = (THETA.into(), shape.to_vec(), start.iter().map(|&x| x as f32).collect());
                Walker::F32(Box::new(Machine::of_tensors(&[array], optimizer, options)?))
            }
        })
    }
    fn step(&mut self, gradient: &[f64]) -> Result<()> {
        match self {
            Walker::F64(walk) => walk.step(&[gradient.to_vec()], Pace::default()),
            Walker::F32(machine) => {
                machine.gradient_mut(0)?.iter_mut().zip(gradient).for_each(|(to, x)| *to = *x as f32);
                machine.apply(Pace::default()).map(|_| ())
            }
        }
    }
    /// A step that takes loss and gradient where it wants.
    fn step_on(&mut self, surface: &Surface) -> Result<()> {
        match self {
            Walker::F64(walk) => {
                let mut evaluate =
                    |theta: &[Vec<f64>]| ((surface.value)(&theta[0]), vec![(surface.gradient)(&theta[0])]);
                walk.step_with(&mut evaluate, Pace::default())
            }
            Walker::F32(machine) => {
                let mut evaluate = |machine: &mut Machine| {
                    let theta: Vec<f64> = machine.variables().read(0).iter().map(|&x| f64::from(x)).collect();
                    let gradient = (surface.gradient)(&theta);
                    machine.gradient_mut(0)?.iter_mut().zip(gradient).for_each(|(to, x)| *to = x as f32);
                    Ok((surface.value)(&theta))
                };
                machine.apply_with(&mut evaluate, Pace::default()).map(|_| ())
            }
        }
    }
    /// Where it is after a step. The error is about numbers that are not finite.
    fn shown(&mut self, step: usize) -> Result<TraceStep> {
        let (theta, state) = self.now()?;
        if !theta.iter().all(|x| x.is_finite()) {
            let message = format!("step {}: a number of θ is not finite: {theta:?}", step + 1);
            return Err(Error::new(Kind::NotFinite, "not-finite", message));
        }
        Ok(TraceStep { step: step + 1, theta, state })
    }
    /// θ, and what is kept beside it.
    fn now(&mut self) -> Result<(Vec<f64>, State)> {
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let (all, evaluated): (State, _) = match self {
            Walker::F64(walk) => {
                let all = walk.variables().map(|(name, x)| (name.to_owned(), x.to_vec())).collect();
                (all, walk.evaluated()?.map(|all| all.concat()))
            }
            Walker::F32(machine) => {
                let theta = machine.variables().read(0).to_vec();
                let list = machine.variables().list().iter().enumerate();
                let all = list.map(|(i, v)| (v.name.clone(), wide(&machine.variables().numbers(i)))).collect();
                machine.show_evaluated()?;
                let shown = machine.variables().read(0).to_vec();
                machine.show_trained();
                (all, (shown != theta).then(|| wide(&shown)))
            }
        };
        let (theta, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| name == THETA);
        let bare = |name: String| name.rsplit('/').next().unwrap_or_default().to_owned();
        let states = rest.into_iter().map(|(name, x)| (bare(name), x)).filter(|(name, _)| name != "gradient");
        let state = states.chain(evaluated.map(|x| ("evaluated".to_owned(), x))).collect();
        Ok((theta.into_iter().next().expect("θ is a variable").1, state))
    }
}
