//! The loop.

use super::evaluate::{means, measure, metric_names};
use super::event::{Callback, Event, Flow, State};
use super::history::{History, Row};
use super::options::FitOptions;
use super::plateau::Plateau;
use super::snapshot::{Progress, Snapshot, parameters, write};
use super::watch::{Verdict, Watch};
use crate::data::stages::Epoch;
use crate::data::{Dataset, Pipeline};
use crate::error::{Error, Kind, Result};
use crate::metrics::AnyMetric;
use crate::optimizers::{Optimizer, Pace};
use crate::plan::{Batch, Machine, Sums};
use crate::random::Stream;
use crate::schedules::Timetable;

/// What is trained, on what.
pub struct Run<'a> {
    /// The model and its numbers.
    pub machine: &'a mut Machine,
    /// The samples.
    pub data: &'a Dataset,
    /// What is done to them.
    pub pipeline: &'a Pipeline,
    /// The machine's optimizer.
    pub optimizer: &'a Optimizer,
    /// The machine's metrics.
    pub metrics: &'a [AnyMetric],
}

/// Where a run starts from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// From its first step.
    Start,
    /// From its first step again: it was broken off before there was a snapshot.
    Again,
    /// From here.
    Snapshot(Box<Snapshot>),
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What came of each epoch.
    pub history: History,
    /// The epoch whose weights the model has now, if one was the best.
    pub best: Option<usize>,
    /// Did it stop before its last epoch?
    pub early: bool,
    /// Seconds of training.
    pub seconds: f64,
    /// Samples trained on, counted anew in each epoch.
    pub samples: u64,
}

/// Trains. Ends with the weights of the best epoch where one is watched for (there is validation, or a `monitor`), else
/// with the last ones.
///
/// A run that goes on from a snapshot makes the same steps, to the bit, as one that never stopped. Errors: options that
/// don't fit; a number that is not finite, at the step that made it; an interruption.
pub fn fit(run: &mut Run, options: &FitOptions, from: Origin, callbacks: &mut [&mut dyn Callback]) -> Result<Outcome> {
    let names = metric_names(run.metrics);
    let Listeners { watch, mut plateau } = listeners(options, run.data, run.optimizer, run.metrics)?;
    let mut all: Vec<&mut dyn Callback> = plateau.iter_mut().map(|p| p as &mut dyn Callback).collect();
    all.extend(callbacks.iter_mut().map(|c| &mut **c as &mut dyn Callback));
    let steps = Steps::new(options, run.optimizer, run.data.len())?;
    let mut progress = Progress::new(run.metrics.len());
    let resumed = !matches!(from, Origin::Start);
    if let Origin::Snapshot(snapshot) = from {
        snapshot.restore(run.machine, run.metrics.len())?;
        progress = snapshot.progress;
    }
    let mut fit = Loop { run, options, names: &names, steps, progress, callbacks: &mut all, since: (options.now)() };
    fit.tell(&Event::Start { epochs: options.epochs, steps: fit.steps.count, batch_size: fit.steps.size })?;
    let Progress { epoch, step, stopped, .. } = fit.progress;
    if resumed && epoch < options.epochs && !stopped {
        fit.tell(&Event::Resume { epoch: epoch + 1, step })?;
    }
    while fit.progress.epoch < options.epochs && !fit.progress.stopped {
        fit.epoch(watch.as_ref())?;
    }
    let progress = &mut fit.progress;
    if progress.best.epoch.is_none() {
        fit.run.machine.show_evaluated()?;
    } else {
        write(fit.run.machine.variables_mut(), &progress.best.weights)?;
    }
    let (best, early) = (progress.best.epoch.map(|(epoch, _)| epoch), progress.epoch < options.epochs);
    fit.tell(&Event::End { best, early })?;
    let Progress { history, seconds, samples, .. } = fit.progress;
    Ok(Outcome { history, best, early, seconds, samples })
}

/// Refuses what [`fit`] would refuse before its first step, without a model: options that don't go together, or not with
/// these samples.
pub fn check(options: &FitOptions, data: &Dataset, optimizer: &Optimizer, metrics: &[AnyMetric]) -> Result<()> {
    listeners(options, data, optimizer, metrics)?;
    Steps::new(options, optimizer, data.len()).map(|_| ())
}

/// What follows the epochs.
struct Listeners<'a> {
    watch: Option<Watch>,
    plateau: Option<Plateau<'a>>,
}

fn listeners<'a>(
    options: &'a FitOptions,
    data: &Dataset,
    optimizer: &Optimizer,
    metrics: &[AnyMetric],
) -> Result<Listeners<'a>> {
    options.sampling.check(data)?;
    let names = metric_names(metrics);
    let watch = Watch::new(options, &names, metrics)?;
    let plateau = Plateau::new(options, &names, metrics, optimizer.learning_rate)?;
    Ok(Listeners { watch, plateau })
}

/// How an epoch is cut, and a run goes.
struct Steps {
    /// Samples in each step but the last.
    size: usize,
    /// Steps.
    count: usize,
    /// How fast each is, where that changes.
    timetable: Option<Timetable>,
}

impl Steps {
    fn new(options: &FitOptions, optimizer: &Optimizer, samples: usize) -> Result<Self> {
        let (size, count) = options.steps(optimizer, samples)?;
        Ok(Steps { size, count, timetable: options.timetable(optimizer, samples)? })
    }
}

