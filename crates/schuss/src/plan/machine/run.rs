//! How a machine runs a plan on samples.

use super::super::{Batch, Sums};
use super::{Entry, Machine, Plan};
use crate::data::stages::Sizes;
use crate::data::{Features, Step, Targets};
use crate::error::{Error, Result};
use crate::graph::ops::input::Source;
use crate::optimizers::Rules;
use schuss_kernels::program::{Column, Feed, Maker, Source as Numbers, Transform};
use schuss_kernels::tape::Moment;
use std::ops::Range;
use std::sync::PoisonError;

impl Machine {
    /// Runs one program over the samples, which are `position` and after of a logical batch of `logical`.
    pub(super) fn run(
        &mut self,
        entry: Entry,
        batch: &Batch,
        position: usize,
        logical: usize,
        sums: &mut Sums,
    ) -> Result<usize> {
        let place = self.plan(entry, batch.indices.len())?;
        let mut columns = [None; 3];
        let frames = self.frames.clone();
        let make = |thread: usize, i: usize, row: &mut [f32]| {
            let mut frame = frames[thread].lock().unwrap_or_else(PoisonError::into_inner);
            batch.pipeline.make(batch.data, batch.indices[i], batch.draws, &mut frame, row);
        };
        let shares = |_: usize, i: usize, row: &mut [f32]| {
            let Targets::Classes(labels) = &batch.data.targets else { return };
            let (partner, share) = batch.pipeline.mixture(batch.data, batch.indices[i], batch.draws);
            row.fill(0.0);
            row[labels[batch.indices[i] as usize] as usize] += share;
            row[labels[partner as usize] as usize] += 1.0 - share;
        };
        let mixed = (self.mixed && matches!(entry, Entry::Update | Entry::Accumulate { .. })).then_some(Maker(&shares));
        let leaves = self.plans[place].lowered.leaves.iter().filter(|l| l.1 == Source::Data);
        for ((name, _, at), slot) in leaves.zip(&mut columns) {
            *slot = Some(column(batch, name, *at, Maker(&make), mixed)?);
        }
        let none = Column { source: Numbers::F32(&[]), width: 0, transform: Transform::Scale(1.0), to: 0 };
        let count = columns.iter().flatten().count();
        let columns = columns.map(|c| c.unwrap_or(none));
        let feed = Feed { columns: &columns[..count], indices: batch.indices };
        self.step(place, &feed, position, logical, sums);
        if let Features::Stored(stored) = &batch.data.features {
            stored.failure()?;
        }
        if entry != Entry::Predict && !batch.indices.is_empty() {
            sums.weight += match &batch.data.weights {
                Some(w) => batch.indices.iter().map(|&i| f64::from(w[i as usize])).sum(),
                None => batch.indices.len() as f64,
            };
        }
        Ok(place)
    }

    /// Runs a plan on what `feed` brings and adds up what it measures.
    pub(in super::super) fn step(
        &mut self,
        place: usize,
        feed: &Feed,
        position: usize,
        logical: usize,
        sums: &mut Sums,
    ) {
        let Plan { entry, batch: n, lowered } = &mut self.plans[place];
        let arena = &mut self.arena;
        if cfg!(debug_assertions) && self.latest != place {
            // What another plan has left must not count.
            arena.fill(f32::NAN);
        }
        self.latest = place;
        let numbers = self.rules.as_ref().map_or(&[][..], Rules::numbers);
        for (slot, x) in arena[lowered.numbers..].iter_mut().zip(numbers) {
            *slot = *x as f32;
        }
        let scale = self.rules.as_ref().map_or(1.0, Rules::loss_scale);
        let t = self.updates + u64::from(!matches!(entry, Entry::Average | Entry::Slow));
        for (name, _, at) in lowered.leaves.iter().filter(|l| l.1 == Source::Setting) {
            arena[*at] = match name.as_str() {
                "scale" => (scale / logical as f64) as f32,
                "share" if position == 0 => scale as f32,
                "share" => 0.0,
                other => {
                    let rules = self.rules.as_ref().expect("a plan that updates has rules");
                    rules.setting(other, t).unwrap_or_else(|| unreachable!("no setting {other}")) as f32
                }
            };
        }
        let moment = Moment { seed: self.options.seed, update: self.updates, position: position as u64 };
        sums.finite &= lowered.program.run(&self.pool, arena, self.variables.buffers(), feed, &moment);
        if matches!(entry, Entry::Update | Entry::Accumulate { .. } | Entry::Evaluate { .. }) {
            let total = |r: &Range<usize>| arena[r.clone()].iter().map(|&x| f64::from(x)).sum::<f64>();
            sums.loss += total(&lowered.roots[0]);
            for (sum, root) in sums.metrics.iter_mut().zip(&lowered.roots[1..]) {
                *sum += total(root);
            }
            if let Some(root) = lowered.roots.get(1 + sums.metrics.len()) {
                sums.penalty += total(root) * *n as f64;
            }
            sums.samples += *n;
            sums.finite &= sums.loss.is_finite();
        }
    }
}

/// The numbers of a leaf of the batch.
fn column<'a>(
    batch: &Batch<'a>,
    name: &str,
    to: usize,
    make: Maker<'a>,
    mixed: Option<Maker<'a>>,
) -> Result<Column<'a>> {
    let data = batch.data;
    let as_they_are = Transform::Scale(1.0);
    let single = |source| Column { source, width: 1, transform: as_they_are, to };
    Ok(match (name, &data.targets, &data.weights) {
        ("x", ..) => {
            let source = match &data.features {
                Features::U8(v) => Numbers::U8(v),
                Features::F32(v) => Numbers::F32(v),
                Features::Stored(_) => Numbers::Made(make),
            };
            let width = data.shape.iter().product();
            match batch.pipeline.simple().filter(|_| !matches!(source, Numbers::Made(_))) {
                Some(Step::Scale { factor }) => Column { source, width, transform: Transform::Scale(*factor), to },
                Some(Step::Standardize { mean, factor }) => {
                    Column { source, width, transform: Transform::Affine { mean, factor }, to }
                }
                Some(Step::Stage(_)) | None => {
                    let width = batch.pipeline.output_sizes(&data.shape)?.map_or(width, Sizes::len);
                    Column { source: Numbers::Made(make), width, transform: as_they_are, to }
                }
            }
        }
        ("y", Targets::Classes(v), _) => match mixed {
            Some(shares) => Column { width: data.classes.len(), ..single(Numbers::Made(shares)) },
            None => single(Numbers::U32(v)),
        },
        ("y", Targets::Numbers { width, values }, _) => Column { width: *width, ..single(Numbers::F32(values)) },
        ("weight", _, Some(w)) => single(Numbers::F32(w)),
        ("y", Targets::None, _) => return Err(Error::value("no-targets", "the data have no targets to compare with")),
        ("weight", _, None) => return Err(Error::value("no-weights", "the samples have no weights")),
        (other, ..) => unreachable!("no leaf {other} of a batch"),
    })
}
