//! Samples that do not fit into memory: made when they are asked for, or a little before.

use super::ahead::{Ahead, Reading};
use crate::error::{Error, Result};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

/// Where bytes of samples come from when they are asked for.
pub trait Source: Debug + Send + Sync {
    /// How many samples there are.
    fn len(&self) -> usize;
    /// None at all?
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Bytes a sample.
    fn sample_len(&self) -> usize;
    /// Bytes that are in memory all the same.
    fn kept(&self) -> usize {
        0
    }
    /// Is this sample among them?
    fn at_hand(&self, _index: u32) -> bool {
        false
    }
    /// How many samples may be in memory beside them, made before they are asked for.
    fn ahead(&self) -> usize {
        0
    }
    /// Puts the bytes of a sample into `to`. Several threads ask at a time.
    fn read(&self, index: u32, to: &mut [u8]) -> Result<()>;
}

/// Samples of a source, by index. What can't be read any more while a step runs is kept, and told after it: of several
/// samples the first in the source, whichever thread is faster.
#[derive(Clone, Debug)]
pub struct Stored {
    source: Arc<dyn Source>,
    picks: Vec<u32>,
    failed: Arc<Mutex<Option<(u32, Error)>>>,
    ahead: Ahead,
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.picks == other.picks
    }
}

impl Stored {
    /// All samples of a source.
    pub fn new(source: impl Source + 'static) -> Self {
        Self::of(Arc::new(source))
    }
    pub(super) fn of(source: Arc<dyn Source>) -> Self {
        let picks = (0..source.len() as u32).collect();
        Stored { source, picks, failed: Arc::default(), ahead: Ahead::default() }
    }
    /// Bytes of all samples.
    pub fn len(&self) -> usize {
        self.picks.len() * self.source.sample_len()
    }
    /// Bytes that are in memory: of samples that are kept, and at most of those made ahead.
    pub fn kept(&self) -> usize {
        self.source.kept() + self.source.ahead() * self.source.sample_len()
    }
    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.picks.is_empty()
    }
    /// These of the samples, in this order.
    pub(super) fn subset(&self, indices: &[u32]) -> Self {
        let picks = indices.iter().map(|&i| self.picks[i as usize]).collect();
        Stored { picks, ..self.clone() }
    }
    /// Makes these samples, in this order, before they are asked for, as far as memory allows and as long as what it gives
    /// is kept.
    pub(super) fn read_ahead(&self, indices: impl Iterator<Item = u32>) -> Option<Reading> {
        self.ahead.read(&self.source, indices.map(|i| self.picks[i as usize]))
    }
    /// Puts the bytes of a sample into `to`; zeros where they can't be read, which [`Stored::failure`] tells.
    pub(super) fn fill(&self, index: usize, to: &mut [u8]) {
        let sample = self.picks[index];
        if !self.source.at_hand(sample) && self.ahead.take(sample, to) {
            return;
        }
        if let Err(e) = self.source.read(sample, to) {
            to.fill(0);
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            if failed.as_ref().is_none_or(|(first, _)| sample < *first) {
                *failed = Some((sample, e));
            }
        }
    }
    /// What could not be read since this was asked last.
    pub(crate) fn failure(&self) -> Result<()> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), |(_, e)| Err(e))
    }
}