struct Loop<'a, 'r, 'c, 'l> {
    run: &'a mut Run<'r>,
    options: &'a FitOptions<'a>,
    names: &'a [String],
    steps: Steps,
    progress: Progress,
    callbacks: &'l mut [&'c mut dyn Callback],
    /// The moment up to which `progress.seconds` counts.
    since: f64,
}

impl Loop<'_, '_, '_, '_> {
    /// The rest of the running epoch.
    fn epoch(&mut self, watch: Option<&Watch>) -> Result<()> {
        let epoch = self.progress.epoch;
        let shuffle = Stream::named(self.options.seed, "shuffle").part(self.options.shuffle.part(epoch));
        let order = self.options.sampling.order(self.run.data, shuffle);
        let Steps { size, count, .. } = self.steps;
        let end = order.len().min(size.saturating_mul(count));
        let left = &order[end.min(size.saturating_mul(self.progress.step))..end];
        let reading = self.run.pipeline.read_ahead(self.run.data, left, self.draws());
        for indices in left.chunks(size) {
            self.step(indices)?;
            let (step, steps) = (self.progress.step, self.steps.count);
            self.tell(&Event::Step { epoch: epoch + 1, step, steps })?;
            if self.progress.stopped {
                break;
            }
        }
        drop(reading);
        let mut values = means(&self.progress.running, self.names, "");
        self.run.machine.show_evaluated()?;
        if let Some(validation) = self.options.validation {
            let sums = measure(self.run.machine, validation, self.run.pipeline, self.run.metrics.len())?;
            if !(sums.finite && (sums.loss + sums.penalty).is_finite()) {
                let message = format!("epoch {}: the validation loss is not a finite number", epoch + 1);
                return Err(Error::new(Kind::NotFinite, "validation-not-finite", message));
            }
            values.extend(means(&sums, self.names, "val_"));
        }
        self.count_seconds();
        values.push(("learning_rate".into(), self.progress.learning_rate));
        values.push(("seconds".into(), self.progress.seconds));
        let row = Row { epoch: epoch + 1, values };
        let weights = || parameters(self.run.machine);
        let verdict = watch.map(|w| w.judge(&mut self.progress.best, &row, weights));
        self.run.machine.show_trained();
        let Verdict { best, stop } = verdict.unwrap_or(Verdict { best: false, stop: false });
        self.progress.stopped |= stop;
        self.progress.epoch += 1;
        self.progress.step = 0;
        self.progress.running = Sums::new(self.run.metrics.len());
        self.progress.history.rows.push(row.clone());
        self.tell(&Event::Epoch { row: &row, best })
    }

    /// The epoch's random numbers for the pipeline.
    fn draws(&self) -> Option<Epoch> {
        Some(Epoch::new(Stream::named(self.options.seed, "augment"), self.progress.epoch as u64))
    }

    /// How fast the next step is.
    fn pace(&self) -> Pace {
        let Progress { epoch, step, scale, .. } = self.progress;
        let update = epoch as u64 * self.steps.count as u64 + step as u64;
        let pace = self.steps.timetable.as_ref().map_or_else(Pace::default, |t| t.at(update));
        Pace { factor: pace.factor * scale, ..pace }
    }

    fn step(&mut self, indices: &[u32]) -> Result<()> {
        let Run { data, pipeline, optimizer, .. } = *self.run;
        let batch = Batch { data, pipeline, indices, draws: self.draws() };
        let pace = self.pace();
        self.progress.learning_rate = optimizer.learning_rate * pace.factor;
        let running = &mut self.progress.running;
        self.run.machine.update(&batch, pace, running)?;
        if !(running.finite && running.loss.is_finite() && running.penalty.is_finite()) {
            let (epoch, step, what) = (self.progress.epoch + 1, self.progress.step + 1, self.run.machine.not_finite());
            let message = format!(
                "epoch {epoch}, step {step}: {what} is not a finite number any more; a smaller learning rate (it is {:?}) \
                 or inputs of a smaller scale may help",
                self.progress.learning_rate
            );
            return Err(Error::new(Kind::NotFinite, "not-finite", message));
        }
        self.progress.step += 1;
        self.progress.samples += indices.len() as u64;
        Ok(())
    }

    fn count_seconds(&mut self) {
        let now = (self.options.now)();
        self.progress.seconds += now - self.since;
        self.since = now;
    }

    /// Tells all listeners, and does what they answer.
    fn tell(&mut self, event: &Event) -> Result<()> {
        self.count_seconds();
        let mut interrupted = false;
        for callback in self.callbacks.iter_mut() {
            let state = State { machine: self.run.machine, progress: &self.progress, names: self.names };
            match callback.on(event, &state)? {
                Flow::Continue => {}
                Flow::Stop => self.progress.stopped = true,
                Flow::ScaleRate(factor) if factor.is_finite() && factor >= 0.0 => self.progress.scale *= factor,
                Flow::ScaleRate(factor) => {
                    let message =
                        format!("a listener scales the rate by {factor}; allowed is a finite number of at least 0");
                    return Err(Error::value("scale-rate", message));
                }
                Flow::Interrupt => interrupted = true,
            }
        }
        if !interrupted || matches!(event, Event::Interrupt | Event::End { .. }) {
            return Ok(());
        }
        self.tell(&Event::Interrupt)?;
        let (epoch, step) = (self.progress.epoch + 1, self.progress.step);
        let message = format!("interrupted in epoch {epoch} after {step} of {} steps", self.steps.count);
        Err(Error::new(Kind::Interrupted, "interrupted", message))
    }
}
