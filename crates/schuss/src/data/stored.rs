//! Samples that do not fit into memory: made when they are asked for.

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
    /// Puts the bytes of a sample into `to`. Several threads ask at a time.
    fn read(&self, index: u32, to: &mut [u8]) -> Result<()>;
}

/// Samples of a source, by index. What can't be read any more while a step runs is kept, and told after it.
#[derive(Clone, Debug)]
pub struct Stored {
    source: Arc<dyn Source>,
    picks: Vec<u32>,
    failed: Arc<Mutex<Option<Error>>>,
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.picks == other.picks
    }
}

impl Stored {
    /// All samples of a source.
    pub fn new(source: impl Source + 'static) -> Self {
        let picks = (0..source.len() as u32).collect();
        Stored { source: Arc::new(source), picks, failed: Arc::default() }
    }
    /// Bytes of all samples.
    pub fn len(&self) -> usize {
        self.picks.len() * self.source.sample_len()
    }
    /// Bytes of them that are in memory.
    pub fn kept(&self) -> usize {
        self.source.kept()
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
    /// Puts the bytes of a sample into `to`; zeros where they can't be read, which [`Stored::failure`] tells.
    pub(super) fn fill(&self, index: usize, to: &mut [u8]) {
        if let Err(e) = self.source.read(self.picks[index], to) {
            to.fill(0);
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
        }
    }
    /// What could not be read since this was asked last.
    pub(crate) fn failure(&self) -> Result<()> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}
