//! Steps that ask for several gradients of one batch: sharpness-aware ones, and rules that search.

use super::machine::Entry;
use super::{Batch, Machine, Sums};
use crate::error::Result;
use crate::optimizers::{LossScale, Pace, Point, Update};
use schuss_kernels::program::Feed;

/// Finds the loss where the parameters are, and leaves its gradient in [`Machine::gradient_mut`].
pub type Evaluate<'a> = dyn FnMut(&mut Machine) -> Result<f64> + 'a;

impl Machine {
    /// One update of an optimizer that may ask for several gradients. True if every number was finite.
    pub fn apply_with(&mut self, evaluate: &mut Evaluate, pace: Pace) -> Result<bool> {
        self.make_sums()?;
        if self.rules_mut().main().evaluates_once() {
            evaluate(self)?;
            return self.apply(pace);
        }
        let mut sums = Sums::new(0);
        self.several(evaluate, pace, &mut sums)?;
        Ok(sums.finite)
    }

    /// An update from one batch. It is measured, and buffers move, where its first gradient is taken; all of them are
    /// taken on the same samples with the same random numbers, which the count of updates decides.
    pub(super) fn update_several(&mut self, batch: &Batch, pace: Pace, sums: &mut Sums) -> Result<()> {
        self.make_sums()?;
        let mut first = true;
        let mut finite = true;
        let mut one = std::mem::replace(&mut self.scratch, Sums::new(0));
        one.metrics.resize(sums.metrics.len(), 0.0);
        let mut evaluate = |machine: &mut Machine| -> Result<f64> {
            one.clear();
            machine.gradients(batch, 0, 1, first, &mut one)?;
            finite &= one.finite;
            if std::mem::take(&mut first) {
                sums.add(&one);
            }
            Ok((one.loss + one.penalty) / one.samples as f64)
        };
        let mut rest = Sums::new(0);
        let done = self.several(&mut evaluate, pace, &mut rest);
        self.scratch = one;
        sums.finite &= finite && rest.finite;
        done
    }

    fn several(&mut self, evaluate: &mut Evaluate, pace: Pace, sums: &mut Sums) -> Result<()> {
        let t = self.updates() + 1;
        self.rules_mut().set(t, pace);
        let rule = self.rules_mut().main().rule.clone();
        if let Update::Search(search) = rule.update() {
            let now = self.rules_mut().now(t, pace);
            let mut memory = self.rules_mut().main_memory().to_vec();
            let mut at = At { machine: self, evaluate, finite: true };
            search.search(now, &mut memory, &mut at)?;
            sums.finite &= at.finite;
            self.rules_mut().main_memory().copy_from_slice(&memory);
            return self.follow(t);
        }
        let dynamic = matches!(self.rules_mut().main().around.loss_scale, LossScale::Dynamic { .. });
        evaluate(self)?;
        if dynamic && !self.gradients_are_finite() {
            self.rules_mut().scaled(false);
            return Ok(());
        }
        if self.saved.is_empty() {
            self.saved = self.variables.add_hidden(&self.trained)?;
        }
        let place = self.plan(Entry::Climb, 0)?;
        for (&p, &saved) in self.trained.iter().zip(&self.saved) {
            self.variables.copy(p, saved);
        }
        self.step(place, &Feed::default(), 0, 1, sums);
        let climbed = evaluate(self);
        for (&p, &saved) in self.trained.iter().zip(&self.saved) {
            self.variables.copy(saved, p);
        }
        climbed?;
        if dynamic && !self.gradients_are_finite() {
            self.rules_mut().scaled(false);
            return Ok(());
        }
        let place = self.plan(Entry::Apply, 0)?;
        self.step(place, &Feed::default(), 0, 1, sums);
        self.rules_mut().scaled(true);
        self.follow(t)
    }
}

/// An error for what takes gradients as given.
pub(super) fn once(machine: &mut Machine) -> Result<()> {
    let optimizer = machine.rules_mut().main();
    if optimizer.evaluates_once() {
        return Ok(());
    }
    Err(optimizer.needs_a_function())
}

/// The trained parameters of a machine, in a row.
struct At<'a, 'e> {
    machine: &'a mut Machine,
    evaluate: &'a mut Evaluate<'e>,
    /// Was θ so far?
    finite: bool,
}

impl At<'_, '_> {
    /// Calls `f` with each parameter's place, and its range in the row.
    fn each(&self, mut f: impl FnMut(usize, std::ops::Range<usize>)) {
        let mut from = 0;
        for &p in &self.machine.trained {
            let len = self.machine.variables.read(p).len();
            f(p, from..from + len);
            from += len;
        }
    }
    fn places(&self) -> Vec<(usize, std::ops::Range<usize>)> {
        let mut all = Vec::new();
        self.each(|p, range| all.push((p, range)));
        all
    }
}

fn widen(from: &[f32], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(to, x)| *to = f64::from(*x));
}

fn narrow(from: &[f64], to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, x)| *to = *x as f32);
}

impl Point for At<'_, '_> {
    fn count(&self) -> usize {
        self.machine.trained.iter().map(|&p| self.machine.variables.read(p).len()).sum()
    }
    fn theta(&self, out: &mut [f64]) {
        self.each(|p, range| widen(self.machine.variables.read(p), &mut out[range]));
    }
    fn set_theta(&mut self, theta: &[f64]) {
        self.finite &= theta.iter().all(|x| (*x as f32).is_finite());
        for (p, range) in self.places() {
            narrow(&theta[range], &mut self.machine.variables.buffers()[p]);
        }
    }
    fn state(&self, slot: usize, row: usize, out: &mut [f64]) {
        self.each(|p, range| {
            let len = range.len();
            let state = self.machine.variables.read(self.machine.variables.state_of(p)[slot]);
            widen(&state[row * len..][..len], &mut out[range]);
        });
    }
    fn set_state(&mut self, slot: usize, row: usize, numbers: &[f64]) {
        for (p, range) in self.places() {
            let (len, place) = (range.len(), self.machine.variables.state_of(p)[slot]);
            narrow(&numbers[range], &mut self.machine.variables.buffers()[place][row * len..][..len]);
        }
    }
    fn evaluate(&mut self, gradient: &mut [f64]) -> Result<f64> {
        let loss = (self.evaluate)(self.machine)?;
        let mut from = 0;
        for &sum in &self.machine.sums {
            let numbers = self.machine.variables.read(sum);
            widen(numbers, &mut gradient[from..from + numbers.len()]);
            from += numbers.len();
        }
        Ok(loss)
    }
}
